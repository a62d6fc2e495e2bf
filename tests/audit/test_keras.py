"""The audit of Keras: real fits with schedule objects and callbacks, on the three backends."""

import keras
import pytest

import stepsize as ss
from stepsize.adapters.keras import KerasSchedule, ScheduleCallback
from stepsize.audit import Audit, Row
from stepsize.audit.keras import AuditCallback
from stepsize.dialects import from_keras
from stepsize.errors import AuditError, ScheduleError
from tests.support.keras_fits import Apply, cosine_of_keras, fit, planned, plateau

COSINE = planned(ss.cosine(0.1))


def found(audit):
    """What an audit names: the update, both values, and the causes."""
    update, plan, applied = audit.first_difference
    return update, plan, pytest.approx(applied, rel=1e-4), [cause.name for cause in audit.causes]


def assert_each_way(results):
    """Assert what each way of training must give: the updates, the first difference, the causes."""
    assert results["schedule object"] == (24, None, [])
    assert results["callback"] == (24, None, [])
    assert results["callback, accumulated"] == (12, None, [])
    updates, (update, plan, applied), causes = results["no schedule"]
    assert (updates, update, causes) == (24, 1, ["no step"])
    assert (plan, applied) == (COSINE(1), pytest.approx(0.1))
    # Keras asks a schedule object by batches: the plan of 12 updates is passed at half the pace it has there.
    updates, (update, plan, applied), causes = results["schedule object, accumulated"]
    assert (updates, update, causes) == (12, 0, [])
    assert (plan, applied) == (0.1, pytest.approx(COSINE(1), rel=1e-4))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_schedule_objects_and_callbacks_on_every_backend(backend, keras_processes):
    pytest.importorskip(backend)
    name, results = keras_processes.call(backend, "keras_fits", "found_each_way")
    assert name == backend
    assert_each_way({way: tuple(result) for way, result in results.items()})


def test_the_check_above_can_fail():
    with pytest.raises(AssertionError):
        assert_each_way({"schedule object": (24, Row(3, 0.1, 0.2), [])})


def test_a_schedule_object_read_by_our_own_dialect():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([5, 11], [0.1, 0.05, 0.01])
    audit = fit(Audit(planned(from_keras(schedule)), strict=True), schedule)
    assert audit.update == 24


def test_a_schedule_object_counts_the_batches_of_an_accumulation():
    audit = fit(Audit(COSINE, tolerance=1e-4), cosine_of_keras(), gradient_accumulation_steps=2)
    assert found(audit) == (0, 0.1, COSINE(1), ["micro-batches"])
    assert audit.update == 12


def test_a_plateau_callback_beside_a_schedule_that_keeps_what_it_finds():
    decay = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9 if epoch else rate)
    plan = planned(ss.exponential(0.1, factor=0.9, every=1 * ss.epochs).per_epoch())
    audit = fit(Audit(plan), 0.1, decay, plateau())
    assert found(audit) == (12, plan(12), plan(12) / 2, ["plateau callback"])
    assert "0.5 from update 12 on, 0.25 from update 18 on: a callback at the end of an epoch" in audit.cause


def test_a_plateau_callback_after_a_warmup():
    def warmup(epoch, rate):
        return [0.05, 0.1][epoch] if epoch < 2 else rate

    plan = planned(ss.piecewise_constant([0.05, 0.1], at=[6 * ss.updates]))
    audit = fit(Audit(plan), 0.1, keras.callbacks.LearningRateScheduler(warmup), plateau())
    assert found(audit) == (12, 0.1, 0.05, ["plateau callback"])


def test_a_plateau_callback_beside_a_schedule_that_sets_every_update_has_no_effect_and_is_noted():
    audit = fit(Audit(COSINE, strict=True), 0.1, Apply(COSINE), plateau())
    assert audit.first_difference is None
    assert audit.notes[0] == (
        "After update 11 something, such as ReduceLROnPlateau, set the rate from 0.0565263 to 0.0282632, but "
        "that was lost: update 12 used 0.05."
    )
    assert audit.notes[0] in audit.summary()
    assert fit(Audit(COSINE), 0.1, Apply(COSINE)).notes == []


