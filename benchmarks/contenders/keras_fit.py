"""One `fit` of Keras on JAX, with the seconds of compiling counted separately."""

from __future__ import annotations

import os
import sys
import time
from statistics import median
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
sys.modules["tensorflow"] = None  # type: ignore[assignment]  # Keras loads it if it can; it is loud

import keras  # noqa: E402
from data import Parts, Run  # noqa: E402


class Epochs(keras.callbacks.Callback):
    """Notes when each epoch ends, its judging included."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.ends.append(time.perf_counter())


def fit(model: Any, rows: Parts, epochs: int, batch_size: int) -> Run:
    """Train a compiled model, judging it after every epoch.

    The first epoch compiles the programs; what it takes beyond the middle one of the others is compiling.
    """
    noted = Epochs()
    judged = (rows.x_valid, rows.y_valid)
    history = model.fit(
        rows.x, rows.y, batch_size, epochs, verbose=0, validation_data=judged, callbacks=[noted]
    ).history
    each = [end - begin for begin, end in zip(noted.ends[:-1], noted.ends[1:], strict=True)]
    compiling = max(0.0, each[0] - median(each[1:] or each))
    return Run(sum(each) - compiling, float(history["val_accuracy"][-1]), compiling)
