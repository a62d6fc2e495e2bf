"""A member of a population is the run that Keras' own `fit` makes."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from stepsize.engine.member import State
from stepsize.engine.planner import Machine, Sizes, plan_layout
from stepsize.engine.population import _compile, with_fused_sums
from stepsize.engine.task import Task
from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.models.model_transport import travel_form
from stepsize.schedules.families.metric_driven import plateau
from tests.support.populations import fit, make_block, make_population

EPOCHS, BATCH, ROWS, VALID, FEATURES = 4, 16, 64, 30, 5
SHORTER = 60  # training rows that make the last batch of an epoch shorter: a second program of an update
PER_EPOCH = ROWS // BATCH


two_at_once = functools.partial(make_population, blocks=2, devices=2)


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


def fit_named(population, seed, spec):
    """Train one run of a model given as text by `fit`."""
    task = population.task
    built = build(task.model, task.settings, DataShape(task.x, task.kind, task.classes, task.outputs))
    return fit(built.model, population, seed, spec, built.scorer.metric)


def assert_same_run(curves, member, expected):
    """Compare a member's training loss, validation loss and metric with those of `fit`."""
    for series in ("train_loss", "valid_loss", "metric"):
        ours, theirs = getattr(curves, series)[member], getattr(expected, series)
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6, err_msg=series)


SPECS = ("constant(0.05)", "warmup(1*epochs) >> cosine(0.2)", "inverse_time(0.1, rate=0.05)")


def assert_members_equal_fit(task, specs=SPECS):
    """Train two seeds, compare a run of each with `fit`, and return the curves of both."""
    population = two_at_once(task, len(specs))
    curves = population.train([make_block(population.task, seed, specs) for seed in (3, 4)])
    assert_same_run(curves[0], 1, fit_named(population, 3, specs[1]))
    assert_same_run(curves[1], 2, fit_named(population, 4, specs[2]))
    return curves


@pytest.mark.usefixtures("optimized_compilation")
def test_member_equals_fit():
    """The programs, here and in the next test, are those that users get, with all optimizations."""
    assert_members_equal_fit(make_task(optimizer="sgd", momentum=0.9))


@pytest.mark.usefixtures("optimized_compilation")
def test_member_equals_fit_in_every_layout():
    """A study's results do not depend on the plan beyond float rounding."""
    task = make_task("mlp(12, dropout=0.3)", 3, optimizer="sgd", momentum=0.9)
    task = dataclasses.replace(task, train_rows=SHORTER)
    specs = [*SPECS, "constant(0.1) * plateau(factor=0.5, patience=0)"]
    whole, _ = assert_members_equal_fit(task, specs)
    series = two_at_once(task, 1, blocks=4, segment=1, devices=1).train(
        [make_block(task, 3, [spec]) for spec in specs]
    )
    for member, single in enumerate(series):
        for ours, theirs in zip(whole[:4], single[:4], strict=True):
            np.testing.assert_allclose(ours[member], theirs[0], rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("model", "classes", "settings"),
    [
        ("mlp(8)", 2, {"optimizer": "sgd"}),
        ("mlp(12, dropout=0.3)", 2, {"optimizer": "adamw", "weight_decay": 0.01}),
        ("mlp(8)", 3, {"optimizer": "sgd", "momentum": 0.8, "nesterov": True}),
        ("mlp(8, 6)", 2, {"optimizer": "adam", "loss_scale_factor": 8.0}),
    ],
)
def test_member_equals_fit_with_other_settings(model, classes, settings):
    assert_members_equal_fit(make_task(model, classes, **settings))


