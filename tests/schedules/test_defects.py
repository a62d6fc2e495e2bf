"""Known defects of other libraries, and that we do not have them; each docstring names whose they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError, SpecError
from stepsize.schedules.clock import Clock
from stepsize.units import epochs, run, updates


def values(schedule: Any, count: int = 100) -> list[float]:
    return schedule.plan(updates=count).values.tolist()


def test_a_horizon_that_leaves_the_warmup_out() -> None:
    """Keras' CosineDecay ends at warmup + decay_steps, optax' at decay_steps: here the run is the run."""
    plan = (ss.warmup(20 * updates) >> ss.cosine(1)).plan(updates=100)
    assert plan(20) == 1
    assert plan(99) > 0 == plan(100)


def test_decay_is_ignored_in_silence() -> None:
    """Keras 3 warns about SGD(decay=...) and trains at a constant rate."""
    with pytest.raises(SpecError, match="unknown argument 'decay'"):
        ss.parse("constant(0.1, decay=0.002)")


def test_stairs_in_floating_point() -> None:
    """Keras and optax floor a float32 quotient, lrsched a float quotient: drops can come late."""
    for every in (3, 7, 10, 49, 1000, 99_999):
        plan = ss.step_decay(1, factor=0.999, every=every * updates).plan(updates=10**6)
        t = np.arange(every, 10**6, every)
        assert (plan(t) < plan(t - 1)).all()
        assert (np.diff(plan.values) < 0).sum() == len(t)


def test_a_milestone_one_late_or_one_early() -> None:
    """Keras' PiecewiseConstantDecay drops one update after its boundary, timm one epoch before."""
    at = [30 * updates]
    for schedule in (ss.multistep(1, at=at), ss.piecewise_constant([1, 0.1], at=at)):
        assert values(schedule)[28:32] == pytest.approx([1, 1, 0.1, 0.1])


def test_one_bad_value_poisons_all() -> None:
    """Keras' piecewise values are summed with masks, so a NaN anywhere is a NaN everywhere."""
    with pytest.raises(ScheduleError, match="values=nan is not allowed"):
        ss.piecewise_constant([0.1, math.nan], at=[30 * updates])


def test_schedules_that_share_their_state() -> None:
    """LRBench keeps the counter of NSTEP on the function: two of them disturb each other."""
    one, two = (ss.multistep(1, at=[n * updates]).plan(updates=100) for n in (10, 20))
    assert [one(50), two(15), one(5), two(50), one(15)] == pytest.approx([0.1, 1, 1, 0.1, 0.1])


def test_a_factor_or_period_of_zero_means_constant() -> None:
    """optax returns the initial value for decay_rate=0 or transition_steps=0, with a log line."""
    with pytest.raises(ScheduleError, match="factor=0 is not allowed"):
        ss.exponential(1, factor=0, every=1 * updates)
    with pytest.raises(ScheduleError, match="is empty; write a length above 0"):
        ss.linear(1, length=0 * updates)


def test_a_warmup_of_nothing_stays_at_zero() -> None:
    """optax' warmup_constant_schedule with warmup_steps=0 keeps the rate 0 for ever."""
    assert values(ss.warmup(0 * updates) >> ss.constant(0.1)) == [0.1] * 100


def test_a_warmup_as_long_as_the_run_divides_by_zero() -> None:
    """transformers' polynomial schedule."""
    plan = (ss.warmup(100 * updates) >> ss.polynomial(1, power=2)).plan(updates=100)
    assert plan(50) == 0.5
    assert plan(100) == 1


def test_no_warmup_from_zero() -> None:
    """PyTorch's LinearLR forbids start_factor=0."""
    assert values(ss.warmup(4 * updates) >> ss.constant(1), 5) == [0, 0.25, 0.5, 0.75, 1]


def test_a_polynomial_that_ends_at_zero_only_or_grows() -> None:
    """PyTorch's PolynomialLR has no end value; pytorch-optimizer's PolyScheduler grows."""
    plan = ss.polynomial(1, power=0.5, floor=0.1).plan(updates=100)
    assert plan(100) == 0.1
    assert plan.values.max() == 1


def test_a_factor_of_zero_divides_by_zero_later() -> None:
    """PyTorch's ConstantLR(factor=0) passes its check and fails after total_iters."""
    with pytest.raises(ScheduleError, match="value=0 is not allowed"):
        ss.constant(0)


