"""The causes: each is found in rates that it made, over drawn plans, and none is claimed without reason."""

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

import stepsize as ss
from stepsize.audit import Audit
from stepsize.units import updates

RATES = st.floats(1e-4, 1)


def given(*draws):
    """Fewer examples than usual: each is a whole run."""
    return lambda test: settings(max_examples=40)(given_any(*draws)(test))


@st.composite
def plans(draw, longest=200):
    """A plan whose every value tells its update: nothing is flat, geometric or periodic."""
    peak, horizon = draw(RATES), draw(st.integers(60, longest))
    schedule = draw(
        st.sampled_from(
            [
                ss.cosine(peak, floor=peak / 100),
                ss.polynomial(peak, power=2),
                ss.inverse_time(peak, rate=0.05, every=1 * updates),
                ss.warmup(7 * updates, start=peak / 50) >> ss.polynomial(peak, power=1.5),
            ]
        )
    )
    return schedule.plan(updates=horizon, updates_per_epoch=draw(st.integers(5, 12)))


@st.composite
def held_plans(draw):
    """A plan whose every epoch has another rate."""
    plan = draw(plans())
    return plan.schedule.per_epoch().plan(updates=plan.horizon, updates_per_epoch=plan.updates_per_epoch)


def names(plan, applied, **options):
    """The names of the causes that an audit finds in float32 rates."""
    audit = Audit(plan, **options)
    for rate in np.asarray(applied, np.float32):
        audit.record(rate)
    return [cause.name for cause in audit.causes]


def rates(plan, t):
    """The plan's rates at the updates `t`, its end value beyond the run."""
    return plan(np.asarray(t))


@given(plans())
def test_no_cause_without_a_difference(plan):
    assert names(plan, plan.values) == []


@given(plans())
def test_a_step_that_is_never_called(plan):
    assert names(plan, rates(plan, [0] * 40)) == ["no step"]


