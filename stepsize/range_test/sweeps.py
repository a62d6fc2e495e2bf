"""Sweeps: updates at rising learning rates, and the loss of each batch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from stepsize.checks import is_number, shown
from stepsize.errors import StudyError

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
LOWEST, HIGHEST, UPDATES = 1e-6, 10.0, 700  # of a sweep, unless it ends early
SWEEPS, AGAIN = 5, 5  # of a step that can be reset; how many more if these leave the rate uncertain
WINDOW = 5  # losses whose median counts, so that one odd batch does not end a sweep
TIMES = 3.0  # a loss diverges when it is this many times its fall above its start
NOISE = 10.0  # and this many standard deviations of a batch's loss

End = Literal["complete", "diverged", "not finite", "out of batches"]


class Step(Protocol):
    """One update: it takes a learning rate, and returns the loss of its batch before the update."""

    def __call__(self, rate: float, /) -> float:
        """Make an update at `rate`, and return the loss of its batch."""
        ...


@runtime_checkable
class Restorable(Step, Protocol):
    """A step that can start again from the initial weights, and can put everything back at the end."""

    def reset(self, sweep: int) -> None:
        """Return to the initial weights, with the batches of `sweep`."""
        ...

    def restore(self) -> None:
        """Leave everything as it was before the first update."""
        ...


@dataclass(frozen=True)
class Sweep:
    """The losses of one sweep, for the first rates of the ramp up to where it ended, and why it ended."""

    losses: np.ndarray
    end: End


def ramp_of_rates(lowest: float, highest: float, updates: int, shape: str = "exponential") -> np.ndarray:
    """Return `updates` rates from `lowest` to `highest`, both included.

    `exponential`: lowest (highest / lowest)^(i / (updates - 1)); `linear`: in equal steps.

    Raises: StudyError for limits, a number of updates or a shape that cannot be used.

    >>> ramp_of_rates(0.001, 1.0, 4).round(6).tolist()
    [0.001, 0.01, 0.1, 1.0]
    """
    for name, value in (("lowest", lowest), ("highest", highest)):
        if not is_number(value) or not math.isfinite(value) or value <= 0:
            raise StudyError(f"{name}={shown(value)} must be a positive number")
    if lowest >= highest:
        raise StudyError(f"lowest={lowest!r} must be smaller than highest={highest!r}")
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 2:
        raise StudyError(f"updates={shown(updates)} must be a whole number of 2 or more")
    if shape == "exponential":
        rates = np.geomspace(lowest, highest, updates)
    elif shape == "linear":
        rates = np.linspace(lowest, highest, updates)
    else:
        raise StudyError(f'ramp={shown(shape)} must be "exponential" or "linear"')
    rates[[0, -1]] = lowest, highest
    return rates


def is_training_function(value: Any) -> bool:
    """Return whether a function is one that trains a whole run: a step takes one argument, it takes several.

    >>> is_training_function(lambda schedule, seed, report: None), is_training_function(lambda rate: 1.0)
    (True, False)
    """
    if not inspect.isroutine(value):
        return False
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):  # of a builtin
        return False
    needed = [each for each in parameters if each.default is each.empty and each.kind in POSITIONAL]
    return len(needed) > 1


def check_is_step(value: Any) -> None:
    """Raise StudyError if a value is a model, not a step that trains one."""
    for names, kind, step in (
        (("fit", "compile"), "a Keras model", "stepsize.range_test.keras.KerasStep(model, x, y)"),
        (
            ("parameters", "state_dict"),
            "a PyTorch model",
            "stepsize.range_test.torch.TorchStep(model, optimizer, loss, loader)",
        ),
    ):
        if all(hasattr(value, name) for name in names):
            raise StudyError(f"find({type(value).__name__}) got {kind}; pass a step of it: find({step})")


def run_sweeps(
    step: Step,
    rates: Sequence[float] | np.ndarray,
    count: int | None,
    agree: Callable[[list[Sweep]], bool] = lambda sweeps: True,
    on_update: Callable[[int, int], None] = lambda sweep, update: None,
) -> list[Sweep]:
    """Return `count` sweeps; a step that can be restored is reset before each one and restored at the end.

    Without a count, a step that can be restored makes five, and five more unless these `agree`.
    `on_update` is called with the number of the sweep, from 0, and of the update, from 1.

    Raises: StudyError for more than one sweep of a step that has no `reset`, or a loss that is not a number.
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise StudyError(f"sweeps={shown(count)} must be a positive whole number")
    if not isinstance(step, Restorable):
        if count is not None and count > 1:
            raise StudyError(
                f"sweeps={count} needs a step that can be reset: an object with __call__(rate), "
                "reset(sweep) and restore(), such as stepsize.range_test.torch.TorchStep"
            )
        return [run_sweep(step, rates, partial(on_update, 0))]
    sweeps: list[Sweep] = []
    try:
        for number in range(count or SWEEPS + AGAIN):
            if count is None and number == SWEEPS and agree(sweeps):
                break
            step.reset(number)
            sweeps.append(run_sweep(step, rates, partial(on_update, number)))
    finally:
        step.restore()
    return sweeps


def run_sweep(
    step: Step | Callable[[float], Any],
    rates: Sequence[float] | np.ndarray,
    on_update: Callable[[int], None] = lambda update: None,
) -> Sweep:
    """Return the losses of one sweep, which ends early if the loss diverges or the batches run out."""
    losses: list[float] = []
    watch = DivergenceWatch()
    for number, rate in enumerate(rates, 1):
        try:
            loss = _number(step(float(rate)), float(rate))
        except StopIteration:
            return Sweep(np.array(losses), "out of batches")
        if not math.isfinite(loss):
            return Sweep(np.array(losses), "not finite")
        losses.append(loss)
        on_update(number)
        if watch.diverges(losses):
            return Sweep(np.array(losses), "diverged")
    return Sweep(np.array(losses), "complete")


class DivergenceWatch:
    """A watch for a loss that has risen far above its start.

    The loss, as the median of the last five, diverges if it exceeds its start by more than three times its
    fall so far, and by more than ten standard deviations of the first batches' losses. It may be negative.
    """

    def __init__(self) -> None:
        self._best = math.inf

    def diverges(self, losses: Sequence[float]) -> bool:
        """Return whether the last of the losses so far is too high."""
        if len(losses) < 2 * WINDOW:
            return False
        now, first = float(np.median(losses[-WINDOW:])), losses[: 4 * WINDOW]
        self._best = min(self._best, now)
        start = float(np.median(first))
        limit = max(TIMES * (start - self._best), NOISE * batch_noise(first), 1e-6 * abs(start))
        return now > start + limit


def batch_noise(losses: Sequence[float] | np.ndarray) -> float:
    """Return the standard deviation of a batch's loss around a smooth curve, from neighbouring losses.

    It is robust: 1.4826 times the median of the second differences' sizes, over the square root of 6.
    """
    if len(losses) < 3:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(losses, 2))) / math.sqrt(6))


def _number(loss: Any, rate: float) -> float:
    try:
        if isinstance(loss, str | bool | None):
            raise TypeError
        return float(loss)
    except (TypeError, ValueError):
        raise StudyError(
            f"step({rate:g}) returned {shown(loss)}; it must return the loss of its batch as one number"
        ) from None