def test_a_plateau_callback_beside_the_adapter_is_noted_too():
    with pytest.warns(UserWarning, match="another callback sets the rate too"):
        audit = fit(Audit(COSINE, strict=True), 0.1, ScheduleCallback(COSINE), plateau())
    assert len(audit.notes) == 2


def test_the_adapters_apply_the_plan():
    assert fit(Audit(COSINE, strict=True), KerasSchedule(COSINE)).update == 24
    assert fit(Audit(COSINE, strict=True), 0.1, ScheduleCallback(COSINE)).update == 24


def test_a_plateau_callback_beside_a_schedule_object_is_refused_by_keras():
    audit = Audit(COSINE, tolerance=1e-4)
    with pytest.raises(TypeError, match="its learning rate is not settable"):
        fit(audit, cosine_of_keras(), plateau())
    assert audit.update == 12


def test_a_schedule_in_epochs_applied_at_every_update():
    epochs = ss.cosine(0.1).plan(updates=4)
    audit = fit(Audit(COSINE), 0.1, Apply(epochs))
    assert found(audit) == (1, COSINE(1), COSINE(6), ["update for epoch"])


def test_a_schedule_in_updates_applied_once_an_epoch():
    audit = fit(Audit(COSINE), 0.1, Apply(COSINE, batches=6))
    assert found(audit) == (1, COSINE(1), 0.1, ["epoch for update"])


def test_several_updates_in_one_execution():
    schedule = fit(Audit(COSINE, tolerance=1e-4), cosine_of_keras(), steps_per_execution=4)
    assert (schedule.update, schedule.first_difference) == (24, None)
    callback = fit(Audit(COSINE), 0.1, Apply(COSINE), steps_per_execution=3)
    assert callback.update == 24
    assert callback.first_difference.update == 1
    assert callback.applied[:6] == pytest.approx([0.1] * 3 + [COSINE(1)] * 3)


def test_updates_that_a_loss_scale_skips_do_not_count():
    plan = planned(ss.constant(0.1))
    audit = fit(Audit(plan, strict=True), 0.1, loss_scale=True, target=float("inf"))
    assert audit.update == 0
    assert fit(Audit(plan, strict=True), 0.1, loss_scale=True).update == 24


def test_a_plans_metric_is_observed_at_the_end_of_each_epoch():
    plan = planned(ss.constant(0.1) * ss.plateau(factor=0.5, patience=0, threshold=0.99, metric="loss"))
    audit = fit(Audit(plan, strict=True), 0.1, plateau())
    assert list(audit.planned[::6]) == [0.1, 0.1, 0.05, 0.025]
    missing = planned(ss.constant(0.1) * ss.plateau(factor=0.5, metric="val_loss"))
    with pytest.raises(ScheduleError, match=r"follows val_loss, and the logs of an epoch have only loss"):
        fit(Audit(missing), 0.1)


def test_strict_stops_the_fit_at_the_update():
    audit = Audit(COSINE, strict=True)
    with pytest.raises(AuditError, match=r"Update 1 used the rate 0.1 instead of 0.0995722"):
        fit(audit, 0.1)
    assert audit.update == 2


def test_a_second_fit_goes_on():
    audit = Audit(COSINE)
    fit(audit, 1.0, Apply(COSINE), epochs=2)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    applied = Apply(COSINE)
    applied.seen = 12
    ones = keras.ops.ones((12, 1))
    model.fit(ones, ones, batch_size=1, verbose=0, callbacks=[applied, AuditCallback(audit)])
    assert (audit.update, audit.first_difference) == (24, None)


def test_what_it_refuses():
    with pytest.raises(ScheduleError, match=r"is not an audit; write Audit\(plan\)"):
        AuditCallback(COSINE)
