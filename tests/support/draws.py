"""Random schedules for the laws: every parameter of every family; a new family is added here."""

from __future__ import annotations

from functools import reduce
from operator import rshift
from typing import Any

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import FAMILIES, Plan, Schedule
from stepsize.units import epochs, lr, run, updates

LAW = settings(deadline=None, derandomize=True, max_examples=60)
HORIZON, PER_EPOCH = 200, 20

levels = st.floats(1e-6, 10) | st.integers(1, 10)
shares = st.floats(0, 1)
counts = st.integers(0, 20)
factors = st.floats(1e-3, 1)
lengths = (
    st.floats(0.1, 3).map(lambda n: n * epochs)
    | st.integers(1, 60).map(lambda n: n * updates)
    | st.floats(0.02, 0.3).map(lambda n: n * run)
)
lengths_or_none = st.none() | lengths
periods = lengths.filter(lambda length: length.resolve(HORIZON, PER_EPOCH) >= 1)
timed: dict[str, Any] = {"length": lengths_or_none}
closing = timed | {"closed": st.booleans()}
phases = {"warmup": lengths, "shape": st.sampled_from(["linear", "cosine"])}
waves = {"up": periods, "down": st.none() | periods}
scaled = {"cycle_factor": factors, "update_factor": factors}


def wavy(t: np.ndarray, horizon: float) -> np.ndarray:
    return 1 + np.cos(t) / 2


ss.register("wavy", wavy)


@st.composite
def peak_and_floor(draw: st.DrawFn, least: float = 0.0) -> dict[str, float]:
    peak = draw(levels)
    return {"peak": peak, "floor": peak * draw(st.floats(least, 1))}


