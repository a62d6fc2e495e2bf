"""ScheduleCallback in Keras' `fit` on JAX: planning, metrics, a second owner of the rate, and refusals."""

import itertools
import json

import keras
import numpy as np
import pytest

import stepsize as ss
from stepsize.adapters import PlainSchedule, resume
from stepsize.adapters.keras import KerasSchedule, ScheduleCallback
from stepsize.audit import Audit
from stepsize.audit.keras import AuditCallback
from stepsize.errors import ScheduleError, StateError

X = np.random.default_rng(3).normal(size=(24, 4)).astype(np.float32)
Y = X[:, :1] * 2
PLAN = ss.cosine(0.1, floor=0.001).plan(updates=24)
PLATEAU = ss.plateau(factor=0.5, patience=0, metric="val_loss", threshold=0.95)


class CountingModel(keras.Sequential):
    """Count how often the training step is traced."""

    traces = 0

    def train_step(self, *arguments):
        self.traces += 1
        return super().train_step(*arguments)


def built(rate=0.5, **options):
    keras.utils.set_random_seed(1)
    compiling = {name: options.pop(name) for name in ("steps_per_execution",) if name in options}
    model = CountingModel([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate, **options), loss="mse", metrics=["mae"], **compiling)
    return model


def fit(model, *callbacks, epochs=4, x=X, **options):
    targets = {"y": Y[: len(x)]} if isinstance(x, np.ndarray) else {}
    options = {"batch_size": 4, "shuffle": False, "verbose": 0, **targets, **options}
    return model.fit(x, epochs=epochs, callbacks=[*callbacks], **options)


def recorded(callback):
    return [rate for _, rate in callback.history]


def float32(values):
    return np.float32(values).astype(float).tolist()


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
        ScheduleError, match=r"made no update in 6 batches: .* trains by model\.mine; write Ker"
    ):
        fit(model, ScheduleCallback(PLAN))
    with pytest.raises(ScheduleError, match=r"made no update in 6 batches: .* trains by model\.mine"):
        fit(model, AuditCallback(Audit(PLAN)))


def test_a_plan_for_several_optimizers_is_refused_with_what_works():
    inner = [keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1)]
    several = keras.optimizers.OptimizerMap(inner[0], {".*bias": inner[1]})
    model = built()
    model.compile(keras.optimizers.MultiOptimizer(several), "mse")
    with pytest.raises(ScheduleError, match=r"a MultiOptimizer, and each of its 2 .* write KerasSchedule"):
        fit(model, ScheduleCallback(PLAN))


def test_accumulation_without_an_update_is_explained():
    with pytest.raises(ScheduleError, match=r"gradient_accumulation_steps=25 and 24 batches .* no update"):
        fit(built(gradient_accumulation_steps=25), ScheduleCallback(ss.cosine(0.1)))
    fit(built(gradient_accumulation_steps=9), callback := ScheduleCallback(PLAN), epochs=2)
    assert callback.history == [(0, float32([0.1])[0])]


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
