"""A small Keras model that trains with the schedule of exported code."""

import keras
import numpy as np

from stepsize.problems.keras_configs import config_of
from tests.support.exported_code import run


def rates(code):
    """Return the backend, and the rates that 9 updates of `fit` use."""
    schedule = run(code)["schedule"]
    x = np.linspace(0, 1, 24, dtype="float32").reshape(12, 2)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(schedule), "mse")
    used = []

    class Used(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            used.append(float(self.model.optimizer.learning_rate))  # self.model is up to date, on JAX too

    model.fit(x, x[:, :1], epochs=3, batch_size=4, verbose=0, callbacks=[Used()])
    again = keras.saving.deserialize_keras_object(config_of(schedule))
    assert [float(again(t)) for t in range(9)] == [float(schedule(t)) for t in range(9)]
    return keras.backend.backend(), used
