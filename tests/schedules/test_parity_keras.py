"""The shared formulas agree with Keras 3's schedules, within float32."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.schedules import Schedule
from stepsize.units import updates

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")
theirs = keras.optimizers.schedules

DRAWS = 200
Case = tuple[Schedule, int, Callable[[Any], Any]]  # ours, run, theirs


def assert_same(case: Case) -> None:
    schedule, run, call = case
    t = np.unique([0, 1, run // 3, run // 2, run - 1, run, run + 1, 2 * run])
    ours = schedule.plan(updates=run)(t)
    np.testing.assert_allclose(ours, np.asarray(call(t)), rtol=2e-4, atol=2e-6)


def within(run: int, schedule: Any) -> Callable[[Any], Any]:
    """Theirs up to the end of the run, where ours begins to hold."""
    return lambda t: schedule(np.minimum(t, run))


def exponential(draw: np.random.Generator) -> Case:
    peak, factor, every = draw.uniform(1e-3, 1), draw.uniform(0.1, 0.99), int(draw.integers(1, 50))
    run, staircase = int(draw.integers(2, 500)), bool(draw.integers(2))
    schedule = ss.exponential(peak, factor=factor, every=every * updates, staircase=staircase)
    return schedule, run, within(run, theirs.ExponentialDecay(peak, every, factor, staircase=staircase))


def inverse_time(draw: np.random.Generator) -> Case:
    peak, rate, every = draw.uniform(1e-3, 1), draw.uniform(0, 2), int(draw.integers(1, 50))
    run, staircase = int(draw.integers(2, 500)), bool(draw.integers(2))
    schedule = ss.inverse_time(peak, rate=rate, every=every * updates, staircase=staircase)
    return schedule, run, within(run, theirs.InverseTimeDecay(peak, every, rate, staircase=staircase))


def polynomial(draw: np.random.Generator) -> Case:
    peak, share, power = draw.uniform(1e-3, 1), draw.uniform(0, 1), draw.uniform(0.5, 4)
    run = int(draw.integers(2, 500))
    schedule = ss.polynomial(peak, power=power, floor=share * peak)
    return schedule, run, theirs.PolynomialDecay(peak, run, share * peak, power=power)


def cosine(draw: np.random.Generator) -> Case:
    peak, share, run = draw.uniform(1e-3, 1), draw.uniform(0, 1), int(draw.integers(2, 500))
    return ss.cosine(peak, floor=share * peak), run, theirs.CosineDecay(peak, run, alpha=share)


def warmup_cosine(draw: np.random.Generator) -> Case:
    """Their decay_steps come after the warmup; they take one step at a time then, and compile each."""
    peak, share, start = draw.uniform(1e-3, 1), draw.uniform(0, 1), draw.uniform(0, 1)
    warm, rest = int(draw.integers(1, 50)), int(draw.integers(2, 200))
    schedule = ss.warmup(warm * updates, start=start * peak) >> ss.cosine(peak, floor=share * peak)
    decay = theirs.CosineDecay(start * peak, rest, alpha=share, warmup_target=peak, warmup_steps=warm)

    def call(t: Any) -> Any:
        with jax.disable_jit():
            return np.array([float(decay(int(step))) for step in t])

    return schedule, warm + rest, call


@pytest.mark.parametrize(
    "case", [exponential, inverse_time, polynomial, cosine, warmup_cosine], ids=lambda f: f.__name__
)
def test_values_agree(case: Callable[[np.random.Generator], Case]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        assert_same(case(draw))


def test_a_wrong_formula_would_be_seen() -> None:
    _, run, call = cosine(np.random.default_rng(0))
    with pytest.raises(AssertionError):
        assert_same((ss.linear(0.5), run, call))
