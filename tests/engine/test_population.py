"""A member of a population is the run that Keras' own `fit` makes."""

import dataclasses

import jax
import keras
import numpy as np
import pytest

from stepsize.engine.batch_order import batch_order
from stepsize.engine.planner import Layout, Machine, Sizes, plan_layout
from stepsize.engine.population import Population
from stepsize.engine.task import Block, Task
from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.models.model_transport import travel_form
from stepsize.problems.target_encoding import encode
from stepsize.schedules import parse
from stepsize.schedules.families.metric_driven import plateau
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule

EPOCHS, BATCH, ROWS, VALID, FEATURES = 4, 16, 70, 30, 5
PER_EPOCH = -(-ROWS // BATCH)


def make_data(classes):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(ROWS + VALID, FEATURES)).astype(np.float32)
    y = (x @ rng.normal(size=(FEATURES, classes))).argmax(axis=1)
    return x, y.astype(np.int32)


def make_task(model="mlp(8)", classes=2, **settings):
    x, y = make_data(classes)
    kind, outputs = ("binary", 1) if classes == 2 else ("multiclass", classes)
    form = {"text": model, "outputs": outputs}
    return Task(form, settings, x, y, kind, classes, outputs, ROWS, BATCH, EPOCHS)


def make_block(seed, specs, epochs=EPOCHS):
    plans = [parse(spec).plan(epochs=epochs, updates_per_epoch=PER_EPOCH) for spec in specs]
    factors = [plan.schedule.metric_factor for plan in plans]
    rules = [factor.rule() if factor else NEUTRAL for factor in factors]
    return Block(
        np.uint32(seed),
        batch_order(np.arange(ROWS), seed, epochs),
        np.arange(ROWS, ROWS + VALID, dtype=np.int32),
        {},
        None,
        np.stack([plan.values.astype(np.float32) for plan in plans]),
        PlateauRule(*np.array(rules, np.float32).T),
        np.zeros(len(specs), np.int32),
    )


def make_population(task, members, blocks=2, segment=EPOCHS, devices=2):
    population = Population(task)
    population.compile(Layout(devices, blocks, members, segment, "as the test says"))
    return population


class Table(keras.optimizers.schedules.LearningRateSchedule):
    """Rates by update, for Keras."""

    def __init__(self, rates):
        self.rates = keras.ops.convert_to_tensor(rates, "float32")

    def __call__(self, step):
        return keras.ops.take(self.rates, keras.ops.cast(step, "int32"))


def fit(population, seed, spec):
    """Train one run by `fit` from the population's start: same weights, batches, dropout masks and rates."""
    task = population.task
    rates = parse(spec).plan(epochs=EPOCHS, updates_per_epoch=PER_EPOCH).values
    built = build(task.model, task.settings, DataShape(task.x, task.kind, task.classes, task.outputs))
    model = built.model
    y = encode(task.y, task.kind, task.classes, built.width, built.loss_numbers)
    model.optimizer.learning_rate = Table(rates)
    model.compile(model.optimizer, model.loss, metrics=[built.metric])
    start = [*model.trainable_variables, *model.non_trainable_variables]
    weights, others = population.member.initial(seed)
    for variable, value in zip(start, [*weights, *others], strict=True):
        variable.assign(value)
    valid = slice(ROWS, ROWS + VALID)
    history = []
    for rows in batch_order(np.arange(ROWS), seed, EPOCHS):
        logs = model.fit(
            task.x[rows],
            y[rows],
            batch_size=BATCH,
            shuffle=False,
            verbose=0,
            validation_data=(task.x[valid], y[valid]),
            validation_batch_size=VALID,
        ).history
        score = next(values[0] for name, values in logs.items() if name.startswith("val_") and "acc" in name)
        history.append((logs["loss"][0], logs["val_loss"][0], score))
    return np.array(history).T


def assert_same_run(curves, member, expected):
    """Compare a member's training loss, validation loss and metric with those of `fit`."""
    ours = np.stack([curves.train_loss[member], curves.valid_loss[member], curves.metric[member]])
    np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=2e-6)


SPECS = ("constant(0.05)", "warmup(1*epochs) >> cosine(0.2)", "inverse_time(0.1, rate=0.05)")


@pytest.mark.parametrize(
    ("model", "classes", "settings"),
    [
        ("mlp(8)", 2, {"optimizer": "sgd"}),
        ("mlp(8)", 2, {"optimizer": "sgd", "momentum": 0.9}),
        ("mlp(8)", 3, {"optimizer": "sgd", "momentum": 0.8, "nesterov": True}),
        ("mlp(8, 6)", 2, {"optimizer": "adam"}),
        ("mlp(12, dropout=0.3)", 3, {"optimizer": "sgd", "momentum": 0.9}),
        ("mlp(12, dropout=0.3)", 2, {"optimizer": "adamw", "weight_decay": 0.01}),
    ],
)
def test_member_equals_fit(model, classes, settings):
    population = make_population(make_task(model, classes, **settings), len(SPECS))
    curves = population.train([make_block(seed, SPECS) for seed in (3, 4)])
    assert_same_run(curves[0], 1, fit(population, 3, SPECS[1]))
    assert_same_run(curves[1], 2, fit(population, 4, SPECS[2]))


