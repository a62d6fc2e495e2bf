"""What `scale` moves along: batch size, epochs, rows, width, depth, or a number of the optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import ProblemError, StudyError
from stepsize.problems.models.model_transport import is_text
from stepsize.problems.models.text_models import changed_model
from stepsize.problems.problem import Problem
from stepsize.problems.variants import VARIED

HOLDS = ("epochs", "updates", "both")
HELD = ("batch_size", "rows")  # with more or fewer updates in an epoch
FEWEST = 3  # values that a law needs
NETWORK = ("batch_size", "epochs", "rows", "width", "depth")  # the others are settings of the optimizer


def check_axis(along: Mapping[str, Sequence[float]], hold: str) -> tuple[str, list[float]]:
    """Return the name and the values, in rising order.

    Raises: StudyError for anything but one name with three or more different positive numbers.
    """
    example = "along={'batch_size': [8, 16, 32, 64]}"
    if not isinstance(along, Mapping) or len(along) != 1:
        raise StudyError(f"along={shown(along)} must have one name and its values, such as {example}")
    ((name, values),) = along.items()
    if not isinstance(values, list | tuple) or not all(is_number(value) and value > 0 for value in values):
        raise StudyError(f"along={shown(along)} must have a list of positive numbers, such as {example}")
    if len(set(values)) < max(FEWEST, len(values)):
        raise StudyError(f"along={shown(along)} must have {FEWEST} or more different values")
    if name in NETWORK and not all(float(value).is_integer() for value in values):
        raise StudyError(f"along={shown(along)} must have whole numbers")
    if name == "momentum" and max(values) >= 1:
        raise StudyError(f"along={shown(along)} must have only values below 1")
    if hold not in HOLDS:
        raise StudyError(f'hold={shown(hold)} must be "epochs", "updates" or "both"')
    if hold != "epochs" and name not in HELD:
        raise StudyError(
            f'hold="{hold}" can only be used along {" or ".join(HELD)}; leave it out along {name}'
        )
    return name, sorted(int(value) if name in NETWORK else float(value) for value in values)


def check_settings(settings: Mapping[str, Any], name: str) -> None:
    """Raise StudyError for settings of every run that replace what varies, or are not the optimizer's."""
    for key in settings:
        if key == name:
            raise StudyError(f"{key} is both in along and in settings; leave it out of settings")
        if key in ("batch_size", *VARIED):
            raise StudyError(
                f"{key}={shown(settings[key])} in settings is not a setting of the optimizer; "
                "set it on the problem"
            )


def variant(problem: Problem, name: str, value: float, hold: str) -> tuple[Problem, dict[str, Any]]:
    """Return the problem with another value, and the settings of the optimizer that change with it.

    Raises: ProblemError or StudyError for a value that the problem cannot have.
    """
    if name == "batch_size":
        rows = len(problem.parts(0).train)
        if value > rows:
            raise StudyError(
                f"along batch_size={value:g} needs {value:g} training rows, and there are {rows}"
            )
        return _held(replace(problem, batch_size=int(value)), problem, hold), {}
    if name == "rows":
        fewer = replace(problem, split=replace(problem.split, train_rows=int(value)))
        return _held(fewer, problem, hold), {}
    if name == "epochs":
        return replace(problem, epochs=int(value)), {}
    if name in ("width", "depth"):
        return replace(problem, model=_resized(problem.model, name, int(value))), {}
    return problem, {name: value}


def _held(changed: Problem, problem: Problem, hold: str) -> Problem:
    """Return the changed problem with as many updates as it had, as near as whole epochs are to them."""
    per_epoch = changed.updates_per_epoch  # raises if there are not so many rows
    if hold != "updates":
        return changed
    return replace(changed, epochs=max(round(problem.epochs * problem.updates_per_epoch / per_epoch), 1))


def adds_up(problem: Problem, settings: Mapping[str, Any]) -> bool:
    """Return whether the loss of a batch is the sum over its rows."""
    if problem.torch_source is not None:
        return problem.torch_source.model.sums
    return {**(problem.settings or {}), **settings}.get("loss_reduction") == "sum"


def _resized(model: Any, name: str, value: int) -> str:
    """Return the text of an mlp whose hidden layers have another width, or that has more of them."""
    if not is_text(model):
        raise StudyError(f"along {name} needs a text model such as mlp(64), not {shown(model)}")
    try:
        return changed_model(model, {name: value})
    except ProblemError:
        raise StudyError(
            f"along {name} needs a model with hidden layers, such as mlp(64), not {shown(model)}"
        ) from None
