"""Decays from single papers, against their formulas in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule
from stepsize.units import run, updates

N = 100


def cosine(u: float) -> float:
    return (1 + math.cos(math.pi * u)) / 2


def hyperbola(t: float, bound: float) -> float:
    return math.sqrt((N - t) / bound * (2 - (N + t) / bound))


CASES: list[tuple[Schedule, Callable[[int], float]]] = [
    (ss.rex(0.5, floor=0.1), lambda t: 0.1 + 0.4 * (1 - t / N) / (1 - t / N / 2)),
    (ss.k_decay(0.5, k=1.5, floor=0.1), lambda t: 0.1 + 0.4 * cosine((t / N) ** 1.5)),
    (ss.k_decay(0.5, k=1.5, shape="linear", power=3), lambda t: 0.5 * (1 - (t / N) ** 1.5) ** 3),
    (ss.k_decay(0.5, k=1, power=2), lambda t: 0.5 * cosine(t / N) ** 2),
    (
        ss.tanh(0.5, lower=-7, floor=0.1),
        lambda t: 0.1 + 0.4 * (1 - math.tanh(-7 * (1 - t / N) + 3 * t / N)) / 2,
    ),
    (
        ss.sigmoid(0.5, middle=0.4 * run, timescale=5 * updates, floor=0.1),
        lambda t: 0.1 + 0.4 / (1 + math.exp((t - 40) / 5)),
    ),
    (
        ss.sigmoid(0.5, middle=40 * updates, timescale=5 * updates, rising=True),
        lambda t: 0.5 / (1 + math.exp(-(t - 40) / 5)),
    ),
    (
        ss.hyperbolic(0.5, floor=0.1, bound=2 * run),
        lambda t: 0.5 + 0.4 * (hyperbola(t, 200) - hyperbola(0, 200)),
    ),
    (
        ss.hyperbolic(0.5, floor=0.1, bound=2 * run, shape="exponential"),
        lambda t: 0.5 * 0.2 ** (hyperbola(0, 200) - hyperbola(t, 200)),
    ),
    (
        ss.linear_cosine(0.5, periods=2.5, alpha=0.1, beta=0.01),
        lambda t: 0.5 * ((1.1 - t / N) * (1 + math.cos(5 * math.pi * t / N)) / 2 + 0.01),
    ),
    (ss.natural_exponential(0.5, rate=0.1, every=4 * updates), lambda t: 0.5 * math.exp(-0.1 * t / 4)),
    (
        ss.natural_exponential(0.5, rate=0.1, every=4 * updates, staircase=True),
        lambda t: 0.5 * math.exp(-0.1 * (t // 4)),
    ),
    (ss.power_law(0.5, power=1.5, timescale=10 * updates), lambda t: 0.5 * (1 + t / 10) ** -1.5),
    (
        ss.noam(2, d_model=64, warmup=40 * updates),
        lambda t: 2 * 64**-0.5 * min((t + 1) ** -0.5, (t + 1) * 40**-1.5),
    ),
]


@pytest.mark.parametrize(
    ("schedule", "formula"), CASES, ids=lambda case: getattr(case, "__name__", str(case))[:40]
)
def test_the_formula_in_plain_python(schedule: Schedule, formula: Callable[[int], float]) -> None:
    plan = schedule.plan(updates=N)
    for t in (0, 1, 39, 40, 41, 77, 99, 100):
        assert plan(t) == pytest.approx(formula(t), rel=1e-9, abs=1e-12)


def test_noam_may_begin_at_0_and_peaks_at_its_warmup() -> None:
    plan = ss.noam(1, d_model=1, warmup=4 * updates, offset=0 * updates).plan(updates=9)
    assert plan(0) == 0
    assert plan.values.argmax() == 4
    assert plan(4) == pytest.approx(0.5)


def test_a_sigmoid_may_be_as_steep_as_a_step() -> None:
    plan = ss.sigmoid(1, middle=50 * updates, timescale=1e-9 * updates).plan(updates=N)
    assert plan.values.tolist() == [1] * 50 + [0.5] + [0] * 49


def test_a_hyperbola_reaches_its_floor_only_at_its_bound() -> None:
    assert ss.hyperbolic(1).plan(updates=N)(N) == 0
    assert ss.hyperbolic(1, bound=200 * updates).plan(updates=N)(N) == pytest.approx(0.134, abs=5e-4)


def test_chebyshev_takes_each_step_once_in_fractal_order() -> None:
    """The order makes the steps of any aligned block of 2^k cover the whole range."""
    steps = ss.chebyshev(1, floor=0.01, steps=8).plan(updates=16).values.tolist()
    assert steps[:8] == steps[8:]
    nodes = [1 / (101 / 2 - 99 / 2 * math.cos((i + 0.5) * math.pi / 8)) for i in range(8)]
    assert steps[:8] == pytest.approx([nodes[i] for i in (0, 7, 3, 4, 1, 6, 2, 5)])
    held = ss.chebyshev(1, floor=0.01, steps=8, every=2 * updates).plan(updates=16).values.tolist()
    assert held[::2] == held[1::2] == steps[:8]


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ss.tanh(1, lower=3, upper=3), "lower=3 is not below upper=3"),
        (lambda: ss.tanh(1, lower=math.nan), "lower=nan is not a finite number"),
        (lambda: ss.tanh(1, lower="a"), "lower='a' is not a finite number"),  # type: ignore[arg-type]
        (lambda: ss.chebyshev(1, floor=0), "floor=0 is not allowed; write a finite number above 0"),
        (lambda: ss.chebyshev(1, floor=0.1, steps=6), "steps=6 is not a power of 2"),
        (lambda: ss.chebyshev(1, floor=0.1, steps=2**21), "is not a power of 2 up to 1048576"),
        (lambda: ss.hyperbolic(1, shape="exponential"), "never reaches 0; write floor= above 0"),
        (lambda: ss.k_decay(1, k=0), "k=0 is not allowed"),
        (lambda: ss.noam(1, d_model=0, warmup=4 * updates), "d_model=0 is not allowed"),
        (
            lambda: ss.hyperbolic(1, bound=50 * updates).plan(updates=N),
            r"bound=50\*updates is 50 updates, less than the 100 of the schedule",
        ),
    ],
)
def test_bad_parameters_are_refused(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()
