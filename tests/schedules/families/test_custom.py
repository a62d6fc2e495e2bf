"""Functions by name, and noise."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.units import epochs, lr, updates


def quarter(t: np.ndarray, horizon: float) -> np.ndarray:
    return 1 - 0.75 * t / horizon


def crooked(t: np.ndarray, horizon: float) -> float:
    return horizon


ss.register("quarter", quarter)
ss.register("crooked", crooked)


def test_a_function_is_a_schedule_like_any_other() -> None:
    schedule = lr * (ss.warmup(1 * updates) >> ss.custom("quarter", length=4 * updates))
    plan = schedule.bind(lr=0.4).plan(updates=5)
    assert plan.values.tolist() == pytest.approx([0, 0.4, 0.325, 0.25, 0.175])
    assert plan(100) == pytest.approx(0.1)
    for copy in (ss.parse(repr(schedule)), ss.from_json(schedule.to_json())):
        assert copy == schedule
    assert pickle.loads(pickle.dumps(plan)).values.tolist() == plan.values.tolist()


def test_a_name_stands_for_one_function() -> None:
    ss.register("quarter", quarter)
    ss.register("a lambda", lambda t, horizon: t)
    with pytest.raises(ScheduleError, match="'quarter' is already the name of another function"):
        ss.register("quarter", crooked)
    assert ss.custom("quarter").plan(updates=4).values.tolist() == [1, 0.8125, 0.625, 0.4375]


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: ss.custom("quarte"),
            "unknown function 'quarte'; did you mean 'quarter'.; write stepsize.reg",
        ),
        (lambda: ss.custom(quarter), "is not the name of a function"),  # type: ignore[arg-type]
        (lambda: ss.register('a"b', quarter), "is not the name of a function"),
        (lambda: ss.register("five", 5), "function=5 cannot be called"),  # type: ignore[arg-type]
        (
            lambda: ss.custom("crooked").plan(updates=3),
            r"returns values of shape \(\) for times of shape \(4,\)",
        ),
        (lambda: ss.noise(1), "share=1 is not a fraction; write a number above 0 and below 1"),
        (lambda: ss.noise(0), "share=0 is not allowed"),
        (lambda: ss.noise(0.1, seed=0.5), "seed=0.5 is not a whole number"),  # type: ignore[arg-type]
    ],
)
def test_bad_parameters_are_refused(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()


def test_noise_is_the_same_for_the_same_seed_whatever_the_run() -> None:
    short, long = (ss.noise(0.3, seed=7).plan(updates=n).values for n in (50, 5000))
    assert short.tolist() == long[:50].tolist()
    assert short.tolist() != ss.noise(0.3, seed=8).plan(updates=50).values.tolist()
    assert long.mean() == pytest.approx(1, abs=0.02)
    assert long.std() == pytest.approx(0.3 / 3**0.5, rel=0.03)


def test_noise_holds_for_its_period_and_scales_a_schedule() -> None:
    noise = ss.noise(0.3, every=1 * epochs)
    values = (ss.constant(0.1) * noise).plan(epochs=3, updates_per_epoch=2).values
    assert values[::2].tolist() == values[1::2].tolist()
    assert len(set(values)) == 3
