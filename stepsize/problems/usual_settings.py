"""Settings of an optimizer that need no mention, and those that a candidate takes over from the problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OF_EVERY_OPTIMIZER = (
    "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum",
    "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps", "loss_reduction",
)  # fmt: skip

WITH_MOMENTUM = ("muon", "rmsprop", "sgd")
KERAS_WITH_BETA_1 = ("adam", "adamw", "adamax", "lamb", "lion", "nadam", "schedulefreeadamw")
TORCH_WITH_BETAS = ("adam", "adamw", "adamax", "nadam", "radam")

KERAS = {"beta_2": 0.999, "ema_momentum": 0.99, "epsilon": 1e-7, "rho": 0.9}  # values that need no mention
OF_KERAS: dict[str, dict[str, Any]] = {  # of those whose values are others
    "adadelta": {"rho": 0.95},
    "adafactor": {"relative_step": True},
    "lion": {"beta_2": 0.99},
    "muon": {"momentum": 0.95, "nesterov": True, "exclude_embeddings": True},
    "schedulefreeadamw": {"epsilon": 1e-8},
}
BETAS = [0.9, 0.999]
TORCH = {"weight_decay": 0, "eps": 1e-8, "dampening": 0}
OF_TORCH: dict[str, dict[str, Any]] = {
    "adadelta": {"eps": 1e-6},
    "adafactor": {"eps": [None, 1e-3]},
    "adagrad": {"eps": 1e-10},
    "adamw": {"weight_decay": 0.01},
    "muon": {"momentum": 0.95, "nesterov": True, "weight_decay": 0.1, "eps": 1e-7},
}


def usual_of_keras(optimizer: str) -> dict[str, Any]:
    """Return the values of an optimizer of Keras that need no mention.

    >>> usual_of_keras("Lion")["beta_2"]
    0.99
    >>> "momentum" in usual_of_keras("Adam")
    False
    """
    name, momentum = optimizer.lower(), {}
    if name in WITH_MOMENTUM:
        momentum = {"momentum": 0.0}
    elif name in KERAS_WITH_BETA_1:
        momentum = {"beta_1": 0.9}
    return {**KERAS, **momentum, **OF_KERAS.get(name, {})}


def usual_of_torch(optimizer: str) -> dict[str, Any]:
    """Return the values of an optimizer of PyTorch that need no mention.

    >>> usual_of_torch("AdamW")["weight_decay"]
    0.01
    """
    name, momentum = optimizer.lower(), {}
    if name in WITH_MOMENTUM:
        momentum = {"momentum": 0}
    elif name in TORCH_WITH_BETAS:
        momentum = {"betas": BETAS}
    return {**TORCH, **momentum, **OF_TORCH.get(name, {})}


def usual_settings(usual: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a problem that a candidate takes over.

    With another optimizer, these are only the ones that every optimizer has, and those that it sets itself:
    a momentum of SGD says nothing about Adam.

    >>> usual_settings({"optimizer": "sgd", "momentum": 0.9, "clipnorm": 1.0}, {"optimizer": "adam"})
    {'optimizer': 'sgd', 'clipnorm': 1.0}
    """
    other, usual_name = settings.get("optimizer"), usual.get("optimizer")
    if other is None or str(other).lower() == str(usual_name).lower():
        return dict(usual)
    kept = ("optimizer", *OF_EVERY_OPTIMIZER, *settings)
    return {name: value for name, value in usual.items() if name in kept}
