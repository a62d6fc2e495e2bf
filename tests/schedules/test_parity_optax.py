"""The shared formulas agree with optax's schedules, within float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.schedules import Schedule
from stepsize.units import updates

optax = pytest.importorskip("optax")

DRAWS = 200
Case = tuple[Schedule, int, Callable[[Any], Any]]  # ours, run, theirs


def assert_same(case: Case) -> None:
    schedule, run, theirs = case
    t = np.unique([0, 1, run - 1, run, run + 1, 2 * run, *np.linspace(0, run, 8).astype(int)])
    ours = schedule.plan(updates=run)(t)
    np.testing.assert_allclose(ours, np.asarray(theirs(t)), rtol=2e-4, atol=2e-6)


def cosine(draw: np.random.Generator) -> Case:
    peak, share, run = draw.uniform(1e-3, 1), draw.uniform(0, 1), int(draw.integers(2, 500))
    return ss.cosine(peak, floor=share * peak), run, optax.cosine_decay_schedule(peak, run, alpha=share)


def polynomial(draw: np.random.Generator) -> Case:
    peak, share, run = draw.uniform(1e-3, 1), draw.uniform(0, 1), int(draw.integers(2, 500))
    power = draw.uniform(0.5, 4)
    theirs = optax.polynomial_schedule(peak, share * peak, power, transition_steps=run)
    return ss.polynomial(peak, power=power, floor=share * peak), run, theirs


def exponential(draw: np.random.Generator) -> Case:
    peak, factor, every = draw.uniform(1e-3, 1), draw.uniform(0.1, 0.99), int(draw.integers(1, 50))
    staircase = bool(draw.integers(2))
    theirs = optax.exponential_decay(peak, every, factor, staircase=staircase)
    schedule = ss.exponential(peak, factor=factor, every=every * updates, staircase=staircase)
    run = int(draw.integers(2, 500))
    return schedule, run, lambda t: theirs(np.minimum(t, run))  # theirs continues after the run


def warmup_cosine(draw: np.random.Generator) -> Case:
    """Their decay_steps count the warmup too."""
    peak, share, start = draw.uniform(1e-3, 1), draw.uniform(0, 1), draw.uniform(0, 1)
    run = int(draw.integers(3, 500))
    warm = int(draw.integers(1, run))
    theirs = optax.warmup_cosine_decay_schedule(start * peak, peak, warm, run, end_value=share * peak)
    return ss.warmup(warm * updates, start=start * peak) >> ss.cosine(peak, floor=share * peak), run, theirs


@pytest.mark.parametrize("case", [cosine, polynomial, exponential, warmup_cosine], ids=lambda f: f.__name__)
def test_values_agree(case: Callable[[np.random.Generator], Case]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        assert_same(case(draw))


def test_a_wrong_formula_would_be_seen() -> None:
    _, run, theirs = cosine(np.random.default_rng(0))
    with pytest.raises(AssertionError):
        assert_same((ss.linear(0.5), run, theirs))