def test_member_equals_fit_with_state_in_the_layers():
    """Batch normalisation keeps moving means, which every member has for itself."""
    inputs = keras.Input((FEATURES,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(6, "relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(keras.layers.Dropout(0.2)(hidden)))
    model.compile(keras.optimizers.RMSprop(rho=0.8), keras.losses.BinaryCrossentropy())
    task = dataclasses.replace(make_task(), model=travel_form(model, 1))
    population = make_population(task, len(SPECS))
    (curves,) = population.train([make_block(3, SPECS)])
    assert_same_run(curves, 1, fit(population, 3, SPECS[1]))


def test_a_batch_may_be_larger_than_the_training_part():
    task = dataclasses.replace(make_task(optimizer="sgd"), batch_size=ROWS + 1)
    block = make_block(1, SPECS)._replace(rates=np.full((len(SPECS), EPOCHS), 0.1, np.float32))
    (curves,) = make_population(task, len(SPECS)).train([block])
    assert (np.diff(curves.train_loss[0]) < 0).all()


def test_the_comparison_can_fail():
    population = make_population(make_task(optimizer="sgd"), len(SPECS))
    (curves,) = population.train([make_block(3, SPECS)])
    with pytest.raises(AssertionError):
        assert_same_run(curves, 0, fit(population, 3, SPECS[1]))


def test_members_of_a_seed_start_alike_and_seeds_do_not():
    population = make_population(make_task(optimizer="sgd"), 2)
    first, _ = population.member.initial(1)
    again, _ = population.member.initial(1)
    other, _ = population.member.initial(2)
    assert all(bool((a == b).all()) for a, b in zip(first, again, strict=True))
    assert not np.allclose(first[0], other[0])


def test_initial_weights_follow_the_initialiser():
    population = make_population(make_task('mlp(400, initializer="random_normal")', optimizer="sgd"), 1)
    kernel = np.concatenate([np.asarray(population.member.initial(seed)[0][0]).ravel() for seed in range(20)])
    assert abs(kernel.std() - 0.05) < 0.001
    assert abs(kernel.mean()) < 0.001


def test_a_diverged_member_is_frozen_and_harms_nobody():
    specs = ("constant(0.05)", "constant(1e38)", "constant(0.2)")
    alone = ("constant(0.05)", "constant(0.05)", "constant(0.2)")
    population = make_population(make_task(classes=3, optimizer="sgd", momentum=0.9), len(specs))
    (wild,) = population.train([make_block(5, specs)])
    (calm,) = population.train([make_block(5, alone)])
    assert wild.diverged_at[0] == wild.diverged_at[2] == -1
    assert 1 <= wild.diverged_at[1] < EPOCHS * PER_EPOCH
    assert np.isnan(wild.metric[1, -1])
    for member in (0, 2):
        assert np.array_equal(wild.valid_loss[member], calm.valid_loss[member])


def test_layouts_agree():
    """A study's results do not depend on the plan beyond float rounding."""
    task = make_task("mlp(8, dropout=0.2)", 3, optimizer="sgd", momentum=0.9)
    specs = [*SPECS, "constant(0.1) * plateau(factor=0.5, patience=0)"]
    block = make_block(2, specs)
    (whole,) = make_population(task, 4).train([block])
    series = make_population(task, 1, blocks=4, segment=1, devices=1).train(
        [make_block(2, [spec]) for spec in specs]
    )
    for member, single in enumerate(series):
        for ours, theirs in zip(whole[:4], single[:4], strict=True):
            np.testing.assert_allclose(ours[member], theirs[0], rtol=2e-4, atol=2e-6)


def test_a_new_schedule_or_seed_compiles_nothing():
    population = make_population(make_task(optimizer="sgd"), 3, segment=2)
    population.train([make_block(0, SPECS)])
    assert population.traces == 1
    population.train([make_block(1, SPECS[::-1]), make_block(2, SPECS)])
    assert population.traces == 1


def test_plateau_acts_on_the_metric_it_watches():
    spec = "constant(0.5) * plateau(factor=0.1, patience=0)"
    population = make_population(make_task(optimizer="sgd"), 1)
    (curves,) = population.train([make_block(1, [spec])])
    rule = plateau(factor=0.1, patience=0)
    state, expected = rule.init(), []
    for loss in curves.valid_loss[0]:
        expected.append(0.5 * float(rule.multiplier(state)))
        state = rule.observe(state, float(loss))
    np.testing.assert_allclose(curves.rate[0], expected, rtol=1e-5)


def test_progress_is_told_by_segment():
    heard = []
    make_population(make_task(optimizer="sgd"), 1, segment=1).train(
        [make_block(0, ["constant(0.1)"])], heard.append
    )
    assert heard == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("epochs", [1, 7, 50])
@pytest.mark.parametrize("weights", [10, 30_000, 500_000])
def test_layout_covers_the_run(epochs, weights):
    layout = plan_layout(Sizes(weights, weights**0.5, 28, epochs, 9, candidates=20, seeds=30), Machine(2))
    assert epochs % layout.segment == 0
    assert layout.blocks % layout.devices == 0
    assert jax.device_count() == 2
