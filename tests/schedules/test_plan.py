"""Plans: the run, the calls, and what happens after the end."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import Plan
from stepsize.units import epochs, lr, run, updates

LINEAR = ss.linear(0.4)


def test_epochs_or_updates_say_how_long_the_run_is() -> None:
    assert LINEAR.plan(epochs=50, updates_per_epoch=9) == Plan(LINEAR, 450, 9)
    assert LINEAR.plan(updates=450) == Plan(LINEAR, 450, None)
    assert LINEAR.plan(epochs=0.5, updates_per_epoch=9).horizon == 5
    assert LINEAR.plan(updates=np.int32(450), updates_per_epoch=np.int64(9)).horizon == 450  # type: ignore[arg-type]


def test_values_are_float64_one_per_update_and_cannot_be_changed() -> None:
    plan = LINEAR.plan(updates=4)
    assert plan.values.dtype == np.float64
    assert plan.values.tolist() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    with pytest.raises(ValueError, match="read-only"):
        plan.values[0] = 1
    plan(np.arange(3))[0] = 1
    assert plan(0) == 0.4
    copy = pickle.loads(pickle.dumps(plan))
    with pytest.raises(ValueError, match="read-only"):
        copy.values[0] = 1


def test_a_call_takes_integers_of_any_kind_and_shape() -> None:
    plan = LINEAR.plan(updates=4)
    assert type(plan(1)) is float
    for one in (1, np.int8(1), np.uint64(1), np.array(1)):
        assert type(plan(one)) is float
        assert plan(one) == plan(1)
    many: Any = plan(np.array([[0, 1], [2, 3]], dtype=np.uint16))
    assert many.tolist() == plan.values.reshape(2, 2).tolist()
    assert plan([]).shape == (0,)


@pytest.mark.parametrize("after", ["hold", "repeat"])
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint64])
def test_arrays_of_any_integers_count_beyond_their_own_range(kind: Any, after: Any) -> None:
    plan = LINEAR.plan(updates=1000, updates_per_epoch=100, after=after)
    many: Any = np.arange(0, 100, 9, dtype=kind)
    assert plan(many).tolist() == [plan(int(one)) for one in many]
    assert plan.at_epoch(many).tolist() == [plan.at_epoch(int(one)) for one in many]


def test_a_call_takes_jax_arrays() -> None:
    numpy = pytest.importorskip("jax.numpy")
    plan = LINEAR.plan(updates=4)
    assert plan(numpy.arange(4)).tolist() == plan.values.tolist()
    assert plan(numpy.asarray(2)) == plan(2)


@pytest.mark.parametrize("t", [4, 5, 6, 7, 8, 1000, 10**30])
def test_after_the_end(t: int) -> None:
    assert LINEAR.plan(updates=4)(t) == 0.0
    repeat = LINEAR.plan(updates=4, after="repeat")
    assert repeat(t) == repeat.values[t % 4]
    with pytest.raises(
        ScheduleError, match=rf"update {t} \(counted from 0\) is past the end of the run of 4 updates"
    ):
        LINEAR.plan(updates=4, after="error")(t)
    if t < 2**60:
        assert repeat(np.array([t, 1])).tolist() == [repeat(t), repeat(1)]
        with pytest.raises(ScheduleError, match=rf"update {t} "):
            LINEAR.plan(updates=4, after="error")(np.array([1, t]))


def test_the_last_update_of_the_run_is_not_past_it() -> None:
    assert LINEAR.plan(updates=4, after="error")(3) == LINEAR.plan(updates=4)(3)


@pytest.mark.parametrize("t", [-1, [3, -1], np.int64(-5), -(10**30)])
def test_negative_times_are_refused(t: Any) -> None:
    with pytest.raises(ScheduleError, match="is negative; t counts updates from 0"):
        LINEAR.plan(updates=4)(t)


@pytest.mark.parametrize(
    "t", [1.0, math.nan, True, "1", None, [0.5], np.float32(1), np.array([True]), [[1], [2, 3]]]
)
def test_times_that_are_no_integers_are_refused(t: Any) -> None:
    with pytest.raises(ScheduleError, match="is not an integer or an array of integers"):
        LINEAR.plan(updates=4)(t)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, r"either epochs= or updates=; write plan\(epochs=50, updates_per_epoch=9\)"),
        ({"epochs": 5, "updates": 5}, "either epochs= or updates="),
        ({"epochs": 5}, "epochs=5 needs updates_per_epoch="),
        ({"epochs": -5, "updates_per_epoch": 9}, "epochs=-5 is not allowed"),
        ({"epochs": "5", "updates_per_epoch": 9}, "epochs='5' is not a number"),
        ({"epochs": 0, "updates_per_epoch": 9}, "epochs=0 is less than one update"),
        ({"updates": 0}, "updates=0 is not allowed; write an integer from 1"),
        ({"updates": -3}, "updates=-3 is not allowed"),
        ({"updates": 2.5}, "updates=2.5 is not an integer"),
        ({"updates": True}, "updates=True is not a number"),
        ({"updates": "9"}, "updates='9' is not a number"),
        ({"updates": 10**18}, "updates=10{18} is not allowed"),
        ({"updates": 9, "updates_per_epoch": 0}, "updates_per_epoch=0 is not allowed"),
        ({"updates": 9, "after": "stop"}, "unknown after 'stop'; use one of: hold, error, repeat"),
        ({"updates": 9, "after": None}, "unknown after 'None'"),
    ],
)
def test_runs_that_cannot_be_planned(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        LINEAR.plan(**arguments)


def test_lengths_in_epochs_need_the_updates_of_one() -> None:
    with pytest.raises(ScheduleError, match=r"warmup=5\*epochs needs the updates of one epoch"):
        (ss.warmup(5 * epochs) >> LINEAR).plan(updates=450)
    assert (ss.warmup(5 * epochs) >> LINEAR).plan(updates=450, updates_per_epoch=9)(45) == 0.4


def test_free_knobs_are_named() -> None:
    with pytest.raises(ScheduleError, match=r"cosine\(lr\) has a free knob; write schedule.bind\(lr=0.1\)"):
        ss.cosine(lr).plan(updates=4)


def test_a_value_that_is_not_finite_is_shown_with_its_update() -> None:
    huge = ss.constant(1, length=3 * updates) >> ss.constant(1e200)
    with pytest.raises(
        ScheduleError, match="is inf at update 3; a schedule must stay finite and not negative"
    ):
        (huge * huge).plan(updates=9)


def test_a_million_values_are_a_few_calls_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    formula = ss.linear.curve

    def watched(self: Any, t: Any, clock: Any) -> Any:
        asked.append(t.size)
        return formula(self, t, clock)

    monkeypatch.setattr(ss.linear, "curve", watched)
    assert LINEAR.plan(updates=10**6).values.size == 10**6
    assert sum(asked) == 10**6 + 1
    assert len(asked) <= 16


def test_every_part_of_a_long_plan_is_evaluated() -> None:
    schedule = ss.warmup(0.1 * run) >> ss.wsd(0.1, shape="1-sqrt") * ss.linear(1, floor=0.5)
    plan = schedule.plan(updates=10**6)
    assert plan.values.size == 10**6
    assert plan(10**6) == 0


def test_when_a_plan_falls_to_a_value() -> None:
    plan = (ss.warmup(4 * updates) >> ss.linear(0.4)).plan(updates=12)
    assert plan.falls_to(0.2) == 8
    assert plan.falls_to(0.21) == 8
    assert plan.falls_to(0) == 12
    assert plan.falls_to(0.5) == 0
    assert ss.linear(0.4, floor=0.1).plan(updates=4).falls_to(0.05) is None
    assert (ss.warmup(4 * updates) >> ss.constant(1)).plan(updates=9).falls_to(0.5) is None
    with pytest.raises(ScheduleError, match="value=nan is not allowed"):
        plan.falls_to(float("nan"))


def test_the_rate_of_an_epoch_is_that_of_its_first_update() -> None:
    schedule = ss.warmup(2 * epochs) >> ss.cosine(0.1)
    plan = schedule.plan(epochs=5, updates_per_epoch=9)
    held = schedule.per_epoch().plan(epochs=5, updates_per_epoch=9)
    assert [plan.at_epoch(epoch) for epoch in range(5)] == held.values[::9].tolist()
    assert plan.at_epoch(np.arange(5)).tolist() == held.values[::9].tolist()
    assert type(plan.at_epoch(np.int64(3))) is float
    assert plan.at_epoch(7) == plan.end


@pytest.mark.parametrize("epoch", [-1, 0.5, True, "1", None])
def test_an_epoch_is_an_integer_from_0(epoch: Any) -> None:
    plan = LINEAR.plan(epochs=5, updates_per_epoch=9)
    with pytest.raises(ScheduleError, match="it counts epochs from 0"):
        plan.at_epoch(epoch)


def test_a_plan_in_updates_does_not_know_its_epochs() -> None:
    with pytest.raises(ScheduleError, match="updates_per_epoch=1 if its lengths count epochs"):
        LINEAR.plan(updates=45).at_epoch(1)