@given(plans())
def test_a_step_once_an_epoch_with_lengths_in_updates(plan):
    t = np.arange(50)
    assert names(plan, rates(plan, t // plan.updates_per_epoch)) == ["epoch for update"]


@given(plans(), st.integers(2, 15))
def test_a_step_once_in_any_number_of_updates(plan, k):
    plan = plan.schedule.plan(updates=plan.horizon)
    audit = Audit(plan)
    for rate in rates(plan, np.arange(50) // k):
        audit.record(rate)
    assert [cause.name for cause in audit.causes] == ["epoch for update"]
    assert f"once every {k} updates" in audit.cause


@given(plans())
def test_a_step_at_every_update_with_lengths_in_epochs(plan):
    t = np.arange(40) * plan.updates_per_epoch
    assert names(plan, rates(plan, t)) == ["update for epoch"]


@given(plans(), st.floats(0, 1))
def test_a_scheduler_that_does_what_it_likes_after_its_end_is_known_by_what_it_did_before(plan, level):
    t = np.arange(40) * plan.updates_per_epoch
    applied = np.where(t <= plan.horizon, rates(plan, t), level)
    assert names(plan, applied) == ["update for epoch"]


@given(plans())
def test_a_double_step(plan):
    assert names(plan, rates(plan, np.arange(40) * 2)) == ["double step"]


@given(plans(), st.integers(3, 4))
def test_a_warmup_counted_once_per_process(plan, k):
    assert names(plan, rates(plan, np.arange(15) * k)) == ["several steps"]


@given(plans(), st.integers(3, 4))
def test_a_schedule_that_counts_micro_batches(plan, k):
    assert names(plan, rates(plan, np.arange(1, 15) * k - 1)) == ["micro-batches"]


@given(plans())
def test_a_rate_held_for_an_epoch(plan):
    t = np.arange(50)
    assert names(plan, rates(plan, t - t % plan.updates_per_epoch)) == ["held"]


@given(plans())
def test_a_schedule_that_begins_one_update_early(plan):
    assert names(plan, rates(plan, np.arange(1, 40))) == ["off by one"]


@given(plans(), st.integers(2, 30), st.sampled_from([(1, "skipped update"), (-1, "missed step")]))
def test_one_update_ahead_or_behind(plan, update, jump):
    shift, name = jump
    t = np.arange(45)
    assert names(plan, rates(plan, t + shift * (t >= update))) == [name]


@given(plans(), st.lists(st.integers(3, 30), min_size=2, max_size=3, unique=True))
def test_several_updates_ahead(plan, skipped):
    t = np.arange(60)
    ahead = sum((t >= update).astype(int) for update in skipped)
    assert names(plan, rates(plan, t + ahead)) == ["skipped update"]


@given(plans(), st.integers(5, 30), st.integers(3, 4))
def test_a_further_jump_must_explain_more_than_itself(plan, update, rows):
    t = np.arange(update + rows)
    ahead = (t >= update).astype(int) + (t >= update + 2)
    assert names(plan, rates(plan, t + ahead)) == ([] if rows == 3 else ["skipped update"])


@given(plans(), st.integers(10, 30))
def test_a_schedule_that_starts_again(plan, update):
    t = np.arange(45)
    assert names(plan, rates(plan, np.where(t < update, t, t - update))) == ["restart"]


@given(plans())
def test_everything_an_epoch_late(plan):
    t = np.arange(50)
    assert names(plan, rates(plan, np.maximum(t - plan.updates_per_epoch, 0))) == ["late"]


@given(held_plans())
def test_an_epoch_late_where_epochs_have_one_rate_each_looks_like_a_restart_as_well(plan):
    t = np.arange(50)
    late = rates(plan, np.maximum(t - plan.updates_per_epoch, 0))
    assert {"late", "restart"} <= set(names(plan, late))


@given(plans())
def test_everything_an_epoch_early(plan):
    assert names(plan, rates(plan, np.arange(40) + plan.updates_per_epoch)) == ["early"]


@given(plans(), st.integers(13, 20))
def test_a_schedule_that_begins_to_move_late(plan, lag):
    assert names(plan, rates(plan, np.maximum(np.arange(50) - lag, 0))) == ["late"]


@given(plans(), st.integers(0, 20), st.integers(2, 4))
def test_several_updates_in_a_row_that_mixed_precision_skipped(plan, update, skipped):
    t = np.arange(50)
    also = [] if update else ["early"]  # both move the schedule from the first update on
    assert names(plan, rates(plan, t + skipped * (t >= update))) == [*also, "skipped update"]


@given(plans(), st.integers(2, 8), st.booleans())
def test_a_schedule_that_was_sized_for_a_longer_run(plan, k, epochs):
    per_epoch = plan.updates_per_epoch * (k if epochs else 1)
    longer = plan.schedule.plan(updates=plan.horizon * k, updates_per_epoch=per_epoch)
    if (longer.values[: plan.horizon] != plan.values).any():  # inverse time knows no horizon
        assert names(plan, longer.values[: plan.horizon]) == ["longer"]


@given(plans(), RATES.filter(lambda factor: factor < 0.99))
def test_a_multiplier(plan, factor):
    assert names(plan, factor * plan.values) == ["multiplier"]


@given(plans(), st.floats(2, 3))
def test_an_optimizer_without_the_schedule(plan, rate):
    assert names(plan, [rate] * 40) == ["another rate"]


@given(plans(), st.integers(5, 30))
def test_a_step_that_is_no_longer_called(plan, update):
    t = np.arange(45)
    assert names(plan, rates(plan, np.minimum(t, update))) == ["stopped"]


@given(plans(), st.integers(1, 3), st.floats(0.1, 0.9))
def test_a_plateau_callback(plan, epoch, factor):
    t = np.arange(60)
    applied = plan.values[:60] * np.where(t < epoch * plan.updates_per_epoch, 1, factor)
    assert names(plan, applied) == ["plateau callback"]


@given(plans(), st.integers(1, 40), st.floats(0.1, 0.9))
def test_a_factor_from_any_other_update_on(plan, update, factor):
    plan = plan.schedule.plan(updates=plan.horizon)  # where epochs end is not known
    applied = plan.values[:60] * np.where(np.arange(60) < update, 1, factor)
    assert names(plan, applied) == ["another factor"]


@given(plans(), st.floats(2, 3), st.integers(50, 300))
def test_another_schedule_that_sets_the_rate(plan, peak, length):
    t = np.arange(50)
    assert names(plan, peak * (1 - t / length)) == ["another schedule"]
    assert names(plan, peak * (1 + np.cos(np.pi * t / length)) / 2) == ["another schedule"]
    assert names(plan, peak * 0.97**t) == ["another schedule"]
    assert names(plan, peak * np.minimum(t / 10, (length - t) / (length - 10))) == ["another schedule"]


@given(plans(), st.integers(60, 300))
def test_a_second_schedule_that_multiplies_the_rate(plan, length):
    t = np.arange(60)
    assert names(plan, plan.values[:60] * (1 - t / length)) == ["second schedule"]
    assert names(plan, plan.values[:60] * (1 + np.cos(np.pi * t / length)) / 2) == ["second schedule"]
    assert names(plan, plan.values[:60] * 0.97**t) == ["second schedule"]


@given(plans(), st.sets(st.integers(3, 50), min_size=1, max_size=9), st.floats(2, 3))
def test_writes_between_updates(plan, places, rate):
    applied = plan.values[:60].copy()
    applied[sorted(places)] = rate + np.arange(len(places)) ** 2
    assert names(plan, applied) == ["other writes"]


@given(plans(), st.integers(0, 2**32))
def test_no_cause_is_claimed_for_random_rates(plan, seed):
    noise = np.random.default_rng(seed).uniform(0.5, 2, 60)
    audit = Audit(plan)
    for rate in plan.values[:60] * noise:
        audit.record(rate)
    assert audit.causes == []
    assert audit.cause.startswith("unknown")


@given(plans(), st.integers(6, 30))
def test_after_one_row_only_what_needs_no_fit_is_claimed(plan, update):
    applied = plan.values[: update + 1].copy()
    applied[-1] = plan(update - 1)
    assert names(plan, applied) == ["missed step"]
    applied[-1] *= 0.7
    assert names(plan, applied) == []


def test_causes_that_cannot_be_told_apart_are_all_named():
    plan = ss.linear(1).plan(epochs=5, updates_per_epoch=4)
    late = ["late", "late"]  # by one update, or by an epoch
    assert names(plan, [1, 1]) == ["no step", "epoch for update", "held", *late, "missed step"]
    assert names(plan, [1, 1, 0.95]) == ["late", "missed step"]


def test_the_causes_are_found_again_for_a_run_that_goes_on():
    plan = ss.cosine(0.1).plan(updates=100, updates_per_epoch=10)
    t = np.arange(50, 80)
    assert names(plan, rates(plan, t - 50), start=50) == ["restart"]
    assert names(plan, 0.5 * rates(plan, t), start=50) == ["multiplier"]


@pytest.mark.parametrize("after", ["hold", "repeat", "error"])
def test_every_rule_for_the_end_of_the_plan(after):
    plan = ss.linear(1).plan(updates=20, after=after)
    t = np.arange(20)
    expected = plan((2 * t) % 20) if after == "repeat" else np.maximum(1 - 2 * t / 20, 0)
    assert names(plan, expected) == ["double step"]


def test_rates_that_are_no_finite_numbers_have_no_cause():
    plan = ss.linear(1).plan(updates=20)
    assert names(plan, [1, np.nan, np.nan]) == []
    assert names(plan, [1, np.inf, np.inf]) == []
