"""Keras `fit` on the backend of this process, for tests: what every update was really given.

`KERAS_BACKEND=jax python keras_host.py FOLDER BATCHES` trains, and is killed after so many batches.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import keras
import numpy as np

import stepsize as ss
from stepsize.adapters.keras import KerasSchedule, ScheduleCallback

BATCHES, EPOCHS, SIZE = 6, 4, 8
RNG = np.random.default_rng(7)
X = RNG.normal(size=(BATCHES * SIZE, 5)).astype("float32")
Y = (X @ RNG.normal(size=(5, 1)) > 0).astype("float32")
SCHEDULE = ss.warmup(2 * ss.updates) >> ss.cosine(0.3, floor=0.01)


@keras.saving.register_keras_serializable(package="tests")
class RecordingSGD(keras.optimizers.SGD):
    """Keep the rate that each update is given, next to the update."""

    def build(self, variables):
        super().build(variables)
        self.rates = self.add_variable((BATCHES * EPOCHS,), name="rates", dtype="float32")

    def update_step(self, gradient, variable, learning_rate):
        index = keras.ops.reshape(self.iterations, (1, 1))
        rate = keras.ops.reshape(keras.ops.cast(learning_rate, "float32"), (1,))
        self.assign(self.rates, keras.ops.scatter_update(self.rates, index, rate))
        super().update_step(gradient, variable, learning_rate)


def built(optimizer, dtype=None):
    """Return a compiled model, the same for the same optimizer settings."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(4, activation="tanh", dtype=dtype), keras.layers.Dense(1, dtype=dtype)]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile(optimizer, loss="mse")
    return model


def fit(model, first=0, last=EPOCHS, callbacks=()):
    options = {"batch_size": SIZE, "shuffle": False, "verbose": 0}
    return model.fit(X, Y, initial_epoch=first, epochs=last, callbacks=list(callbacks), **options)


def rates_of(model):
    return model.optimizer.rates.numpy().astype(float).tolist()


def planned(accumulate):
    return SCHEDULE.plan(updates=BATCHES * EPOCHS // accumulate)


def with_schedule(accumulate, dtype=None):
    """Give the rates of training by KerasSchedule."""
    rate = KerasSchedule(planned(accumulate), accumulate=accumulate)
    steps = accumulate if accumulate > 1 else None
    model = built(RecordingSGD(rate, gradient_accumulation_steps=steps), dtype)
    fit(model)
    return {"rates": rates_of(model)}


def with_callback(accumulate, dtype=None):
    """Give the rates of training by ScheduleCallback, those it recorded, and those of the logs."""
    steps = accumulate if accumulate > 1 else None
    callback = ScheduleCallback(SCHEDULE)
    model = built(RecordingSGD(0.5, gradient_accumulation_steps=steps), dtype)
    logs = fit(model, callbacks=[callback]).history
    recorded = [rate for _, rate in callback.history]
    updates = [update for update, _ in callback.history]
    return {
        "rates": rates_of(model),
        "recorded": recorded,
        "updates": updates,
        "logged": logs["learning_rate"],
    }


def saved_and_loaded(folder):
    """Give the weights of an uninterrupted run and of one that was saved and loaded half way."""
    whole = built(keras.optimizers.SGD(KerasSchedule(planned(1)), momentum=0.9))
    fit(whole)
    half = built(keras.optimizers.SGD(KerasSchedule(planned(1)), momentum=0.9))
    fit(half, last=EPOCHS // 2)
    half.save(folder / "half.keras")
    loaded = keras.models.load_model(folder / "half.keras")
    fit(loaded, first=EPOCHS // 2)
    return {
        "plan": loaded.optimizer.get_config()["learning_rate"]["config"],
        "whole": np.concatenate([each.ravel() for each in whole.get_weights()]).tolist(),
        "loaded": np.concatenate([each.ravel() for each in loaded.get_weights()]).tolist(),
        "iterations": [int(whole.optimizer.iterations), int(loaded.optimizer.iterations)],
    }


def past_the_end(updates):
    """Give the warnings of a fit, of a second one, and of asking for the rate."""
    model, counts = built(keras.optimizers.SGD(KerasSchedule(ss.linear(1).plan(updates=updates)))), []
    for run in (lambda: fit(model), lambda: fit(model), lambda: float(model.optimizer.learning_rate)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run()
        counts.append(sum("is past the end of linear(1)" in str(each.message) for each in caught))
    return counts


def looked_up():
    """Give rates for every kind of step, also beyond the horizon and beyond what float32 can count."""
    hold = KerasSchedule(ss.linear(1).plan(updates=4))
    again = KerasSchedule(ss.linear(1).plan(updates=4, after="repeat"))
    by_three = KerasSchedule(ss.linear(1).plan(updates=4, after="repeat"), accumulate=3)
    counter = keras.Variable(3, dtype="int", trainable=False)
    steps = [0, 3, 4, 9, 2**24 + 1, 2**31 - 1]
    return {
        "hold": [float(hold(step)) for step in steps],
        "repeat": [float(again(step)) for step in steps],
        "by_three": [float(by_three(step)) for step in steps],
        "kinds": [float(hold(counter)), float(hold(3.0)), float(hold(np.int64(3)))],
        "array": keras.ops.convert_to_numpy(hold(np.arange(5))).tolist(),
        "dtype": keras.backend.standardize_dtype(hold(3).dtype),
    }


def hosts(folder):
    return {
        "backend": keras.backend.backend(),
        "schedule": {k: with_schedule(k) for k in (1, 4)},
        "callback": {k: with_callback(k) for k in (1, 4)},
        "bfloat16": [with_schedule(1, "bfloat16"), with_callback(1, "bfloat16")],
        "saved": saved_and_loaded(folder),
        "looked_up": looked_up(),
        "past_the_end": [past_the_end(15), past_the_end(24)],
    }


class Keep(keras.callbacks.Callback):
    """Save the model and the schedule's state after every fourth batch; kill the process after `batches`."""

    def __init__(self, folder, callback, batches):
        super().__init__()
        self.folder, self.callback, self.batches, self.seen = folder, callback, batches, 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen % 4 == 0:
            self.model.save(self.folder / "next.keras")
            (self.folder / "next.json").write_text(json.dumps(self.callback.state_dict()))
            for name in ("keras", "json"):
                os.replace(self.folder / f"next.{name}", self.folder / f"kept.{name}")
        if self.seen == self.batches:
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder, batches=None):
    """Train all batches once, going on from what is kept in the folder; give the weights and rates."""
    callback = ScheduleCallback(SCHEDULE.plan(updates=BATCHES * EPOCHS))
    if (folder / "kept.keras").exists():
        model = keras.models.load_model(folder / "kept.keras")
        callback.load_state_dict((folder / "kept.json").read_text())
    else:
        model = built(keras.optimizers.SGD(0.5, momentum=0.9))
    done = int(model.optimizer.iterations)
    x, y = (np.concatenate([data] * EPOCHS)[done * SIZE :] for data in (X, Y))
    keep = Keep(folder, callback, batches)
    model.fit(x, y, batch_size=SIZE, shuffle=False, verbose=0, callbacks=[callback, keep])
    weights = np.concatenate([each.ravel() for each in model.get_weights()]).tolist()
    return {"begun": done, "weights": weights, "history": callback.history}


if __name__ == "__main__":
    train(Path(sys.argv[1]), int(sys.argv[2]))
