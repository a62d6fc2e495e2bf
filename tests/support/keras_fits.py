"""What the tests of the audit train with Keras, on any backend."""

import keras
import numpy as np

import stepsize as ss
from stepsize.audit import Audit
from stepsize.audit.keras import AuditCallback

EPOCHS, BATCHES = 4, 6
X = np.linspace(-1, 1, BATCHES * 2, dtype="float32").reshape(-1, 1)


class Apply(keras.callbacks.Callback):
    """Set the rate of a plan before every update, as a custom callback would."""

    def __init__(self, plan, batches=1):
        super().__init__()
        self.plan, self.batches, self.seen = plan, batches, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.plan(self.seen // self.batches)
        self.seen += 1


def planned(schedule):
    return schedule.plan(epochs=EPOCHS, updates_per_epoch=BATCHES)


def fit(
    audit, rate, *callbacks, epochs=EPOCHS, loss_scale=False, steps_per_execution=1, target=1.0, **options
):
    """Train a tiny model under an audit, and return the audit."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(rate, **options)
    if loss_scale:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0)
    model.compile(optimizer, "mse", steps_per_execution=steps_per_execution, auto_scale_loss=False)
    y = X * 0 + target
    model.fit(
        X,
        y,
        batch_size=2,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks, AuditCallback(audit)],
    )
    return audit


def cosine_of_keras():
    return keras.optimizers.schedules.CosineDecay(0.1, EPOCHS * BATCHES)


def plateau(**options):
    """A plateau callback that finds no improvement after the first epoch."""
    return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9, **options)


def each_way():
    """Train with a schedule object, a callback, and accumulation, right and wrong."""
    plan = planned(ss.cosine(0.1))
    half = ss.cosine(0.1).plan(updates=12)
    two = {"gradient_accumulation_steps": 2}
    return {
        "schedule object": fit(Audit(plan, tolerance=1e-4), cosine_of_keras()),
        "callback": fit(Audit(plan), 1.0, Apply(plan)),
        "callback, accumulated": fit(Audit(half), 1.0, Apply(half, 2), **two),
        "schedule object, accumulated": fit(Audit(half, tolerance=1e-4), cosine_of_keras(), **two),
        "no schedule": fit(Audit(plan), 0.1),
    }


def found_each_way():
    """Return the backend, and what the audit of each way of training found."""
    return keras.backend.backend(), {
        name: (audit.update, audit.first_difference, [cause.name for cause in audit.causes])
        for name, audit in each_way().items()
    }
