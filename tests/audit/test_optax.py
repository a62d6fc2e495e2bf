"""The audit of optax: rates read in the state of real optimizers, jitted, accumulated and skipped."""

import jax
import jax.numpy as jnp
import optax
import pytest

import stepsize as ss
from stepsize.adapters.optax import optax_schedule
from stepsize.audit import Audit
from stepsize.audit.optax import record
from stepsize.errors import AuditError, ScheduleError, StateError

UPDATES = 20
LINEAR = ss.linear(0.5).plan(updates=UPDATES)
ONES = jnp.ones(2)


def line(steps=UPDATES):
    return optax.linear_schedule(0.5, 0.0, steps)


def injected(rate, kind=optax.sgd):
    return optax.inject_hyperparams(kind)(rate)


def train(optimizer, audit, batches=UPDATES, schedule=None, gradient=lambda batch: ONES, change=None):
    """Train under an audit; `change` makes another state after a batch, as a custom loop would."""
    state, update = optimizer.init(ONES), jax.jit(optimizer.update)
    for batch in range(batches):
        _, state = update(gradient(batch), state, ONES)
        record(audit, state, schedule)
        state = state if change is None else change(batch, state)
    return audit


def found(audit):
    """What an audit names: the update, both values, and the causes."""
    update, plan, applied = audit.first_difference
    return update, plan, pytest.approx(applied), [cause.name for cause in audit.causes]


@pytest.mark.parametrize("kind", [optax.sgd, optax.adam, optax.adamw])
def test_injected_schedules_are_read_back(kind):
    assert train(injected(line(), kind), Audit(LINEAR, strict=True)).update == UPDATES


@pytest.mark.parametrize("kind", [optax.sgd, optax.adam])
def test_a_schedule_is_asked_for_the_count_in_the_state(kind):
    audit = Audit(LINEAR, strict=True)
    assert train(kind(line()), audit, schedule=line()).update == UPDATES


def test_the_adapter_applies_the_plan():
    audit = Audit(LINEAR, strict=True)
    assert train(injected(optax_schedule(LINEAR)), audit).update == UPDATES


def test_a_schedule_inside_a_chain():
    chain = optax.chain(optax.clip(1.0), injected(line()))
    assert train(chain, Audit(LINEAR, strict=True)).update == UPDATES
    masked = optax.masked(injected(line()), True)
    assert train(masked, Audit(LINEAR, strict=True)).update == UPDATES


@pytest.mark.parametrize(("optimizer", "schedule"), [(injected(line()), None), (optax.sgd(line()), line())])
def test_accumulated_gradients_are_no_updates(optimizer, schedule):
    several = optax.MultiSteps(optimizer, every_k_schedule=3).gradient_transformation()
    audit = train(several, Audit(LINEAR, strict=True), batches=3 * UPDATES, schedule=schedule)
    assert audit.update == UPDATES


def test_updates_that_are_not_finite_do_not_count():
    optimizer = optax.apply_if_finite(injected(line()), max_consecutive_errors=3)
    audit = Audit(LINEAR, strict=True)
    train(optimizer, audit, gradient=lambda batch: ONES * (float("nan") if batch == 9 else 1.0))
    assert audit.update == UPDATES - 1


def test_a_schedule_in_epochs_counted_in_updates():
    plan = ss.linear(0.5).plan(epochs=4, updates_per_epoch=5)
    audit = train(injected(line(4)), Audit(plan))
    assert found(audit) == (1, plan(1), plan(5), ["update for epoch"])


def test_a_rate_that_is_set_by_hand():
    def halve(batch, state):
        if batch == 9:
            state.hyperparams["learning_rate"] = state.hyperparams["learning_rate"] / 2
        return state

    audit = train(injected(0.5), Audit(ss.constant(0.5).plan(updates=UPDATES)), change=halve)
    assert audit.first_difference == (10, 0.5, 0.25)
    assert "0.25 from update 10 on" in audit.cause or "0.5 from update 10 on" in audit.cause


def test_gradient_accumulation_outside_the_schedule():
    """The schedule wraps the accumulation, and so counts micro-batches."""
    outer = optax.inject_hyperparams(lambda learning_rate: optax.sgd(learning_rate))(line(4 * UPDATES))
    plan, state = ss.linear(0.5).plan(updates=4 * UPDATES), outer.init(ONES)
    audit = Audit(plan)
    for batch in range(4 * UPDATES):
        _, state = outer.update(ONES, state)
        if batch % 4 == 3:
            audit.record(state.hyperparams["learning_rate"])
    assert found(audit) == (0, 0.5, plan(3), ["micro-batches"])


