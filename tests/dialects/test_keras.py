"""Every Keras schedule against its own calls, within float32."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.dialects import from_keras
from stepsize.dialects.keras import READERS
from stepsize.errors import ScheduleError

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")
theirs = keras.optimizers.schedules

DRAWS = 200
FLOAT32 = 2e-5


def exponential(draw: np.random.Generator) -> Any:
    every, factor, staircase = int(draw.integers(1, 50)), draw.uniform(0, 1.2), bool(draw.integers(2))
    return theirs.ExponentialDecay(draw.uniform(1e-3, 1), every, factor, staircase=staircase)


def inverse_time(draw: np.random.Generator) -> Any:
    every, rate, staircase = int(draw.integers(1, 50)), draw.uniform(0, 2), bool(draw.integers(2))
    return theirs.InverseTimeDecay(draw.uniform(1e-3, 1), every, rate, staircase=staircase)


def piecewise(draw: np.random.Generator) -> Any:
    boundaries = sorted({int(item) for item in draw.integers(0, 150, size=draw.integers(1, 6))})
    if draw.integers(2):
        boundaries = [boundary + 0.5 for boundary in boundaries]
    values = draw.uniform(0, 1, size=len(boundaries) + 1).tolist()
    return theirs.PiecewiseConstantDecay(boundaries, values)


def polynomial(draw: np.random.Generator) -> Any:
    size, start, end = int(draw.integers(1, 70)), draw.uniform(1e-3, 1), draw.choice([0, draw.uniform(0, 1)])
    power, cycle = draw.choice([1, draw.uniform(0.3, 4)]), bool(draw.integers(2))
    return theirs.PolynomialDecay(start, size, float(end), power=float(power), cycle=cycle)


def cosine(draw: np.random.Generator) -> Any:
    start, size, alpha = draw.uniform(1e-3, 1), int(draw.integers(1, 100)), draw.uniform(0, 1)
    return theirs.CosineDecay(start, size, alpha=alpha)


def warmup_cosine(draw: np.random.Generator) -> Any:
    target, start = draw.uniform(1e-3, 1), draw.choice([0, draw.uniform(0, 1)])
    warm, size, alpha = int(draw.integers(0, 30)), int(draw.integers(1, 60)), draw.uniform(0, 1)
    return theirs.CosineDecay(start, size, alpha=alpha, warmup_target=target, warmup_steps=warm)


def restarts(draw: np.random.Generator) -> Any:
    start, first, alpha = draw.uniform(1e-3, 1), int(draw.integers(1, 30)), draw.uniform(0, 1)
    growth, factor = draw.choice([1, 1.5, 2, 3, draw.uniform(1, 3)]), draw.choice([1, draw.uniform(0, 1.2)])
    return theirs.CosineDecayRestarts(start, first, t_mul=growth, m_mul=factor, alpha=alpha)


def called(schedule: Any, ours: ss.Schedule, t: np.ndarray) -> np.ndarray:
    """Return the rate of each update, as Keras gives it for one step at a time.

    For many steps at once XLA multiplies by the reciprocal of decay_steps: 41 * (1 / 41) is below 1 in
    float32, and a stair comes an update late. Where they differ from ours a single step decides.
    """
    with jax.disable_jit():  # or each call compiles its branches anew
        if getattr(schedule, "warmup_target", None) is None:
            theirs = np.array(schedule(t))
            mine = ours.plan(updates=len(t))(t)
            doubtful = np.flatnonzero(~np.isclose(theirs, mine, FLOAT32, FLOAT32 * theirs.max()))
        else:
            theirs, doubtful = np.zeros(len(t)), np.arange(len(t))
        for index in doubtful:
            theirs[index] = float(schedule(int(t[index])))
    return theirs


@pytest.mark.parametrize(
    "case",
    [exponential, inverse_time, piecewise, polynomial, cosine, warmup_cosine, restarts],
    ids=lambda f: f.__name__,
)
def test_rates_are_those_of_its_own_calls(case: Any, assert_follows: Callable[..., None]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        schedule = case(draw)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = from_keras(schedule)
        t = np.arange(200)
        if case is warmup_cosine:
            warm = schedule.warmup_steps
            end = warm + schedule.decay_steps
            t = np.unique([0, 1, max(warm - 1, 0), warm, warm + 1, end - 1, end, end + 1, 2 * end])
        assert_follows(ours, called(schedule, ours, t), rtol=FLOAT32, t=t)


def test_the_text_says_the_convention() -> None:
    piecewise = theirs.PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    assert repr(from_keras(piecewise)) == (
        "piecewise_constant([0.1, 0.01, 0.001], at=[101*updates, 201*updates])"
    )
    cosine = theirs.CosineDecay(0.0, 90, alpha=0.1, warmup_target=0.5, warmup_steps=10)
    assert repr(from_keras(cosine)) == "warmup(10*updates) >> cosine(0.5, floor=0.05, length=90*updates)"


def test_an_optimizer_or_a_number_is_read_too() -> None:
    decay = theirs.ExponentialDecay(0.1, 10, 0.5)
    assert from_keras(keras.optimizers.SGD(decay)) == from_keras(decay)
    assert from_keras(keras.optimizers.SGD(0.25)) == from_keras(0.25) == ss.constant(0.25)


def test_missed_restarts_are_warned_about() -> None:
    with pytest.warns(
        UserWarning, match=r"misses the restart at update 22; .*cosine_restarts\(0.1, first=10\*updates"
    ):
        ours = from_keras(theirs.CosineDecayRestarts(0.1, 10, t_mul=1.2))
    assert ours.plan(updates=30)(22) == 0
    assert theirs.CosineDecayRestarts(0.1, 10, t_mul=1.2)(22) < 1e-6


def test_the_restart_that_its_default_misses_is_named() -> None:
    schedule = theirs.CosineDecayRestarts(0.1, 20)
    with pytest.warns(UserWarning, match="misses the restart at update 655340;"):
        ours = from_keras(schedule)
    assert float(schedule(655_340)) < 1e-6 < 0.09 < float(schedule(655_341))
    assert ours.plan(updates=655_342)(655_340) < 1e-6
    with pytest.warns(UserWarning, match="its cycles one after another, joined by >>"):
        from_keras(theirs.CosineDecayRestarts(0.1, 20, m_mul=1.5))


def test_restarts_that_come_are_not_warned_about() -> None:
    assert from_keras(theirs.CosineDecayRestarts(0.1, 20, t_mul=3.0)).plan(updates=21)(20) == 0.1


def test_a_cycle_that_never_comes_back_is_warned_about() -> None:
    with pytest.warns(UserWarning, match=r"never comes back.*repeat\(linear\(0.1, length=5\*updates\)\)"):
        from_keras(theirs.PolynomialDecay(0.1, 5, 0.0, cycle=True))


def test_all_schedules_of_keras_are_known() -> None:
    names = {name for name in dir(theirs) if isinstance(getattr(theirs, name), type)}
    assert names - {"LearningRateSchedule"} == set(READERS)


def test_a_schedule_of_ones_own_is_refused() -> None:
    class CosineDekay(theirs.LearningRateSchedule):
        pass

    with pytest.raises(ScheduleError, match="unknown schedule 'CosineDekay'; did you mean 'CosineDecay'"):
        from_keras(CosineDekay())
