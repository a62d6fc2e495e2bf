"""A small Keras model, and its `fit` under callbacks, in updates that can be counted: 6 an epoch."""

import keras
import numpy as np

import stepsize as ss

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
