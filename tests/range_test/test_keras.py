"""The step of a Keras model: it trains as `train_on_batch` does, and leaves everything as it was."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import stepsize as ss  # noqa: E402
from stepsize.errors import StudyError  # noqa: E402
from stepsize.range_test.keras import KerasStep  # noqa: E402


def data():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((240, 6)).astype("float32")
    return x, (x[:, 0] * x[:, 1] > 0).astype("float32")


def model_of(optimizer=None, built=True):
    layers = [
        keras.layers.Dense(16),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential([keras.layers.Input((6,)), *layers] if built else layers)
    optimizer = optimizer or keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


@pytest.mark.parametrize(
    ("built", "trained", "make"),
    [
        (True, 0, None),
        (False, 1, None),
        (False, 0, lambda: keras.optimizers.AdamW(1e-3, use_ema=True)),  # a second fit fails with it
    ],
)
def test_the_next_losses_are_those_without_a_test(built, trained, make):
    x, y = data()

    def losses(tested):
        keras.utils.set_random_seed(1)
        model, seen = model_of(make and make(), built), Losses()
        if trained:
            model.fit(x, y, batch_size=24, epochs=1, verbose=0, callbacks=[seen])
        if tested:
            result = ss.find(KerasStep(model, x, y, batch_size=24), updates=40, sweeps=2)
            assert result.answer["updates"] == 40
        model.fit(x, y, batch_size=24, epochs=2, verbose=0, callbacks=[seen])
        return seen.losses

    assert losses(True) == losses(False)


class Counting(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.calls, self.log, self.seen = 0, [], {"calls": 0}

    def call(self, x):
        self.calls += 1
        self.log.append(1)
        self.seen["calls"] += 1
        return x


def test_what_a_layer_of_the_users_own_keeps_is_restored():
    model = keras.Sequential([keras.layers.Input((6,)), Counting(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    layer = model.layers[0]
    before = layer.calls, list(layer.log), dict(layer.seen)
    ss.find(KerasStep(model, *data()), updates=40, sweeps=2, quiet=True)
    assert (layer.calls, list(layer.log), dict(layer.seen)) == before


def test_the_loss_is_that_of_the_batch_and_not_a_mean():
    x, y = data()
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy")
    step = KerasStep(model, x, y, batch_size=24)
    step.reset(0)
    losses = [step(0.05) for _ in range(8)]
    rates = float(model.optimizer.learning_rate)
    step.restore()
    assert rates == pytest.approx(0.05)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)

    order = np.random.default_rng(0).permutation(240)
    model.optimizer.learning_rate = 0.05
    expected = []
    for begin in range(0, 192, 24):
        rows = order[begin : begin + 24]
        model.reset_metrics()
        expected.append(float(model.train_on_batch(x[rows], y[rows])))
    assert losses == pytest.approx(expected, rel=1e-5)
    assert len({round(each, 6) for each in losses}) == 8


def test_an_update_takes_as_many_batches_as_the_optimizer_accumulates():
    x, y = data()
    rates, losses = [0.01, 0.1, 0.05, 0.2], []
    for steps, size in ((3, 16), (None, 48)):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=steps), "mse")
        step = KerasStep(model, x, y, batch_size=size)
        losses.append([step(rate) for rate in rates])
        assert int(model.optimizer.iterations) == len(rates)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_batches_from_a_data_set():
    x, y = data()

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 10

        def __getitem__(self, at):
            rows = slice(24 * at, 24 * at + 24)
            return x[rows], y[rows]

    step = KerasStep(model_of(), Batches())
    step.reset(0)
    assert len([step(0.01) for _ in range(25)]) == 25
    step.restore()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x, y: KerasStep(keras.Sequential([keras.layers.Dense(1)]), x, y), "is not compiled"),
        (lambda x, y: KerasStep(model_of(), x, y, batch_size=0), "batch_size=0 must be a positive whole"),
        (lambda x, y: KerasStep(model_of(), iter([(x, y)])), "can be read only once"),
        (
            lambda x, y: KerasStep(
                model_of(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100))), x, y
            ),
            "learning rate is a CosineDecay; for the range test, compile the model with a number",
        ),
    ],
)
def test_what_cannot_be_tested(make, message):
    with pytest.raises(StudyError, match=message):
        make(*data())
