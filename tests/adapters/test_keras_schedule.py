"""KerasSchedule on JAX: what it refuses, how it is saved, and one compilation for a run."""

import json
import pickle
import warnings

import jax
import keras
import numpy as np
import pytest

import stepsize as ss
from stepsize.adapters.keras import KerasSchedule
from stepsize.errors import ScheduleError, SpecError, StateError

PLAN = (ss.warmup(3 * ss.updates) >> ss.cosine(0.3)).plan(epochs=4, updates_per_epoch=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KerasSchedule(0.1), r"plan=0\.1 is not a plan"),
        (lambda: KerasSchedule(None), "plan=None is not a plan"),
        (lambda: KerasSchedule(ss.cosine(0.1)), r"plan=cosine\(0\.1\) is not a plan"),
        (lambda: KerasSchedule(ss.cosine(0.1).plan(epochs=5)), "needs updates_per_epoch="),
        (lambda: KerasSchedule((ss.constant(0.1) * ss.plateau()).plan(updates=9)), "ScheduleCallback"),
        (lambda: KerasSchedule(ss.linear(1).plan(updates=9, after="error")), 'after="hold"'),
        (lambda: KerasSchedule(PLAN, accumulate=0), "accumulate=0 is not allowed"),
        (lambda: KerasSchedule(PLAN, accumulate=2.0), r"accumulate=2\.0 is not allowed"),
        (lambda: KerasSchedule(PLAN, accumulate=True), "accumulate=True is not allowed"),
    ],
)
def test_what_cannot_work_is_refused_at_construction(make, message):
    with pytest.raises(ScheduleError, match=message):
        make()


def test_the_config_is_plain_data_that_builds_the_same_schedule():
    first = KerasSchedule(PLAN, accumulate=2)
    config = json.loads(json.dumps(first.get_config()))
    optimizer = keras.optimizers.SGD(first, gradient_accumulation_steps=2)
    optimizer.apply([np.ones(1, np.float32)], [keras.Variable(np.ones(1, np.float32))])
    for again in (KerasSchedule.from_config(config), pickle.loads(pickle.dumps(first))):
        assert (again.plan, again.accumulate) == (first.plan, first.accumulate)
        np.testing.assert_array_equal(again(np.arange(40)), first(np.arange(40)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"schedule": "cosin(0.1)"}, SpecError, "did you mean 'cosine'"),
        ({"updates": -1}, ScheduleError, "updates=-1"),
        ({"after": "error"}, ScheduleError, "cannot raise inside compiled training"),
    ],
)
def test_a_damaged_config_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        KerasSchedule.from_config({**KerasSchedule(PLAN).get_config(), **change})


def test_a_config_without_a_field_is_refused():
    config = KerasSchedule(PLAN).get_config()
    del config["updates"]
    with pytest.raises(StateError, match="lacks 'updates'"):
        KerasSchedule.from_config(config)


def test_a_loop_of_ones_own_gets_the_planned_rates_in_one_compilation():
    optimizer = keras.optimizers.SGD(KerasSchedule(PLAN))
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer.build([weight])
    traces = []

    @jax.jit
    def update(state, weights):
        traces.append(None)
        weights, state = optimizer.stateless_apply(state, [np.ones(1, np.float32)], weights)
        return state, weights

    state, used = [each.value for each in optimizer.variables], []
    for _ in range(PLAN.horizon + 2):
        state, weights = update(state, [np.zeros(1, np.float32)])
        used.append(-float(weights[0][0]))  # one step from 0 with a gradient of 1 is the rate itself
    np.testing.assert_array_equal(np.float32(used), np.float32([*PLAN.values, PLAN.end, PLAN.end]))
    assert len(traces) == 1


def test_a_scaled_loss_that_overflows_does_not_move_the_clock():
    inner = keras.optimizers.SGD(KerasSchedule(PLAN))
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1.0)
    optimizer.build([keras.Variable(np.zeros(1, np.float32))])
    state, used = [each.value for each in optimizer.variables], []
    scale = [each.name for each in optimizer.variables].index("dynamic_scale")
    for gradient in (1.0, 1.0, np.inf, np.nan, 1.0, 1.0):
        scaled = np.float32([gradient * float(state[scale])])
        weights, state = optimizer.stateless_apply(state, [scaled], [np.zeros(1, np.float32)])
        used.append(-float(weights[0][0]))
    rates = PLAN.values[:4].tolist()
    np.testing.assert_array_equal(np.float32(used), np.float32([*rates[:2], 0.0, 0.0, *rates[2:]]))


def test_updates_past_the_end_are_reported_once_where_nothing_is_compiled():
    plan = ss.linear(0.1).plan(updates=3)
    optimizer = keras.optimizers.SGD(KerasSchedule(plan, accumulate=2), gradient_accumulation_steps=2)
    weight, warned = keras.Variable(np.zeros(1, np.float32)), []
    for batch in range(12):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            optimizer.apply([np.ones(1, np.float32)], [weight])
        warned += [batch for each in caught if "past the end of linear(0.1)" in str(each.message)]
    assert len(warned) == 1
    assert warned[0] in (8, 9)
    list(map(KerasSchedule(plan), range(12)))  # who asks for numbers only looks


