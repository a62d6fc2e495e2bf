"""Which values of several knobs to try next: Optuna's proposals, as a pure function of the scores so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from stepsize.errors import require
from stepsize.study.knobs.knob_ranges import Axis

SAMPLER = "Optuna's TPE"
BATCH = 8  # proposals that are trained together


Values = tuple[float, ...]  # of the axes


def require_optuna() -> None:
    """Raise MissingExtra unless Optuna is installed."""
    require("knobs", "optuna")


@lru_cache(1024)  # a study asks for the proposals after the same scores again and again
def proposals(axes: tuple[Axis, ...], seed: int, scores: tuple[tuple[float, ...], ...]) -> tuple[Values, ...]:
    """Return the next batch of proposals after the scores of every batch so far; higher is better.

    The sampler is Optuna's TPE: it models where all knobs together scored well and where badly, and within a
    batch stays away from what is being tried. The first batch is random. The whole course of the sampler is
    repeated from the scores, so the same scores give the same proposals.
    """
    require_optuna()  # a stored study may be judged where it is not installed
    import optuna

    with quiet(optuna):
        study = optuna.create_study(direction="maximize", sampler=sampler_of(seed))
        space = {axis.name: distribution(axis) for axis in axes}
        for batch in scores:
            for trial, score in zip([study.ask(space) for _ in batch], batch, strict=True):
                study.tell(trial, score)
        asked = [study.ask(space).params for _ in range(BATCH)]
    return tuple(tuple(_value(axis, params[axis.name]) for axis in axes) for params in asked)


def sampler_of(seed: int) -> Any:
    """Return the sampler; `benchmarks/knobs.py` compares others."""
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, n_startup_trials=BATCH)


def distribution(axis: Axis) -> Any:
    """Return Optuna's distribution of a knob; of one with certain values alone, that of their numbers."""
    from optuna.distributions import FloatDistribution, IntDistribution

    if axis.only:
        return IntDistribution(0, len(axis.only) - 1)
    return FloatDistribution(axis.range.low, axis.range.high, log=axis.range.log)


def _value(axis: Axis, proposed: Any) -> float:
    """Return a proposed value to three digits, within its range."""
    if axis.only:
        return axis.only[proposed]
    return min(max(float(f"{proposed:.3g}"), axis.range.low), axis.range.high)


@contextmanager
def quiet(optuna: Any) -> Iterator[None]:
    """Keep Optuna from writing that a study was created."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