def test_the_last_update_is_one_step_short() -> None:
    """All but a few libraries; a 1-sqrt tail of 5 epochs ends at 10.6 % of the peak."""
    tail = ss.wsd(1, decay=5 * updates, shape="1-sqrt")
    assert values(tail)[-1] == pytest.approx(0.106, abs=5e-4)
    assert values(tail.with_fields(closed=True))[-1] == 0


def test_noam_at_its_first_update() -> None:
    """Paddle's NoamDecay gives the first update the rate 0, others divide by zero."""
    assert values(ss.noam(1, d_model=64, warmup=10 * updates))[0] == pytest.approx(64**-0.5 * 10**-1.5)


@pytest.mark.parametrize("last", [ss.cosine(1, floor=0.1), ss.one_cycle(1, floor=0.1, shape="linear")])
def test_the_rate_rises_or_turns_negative_after_the_end(last: Any) -> None:
    """PyTorch's CosineAnnealingLR and transformers' cosine rise again; OneCycleLR bounces, linear below 0."""
    plan = (ss.warmup(10 * updates) >> last).plan(updates=100)
    assert set(plan(np.arange(100, 1000))) == {0.1}
    with pytest.raises(ScheduleError, match=r"update 100 .* is past the end of the run of 100 updates"):
        last.plan(updates=100, after="error")(100)


def test_a_jump_after_the_warmup() -> None:
    """timm ramps to the base rate and falls to cos(W) when warmup_prefix is False."""
    steps = np.abs(np.diff(values(ss.warmup(20 * updates) >> ss.cosine(1))))
    assert steps.max() == pytest.approx(1 / 20)


def test_stepping_and_jumping_differ() -> None:
    """PyTorch's chained and closed forms; wrong rates when SequentialLR is built with last_epoch."""
    plan = (ss.warmup(10 * updates) >> ss.cosine_restarts(1, first=7 * updates)).plan(updates=100)
    assert [plan(t) for t in reversed(range(100))][::-1] == plan.values.tolist()


def test_nesting_shifts_by_one() -> None:
    """PyTorch's SequentialLR around another composite."""
    a, b, c = ss.constant(1, length=5 * updates), ss.linear(1, length=5 * updates), ss.cosine(1)
    assert values(1 * ((a >> b).clip(peak=1) >> c)) == values(a >> b >> c)


@pytest.mark.parametrize("growth", [1, 1.2, 3, 10])
def test_restarts_are_missed(growth: float) -> None:
    """PyTorch and timm find a cycle by floor(log), Keras in float32: they miss restarts."""
    plan = ss.cosine_restarts(1, first=5 * updates, growth=growth, floor=0.1).plan(updates=600_000)
    begin, length = 0.0, 5.0
    for _ in range(7):  # timm's and PyTorch's miss the 5th of growth 3, the 3rd and 6th of growth 10
        if begin == round(begin, 6) and begin.is_integer():
            assert plan(int(begin)) == pytest.approx(1, abs=1e-12)
        begin, length = round(begin + length, 9), length * growth


def test_a_cycle_begins_at_its_minimum() -> None:
    """pytorch-scheduler's restarts give the first step of every cycle min_lr; pytorch-optimizer the first."""
    assert values(ss.cosine_restarts(1, first=10 * updates))[::10] == [1] * 10


def test_phases_of_one_cycle_collide() -> None:
    """PyTorch divides by zero at pct * T = 1; optax truncates 0.29 * 100 to 28, drops a phase."""
    assert values(ss.one_cycle(1, warmup=1 * updates), 10)[1] == 1
    assert values(ss.one_cycle(1, warmup=0.29 * run))[29] == 1
    assert values(ss.one_cycle(1, warmup=0 * run))[0] == 1
    all_at_once = ss.one_cycle(1, warmup=0 * run, down=0 * run, start=0.5, shape="linear")
    assert values(all_at_once)[0] == 0.5


def test_rex_never_uses_its_peak() -> None:
    """pytorch-optimizer's REX begins with min_lr and then f(1)."""
    assert values(ss.rex(1))[:2] == [1, pytest.approx(0.99 / 0.995)]