def injected_around(wrap):
    return injected(line(), lambda learning_rate: wrap(optax.sgd(learning_rate)))


def test_an_accumulation_inside_an_injected_rate_is_seen_to_count_micro_batches():
    """The injected schedule counts every call, so that the third batch, the first update, has its rate."""
    optimizer = injected_around(lambda inner: optax.MultiSteps(inner, 3).gradient_transformation())
    audit = train(optimizer, Audit(LINEAR), batches=UPDATES)
    assert audit.update == UPDATES // 3
    assert found(audit) == (0, 0.5, LINEAR(2), ["micro-batches"])


def test_updates_that_are_skipped_inside_an_injected_rate_are_seen_to_count():
    optimizer = injected_around(lambda inner: optax.apply_if_finite(inner, max_consecutive_errors=3))
    gradient = lambda batch: ONES * (float("nan") if batch == 9 else 1.0)  # noqa: E731
    audit = train(optimizer, Audit(LINEAR), gradient=gradient)
    assert audit.update == UPDATES - 1
    assert found(audit) == (9, LINEAR(9), LINEAR(10), ["skipped update"])


def test_strict_raises_at_the_update():
    audit = Audit(LINEAR, strict=True)
    with pytest.raises(AuditError, match=r"Update 1 used the rate 0.45 instead of 0.475"):
        train(injected(line(10)), audit)
    assert audit.update == 2


def test_a_run_that_goes_on_says_where():
    optimizer = injected(line())
    state = optimizer.init(ONES)
    for _ in range(8):
        _, state = optimizer.update(ONES, state)
    with pytest.raises(StateError, match=r"completed 8 updates and the audit 0; record after every update"):
        record(Audit(LINEAR), state)
    audit = Audit(LINEAR, strict=True, start=8)
    record(audit, state)  # nothing new
    assert audit.update == 8
    _, state = optimizer.update(ONES, state)
    record(audit, state)
    assert audit.update == 9


@pytest.mark.parametrize(("optimizer", "schedule"), [(optax.sgd(0.1), line()), (optax.sgd(line()), None)])
def test_a_state_without_a_rate_is_refused(optimizer, schedule):
    with pytest.raises(
        ScheduleError, match=r"holds no learning rate; build it with optax.inject_hyperparams"
    ):
        train(optimizer, Audit(LINEAR), schedule=schedule)


def test_it_refuses_what_is_no_audit():
    with pytest.raises(ScheduleError, match=r"is not an audit; write Audit\(plan\)"):
        record(LINEAR, optax.sgd(line()).init(ONES))


def two_groups(first, second):
    return optax.multi_transform({"w": first, "b": second}, {"w": "w", "b": "b"})


PARAMS = {"w": ONES, "b": ONES}


@pytest.mark.parametrize("compiled", [False, True])
def test_several_rates_are_not_mixed_up(compiled):
    """Compiled, the groups come back in another order."""
    optimizer = two_groups(injected(line()), injected(0.5))
    state, update = optimizer.init(PARAMS), jax.jit(optimizer.update) if compiled else optimizer.update
    audits = {
        "w": Audit(LINEAR, strict=True),
        "b": Audit(ss.constant(0.5).plan(updates=UPDATES), strict=True),
    }
    for _ in range(UPDATES):
        _, state = update(PARAMS, state, PARAMS)
        with pytest.raises(ScheduleError, match=r"holds 2 .*record\(audit, opt_state\.inner_states\['w'\]"):
            record(Audit(LINEAR), state)
        for name, audit in audits.items():
            record(audit, state.inner_states[name])
    assert [audit.update for audit in audits.values()] == [UPDATES, UPDATES]


def test_schedules_that_count_together_are_one_clock_and_others_are_not():
    decayed = optax.chain(optax.sgd(line()), optax.scale_by_schedule(optax.constant_schedule(1.0)))
    assert train(decayed, Audit(LINEAR, strict=True), schedule=line()).update == UPDATES
    every_third = optax.MultiSteps(optax.sgd(line()), every_k_schedule=3).gradient_transformation()
    optimizer = two_groups(optax.sgd(line()), every_third)
    state = optimizer.init(PARAMS)
    for _ in range(2):
        _, state = optimizer.update(PARAMS, state, PARAMS)
    with pytest.raises(ScheduleError, match=r"counts \[0, 2\] updates; record one of them"):
        record(Audit(LINEAR), state, line())
