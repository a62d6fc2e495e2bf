"""The schedules of Hugging Face transformers, by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from stepsize.checks import finite_number, is_number
from stepsize.dialects.building_blocks import after_warmup, on_plateau, warn
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules import Schedule, constant, cosine, inverse_sqrt, linear, polynomial, wsd
from stepsize.schedules.foreign.shared import cut
from stepsize.schedules.foreign.torch import torch_cosine
from stepsize.schedules.foreign.transformers import transformers_restarts
from stepsize.units import updates


def from_transformers(
    name: str,
    *,
    peak: Any,
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    **kwargs: Any,
) -> Schedule:
    """Return a schedule of transformers by the name that `lr_scheduler_type` has; the library is not needed.

    The other arguments are those of `get_scheduler` and of the schedule, `peak` is the optimizer's rate.
    "reduce_lr_on_plateau" takes the arguments of PyTorch's ReduceLROnPlateau and follows "val_loss", or
    "val_accuracy" with mode="max".

    Cosines that rise again after the run are reproduced, with a warning. Refused: "greedy", whose bounds
    reset its whole state, and a warmup that is not shorter than the run.

    Raises: ScheduleError for an unknown name, or an argument that is unknown, missing or impossible.

    Source: transformers/optimization.py of transformers 5.23.

    >>> from_transformers("linear", peak=0.1, num_warmup_steps=10, num_training_steps=100)
    warmup(10*updates) >> linear(0.1, length=90*updates)
    """
    name = str(getattr(name, "value", name))
    if name not in NAMES:
        raise ScheduleError(unknown("name", name, sorted(NAMES)))
    steps = {"num_warmup_steps": num_warmup_steps, "num_training_steps": num_training_steps}
    parameters = inspect.signature(NAMES[name]).parameters
    known = {key: value for key, value in steps.items() if key in parameters and value is not None} | kwargs
    for key in known:
        if key not in parameters or key == "peak":
            raise ScheduleError(f"{name}: " + unknown("argument", key, list(parameters)[1:] or ["none"]))
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in {*known, "peak"}:
            raise ScheduleError(f"{name}: {key} is missing; write {key}=100")
    return NAMES[name](peak, **known)


def from_lambda(function: Any, peak: Any) -> Schedule:
    """Return the schedule of a function that transformers passed to a LambdaLR; others cannot be read."""
    if getattr(function, "__module__", "") == MODULE and function.__name__ == "_get_constant_lambda":
        return constant(peak)
    if not isinstance(function, partial) or function.func.__module__ != MODULE:
        raise ScheduleError(
            "LambdaLR has a custom function, and a schedule is text; write the schedule that it follows, "
            "such as inverse_time(0.1, rate=0.002) for 1 / (1 + 0.002 * t)"
        )
    known = dict(function.keywords)
    if "lr_init" in known:
        initial = known.pop("lr_init")
        if not is_number(initial):
            raise ScheduleError(
                "this polynomial schedule of transformers was built on a rate in a tensor, which changes "
                "with each update and moves its end; build the optimizer with a float, lr=0.1"
            )
        known["lr_end"] *= peak / initial
    return LAMBDAS[function.func.__name__](peak, **known)


def _constant(peak: Any) -> Schedule:
    return constant(peak)


def _constant_with_warmup(peak: Any, num_warmup_steps: float) -> Schedule:
    return after_warmup(num_warmup_steps, 0.0, constant(peak))


def _decay(num_warmup_steps: float, num_training_steps: float) -> float:
    """Return the updates after the warmup."""
    left = finite_number("num_training_steps", num_training_steps) - finite_number(
        "num_warmup_steps", num_warmup_steps
    )
    if left <= 0:
        raise ScheduleError(
            f"num_warmup_steps={num_warmup_steps} is not below num_training_steps={num_training_steps}, so "
            "the peak would come after the run; write fewer warmup steps"
        )
    return left


def _share(share: float, peak: Any) -> Any:
    return share * peak if share else 0.0


def _floor(peak: Any, min_lr: float | None, min_lr_rate: float | None) -> Any:
    if (min_lr is None) == (min_lr_rate is None):
        raise ScheduleError("the minimum is either min_lr= or min_lr_rate=; write one of them")
    return _share(min_lr_rate, peak) if min_lr is None else min_lr  # type: ignore[arg-type]


def _linear(peak: Any, num_warmup_steps: float, num_training_steps: float) -> Schedule:
    left = _decay(num_warmup_steps, num_training_steps)
    return after_warmup(num_warmup_steps, 0.0, linear(peak, length=left * updates))


def _wave(
    peak: Any, left: float, num_cycles: float, floor: Any, offset: int, climb: tuple[float, Any]
) -> Schedule:
    """Return a cosine that continues after the run, after a climb of some updates from a start."""
    if num_cycles == 0:
        return after_warmup(*climb, constant(peak))
    t_max = left / (2 * num_cycles) * updates
    ours = torch_cosine(peak, t_max=t_max, eta_min=floor, offset=offset * updates if offset else None)
    end = cosine(peak, floor=floor, length=t_max) if num_cycles == 0.5 else cut(ours, length=left * updates)
    warn("the cosine of transformers rises again after num_training_steps", after_warmup(*climb, end))
    return after_warmup(*climb, ours)


def _cosine(
    peak: Any,
    num_warmup_steps: float,
    num_training_steps: float,
    num_cycles: float = 0.5,
    min_lr_rate: float = 0.0,
) -> Schedule:
    left = _decay(num_warmup_steps, num_training_steps)
    return _wave(peak, left, num_cycles, _share(min_lr_rate, peak), 0, (num_warmup_steps, 0.0))


def _cosine_with_min_lr(
    peak: Any,
    num_warmup_steps: float,
    num_training_steps: float,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> Schedule:
    left = _decay(num_warmup_steps, num_training_steps)
    return _wave(peak, left, num_cycles, _floor(peak, min_lr, min_lr_rate), 0, (num_warmup_steps, 0.0))


def _cosine_warmup_with_min_lr(
    peak: Any,
    num_warmup_steps: float,
    num_training_steps: float,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> Schedule:
    """The peak is the last update of the warmup, and the cosine begins there; without one it is skipped."""
    left, floor = _decay(num_warmup_steps, num_training_steps), _floor(peak, min_lr, min_lr_rate)
    if num_warmup_steps == 0:
        return _wave(peak, left, num_cycles, floor, 1, (0, 0.0))
    first = 1 / num_warmup_steps if warmup_lr_rate is None else warmup_lr_rate
    if num_warmup_steps == 1:  # the only update of the warmup has its start
        return _wave(peak, left, num_cycles, floor, 1, (1, _share(first, peak)))
    return _wave(peak, left, num_cycles, floor, 0, (num_warmup_steps - 1, _share(first, peak)))


def _restarts(
    peak: Any, num_warmup_steps: float, num_training_steps: float, num_cycles: float = 1
) -> Schedule:
    left = _decay(num_warmup_steps, num_training_steps)
    falls = transformers_restarts(peak, cycles=num_cycles, length=left * updates)
    return after_warmup(num_warmup_steps, 0.0, falls)


def _polynomial(
    peak: Any, num_warmup_steps: float, num_training_steps: float, lr_end: float = 1e-7, power: float = 1.0
) -> Schedule:
    length = _decay(num_warmup_steps, num_training_steps) * updates
    return after_warmup(num_warmup_steps, 0.0, polynomial(peak, power=power, floor=lr_end, length=length))


def _inverse_sqrt(peak: Any, num_warmup_steps: float, timescale: float | None = None) -> Schedule:
    timescale = (num_warmup_steps or 10_000) if timescale is None else timescale
    return after_warmup(num_warmup_steps, 0.0, inverse_sqrt(peak, timescale=timescale * updates))


def _warmup_stable_decay(
    peak: Any,
    num_warmup_steps: float,
    num_decay_steps: float,
    num_training_steps: float | None = None,
    num_stable_steps: float | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0.0,
    num_cycles: float = 0.5,
) -> Schedule:
    if num_stable_steps is None:
        if num_training_steps is None:
            raise ScheduleError("write num_training_steps=, or num_stable_steps= for the phase at the peak")
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
    stable, decay = (
        finite_number("num_stable_steps", num_stable_steps),
        finite_number("num_decay_steps", num_decay_steps),
    )
    floor = _share(min_lr_ratio, peak)
    if decay_type == "cosine" and num_cycles != 0.5:
        wave = torch_cosine(peak, t_max=decay / (2 * num_cycles) * updates, eta_min=floor)
        falls: Schedule = cut(wave, length=decay * updates, end=floor)
        falls = constant(peak, length=stable * updates) >> falls if stable else falls
    else:
        length = (stable + decay) * updates
        falls = wsd(peak, decay=decay * updates, floor=floor, shape=decay_type, length=length)
    return after_warmup(num_warmup_steps, floor, falls, warmup_type)


def _greedy(peak: Any) -> Schedule:
    raise ScheduleError(
        '"greedy" raises and lowers the rate by rules of its own; write constant(0.1) * two_way() instead'
    )


MODULE = "transformers.optimization"
NAMES: dict[str, Callable[..., Schedule]] = {
    "constant": _constant,
    "constant_with_warmup": _constant_with_warmup,
    "cosine": _cosine,
    "cosine_warmup_with_min_lr": _cosine_warmup_with_min_lr,
    "cosine_with_min_lr": _cosine_with_min_lr,
    "cosine_with_restarts": _restarts,
    "greedy": _greedy,
    "inverse_sqrt": _inverse_sqrt,
    "linear": _linear,
    "polynomial": _polynomial,
    "reduce_lr_on_plateau": on_plateau,
    "warmup_stable_decay": _warmup_stable_decay,
}
LAMBDAS: dict[str, Callable[..., Schedule]] = {
    "_get_constant_schedule_with_warmup_lr_lambda": _constant_with_warmup,
    "_get_linear_schedule_with_warmup_lr_lambda": _linear,
    "_get_cosine_schedule_with_warmup_lr_lambda": _cosine,
    "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda": _restarts,
    "_get_polynomial_decay_schedule_with_warmup_lr_lambda": _polynomial,
    "_get_inverse_sqrt_schedule_lr_lambda": _inverse_sqrt,
    "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda": _cosine_warmup_with_min_lr,
    "_get_wsd_scheduler_lambda": _warmup_stable_decay,
}