def past_end(run):
    """The updates that warnings of a run are about, each past the end of its plan."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    texts = [str(each.message).split() for each in caught if "is past the end of" in str(each.message)]
    return [int(words[1]) for words in texts]


def fitting(updates, epochs=1, **options):
    """A model whose plan has so many updates, and a function that fits it: 3 updates an epoch."""
    model, ones = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), np.ones((6, 2), np.float32)
    rate = KerasSchedule(ss.linear(0.1).plan(updates=updates), options.pop("accumulate", 1))
    model.compile(keras.optimizers.SGD(rate, **options), "mse")
    return model, lambda: model.fit(ones, ones[:, :1], batch_size=2, epochs=epochs, verbose=0)


def test_a_second_fit_past_the_end_is_reported_once_when_it_begins(tmp_path):
    model, fit = fitting(3)
    assert past_end(fit) == []
    assert past_end(lambda: model.save(tmp_path / "model.keras")) == []  # after the last update, not past it
    assert past_end(fit) == [3]
    assert past_end(fit) == []
    loaded = keras.models.load_model(tmp_path / "model.keras")
    ones = np.ones((6, 2), np.float32)
    assert past_end(lambda: loaded.fit(ones, ones[:, :1], batch_size=2, verbose=0)) == [3]


def test_a_fit_that_goes_past_the_end_is_reported_in_its_last_epoch_too():
    assert past_end(fitting(9, epochs=4)[1]) == [9]
    assert past_end(fitting(8, epochs=3)[1]) == [9]
    assert past_end(fitting(9, epochs=3)[1]) == []
    assert past_end(fitting(3, epochs=3, accumulate=2, gradient_accumulation_steps=2)[1]) == [3]
    assert past_end(fitting(4, epochs=3, accumulate=2, gradient_accumulation_steps=2)[1]) == []


def test_a_fit_of_another_optimizer_of_the_model_is_reported():
    model, fit = fitting(3)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.own = keras.optimizers.SGD(KerasSchedule(ss.linear(0.1).plan(updates=2)))
    model.own.build(model.trainable_variables)
    model.own.iterations.assign(2)
    assert past_end(fit) == [2]


def test_a_loop_of_ones_own_past_the_end_is_reported_when_the_model_is_saved(tmp_path):
    model, _ = fitting(3)
    ones = np.ones((2, 2), np.float32)
    assert past_end(lambda: [model.train_on_batch(ones, ones[:, :1]) for _ in range(6)]) == []
    assert past_end(lambda: model.save(tmp_path / "model.keras")) == [6]


@pytest.mark.parametrize(("accumulate", "steps", "advice"), [(1, 4, ", accumulate=4"), (2, None, "")])
def test_an_optimizer_that_accumulates_otherwise_is_refused(accumulate, steps, advice):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    rate = KerasSchedule(PLAN, accumulate=accumulate)
    model.compile(keras.optimizers.SGD(rate, gradient_accumulation_steps=steps), "mse")
    with pytest.raises(ScheduleError, match=rf"every (4 batches|batch); write KerasSchedule\(plan{advice}\)"):
        model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, verbose=0)


@pytest.mark.parametrize("after", ["hold", "repeat"])
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16])
def test_integers_of_few_bits_count_in_a_long_plan(kind, after):
    plan = ss.linear(1).plan(updates=70_000, after=after)
    assert float(KerasSchedule(plan, np.int64(1))(kind(120))) == np.float32(plan(120))


@pytest.mark.parametrize("after", ["hold", "repeat"])
def test_a_model_in_bfloat16_looks_up_with_integers(after):
    rate = KerasSchedule(ss.linear(1).plan(updates=4, after=after), accumulate=2)
    keras.config.set_floatx("bfloat16")
    try:
        found = [float(rate(keras.Variable(step, dtype="int", trainable=False))) for step in (0, 3, 9)]
    finally:
        keras.config.set_floatx("float32")
    assert found == [1.0, 0.75, {"hold": 0.0, "repeat": 1.0}[after]]


@pytest.mark.parametrize(("updates_per_epoch", "accumulate"), [(9, 1), (3, 1), (3, 2), (2, 2), (None, 1)])
def test_a_fit_with_other_epochs_than_the_plan_s_warns_once(updates_per_epoch, accumulate):
    plan = ss.linear(0.1).plan(updates=36, updates_per_epoch=updates_per_epoch)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    steps = accumulate if accumulate > 1 else None
    rate = KerasSchedule(plan, accumulate=accumulate)
    model.compile(keras.optimizers.SGD(rate, gradient_accumulation_steps=steps), "mse")
    float(model.optimizer.learning_rate)  # read before, which is not a fit
    ones = np.ones((12, 2), np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            model.fit(ones, ones[:, :1], batch_size=4 // accumulate, epochs=2, verbose=0)
    messages = [str(each.message) for each in caught if "an epoch of the plan" in str(each.message)]
    if updates_per_epoch in (3, None):
        assert messages == []
    else:
        expected = f"an epoch of the plan has {updates_per_epoch} updates, and one of this fit 3; write"
        assert [message.startswith(expected) for message in messages] == [True]
