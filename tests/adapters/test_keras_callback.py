"""ScheduleCallback in Keras' `fit` on JAX: planning, metrics, a second owner of the rate, and refusals."""

import itertools

import keras
import numpy as np
import pytest

import stepsize as ss
from stepsize.adapters import PlainSchedule
from stepsize.adapters.keras import KerasSchedule, ScheduleCallback
from stepsize.errors import ScheduleError
from tests.support.keras_fit import PLAN, PLATEAU, X, Y, built, fit, float32, recorded


def test_a_schedule_is_planned_from_the_run_and_the_epoch_is_said_once(capsys):
    schedule = ss.warmup(1 * ss.epochs) >> ss.cosine(0.1)
    callback, model = ScheduleCallback(schedule), built(gradient_accumulation_steps=2)
    fit(model, callback, verbose=2)
    assert recorded(callback) == float32(schedule.plan(epochs=4, updates_per_epoch=3).values)
    said = "1 epoch = 6 batches = 3 updates (gradient_accumulation_steps=2); 12 updates in all"
    assert capsys.readouterr().out.count(said) == 1


def test_training_is_traced_once_however_often_the_rate_changes():
    constant, scheduled = built(), built()
    fit(constant)
    fit(scheduled, ScheduleCallback(PLAN))
    assert (constant.traces, scheduled.traces) == (1, 1)


def test_the_rate_reaches_the_weights_as_a_plain_loop_would_have_it():
    model, callback = built(), ScheduleCallback(PLAN)
    weights = [each.astype(np.float64) for each in model.get_weights()]
    fit(model, callback)
    for update in range(24):
        x, y = (data[update % 6 * 4 :][:4].astype(np.float64) for data in (X, Y))
        error = 2 * (x @ weights[0] + weights[1] - y) / 4
        weights = [weights[0] - PLAN(update) * x.T @ error, weights[1] - PLAN(update) * error.sum(0)]
    np.testing.assert_allclose(model.get_weights()[0], weights[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["schedule", "plan"])
def test_a_metric_drives_the_rate_as_in_a_plain_loop(form):
    schedule = ss.linear(0.1, floor=0.05) * PLATEAU
    plan = schedule.plan(epochs=4, updates_per_epoch=6)
    callback = ScheduleCallback(schedule if form == "schedule" else plan)
    logs = fit(built(), callback, validation_data=(X, Y)).history
    plain, expected = PlainSchedule(plan), []
    for epoch in range(4):
        for _ in range(6):
            expected.append(plain.rate)
            plain.step()
        plain.observe(logs["val_loss"][epoch])
    assert recorded(callback) == float32(expected)
    assert plain.multiplier < 1
    assert logs["learning_rate"] == recorded(callback)[5::6]


def test_a_metric_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ScheduleError, match=r"unknown metric 'val_loss'; .*'loss'.*validation_data"):
        fit(built(), ScheduleCallback(ss.constant(0.1) * PLATEAU))


class Foreign(keras.callbacks.Callback):
    """Set the rate too, after batch 8."""

    def __init__(self, event):
        super().__init__()
        self.seen = 0
        setattr(self, event, self.interfere)

    def interfere(self, batch, logs=None):
        self.seen += 1
        if self.seen == 9:
            self.model.optimizer.learning_rate = 0.7


@pytest.mark.parametrize(("event", "used"), [("on_train_batch_begin", 0.7), ("on_train_batch_end", None)])
def test_a_second_owner_is_reported_once_and_ours_goes_on(event, used):
    callback = ScheduleCallback(PLAN)
    expected = float32(PLAN.values)
    with pytest.warns(UserWarning, match=r"update \d+: planned 0\.0\d+, found 0\.7") as warned:
        fit(built(), callback, Foreign(event))
    assert len([each for each in warned if each.category is UserWarning]) == 1
    if used:  # it was set between our setting and the update, so that update had it: the record says so
        expected[8] = float32([used])[0]
    assert recorded(callback) == expected


def test_keras_own_plateau_beside_a_schedule_is_reported():
    beside = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, factor=0.1, min_delta=9.0)
    callback = ScheduleCallback(PLAN)
    with pytest.warns(UserWarning, match=r"update 12: .*ReduceLROnPlateau") as warned:
        fit(built(), callback, beside)
    assert len([each for each in warned if each.category is UserWarning]) == 1
    assert recorded(callback) == float32(PLAN.values)


def test_strict_raises_for_a_second_owner():
    beside = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.7)
    with pytest.raises(ScheduleError, match=r"update 0: planned 0\.1, found 0\.7"):
        fit(built(), ScheduleCallback(PLAN, strict=True), beside)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0.1, r"schedule=0\.1 is neither a schedule nor a plan"),
        ("cosine(0.1)", "is neither a schedule nor a plan"),
    ],
)
def test_a_wrong_object_is_refused_at_construction(given, message):
    with pytest.raises(ScheduleError, match=message):
        ScheduleCallback(given)