def fixed(**arguments: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(arguments)


def between(least: float = 0.0, **arguments: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A peak, a floor below it, and more."""
    return st.builds(lambda one, two: one | two, peak_and_floor(least), st.fixed_dictionaries(arguments))


def milestones(count: int) -> st.SearchStrategy[list[Any]]:
    times = st.lists(st.integers(1, 300), min_size=count, max_size=count)
    return times.map(lambda items: [item * updates for item in sorted(items)])


@st.composite
def values_at(draw: st.DrawFn, **more: Any) -> dict[str, Any]:
    values = draw(st.lists(st.floats(1e-6, 10), min_size=2, max_size=5))
    return {"values": values, "at": draw(milestones(len(values) - 1)), **draw(st.fixed_dictionaries(more))}


ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "constant": fixed(value=levels, **timed),
    "linear": between(**closing),
    "cosine": between(**closing),
    "polynomial": between(power=st.floats(0.2, 5), **closing),
    "exponential": between(1e-6, **closing)
    | fixed(peak=levels, factor=factors, every=lengths, staircase=st.booleans(), **timed),
    "natural_exponential": fixed(
        peak=levels, rate=st.floats(0, 10), every=lengths, staircase=st.booleans(), **timed
    ),
    "inverse_time": fixed(
        peak=levels, rate=st.floats(0, 10), every=lengths, compounding=st.booleans(), **timed
    )
    | fixed(peak=levels, rate=st.floats(0, 10), staircase=st.just(False)),
    "inverse_sqrt": fixed(peak=levels, timescale=lengths, **timed),
    "power_law": fixed(peak=levels, power=st.floats(0.1, 3), timescale=lengths, **timed),
    "step_decay": between(factor=factors, every=lengths, offset=lengths_or_none, **timed),
    "multistep": fixed(peak=levels, factor=factors, at=milestones(3) | milestones(1), **timed),
    "piecewise_constant": values_at(**timed),
    "piecewise_interpolated": values_at(shape=st.sampled_from(["linear", "cosine", "exponential"]), **timed),
    "wsd": between(
        1e-6,
        decay=lengths,
        shape=st.sampled_from(["linear", "cosine", "1-sqrt", "square", "mirror-cosine", "exponential"]),
        **closing,
    )
    | between(decay=lengths, shape=st.just("exponential"), ratio=st.floats(0.01, 0.99), **closing),
    "flat_cosine": between(decay=lengths, **closing),
    "one_cycle": fixed(
        peak=levels,
        down=lengths_or_none,
        start=st.none() | st.floats(1e-7, 1e-6),
        floor=st.none() | st.floats(0, 1e-7),
        **phases,
        **closing,
    ).filter(lambda drawn: drawn["start"] is not None or drawn["floor"] is None),
    "one_cycle_momentum": fixed(
        high=st.floats(0.9, 1), low=st.floats(0, 0.9), down=lengths_or_none, **phases, **closing
    ),
    "slanted_triangular": fixed(peak=levels, warmup=lengths, ratio=st.floats(1, 50), **closing),
    "noam": fixed(scale=levels, d_model=st.integers(1, 1024), warmup=lengths, offset=lengths, **timed),
    "rex": between(**closing),
    "k_decay": between(
        k=st.floats(0.2, 5),
        power=st.floats(0.2, 5),
        shape=st.sampled_from(["linear", "cosine"]),
        **closing,
    ),
    "tanh": between(lower=st.floats(-9, 0), upper=st.floats(0.1, 9), **closing),
    "sigmoid": between(middle=lengths, timescale=lengths, rising=st.booleans(), **timed),
    "hyperbolic": between(
        1e-6,
        bound=st.floats(1, 5).map(lambda n: n * run),
        shape=st.sampled_from(["linear", "exponential"]),
        **timed,
    ),
    "linear_cosine": fixed(
        peak=levels, periods=st.floats(0.1, 5), alpha=shares, beta=st.floats(0, 0.1), **closing
    ),
    "chebyshev": between(1e-4, steps=st.sampled_from([1, 2, 8, 64]), every=lengths, **timed),
    "triangular": between(**waves, **timed),
    "triangular2": between(**waves, **timed),
    "exp_range": between(factor=factors, **waves, **timed),
    "sine": between(up=periods, **scaled, **timed),
    "sawtooth": between(
        every=periods, shape=st.sampled_from(["linear", "sine", "cosine"]), **scaled, **timed
    ),
    "cosine_restarts": between(
        first=periods, growth=st.floats(1, 3), factor=factors, cycles=st.none() | st.integers(1, 5), **timed
    ),
    "custom": fixed(function=st.just("wavy"), **timed),
    "noise": fixed(share=st.floats(0.01, 0.99), seed=counts, every=lengths, **timed),
}
NAMES = sorted(ARGUMENTS)


def family_of(name: str) -> st.SearchStrategy[Any]:
    return ARGUMENTS[name].map(lambda arguments: FAMILIES[name](**arguments))


warmups = st.builds(
    ss.warmup,
    periods,
    start=st.floats(1e-6, 1),
    shape=st.sampled_from(["linear", "cosine", "exponential", "log", "1-sqrt"]),
    closed=st.booleans(),
)
observed = st.sampled_from(["val_loss", "accuracy", "valid/f1@0.5"])
modes = st.none() | st.sampled_from(["min", "max"])
plateaus = st.builds(
    ss.plateau,
    factor=st.floats(0.01, 0.99),
    patience=counts,
    cooldown=counts,
    threshold=shares,
    floor=st.floats(0, 0.5),
    relative=st.booleans(),
    metric=observed,
    mode=modes,
) | st.builds(ss.plateau, signed=st.booleans())
on_thresholds = st.builds(
    ss.on_threshold,
    factor=st.floats(0.01, 0.99),
    threshold=st.floats(1e-6, 1),
    relative=st.booleans(),
    patience=counts,
    cooldown=counts,
    floor=st.floats(0, 0.5),
)
two_ways = st.builds(
    ss.two_way,
    factor=st.floats(0.01, 0.99),
    growth=st.floats(1, 3),
    patience=counts,
    cooldown=counts,
    threshold=shares,
    relative=st.booleans(),
    floor=st.floats(0, 0.5),
    ceiling=st.floats(1, 10),
    metric=observed,
    mode=modes,
)
driven = plateaus | on_thresholds | two_ways
leaves = st.sampled_from(NAMES).flatmap(family_of)
sized = leaves.filter(lambda schedule: schedule.sized) | warmups
joins = st.builds(
    lambda pieces, last: reduce(rshift, [*pieces, last]), st.lists(sized, min_size=1, max_size=2), leaves
)
sums = st.builds(lambda one, two: one + two, leaves, leaves | joins)
wrapped = st.one_of(
    st.builds(lambda inner, low: inner.clip(floor=low), leaves | joins, st.floats(0, 0.1)),
    st.builds(lambda inner, high: inner.clip(peak=high), leaves | sums, st.floats(0.1, 1)),
    st.builds(lambda inner: inner.per_epoch(), leaves | joins),
    st.builds(lambda inner, peak: inner.rescale(peak=peak), leaves | joins, levels | st.just(lr)),
    st.builds(
        lambda inner, times, growth, factor: inner.repeat(times, growth, factor),
        leaves.filter(lambda schedule: schedule.sized),
        st.none() | st.integers(1, 4),
        st.floats(1, 2),
        factors,
    ),
    st.builds(
        lambda past, then, at, planned, policy, scale: ss.resumed(
            past,
            then=None if policy == "stretch" else then,
            at=at * updates,
            planned=planned * updates,
            policy=policy,
            scale=scale,
        ),
        leaves | joins,
        leaves | joins,
        st.integers(1, 100),
        st.integers(101, 300),
        st.sampled_from(["stretch", "rebase", "branch"]),
        st.floats(0.1, 2),
    ),
)
products = st.builds(
    lambda scale, parts, factor: factor(scale * parts[0] * parts[-1]),
    st.floats(0.1, 10) | st.just(lr) | st.just(0.5 * lr),
    st.lists(leaves | joins | sums | wrapped, min_size=1, max_size=2),
    driven.map(lambda factor: lambda schedule: schedule * factor) | st.just(lambda schedule: schedule),
).filter(lambda schedule: len(schedule.knobs) <= 1)
knobbed = st.builds(lambda share: ss.cosine(lr, floor=share * lr), st.floats(0.01, 1))
timely = leaves | joins | sums | wrapped | products
anything = timely | warmups | driven | knobbed


def planned(schedule: Schedule, horizon: int = HORIZON) -> Plan:
    """The plan of a schedule; parameters that do not fit the run are drawn again."""
    if schedule.knobs:
        schedule = schedule.bind(lr=0.1)
    try:
        return schedule.plan(updates=horizon, updates_per_epoch=PER_EPOCH)
    except ScheduleError:
        assume(False)
        raise
