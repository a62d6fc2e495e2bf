"""Defects of other libraries at the first and last update, in warmups, and past the end; we have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules.clock import Clock
from stepsize.units import epochs, run, updates


def values(schedule: Any, count: int = 100) -> list[float]:
    return schedule.plan(updates=count).values.tolist()


FALLS = [
    ss.linear(1, floor=0.1),
    ss.cosine(1, floor=0.1),
    ss.polynomial(1, power=2, floor=0.1),
    ss.exponential(1, floor=0.1),
    ss.cosine_restarts(1, first=25 * updates, floor=0.1),
]


@pytest.mark.parametrize("schedule", FALLS, ids=repr)
def test_the_first_update_gets_the_minimum(schedule: Any) -> None:
    """pytorch-optimizer's schedulers write min_lr, by default 0, into the optimizer when they are built."""
    assert values(schedule)[0] == 1


def test_the_end_is_never_used() -> None:
    """fastai's positions are k / N, so that 1 is never asked for, nor is PyTorch's eta_min with restarts."""
    for family in (ss.linear, ss.cosine):
        assert values(family(1, floor=0.1, closed=True))[-1] == 0.1
    assert values(ss.cosine(1, floor=0.1, length=10 * updates, closed=True).repeat(), 30)[9::10] == [0.1] * 3


def test_an_end_that_nobody_wrote() -> None:
    """Keras' PolynomialDecay ends at 1e-4 by default; PyTorch's ConstantLR triples after 5 steps."""
    for family in (ss.linear(1), ss.cosine(1), ss.polynomial(1, power=2)):
        assert family.plan(updates=100)(100) == 0
    assert set(values(ss.constant(0.1))) == {0.1}


def test_the_end_depends_on_another_rate() -> None:
    """Keras' alpha is a share, fastai's and PyTorch's one-cycle ends are shares of the start or the peak.

    The end of transformers' polynomial is scaled with the group's share of the default rate, and optax' prose
    of linear_onecycle names the peak where its code takes the start.
    """
    for peak in (0.5, 1, 2):
        for family in (ss.linear, ss.cosine, ss.exponential, ss.one_cycle, ss.wsd):
            assert family(peak, floor=0.01).plan(updates=100)(100) == pytest.approx(0.01)


def test_a_geometric_way_to_zero() -> None:
    """fastai's SchedExp takes an end of 0 and is 0 from its second value on."""
    with pytest.raises(ScheduleError, match="floor=0"):
        ss.exponential(1, floor=0)


def test_a_cycle_does_not_come_back_to_its_start() -> None:
    """Keras' PolynomialDecay with cycle=True continues from a longer line."""
    assert values(ss.linear(1, length=10 * updates).repeat())[::10] == [1] * 10


def test_a_growth_of_one_divides_by_zero() -> None:
    """fastai's fit_sgdr with cycle_mult=1."""
    thrice = ss.cosine_restarts(1, first=10 * updates, growth=1, cycles=3)
    assert values(thrice)[:30:10] == [1, 1, 1]
    assert set(values(thrice)[30:]) == {0}


@pytest.mark.parametrize("total", [7, 10, 33, 99, 101])
def test_one_cycle_misses_its_peak(total: int) -> None:
    """PyTorch's is at pct * T - 1, mostly between two updates."""
    for share in (0.1, 0.25, 0.3, 0.45):
        assert max(values(ss.one_cycle(1, warmup=share * run), total)) == 1


def test_a_warmup_that_starts_at_the_minimum() -> None:
    """transformers' warmup_stable_decay; here a warmup starts where it says, and that is 0 by default."""
    assert values(ss.warmup(10 * updates) >> ss.wsd(1, floor=0.2))[0] == 0
    assert values(ss.warmup(10 * updates, start=0.2) >> ss.wsd(1, floor=0.2))[0] == 0.2


@pytest.mark.parametrize("follower", [*FALLS, ss.step_decay(1, factor=0.5, every=7 * updates)], ids=repr)
def test_a_warmup_disturbs_what_follows(follower: Any) -> None:
    """pytorch-scheduler's WarmupScheduler around PyTorch's recursive forms; pytorch-warmup's dampens them."""
    warm = values(ss.warmup(20 * updates) >> follower)
    assert warm[20:] == values(follower, 80)


def test_a_tail_that_ends_before_the_run() -> None:
    """transformers' warmup, stable and decay steps need not be the run; the rest of it has the minimum."""
    for count in (50, 100, 150):
        plan = (ss.warmup(10 * updates) >> ss.wsd(1, decay=20 * updates, shape="linear")).plan(updates=count)
        assert plan(count - 20) == 1
        assert plan(count - 1) == pytest.approx(1 / 20)
        assert plan(count) == 0


@pytest.mark.parametrize(
    "schedule",
    [
        ss.cosine(1, floor=0.1, length=5 * updates),
        ss.polynomial(1, power=2, floor=0.1, length=5 * updates),
        ss.polynomial(1, power=0.5, floor=0.1, length=5 * updates),
        ss.wsd(1, floor=0.1, decay=3 * updates, shape="exponential", length=5 * updates),
    ],
    ids=repr,
)
def test_progress_past_one(schedule: Any) -> None:
    """torch-schedule-anything: below the end, up again, complex; LRBench's POLY: complex."""
    assert values(schedule, 50)[5:] == pytest.approx([0.1] * 45)


def test_counters_that_overflow() -> None:
    """Keras on JAX and optax count in int32; what comes after 2,147,483,647 is the past, or never comes."""
    plan = ss.linear(1, floor=0.1).plan(updates=100)
    assert plan(2**31) == plan(np.int64(2**40)) == plan(2**62) == 0.1
    longest = ss.linear(1).evaluate(np.array([2.0**31, 2.0**32]), Clock(2**33, 2**33, None))
    assert longest.tolist() == [0.75, 0.5]


def test_what_an_update_uses_is_read_too_late() -> None:
    """PyTorch's get_last_lr and Keras' logs have the next rate; legacy Keras' lr is the one before decay."""
    plan = ss.inverse_time(1, rate=1).plan(updates=3)
    assert plan.values.tolist() == [plan(t) for t in range(3)] == [1, 1 / 2, 1 / 3]


def test_a_function_that_is_not_told_the_time() -> None:
    """Keras says that a function takes the iteration, and calls it with nothing."""
    ss.register("told", lambda t, horizon: (t + 1) / horizon)
    assert values(ss.custom("told"), 4) == [0.25, 0.5, 0.75, 1]


def test_a_default_that_depends_on_the_way_in() -> None:
    """timm's cycle_decay is 1 in the class and 0.1 in create_scheduler: text, JSON and call agree here."""
    for name, schedule in {"linear(1)": ss.linear(1), "one_cycle(1)": ss.one_cycle(1)}.items():
        assert ss.parse(name) == schedule == ss.from_json(schedule.to_json())


def test_epochs_that_do_not_come_out_even() -> None:
    """pytorch-scheduler rounds epochs * steps down, optax a share of the run: in floats 0.29 * 100 is 28."""
    assert ss.warmup(0.29 * run).length.resolve(100) == 29
    assert ss.warmup(3.5 * epochs).length.resolve(100, updates_per_epoch=3) == 11
