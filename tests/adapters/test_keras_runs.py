"""Runs under ScheduleCallback: continued, resumed, begun again, over, and made by another optimizer."""

import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import stepsize as ss
from stepsize.adapters import resume
from stepsize.adapters.keras import KerasSchedule, ScheduleCallback
from stepsize.audit import Audit
from stepsize.audit.keras import AuditCallback
from stepsize.errors import ScheduleError, StateError
from tests.support.keras_fit import PLAN, PLATEAU, X, Y, built, fit, float32, recorded


def stopped(epochs=2):
    """Give a model and the state of its schedule after some epochs."""
    model, callback = built(), ScheduleCallback(PLAN)
    fit(model, callback, epochs=epochs)
    return model, json.loads(json.dumps(callback.state_dict()))


def test_the_same_callback_goes_on_in_a_second_fit():
    model, callback = built(), ScheduleCallback(PLAN)
    fit(model, callback, epochs=2)
    fit(model, callback, initial_epoch=2)
    assert callback.history == [*enumerate(float32(PLAN.values))]


def test_weights_alone_go_on_where_the_state_says():
    _, state = stopped()
    callback = ScheduleCallback(PLAN)
    callback.load_state_dict(state)
    model = built()  # a new optimizer, which counts from 0
    fit(model, callback, epochs=1)
    fit(model, callback, epochs=1)
    assert callback.history == [*enumerate(float32(PLAN.values))][12:]


def test_a_schedule_goes_on_in_a_run_of_the_same_length_only():
    schedule = ss.cosine(0.1)
    model, callback = built(), ScheduleCallback(schedule)
    fit(model, callback, epochs=2)
    with pytest.raises(StateError, match="updates: 12 -> 24"):
        fit(model, callback, initial_epoch=2)
    later = ScheduleCallback(schedule)
    later.load_state_dict(callback.state_dict())
    with pytest.raises(StateError, match="updates: 12 -> 24"):
        fit(model, later, initial_epoch=2)


@pytest.mark.parametrize("schedule", [ss.cosine(0.1), PLAN, ss.constant(0.1) * PLATEAU])
def test_a_new_model_begins_a_new_run(schedule):
    """Each fold of a cross-validation, also of another length, gets the rates of a callback of its own."""
    shared, options = ScheduleCallback(schedule), {"epochs": 2, "validation_data": (X, Y)}
    for rows in (24, 20) if isinstance(schedule, ss.Schedule) else (24, 24):
        before = len(shared.history)
        logs = fit(built(), shared, x=X[:rows], **options).history
        fit(built(), alone := ScheduleCallback(schedule), x=X[:rows], **options)
        assert shared.history[before:] == alone.history
        assert logs["learning_rate"][-1] == recorded(alone)[-1] > 0
        assert shared.state_dict() == alone.state_dict()


def test_a_model_that_is_compiled_again_begins_a_new_run():
    model, callback = built(), ScheduleCallback(PLAN)
    fit(model, callback, epochs=2)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    fit(model, callback)
    assert callback.history == [*enumerate(float32(PLAN.values[:12])), *enumerate(float32(PLAN.values))]


def test_a_loaded_state_waits_for_the_first_update():
    _, state = stopped()
    callback = ScheduleCallback(PLAN)
    callback.load_state_dict(state)
    with pytest.raises(RuntimeError, match="before the first batch"):
        fit(built(), callback, Failing())
    fit(built(), callback, epochs=2)
    assert callback.history == [*enumerate(float32(PLAN.values))][12:]


