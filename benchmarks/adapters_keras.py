"""What a plan costs an update in Keras on JAX: compiled against Keras' own schedule, and set by a callback.

Compiled: `stateless_apply` of SGD on one weight in a scan, and the learning rate asked for eagerly. Set by a
callback: `fit` on batches of 8, less the same `fit` without one; the peer sets the rate of every batch as
`LearningRateScheduler` does once an epoch, reading it, assigning it and putting it into the logs. Every round
times all contenders in turn. Compiled code is timed by the clock, with medians; callbacks by the processor
time of their thread, with minima, for what else runs on the machine would drown them.

    python benchmarks/adapters_keras.py
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np

import stepsize as ss
from stepsize.adapters.keras import KerasSchedule, ScheduleCallback

UPDATES, EAGER, BATCHES, ROUNDS = 100_000, 200, 256, 11
PLAN = ss.cosine(0.1).plan(updates=UPDATES)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8 * BATCHES, 34)).astype(np.float32)
Y = RNG.integers(0, 2, size=(8 * BATCHES, 1)).astype(np.float32)


class PerBatch(keras.callbacks.Callback):
    """Set the rate before every batch, as `LearningRateScheduler` does before every epoch."""

    def __init__(self, rate_of: Callable[[int, float], float]) -> None:
        super().__init__()
        self.rate_of, self.seen = rate_of, 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        model: Any = self.model
        rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))  # type: ignore[arg-type]
        model.optimizer.learning_rate = self.rate_of(self.seen, rate)
        self.seen += 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        model: Any = self.model
        rate = keras.ops.convert_to_numpy(model.optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = float(rate)  # type: ignore[arg-type]


def compiled(rate: Any) -> Callable[[], None]:
    """Return a run of one-weight updates, compiled."""
    optimizer = keras.optimizers.SGD(rate)
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer.build([weight])

    def update(place: Any, _: Any) -> tuple[Any, None]:
        state, weights = place
        weights, state = optimizer.stateless_apply(state, [np.ones(1, np.float32)], weights)
        return (state, weights), None

    run = jax.jit(lambda place: jax.lax.scan(update, place, length=UPDATES)[0])
    place = ([each.value for each in optimizer.variables], [weight.value])
    jax.block_until_ready(run(place))
    return lambda: jax.block_until_ready(run(place))


def eager(rate: Any) -> Callable[[], None]:
    """Return calls of a schedule outside of compiled code."""
    step = keras.Variable(7, dtype="int", trainable=False)

    def run() -> None:
        for _ in range(EAGER):
            jax.block_until_ready(rate(step))

    run()
    return run


def fitted(make: Callable[[], list[Any]]) -> Callable[[], None]:
    """Return an epoch of `fit` with callbacks."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((34,)), keras.layers.Dense(34, activation="relu")])
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="binary_crossentropy")
    callbacks = make()

    def run() -> None:
        model.fit(X, Y, batch_size=8, verbose=0, shuffle=False, callbacks=callbacks)  # pyright: ignore[reportArgumentType]

    run()
    return run


def timed(
    runners: dict[str, Callable[[], None]],
    clock: Callable[[], float] = time.perf_counter,
    summary: Callable[[list[float]], float] = statistics.median,
) -> dict[str, float]:
    """Return the seconds of each runner over rounds that take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, run in runners.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)
    return {name: summary(each) for name, each in seconds.items()}


def measure() -> dict[str, Any]:
    """Return microseconds an update of each contender."""
    cosine = keras.optimizers.schedules.CosineDecay(0.1, UPDATES)
    rates = {"KerasSchedule": KerasSchedule(PLAN), "CosineDecay": cosine}
    scan = timed({name: compiled(rate) for name, rate in rates.items()})
    call = timed({name: eager(rate) for name, rate in rates.items()})
    fits = {
        "nothing": fitted(list),
        "ScheduleCallback": fitted(lambda: [ScheduleCallback(PLAN)]),
        "per-batch callback": fitted(lambda: [PerBatch(lambda update, _: PLAN(update))]),
    }
    fit = timed(fits, time.thread_time, min)
    alone = fit.pop("nothing")
    return {
        "compiled": {name: 1e6 * each / UPDATES for name, each in scan.items()},
        "eager": {name: 1e6 * each / EAGER for name, each in call.items()},
        "callback": {name: 1e6 * (each - alone) / BATCHES for name, each in fit.items()},
        "fit alone": 1e6 * alone / BATCHES,
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
