"""An optimizer with its settings as code of Keras, PyTorch or optax, and comments on what one lacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.export.parameter_groups import Group, in_words, setting

LIBRARIES = {"keras": "keras", "torch": "torch", "transformers": "torch", "optax": "optax"}  # by target
CLIPPING = ("clip_grad_norm", "clip_grad_value")  # settings of PyTorch that are calls of their own
CALLS = {
    "sgd": {"keras": "keras.optimizers.SGD", "torch": "torch.optim.SGD", "optax": "optax.sgd"},
    "adam": {"keras": "keras.optimizers.Adam", "torch": "torch.optim.Adam", "optax": "optax.adam"},
    "adamw": {"keras": "keras.optimizers.AdamW", "torch": "torch.optim.AdamW", "optax": "optax.adamw"},
    "rmsprop": {
        "keras": "keras.optimizers.RMSprop",
        "torch": "torch.optim.RMSprop",
        "optax": "optax.rmsprop",
    },
}
SPELLED = {  # how a library spells those that CALLS lacks
    "keras": ("Adadelta", "Adafactor", "Adagrad", "Adamax", "Ftrl", "Lamb", "Lion", "Muon", "Nadam"),
    "torch": (
        "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adamax", "Muon", "NAdam", "RAdam", "Rprop",
    ),
}  # fmt: skip
# What a setting is called, by its name in Keras; a library without one of them lacks the setting.
NAMES = {
    "torch": {
        "momentum": "momentum", "nesterov": "nesterov", "beta_1": "beta_1", "beta_2": "beta_2",
        "epsilon": "eps", "rho": "alpha", "amsgrad": "amsgrad", "centered": "centered",
        "weight_decay": "weight_decay",
    },
    "optax": {
        "momentum": "momentum", "nesterov": "nesterov", "beta_1": "b1", "beta_2": "b2", "epsilon": "eps",
        "rho": "decay", "centered": "centered",
    },
}  # fmt: skip
# Defaults that differ, so that another library must be told them.
DEFAULTS = {
    "keras": {
        "adam": {"epsilon": 1e-7},
        "adamw": {"epsilon": 1e-7, "weight_decay": 0.004},
        "rmsprop": {"rho": 0.9, "epsilon": 1e-7},
    },
    "torch": {
        "adam": {"epsilon": 1e-8},
        "adamw": {"epsilon": 1e-8, "weight_decay": 0.01},
        "rmsprop": {"rho": 0.99, "epsilon": 1e-8},
    },
}
OURS = {
    "batch_size",
    "multipliers",
    "loss_reduction",
}  # settings of a candidate that are not arguments of an optimizer


@dataclass(frozen=True)
class OptimizerCode:
    """The call of an optimizer, None if the library has no equal one, comments about it, and its groups."""

    call: str | None
    comments: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()


def optimizer_code(
    name: str,
    settings: Mapping[str, Any],
    to: str,
    start: str,
    library: str | None = None,
    groups: Sequence[Group] = (),
) -> OptimizerCode:
    """Return an optimizer as code of the target `to`; `start` are the arguments before its settings.

    `library`, "keras" or "torch", is the one whose names the settings have, by default the target's own.
    `groups` are those of a PyTorch optimizer.

    >>> optimizer_code("sgd", {"momentum": 0.8}, "torch", "model.parameters(), lr=BASE_RATE", "keras").call
    'torch.optim.SGD(model.parameters(), lr=BASE_RATE, momentum=0.8)'
    >>> optimizer_code("adam", {"beta_1": 0.95}, "optax", "schedule", "keras").call
    'optax.adam(schedule, eps=1e-07, b1=0.95)'
    >>> optimizer_code("adamw", {"weight_decay": 0.0}, "keras", "learning_rate=schedule").call
    'keras.optimizers.AdamW(learning_rate=schedule, weight_decay=0)'
    """
    target = LIBRARIES[to]
    library = library or ("torch" if target == "torch" else "keras")
    family = name.lower()
    values = {key: value for key, value in settings.items() if not _is_off(key, value, family)}
    ours = [_ours(key, values.pop(key)) for key in list(values) if _is_ours(key, values[key])]
    ours += [_clipping(key, values.pop(key), target) for key in CLIPPING if key in values]
    if target == library:
        kind = CALLS[family][target] if family in CALLS else _spelled(name, target)
        return OptimizerCode(_call(kind, start, values), tuple(ours), tuple(groups))
    if family not in CALLS or groups:
        used = _text(name, values) + (f" with {in_words(groups)}" if groups else "")
        return OptimizerCode(None, (*ours, f"The study used {used}: choose its equal here."))
    if library == "torch":
        values = _in_keras_names(values)
    given = set(values)
    values = {**DEFAULTS[library].get(family, {}), **values}
    family, values, comments = _with_weight_decay(family, values, library, target)
    names = {key: key for key in NAMES["torch"]} if target == "keras" else NAMES[target]
    if target == "optax" and family == "adamw":
        names = {**names, "weight_decay": "weight_decay"}
    lacking = [key for key in values if key not in names]
    comments += [f"{key}={setting(values[key])} of the study has no equal argument here." for key in lacking]
    kept = {names[key]: value for key, value in values.items() if key not in lacking}
    if family == "rmsprop" and (library, target) == ("torch", "optax"):
        kept["eps_in_sqrt"] = False
    call = _call(CALLS[family][target], start, _betas(kept) if target == "torch" else kept)
    comments += _differences(family, given, library, target)
    return OptimizerCode(call, (*ours, *comments))


def _differences(family: str, given: Collection[str], library: str, target: str) -> list[str]:
    """Return comments on equal settings that two libraries use in different ways."""
    comments, both = [], {library, target}
    if family == "rmsprop" and both == {"keras", "torch"}:
        comments.append(
            "Steps differ where gradients are small: Keras adds epsilon under the square root, PyTorch to it."
        )
    if family in ("adam", "adamw") and "epsilon" in given and "keras" in both:
        comments.append(
            "The first updates differ a little: Keras adds epsilon before it corrects the second moment, and "
            "PyTorch and optax add it after."
        )
    keeps_rates = {"keras"} if family == "sgd" else {"keras", "optax"}
    if "momentum" in given and family in ("sgd", "rmsprop") and len(both & keeps_rates) == 1:
        those = "Keras keeps" if family == "sgd" else "Keras and optax keep"
        others = "PyTorch and optax do" if family == "sgd" else "PyTorch does"
        comments.append(
            f"Where the rate changes, momentum differs a little: {those} past rates in it, and {others} not."
        )
    return comments


def _is_off(key: str, value: Any, family: str) -> bool:
    """Return whether a setting is off, as it is by default; a 0 may stand for a default that is not.

    Optimizers such as Muon and Adafactor have a momentum or a switch that is on by default.
    """
    is_off = value is False or (key == "momentum" and value == 0)
    return value is None or (family in CALLS and is_off)


def _is_ours(key: str, value: Any) -> bool:
    return key in OURS or (key == "momentum" and isinstance(value, str))


def _ours(key: str, value: Any) -> str:
    if key == "batch_size":
        return f"Train in batches of {value} rows."
    if key == "loss_reduction":
        return f"The loss of a batch is the {value} over its rows: make yours the same."
    if key == "multipliers":
        factors = ", ".join(f"{layer} by {setting(factor)}" for layer, factor in value.items())
        return f"The study multiplied the rates of layers, and this code does not: {factors}."
    return f"The study scheduled the momentum, too, and this code does not: {value}."


def _clipping(key: str, bound: Any, target: str) -> str:
    """Return how to clip gradients: PyTorch does it beside the optimizer."""
    if target == "torch":
        return f"Before optimizer.step(): torch.nn.utils.{key}_(model.parameters(), {setting(bound)})"
    return f"The study clipped its gradients: {key}={setting(bound)}."


def _with_weight_decay(
    family: str, values: Mapping[str, Any], library: str, target: str
) -> tuple[str, dict[str, Any], list[str]]:
    """Return family and settings with the same weight decay in another library, or a comment.

    Keras subtracts it from the weights, as AdamW does; SGD, Adam and RMSprop of PyTorch add it to the
    gradient.
    """
    values = dict(values)
    if family == "adamw" or not values.get("weight_decay"):
        return family, values, []
    if family == "adam" and library == "keras":
        return "adamw", values, []
    decay = setting(values.pop("weight_decay"))
    where = "subtracts it from the weights" if library == "keras" else "adds it to the gradient"
    comment = (
        f"weight_decay={decay} of the study is left out: {library} {where}, and this optimizer does not."
    )
    return family, values, [comment]


def _in_keras_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of PyTorch by their names in Keras."""
    names = {ours: keras for keras, ours in NAMES["torch"].items()}
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        if key == "betas":
            renamed["beta_1"], renamed["beta_2"] = value
        else:
            renamed[names.get(key, key)] = value
    return renamed


def _betas(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with both betas in one pair, as PyTorch takes them."""
    rest = {key: value for key, value in values.items() if key not in ("beta_1", "beta_2")}
    if len(rest) == len(values):
        return rest
    return {"betas": (values.get("beta_1", 0.9), values.get("beta_2", 0.999)), **rest}


def _spelled(name: str, target: str) -> str:
    """Return the class of an optimizer that CALLS lacks, however its name was typed."""
    prefix = {"keras": "keras.optimizers.", "torch": "torch.optim.", "optax": "optax."}[target]
    known = {each.lower(): each for each in SPELLED.get(target, ())}
    return prefix + known.get(name.lower(), name)


def _call(kind: str, start: str, values: Mapping[str, Any]) -> str:
    return f"{kind}({', '.join([start, *(f'{key}={setting(value)}' for key, value in values.items())])})"


def _text(name: str, values: Mapping[str, Any]) -> str:
    arguments = ", ".join(f"{key}={setting(value)}" for key, value in values.items())
    return f"{name}({arguments})" if arguments else name