class Failing(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        raise RuntimeError("before the first batch")


@pytest.mark.parametrize("form", ["schedule", "plan"])
def test_a_second_fit_after_the_end_is_refused(form):
    plan = ss.cosine(0.1).plan(updates=6)
    callback, model = ScheduleCallback(plan if form == "plan" else plan.schedule), built()
    fit(model, callback, epochs=1)
    with pytest.raises(StateError, match=r"all 6 updates .* are complete.* end value 0; plan the whole run"):
        fit(model, callback, epochs=1)
    going_on = resume(callback.state_dict(), ss.linear(0.2).plan(updates=12), policy="restart")
    longer = ScheduleCallback(going_on.plan)
    longer.load_state_dict(going_on.state)
    fit(model, longer, epochs=1)
    assert recorded(longer) == float32(ss.linear(0.2).plan(updates=6).values)


@pytest.mark.parametrize("schedule", [ss.constant(0.1), ss.cosine(0.1).plan(updates=6, after="repeat")])
def test_a_second_fit_goes_on_where_the_end_is_none(schedule):
    callback, model = ScheduleCallback(schedule), built()
    fit(model, callback, epochs=1)
    fit(model, callback, epochs=1)
    plan = schedule if isinstance(schedule, ss.Plan) else schedule.plan(updates=6)
    assert recorded(callback) == float32(plan(np.arange(12)))


class OtherOptimizer(keras.Sequential):
    """Train by an optimizer of its own, as the models of adversarial networks do."""

    def compile(self, *arguments, **options):
        super().compile(*arguments, **options)
        self.mine = keras.optimizers.SGD(0.1)

    def train_step(self, state, data):
        return {"loss": keras.ops.zeros(())}, state


def test_a_model_that_trains_by_another_optimizer_is_an_error_at_the_end_of_the_first_epoch():
    model = OtherOptimizer([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    with pytest.raises(
        ScheduleError, match=r"made no update in 6 batches: .* trains with model\.mine; write Ker"
    ):
        fit(model, ScheduleCallback(PLAN))
    with pytest.raises(ScheduleError, match=r"made no update in 6 batches: .* trains with model\.mine"):
        fit(model, AuditCallback(Audit(PLAN)))


class Picky(keras.Sequential):
    """Make no update of a batch whose first target is negative."""

    def train_step(self, state, data):
        logs, updated = super().train_step(state, data)
        return logs, jax.tree.map(lambda old, new: jnp.where(data[1][0, 0] < 0, old, new), state, updated)


def test_a_train_step_with_fewer_updates_than_batches_is_reported():
    model = Picky([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    signs = np.float32([1, -1, 1, -1, 1, -1]).repeat(4)[:, None]
    callback = ScheduleCallback(ss.cosine(0.1))
    with pytest.warns(UserWarning, match="an epoch of 6 batches had 3 updates, and 6 were planned") as warned:
        model.fit(X, signs, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[callback])
    assert len([each for each in warned if each.category is UserWarning]) == 1
    assert callback.state_dict()["update"] == 6


several_optimizers = pytest.mark.skipif(
    not hasattr(keras.optimizers, "OptimizerMap"), reason="this Keras has one optimizer a model"
)


@several_optimizers
def test_a_plan_for_several_optimizers_is_refused_with_what_works():
    inner = [keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1)]
    several = keras.optimizers.OptimizerMap(inner[0], {".*bias": inner[1]})
    model = built()
    model.compile(keras.optimizers.MultiOptimizer(several), "mse")
    with pytest.raises(ScheduleError, match=r"a MultiOptimizer, and each of its 2 .* write KerasSchedule"):
        fit(model, ScheduleCallback(PLAN))
    with pytest.raises(ScheduleError, match=r"write AuditCallback\(audit, optimizer="):
        fit(model, AuditCallback(Audit(PLAN)))
    bias = Audit(ss.constant(0.1).plan(updates=24), strict=True)
    fit(model, AuditCallback(bias, optimizer=inner[1]))
    assert bias.update == 24


@several_optimizers
def test_a_compiled_plan_drives_one_of_several_optimizers():
    weights, biases = keras.optimizers.SGD(KerasSchedule(PLAN)), keras.optimizers.Adam(0.1)
    several = keras.optimizers.OptimizerMap(weights, {".*bias": biases})
    model, audit = built(), Audit(PLAN, strict=True)
    model.compile(keras.optimizers.MultiOptimizer(several), "mse")
    fit(model, AuditCallback(audit, optimizer=weights))
    assert audit.update == 24


def test_an_audit_of_another_run_is_refused():
    model, callback = built(0.1), AuditCallback(Audit(ss.constant(0.1).plan(updates=24)))
    fit(model, callback, epochs=2)
    fit(model, callback, epochs=2)
    with pytest.raises(
        StateError, match=r"completed 0 updates and the audit 24; write an Audit for each run"
    ):
        fit(built(0.1), callback)
    with pytest.raises(StateError, match=r"completed 24 updates and the audit 0"):
        fit(model, AuditCallback(Audit(PLAN)))
    with pytest.raises(StateError, match=r"fit begins at epoch 2 .* and the audit at update 0"):
        fit(built(), AuditCallback(Audit(PLAN)), initial_epoch=2)


def test_accumulation_without_an_update_is_explained():
    with pytest.raises(ScheduleError, match=r"gradient_accumulation_steps=25 and 24 batches .* no update"):
        fit(built(gradient_accumulation_steps=25), ScheduleCallback(ss.cosine(0.1)))
    fit(built(gradient_accumulation_steps=9), callback := ScheduleCallback(PLAN), epochs=2)
    assert callback.history == [(0, float32([0.1])[0])]


def test_a_rate_in_half_precision_is_reported():
    keras.config.set_floatx("bfloat16")
    try:
        optimizer = keras.optimizers.SGD(0.5)
    finally:
        keras.config.set_floatx("float32")
    model = built()
    model.compile(optimizer, "mse")
    with pytest.warns(UserWarning, match="learning_rate in bfloat16, which rounds every planned rate"):
        fit(model, ScheduleCallback(PLAN), epochs=1)


def test_epochs_of_another_length_than_the_fit_s_are_reported():
    plan = ss.cosine(0.1).plan(epochs=4, updates_per_epoch=9)
    with pytest.warns(UserWarning, match=r"an epoch of the plan has 9 updates, and one of this fit 6"):
        fit(built(), ScheduleCallback(plan), epochs=1)


def test_a_forgotten_state_is_noticed():
    model, _ = stopped()
    with pytest.raises(StateError, match="completed 12 updates and the schedule 0"):
        fit(model, ScheduleCallback(PLAN))
    with pytest.raises(StateError, match=r"fit begins at epoch 2 .* the schedule at update 0"):
        fit(built(), ScheduleCallback(PLAN), initial_epoch=2)


def test_a_state_of_another_update_is_noticed():
    model, _ = stopped()
    _, early = stopped(epochs=1)
    callback = ScheduleCallback(PLAN)
    callback.load_state_dict(early)
    with pytest.raises(StateError, match="completed 12 updates and the schedule 6"):
        fit(model, callback)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepsize_state": 2}, "update stepsize"),
        ({"schedule": "cosine(0.2)"}, "the state is damaged"),
        ({"updates": 25, "rate": PLAN(12)}, "the state is damaged"),
        ({"update": -1}, "not a count of updates"),
        ({"schedule": "constant(0.1)", "rate": 0.1}, r"another plan: .*cosine"),
    ],
)
def test_a_damaged_newer_or_foreign_state_is_refused(change, message):
    _, state = stopped()
    with pytest.raises(StateError, match=message):
        ScheduleCallback(PLAN).load_state_dict({**state, **change})


def test_a_schedule_that_is_not_planned_yet_has_no_state_and_loads_no_damaged_one():
    _, state = stopped()
    callback = ScheduleCallback(ss.cosine(0.1))
    with pytest.raises(StateError, match="the state is damaged"):
        callback.load_state_dict({**state, "rate": 0.5})
    with pytest.raises(StateError, match="planned when fit begins"):
        callback.state_dict()
