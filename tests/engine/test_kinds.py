"""Every kind of data trains and is scored as Keras would score it; chunks, logits, fills change nothing."""

import keras
import numpy as np
import pytest
from keras import layers

from stepsize.engine import scoring
from stepsize.engine.task import Task
from stepsize.problems.metrics import metric_of
from stepsize.problems.models.model_transport import travel_form
from tests.support.populations import make_block, make_population

ROWS, VALID, EPOCHS, BATCH = 48, 25, 3, 16
RNG = np.random.default_rng(2)
X = RNG.normal(size=(ROWS + VALID, 4)).astype(np.float32)
SIGNALS = X @ RNG.normal(size=(4, 3)).astype(np.float32)
TARGETS = {
    "binary": ((SIGNALS[:, 0] > 0).astype(np.int32), 2, 1),
    "multiclass": (SIGNALS.argmax(axis=1).astype(np.int32), 3, 3),
    "multilabel": ((SIGNALS > 0).astype(np.float32), 3, 3),
    "regression": (300 + 50 * SIGNALS[:, :2], 0, 2),
}


def run(kind, form, rate=0.1, x=X, prepared=None, target=None, metric=None):
    y, classes, outputs = TARGETS[kind]
    task = Task(form, {}, x, y, kind, classes, outputs, ROWS, BATCH, EPOCHS, metric=metric)
    population = make_population(task, 1)
    rates = np.full((1, EPOCHS * task.updates_per_epoch), rate, np.float32)
    block = make_block(task, 1, ["constant(1)"], rates=rates, prepared=prepared or {}, target=target)
    (curves,), state = population.run([block])
    for variable, value in zip(population.member.model.trainable_variables, state.weights, strict=True):
        variable.assign(value[0, 0])
    return curves, population.member.model.predict(X[ROWS:], verbose=0)


@pytest.mark.parametrize("kind", TARGETS)
def test_named_models_learn_every_kind(kind):
    y, _, outputs = TARGETS[kind]
    target = (y[:ROWS].mean(axis=0), y[:ROWS].std(axis=0)) if kind == "regression" else None
    curves, predicted = run(kind, {"text": "mlp(8)", "outputs": outputs}, 0.3, target=target)
    y = y[ROWS:]
    if kind == "regression":  # standardised for the loss, in their own units for the metric
        np.testing.assert_allclose(
            curves.valid_loss[0, -1], np.mean((predicted - (y - target[0]) / target[1]) ** 2), rtol=1e-4
        )
        errors = ((y - predicted * target[1] - target[0]) ** 2).sum(axis=0)
        expected = np.mean(1 - errors / ((y - y.mean(axis=0)) ** 2).sum(axis=0))
    elif kind == "multiclass":
        expected = np.mean(predicted.argmax(axis=1) == y)
    else:
        expected = np.mean((predicted > 0.5) == y.reshape(VALID, -1))
    np.testing.assert_allclose(curves.metric[0, -1], expected, rtol=1e-4)
    assert curves.train_loss[0, -1] < curves.train_loss[0, 0]


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_judging_in_chunks_changes_nothing(kind, monkeypatch):
    form = {"text": "mlp(8)", "outputs": TARGETS[kind][2]}
    whole, _ = run(kind, form, 1e-6)
    monkeypatch.setattr(scoring, "CHUNK", 8)
    chunks, _ = run(kind, form, 1e-6)
    np.testing.assert_allclose(chunks.valid_loss, whole.valid_loss, rtol=1e-5)
    np.testing.assert_allclose(chunks.metric, whole.metric, rtol=1e-4)


def compiled(units, activation, loss):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units, activation)])
    model.compile("sgd", loss)
    return travel_form(model, units)


@pytest.mark.parametrize("metric", [None, "auc"])
def test_logits_are_scored_as_probabilities(metric):
    wanted = metric_of(metric, None, "binary")
    logits, _ = run(
        "binary", compiled(1, None, keras.losses.BinaryCrossentropy(from_logits=True)), metric=wanted
    )
    plain, _ = run("binary", compiled(1, "sigmoid", "binary_crossentropy"), metric=wanted)
    np.testing.assert_allclose(logits.metric, plain.metric, atol=1e-6)


def test_two_classes_may_have_one_output_each():
    one_hot, _ = run("binary", compiled(2, "softmax", "categorical_crossentropy"))
    numbers, _ = run("binary", compiled(2, "softmax", "sparse_categorical_crossentropy"))
    np.testing.assert_allclose(one_hot.valid_loss, numbers.valid_loss, rtol=1e-5)
    np.testing.assert_array_equal(one_hot.metric, numbers.metric)


def test_missing_numbers_are_filled_before_scaling():
    holes = X.copy()
    holes[::3, 1] = np.nan
    fill, shift, scale = (RNG.uniform(0.5, 2, 4).astype(np.float32) for _ in range(3))
    form = {"text": "logistic", "outputs": 3}
    ours, _ = run("multiclass", form, x=holes, prepared={"": (fill, shift, scale)})
    by_hand = ((np.where(np.isnan(holes), fill, holes) - shift) / scale).astype(np.float32)
    theirs, _ = run("multiclass", form, x=by_hand)
    np.testing.assert_allclose(ours.valid_loss, theirs.valid_loss, rtol=1e-5)
    broken, _ = run("multiclass", form, x=holes)
    assert broken.diverged_at[0] == 0


def test_fine_tuning_starts_every_seed_from_the_models_weights():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = [np.array(weight) for weight in model.get_weights()]
    _, predicted = run("multiclass", travel_form(model, 3, from_weights=True), rate=0.0)
    np.testing.assert_allclose(predicted, model.predict(X[ROWS:], verbose=0), rtol=1e-5)
    _, fresh = run("multiclass", travel_form(model, 3), rate=0.0)
    assert np.abs(fresh - predicted).max() > 0.01
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