@pytest.mark.parametrize(
    ("model", "callback", "message"),
    [
        (
            lambda: built(KerasSchedule(PLAN)),
            ScheduleCallback(PLAN),
            "a KerasSchedule, and one rate cannot follow two schedules",
        ),
        (
            lambda: built(KerasSchedule(PLAN), gradient_accumulation_steps=3),
            ScheduleCallback(PLAN),
            "accumulate=3",
        ),
        (
            lambda: built(keras.optimizers.schedules.CosineDecay(0.1, 9)),
            ScheduleCallback(PLAN),
            "is a CosineDecay",
        ),
        (lambda: built(steps_per_execution=2), ScheduleCallback(PLAN), r"KerasSchedule\(plan\)"),
        (built, ScheduleCallback(ss.cosine(ss.lr)), "free knob"),
        (
            lambda: built(gradient_accumulation_steps=4),
            ScheduleCallback(ss.warmup(1 * ss.epochs) >> ss.cosine(0.1)),
            "needs the updates of one epoch",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_update(model, callback, message):
    model = model()
    with pytest.raises(ScheduleError, match=message):
        fit(model, callback)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning")  # Keras, for `few`
def test_an_unknown_length_is_an_error_that_names_updates():
    endless = ((X[:4], Y[:4]) for _ in itertools.count())
    with pytest.raises(ScheduleError, match=r"plan\(updates=...\)"):
        fit(built(), ScheduleCallback(ss.cosine(0.1)), x=endless, batch_size=None)
    few = ((X[:4], Y[:4]) for _ in range(6))
    fit(built(), callback := ScheduleCallback(PLAN), x=few, epochs=1, batch_size=None)
    assert recorded(callback) == float32(PLAN.values[:6])


@pytest.mark.parametrize(("floor", "after", "end"), [(0.01, "hold", 0.01), (0, "repeat", 0.1)])
def test_more_updates_than_planned_follow_the_plan_s_after(floor, after, end):
    plan = ss.linear(0.1, floor=floor).plan(updates=23, after=after)
    fit(built(), callback := ScheduleCallback(plan))
    assert callback.history[-1] == (23, float32([end])[0])


def test_updates_at_rate_0_past_the_end_are_reported_once():
    with pytest.warns(
        UserWarning, match=r"update 20 is past the end of linear\(0\.1\), .* rate is 0"
    ) as warned:
        fit(built(), callback := ScheduleCallback(ss.linear(0.1).plan(updates=20)))
    assert len([each for each in warned if each.category is UserWarning]) == 1
    assert recorded(callback)[20:] == [0.0] * 4


@pytest.mark.parametrize("after", ["hold", "error"])
def test_left_over_micro_batches_are_not_past_the_end(after, recwarn):
    plan = ss.linear(0.1).plan(updates=4, after=after)  # 24 batches: 4 updates of 5, and 4 batches
    fit(built(gradient_accumulation_steps=5), callback := ScheduleCallback(plan))
    assert len(callback.history) == 4
    assert not [each for each in recwarn if "past the end" in str(each.message)]
    plan = ss.linear(0.1).plan(updates=3)
    with pytest.warns(UserWarning, match="update 3 is past the end") as warned:
        fit(built(gradient_accumulation_steps=5), ScheduleCallback(plan))
    assert len([each for each in warned if "past the end" in str(each.message)]) == 1


def test_more_updates_than_planned_raise_before_they_are_made_if_the_plan_says_so():
    model = built()
    with pytest.raises(ScheduleError, match="past the end of the run of 5 updates"):
        fit(model, ScheduleCallback(ss.linear(0.1).plan(updates=5, after="error")))
    assert int(model.optimizer.iterations) == 5


def test_updates_that_a_scaled_loss_skips_do_not_move_the_clock():
    model = built()
    model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer, initial_scale=1.0), loss="mse")
    broken = X.copy()
    broken[8:12] = np.inf
    callback = ScheduleCallback(PLAN)
    fit(model, callback, x=broken, epochs=1)
    assert callback.history == [*enumerate(float32(PLAN.values[:5]))]
    assert callback.state_dict()["update"] == 5


def test_a_loop_of_ones_own_calls_it_through_a_list():
    model, callback = built(), ScheduleCallback(PLAN)
    callbacks = keras.callbacks.CallbackList([callback], model=model)
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(3):
            callbacks.on_train_batch_begin(batch)
            model.train_on_batch(X[:4], Y[:4])
            callbacks.on_train_batch_end(batch)
        callbacks.on_epoch_end(epoch, {})
    assert callback.history == [*enumerate(float32(PLAN.values[:6]))]
    unplanned = keras.callbacks.CallbackList([ScheduleCallback(ss.cosine(0.1))], model=built())
    unplanned.on_train_begin()
    with pytest.raises(ScheduleError, match="the batches of an epoch are unknown"):
        unplanned.on_epoch_begin(0)


@pytest.mark.parametrize("scaled", [False, True])
def test_updates_beside_fit_are_counted_and_reported_once(scaled):
    class Beside(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.train_on_batch(X[:4], Y[:4])

    model, callback = built(), ScheduleCallback(PLAN)
    if scaled:
        model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer, initial_scale=1.0), loss="mse")
    with pytest.warns(UserWarning, match="completed 1 more than fit has made") as caught:
        fit(model, callback, Beside(), epochs=3)
    assert len([each for each in caught if "than fit has made" in str(each.message)]) == 1
    updates = [*range(6), *range(7, 13), *range(14, 20)]
    assert callback.history == [(update, float32(PLAN.values)[update]) for update in updates]
    with pytest.raises(ScheduleError, match="than fit has made"):
        fit(built(), ScheduleCallback(PLAN, strict=True), Beside(), epochs=3)


def test_a_callback_that_is_passed_twice_is_refused():
    callback = ScheduleCallback(PLAN)
    with pytest.raises(ScheduleError, match="is in fit's callbacks twice"):
        fit(built(), callback, callback)


class CountSetBack(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.iterations.assign(0)


def test_a_count_that_is_set_back_is_reported_and_the_plan_continues():
    callback = ScheduleCallback(PLAN)
    with pytest.warns(UserWarning, match="set the optimizer's count of updates back by 6"):
        fit(built(), callback, CountSetBack())
    assert recorded(callback) == float32(PLAN.values)