@pytest.mark.parametrize("shape", ["linear", "cosine", "1-sqrt", "square", "mirror-cosine", "exponential"])
def test_a_floor_for_one_tail_only(shape: str) -> None:
    """pytorch-optimizer's WSD applies min_lr_ratio to the cosine only and jumps up at the end."""
    plan = ss.wsd(1, floor=0.1, shape=shape).plan(updates=100)
    assert (np.diff(plan(np.arange(101))) <= 0).all()
    assert plan(100) == 0.1


def test_a_jump_at_the_end_of_tanh() -> None:
    """timm and pytorch-scheduler jump to the minimum at the end of the cycle."""
    plan = ss.tanh(1, lower=-3, upper=1).plan(updates=100)
    assert plan(100) == pytest.approx((1 - math.tanh(1)) / 2)
    assert plan(99) - plan(100) < plan(98) - plan(99)


def test_chebyshev_in_natural_order_or_late() -> None:
    """pytorch-scheduler takes the nodes in order, a cosine; pytorch-optimizer repeats the first ones."""
    steps = values(ss.chebyshev(1, floor=0.1, steps=16), 16)
    assert len(set(steps)) == 16
    assert steps != sorted(steps, reverse=True)


def test_neighbouring_updates_are_one_in_float32() -> None:
    """Keras counts in float32: from update 16,777,216 on, neighbours alias."""
    horizon = 10**8
    two = np.array([2.0**24, 2.0**24 + 1])
    first, second = ss.linear(1).evaluate(two, Clock(horizon, horizon, None))
    assert first - second == pytest.approx(1e-8)


def test_rates_in_the_precision_of_the_model() -> None:
    """optax casts the rate to bfloat16 with the parameters."""
    assert ss.cosine(np.float32(0.1)).plan(updates=9).values.dtype == np.float64


def test_integers_of_numpy_and_arrays_are_refused() -> None:
    """lrsched asks isinstance(step, int); optax' one-cycle and Keras' warm cosine take no arrays."""
    for schedule in (ss.warmup(3 * updates) >> ss.cosine(1), ss.one_cycle(1), ss.constant(1)):
        plan = schedule.plan(updates=9)
        assert plan(np.int32(4)) == plan(np.array(4)) == plan(4)
        assert plan(np.arange(9)).tolist() == plan.values.tolist()


def test_a_piece_is_asked_about_times_that_are_not_its_own() -> None:
    """optax' join_schedules evaluates every branch, also at negative steps."""
    asked: list[float] = []
    ss.register("own times", lambda t, horizon: asked.extend(t) or np.ones_like(t))
    pieces = ss.constant(1, length=5 * updates) >> ss.custom("own times", length=3 * updates)
    values(pieces >> ss.constant(2), 10)
    assert sorted(set(asked)) == [0, 1, 2]


def test_past_the_end_the_last_but_one_value_holds() -> None:
    """lrsched's sequential holds f(d - 1)."""
    plan = (ss.constant(1, length=5 * updates) >> ss.linear(1, floor=0.1, length=5 * updates)).plan(
        updates=20
    )
    assert set(plan(np.arange(10, 50))) == {0.1}


def test_fractions_must_add_up_to_one_exactly() -> None:
    """fastai's combine_scheds asks sum(pcts) == 1.0, and 0.7 + 0.2 + 0.1 is not."""
    parts = [ss.constant(n, length=n / 10 * run) for n in (7, 2)]
    assert values(parts[0] >> parts[1] >> ss.constant(1)) == [7] * 70 + [2] * 20 + [1] * 10


def test_complex_and_unclamped_rates_past_the_end() -> None:
    """LRBench's POLY and torch-schedule-anything take powers of negative numbers past the end."""
    assert ss.polynomial(1, power=0.5, length=5 * updates).plan(updates=50)(40) == 0.0


def test_a_decay_is_checked_when_it_begins() -> None:
    """epfml looks at decay_type late, and its exp drops to 0 at once; timm returns None for a typo."""
    with pytest.raises(ScheduleError, match="unknown shape 'sqr'; did you mean"):
        ss.wsd(1, shape="sqr")
    with pytest.raises(ScheduleError, match="never reaches 0"):
        ss.wsd(1, shape="exponential")
    with pytest.raises(SpecError, match="did you mean 'cosine'"):
        ss.parse("cosin(0.1)")


def test_a_milestone_at_zero() -> None:
    """PyTorch's SequentialLR with milestone 0."""
    with pytest.raises(ScheduleError, match=r"at=0\*epochs is empty"):
        ss.multistep(1, at=[0 * epochs])
