"""Values at times."""

from __future__ import annotations

from typing import Any

import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.units import epochs, lr, run, updates

AT = [2 * updates, 0.75 * run]


def test_each_value_holds_from_its_time_on() -> None:
    plan = ss.piecewise_constant([0.4, 0.2, 0], at=AT).plan(updates=8)
    assert plan.values.tolist() == [0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0, 0]
    assert plan(100) == 0


def test_the_ways_between_values() -> None:
    def values(shape: str) -> list[float]:
        schedule = ss.piecewise_interpolated([0.1, 0.4, 0.2], at=AT, shape=shape)
        return schedule.plan(updates=8).values.tolist()

    assert values("linear") == pytest.approx([0.1, 0.25, 0.4, 0.35, 0.3, 0.25, 0.2, 0.2])
    cosine = 0.2 + 0.2 * (1 + 2**-0.5) / 2
    assert values("cosine") == pytest.approx([0.1, 0.25, 0.4, cosine, 0.3, 0.6 - cosine, 0.2, 0.2])
    falls = [0.4 * 0.5 ** (i / 4) for i in range(4)]
    assert values("exponential") == pytest.approx([0.1, 0.2, *falls, 0.2, 0.2])


def test_two_values_at_one_time_are_a_jump() -> None:
    schedule = ss.piecewise_interpolated([0, 0.4, 0.1, 0], at=[2 * updates, 2 * updates, 4 * updates])
    assert schedule.plan(updates=5).values.tolist() == pytest.approx([0, 0.2, 0.1, 0.05, 0])


def test_its_values_may_be_knobs() -> None:
    schedule = ss.piecewise_constant([lr, 0.1 * lr], at=[1 * epochs])
    assert schedule.knobs == {"lr"}
    assert schedule.bind(lr=0.5) == ss.piecewise_constant([0.5, 0.05], at=[1 * epochs])


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: ss.piecewise_constant([0.1], at=AT),
            r"values=\[0.1\] has 1 for 2 times; write one more value",
        ),
        (lambda: ss.piecewise_constant([], at=AT), "values=.. is not a list of one or more numbers"),
        (lambda: ss.piecewise_constant([0.1, -1, 0], at=AT), "values=-1 is not allowed"),
        (lambda: ss.piecewise_constant([1, float("nan"), 0], at=AT), "values=nan is not allowed"),
        (
            lambda: ss.piecewise_interpolated([1, 0, 1], at=AT, shape="exponential"),
            "never reaches 0; write values above 0",
        ),
        (lambda: ss.piecewise_constant([1, 2, 3], at=AT).plan(updates=1), "write them in rising order"),
        (
            lambda: ss.piecewise_constant([1, 2], at=[0.01 * run]).plan(updates=2),
            "at=0.01.run is 0 updates in a run of 2",
        ),
    ],
)
def test_bad_parameters_are_refused(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()