@pytest.mark.usefixtures("optimized_compilation")
def test_member_equals_fit_with_state_in_the_layers():
    """Batch normalisation keeps moving means, which every member has for itself."""
    inputs = keras.Input((FEATURES,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(6, "relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(keras.layers.Dropout(0.2)(hidden)))
    model.compile(keras.optimizers.RMSprop(rho=0.8), keras.losses.BinaryCrossentropy())
    task = dataclasses.replace(make_task(), model=travel_form(model, 1), train_rows=SHORTER)
    population = two_at_once(task, len(SPECS))
    (curves,) = population.train([make_block(population.task, 3, SPECS)])
    assert_same_run(curves, 1, fit_named(population, 3, SPECS[1]))


def test_a_batch_may_be_larger_than_the_training_part():
    task = dataclasses.replace(make_task(optimizer="sgd"), batch_size=ROWS + 1)
    block = make_block(task, 1, SPECS, rates=np.full((len(SPECS), EPOCHS), 0.1, np.float32))
    (curves,) = two_at_once(task, len(SPECS)).train([block])
    assert (np.diff(curves.train_loss[0]) < 0).all()


def test_a_loss_that_adds_up_is_that_of_keras():
    """The last batch of an epoch is shorter, so its sum has fewer rows."""
    task = make_task(optimizer="sgd", momentum=0.8, loss_reduction="sum")
    task = dataclasses.replace(task, train_rows=SHORTER)
    specs = ("constant(0.003)", "constant(0.0001)")
    (curves,) = two_at_once(task, 2).train([make_block(task, 3, specs)])
    for member, spec in enumerate(specs):
        built = build(task.model, task.settings, DataShape(task.x, "binary", 2, 1))
        built.model.compile(built.model.optimizer, keras.losses.BinaryCrossentropy(reduction="sum"))
        expected = fit(built.model, two_at_once(task, 1), 3, spec, built.scorer.metric)
        np.testing.assert_allclose(curves.metric[member], expected.metric, rtol=2e-4)
        np.testing.assert_allclose(
            curves.valid_loss[member] * (ROWS - SHORTER + VALID), expected.valid_loss, rtol=2e-4
        )


def test_a_loss_that_adds_up_is_the_mean_at_a_rate_as_many_times_as_high():
    runs = {}
    for optimizer in ("sgd", "adam"):
        for reduction, specs in (
            ("mean", ("constant(0.16)", "constant(0.01)")),
            ("sum", ("constant(0.01)",) * 2),
        ):
            task = make_task(optimizer=optimizer, loss_reduction=reduction)
            runs[optimizer, reduction] = (
                two_at_once(task, 2).train([make_block(task, 3, specs)])[0].train_loss
            )
    np.testing.assert_allclose(runs["sgd", "sum"][0], runs["sgd", "mean"][0], rtol=1e-5)
    np.testing.assert_allclose(
        runs["adam", "sum"][0], runs["adam", "mean"][1], rtol=1e-4
    )  # ignores the factor
    assert not np.allclose(runs["sgd", "sum"][0], runs["sgd", "mean"][1], rtol=1e-2)


def test_the_comparison_can_fail():
    population = two_at_once(make_task(optimizer="sgd"), len(SPECS))
    (curves,) = population.train([make_block(population.task, 3, SPECS)])
    with pytest.raises(AssertionError):
        assert_same_run(curves, 0, fit_named(population, 3, SPECS[1]))


def test_members_of_a_seed_start_alike_and_seeds_do_not():
    population = two_at_once(make_task(optimizer="sgd"), 2)
    first, _ = population.member.initial(1)
    again, _ = population.member.initial(1)
    other, _ = population.member.initial(2)
    assert all(bool((a == b).all()) for a, b in zip(first, again, strict=True))
    assert not np.allclose(first[0], other[0])


def test_initial_weights_follow_the_initialiser():
    population = two_at_once(make_task('mlp(400, initializer="random_normal")', optimizer="sgd"), 1)
    kernel = np.concatenate([np.asarray(population.member.initial(seed)[0][0]).ravel() for seed in range(20)])
    assert abs(kernel.std() - 0.05) < 0.001
    assert abs(kernel.mean()) < 0.001


def test_a_diverged_member_is_frozen_and_harms_nobody():
    specs = ("constant(0.05)", "constant(1e38)", "constant(0.2)")
    alone = ("constant(0.05)", "constant(0.05)", "constant(0.2)")
    population = two_at_once(make_task(classes=3, optimizer="sgd", momentum=0.9), len(specs))
    (wild,) = population.train([make_block(population.task, 5, specs)])
    (calm,) = population.train([make_block(population.task, 5, alone)])
    assert wild.diverged_at[0] == wild.diverged_at[2] == -1
    assert 1 <= wild.diverged_at[1] < EPOCHS * PER_EPOCH
    assert np.isnan(wild.metric[1, -1])
    for member in (0, 2):
        assert np.array_equal(wild.valid_loss[member], calm.valid_loss[member])


def test_a_new_schedule_or_seed_compiles_nothing():
    population = two_at_once(make_task(optimizer="sgd"), 3, segment=2)
    population.train([make_block(population.task, 0, SPECS)])
    assert population.traces == 1
    population.train([make_block(population.task, 1, SPECS[::-1]), make_block(population.task, 2, SPECS)])
    assert population.traces == 1


def test_plateau_acts_on_the_metric_it_watches():
    spec = "constant(0.5) * plateau(factor=0.1, patience=0)"
    population = two_at_once(make_task(optimizer="sgd"), 1)
    (curves,) = population.train([make_block(population.task, 1, [spec])])
    rule = plateau(factor=0.1, patience=0)
    state, expected = rule.init(), []
    for loss in curves.valid_loss[0]:
        expected.append(0.5 * float(rule.multiplier(state)))
        state = rule.observe(state, float(loss))
    np.testing.assert_allclose(curves.rate[0], expected, rtol=1e-5)


def test_progress_is_told_by_segment():
    heard = []
    population = two_at_once(make_task(optimizer="sgd"), 1, segment=1)
    population.train([make_block(population.task, 0, ["constant(0.1)"])], heard.append)
    assert heard == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("epochs", [1, 7, 50])
@pytest.mark.parametrize("weights", [10, 30_000, 500_000])
def test_layout_covers_the_run(epochs, weights):
    layout = plan_layout(Sizes(weights, weights**0.5, 28, epochs, 9, candidates=20, seeds=30), Machine(2))
    assert epochs % layout.segment == 0
    assert layout.blocks % layout.devices == 0
    assert jax.device_count() == 2


def test_long_sums_beside_convolutions_are_left_to_the_library_of_xla():
    def convolved(images):
        return jax.lax.conv(images, jnp.ones((8, 4, 3, 3)), (1, 1), "SAME").sum((0, 2, 3))

    def added(images):
        return jnp.square(images).sum((0, 2, 3))

    programs = [_compile(jax.jit(each).lower(jnp.ones((32, 4, 16, 16))), {}) for each in (convolved, added)]
    assert ["ynn" in program.as_text() for program in programs] == [True, False]


@pytest.mark.usefixtures("optimized_compilation")
def test_a_weight_and_its_step_are_added_in_a_loop_that_is_fast():
    """XLA makes a sum on its own a loop over small tiles; if it no longer does, `with_fused_sums` can go."""

    def program(with_sums):
        def step(state, x):
            (weights,), (momenta,) = state.weights, state.slots
            momenta = 0.8 * momenta - x.T @ (x @ weights)
            new = state._replace(weights=[weights + momenta], slots=[momenta])
            return with_sums(new, state, x.shape[0] > x[0, 0]), None

        state = State([jnp.ones((34, 544))], [], [jnp.zeros((34, 544))], *[jnp.zeros(())] * 3)
        scan = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches)[0])
        return scan.lower(state, jnp.zeros((9, 28, 34))).compile().as_text()

    alone = re.compile(r"wrapped_add\S* = f32\[34,544\]")
    assert alone.search(program(lambda new, old, always: new))
    assert not alone.search(program(with_fused_sums))
