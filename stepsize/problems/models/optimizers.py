"""Optimizers: as plain data for the training process, and built there with the settings of a study."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from stepsize.checks import is_number
from stepsize.errors import ProblemError, unknown

REFUSED = {
    "LossScaleOptimizer": "it belongs to mixed precision; a study trains in float32",
    "MultiOptimizer": "it has several learning rates, and a schedule sets one",
    "ScheduleFreeAdamW": "it trains without a schedule, so there is nothing to compare",
}


def travel_optimizer(optimizer: Any, variables: list[Any]) -> list[Any]:
    """Return a compiled model's optimizer as plain data: name, arguments, exclusions from weight decay.

    `variables` are the model's trainable ones. The learning rate is left out, because schedules set it.
    """
    check_optimizer(optimizer)
    excluded = getattr(optimizer, "_exclude_from_weight_decay", set())
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    exclusions = {
        "variables": [i for i, variable in enumerate(variables) if id(variable) in excluded],
        "pattern": pattern.pattern if pattern is not None else None,
    }
    arguments = {key: _plain(each) for key, each in optimizer.get_config().items() if key != "learning_rate"}
    form = [type(optimizer).__name__, arguments]
    return [*form, exclusions] if any(exclusions.values()) else form


def schedule_notes(learning_rate: Any) -> list[str]:
    """Return a note if a compiled optimizer has a schedule of its own: `learning_rate` of its config."""
    name = learning_rate.get("class_name") if isinstance(learning_rate, Mapping) else None
    if name is None:
        return []
    return [
        f"the schedules that are compared replace the {name} that its optimizer is compiled with; to compare "
        "that one too, pass what stepsize.dialects.from_keras returns for it"
    ]


def _plain(value: Any) -> Any:
    """Return a value without the containers in which Keras tracks variables, which no process can send."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def check_class(optimizer: Any) -> None:
    """Raise ProblemError for an optimizer whose class is not Keras' own, even if it has the name of one."""
    name = type(optimizer).__name__
    if type(optimizer).__module__.partition(".")[0] != "keras":  # on PyTorch, Keras has classes of its own
        raise ProblemError(
            f"optimizer {name!r} is a class of your own, which is not sent to the training process; write "
            "the model as a function in a module, and give model='package.module:function'"
        )


def check_optimizer(optimizer: Any) -> None:
    """Raise ProblemError for optimizers that a single rate cannot drive, and for gradient accumulation."""
    name = type(optimizer).__name__
    if name in REFUSED:
        raise ProblemError(f"optimizer {name!r} cannot be used: {REFUSED[name]}")
    steps = optimizer.gradient_accumulation_steps
    if steps:
        raise ProblemError(
            f"optimizer {name!r}: gradient_accumulation_steps={steps} cannot be used, because schedules "
            f"count updates; make batch_size {steps} times as large instead"
        )


def make_optimizer(
    name: str, settings: Mapping[str, Any], model: Any, exclusions: Mapping[str, Any] | None = None
) -> Any:
    """Build the Keras optimizer called `name` for a built model; its rate is set at every update."""
    import keras

    known = {
        each.lower(): kind
        for each, kind in vars(keras.optimizers).items()
        if inspect.isclass(kind) and issubclass(kind, keras.optimizers.Optimizer) and each != "Optimizer"
    }
    model_kind: Any = type(getattr(model, "optimizer", None))
    kind = model_kind if model_kind.__name__.lower() == name.lower() else known.get(name.lower())
    if kind is None:
        raise ProblemError(unknown("optimizer", name, sorted(known)))
    if kind.__name__ in REFUSED:
        raise ProblemError(f"optimizer {name!r} cannot be used: {REFUSED[kind.__name__]}")
    _check_arguments(kind, settings)
    numbers = {key: float(value) for key, value in settings.items() if key == "momentum" and is_number(value)}
    try:  # SGD takes no momentum that is an int
        optimizer = kind.from_config({**settings, **numbers, "learning_rate": 0.1})
    except (TypeError, ValueError) as error:
        raise ProblemError(
            f"optimizer {name!r} does not accept {dict(settings)}: {str(error).splitlines()[0]}"
        ) from None
    check_optimizer(optimizer)
    if exclusions:
        optimizer.exclude_from_weight_decay(
            [model.trainable_variables[i] for i in exclusions["variables"]],
            [exclusions["pattern"]] if exclusions["pattern"] else None,
        )
    optimizer.build(model.trainable_variables)
    return optimizer


def _check_arguments(kind: Any, settings: Mapping[str, Any]) -> None:
    """Raise ProblemError for the first setting that is not an argument of a Keras optimizer."""
    import keras

    if kind.__module__.split(".")[0] != "keras":
        return
    base = inspect.signature(keras.optimizers.Optimizer.__init__).parameters
    own = inspect.signature(kind.__init__).parameters
    arguments = sorted({*base, *own} - {"self", "learning_rate", "name", "kwargs"})
    for key in settings:
        if key not in (*arguments, "name"):
            raise ProblemError(
                f"optimizer {kind.__name__!r} does not accept {key!r}; a candidate may set optimizer, "
                f"batch_size, multipliers and the arguments of its optimizer: {', '.join(arguments)}"
            )
