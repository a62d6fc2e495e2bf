"""Models as users write them make, as members of a population, the very run that Keras' own `fit` makes."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

import stepsize as ss
from stepsize.engine.task import Task
from stepsize.errors import ProblemError
from stepsize.problems.models.model_transport import travel_form
from tests.support.populations import fit, make_block, make_population
from tests.support.user_models import one_hot_mse

EPOCHS, BATCH, ROWS, VALID = 2, 16, 156, 40  # 20 updates, the last of each epoch shorter
WHOLE = 144  # training rows without a shorter batch, which is a second program of an update
SPECS = ("constant(0.003)", "warmup(3*updates) >> cosine(0.01)")
RNG = np.random.default_rng(11)
NUMBERS = RNG.normal(size=(ROWS + VALID, 6)).astype(np.float32)
WORDS = RNG.integers(1, 12, size=(ROWS + VALID, 8)).astype(np.int32)
CLASSES = ((NUMBERS[:, 0] > 0).astype(np.int32) + (WORDS[:, 0] > 6)).astype(np.int32)


def mlp():
    inputs = keras.Input((6,))
    hidden = layers.Dropout(0.2)(layers.Dense(16, "relu", kernel_regularizer="l2")(inputs))
    return keras.Model(inputs, layers.Dense(3, "softmax")(layers.Dense(8, "gelu")(hidden)))


def convnet():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(4, 3, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, "softmax"),
        ]
    )


def lstm():
    return keras.Sequential(
        [layers.Embedding(12, 6, mask_zero=True), layers.LSTM(7), layers.Dense(3, "softmax")]
    )


def transformer():
    inputs = keras.Input((8,), dtype="int32")
    words = layers.Embedding(12, 8)(inputs)
    seen = layers.MultiHeadAttention(2, 4, dropout=0.1)(words, words)
    normal = layers.LayerNormalization()(layers.Add()([words, seen]))
    hidden = layers.GlobalAveragePooling1D()(layers.Dense(16, "relu")(normal))
    return keras.Model(inputs, layers.Dense(3, "softmax")(hidden))


def two_inputs():
    numbers, words = keras.Input((6,), name="numbers"), keras.Input((8,), dtype="int32", name="words")
    read = layers.Flatten()(layers.Embedding(12, 3)(words))
    joined = layers.Concatenate()([layers.Dense(5, "tanh")(numbers), read])
    return keras.Model([numbers, words], layers.Dense(3, "softmax")(joined))


@pytest.fixture(scope="module")
def images():
    try:
        data = ss.problem("fashion-mnist").data
    except ProblemError as error:
        pytest.skip(str(error))
    return data.x[: ROWS + VALID].copy(), data.y[: ROWS + VALID].copy()


def make_task(model, x, y, **fields):
    classes = int(y.max()) + 1
    form = travel_form(model, classes)
    return Task(form, {}, x, y, "multiclass", classes, classes, ROWS, BATCH, EPOCHS, **fields)


def assert_same_run(task, model, seed=5, member=1, atol=2e-5):
    """Train as a member and by `fit`; compare losses and final weights."""
    population = make_population(task, len(SPECS))
    (curves,), state = population.run([make_block(task, seed, SPECS)])
    expected = fit(model, population, seed, SPECS[member])
    for series in ("train_loss", "valid_loss"):
        ours, theirs = getattr(curves, series)[member], getattr(expected, series)
        np.testing.assert_allclose(ours, theirs, rtol=5e-4, atol=1e-5, err_msg=series)
    for found, weight, variable in zip(
        state.weights, expected.weights, model.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(found[0, member], weight, rtol=2e-3, atol=atol, err_msg=variable.path)


INPUTS = {
    mlp: NUMBERS,
    lstm: WORDS,
    transformer: WORDS,
    two_inputs: {"numbers": NUMBERS, "words": WORDS},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "optimizer"),
    [
        (mlp, keras.optimizers.SGD(momentum=0.9, nesterov=True)),
        (convnet, keras.optimizers.AdamW(weight_decay=0.02)),
        (lstm, keras.optimizers.Adam()),
        (transformer, keras.optimizers.AdamW(weight_decay=0.02)),
        (two_inputs, keras.optimizers.SGD(momentum=0.9)),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_member_equals_fit(make, optimizer, request):
    """Every kind of layer with one optimizer; below, one model with every optimizer."""
    x, y = request.getfixturevalue("images") if make is convnet else (INPUTS[make], CLASSES)
    model = make()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    assert_same_run(make_task(model, x, y), model)


def test_the_comparison_can_fail():
    model = mlp()
    model.compile("sgd", "sparse_categorical_crossentropy")
    task = make_task(model, NUMBERS, CLASSES)
    model.compile(keras.optimizers.SGD(momentum=0.5), "sparse_categorical_crossentropy")
    with pytest.raises(AssertionError):
        assert_same_run(task, model)


EVERY = {
    "SGD": {"momentum": 0.5, "clipvalue": 0.05},
    "Adam": {"amsgrad": True, "clipnorm": 0.1},
    "AdamW": {"weight_decay": 0.1, "global_clipnorm": 0.2},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "Adamax": {"weight_decay": 0.1},
    "Nadam": {},
    "Adafactor": {},
    "Ftrl": {},
    "Lion": {},
    "Lamb": {},
    "Muon": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_optimizer_equals_fit(name):
    """A kernel and a bias, which Muon updates in two ways, suffice here."""
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(3, "softmax")(inputs))
    model.compile(getattr(keras.optimizers, name)(**EVERY[name]), "categorical_crossentropy")
    task = make_task(model, NUMBERS, CLASSES)
    assert_same_run(dataclasses.replace(task, train_rows=WHOLE), model)


def test_rows_count_as_their_weights_say():
    model = mlp()
    model.compile("sgd", "sparse_categorical_crossentropy")
    weights = np.linspace(0, 3, ROWS + VALID).astype(np.float32)
    assert_same_run(make_task(model, NUMBERS, CLASSES, weights=weights), model)


def test_a_loss_of_the_users_own_gets_one_column_per_class_if_the_targets_had_them():
    model = mlp()
    model.compile("sgd", one_hot_mse)
    task = make_task(model, NUMBERS, CLASSES, one_hot=True)
    assert_same_run(task, model)


def test_averaged_weights_are_the_ones_judged():
    """`fit` leaves the averages behind, so a run is judged by them."""
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(3, "softmax")(inputs))
    optimizer = keras.optimizers.SGD(use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    population = make_population(make_task(model, NUMBERS, CLASSES), 2)
    (curves,), state = population.run([make_block(population.task, 3, ("constant(0.3)",) * 2)])
    places = [v.name.endswith("average") for v in population.member.optimizer.variables]
    averages = [slot[0, 1] for slot, own in zip(state.slots, places, strict=True) if own]
    for variable, value in zip(model.trainable_variables, averages, strict=True):
        variable.assign(value)
    judged = model.evaluate(NUMBERS[ROWS:], CLASSES[ROWS:], verbose=0)
    np.testing.assert_allclose(curves.valid_loss[1, -1], judged, rtol=1e-4)
    for variable, value in zip(model.trainable_variables, state.weights, strict=True):
        variable.assign(value[0, 1])
    assert abs(model.evaluate(NUMBERS[ROWS:], CLASSES[ROWS:], verbose=0) - judged) > 1e-3
