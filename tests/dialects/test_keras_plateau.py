"""Keras' ReduceLROnPlateau against its own cuts, on the metrics that it is given."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.dialects import from_keras
from stepsize.errors import ScheduleError
from stepsize.units import lr

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
Callback = keras.callbacks.ReduceLROnPlateau

DRAWS = 200
GRID = 64  # metrics and min_delta are multiples of 1 / 64, so that a tie is one in float32 too


@pytest.fixture(scope="module")
def model() -> Any:
    """Return a model whose metrics exist, for "auto" asks them for their direction."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse", metrics=["accuracy", "mae"])
    model.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    return model


def cuts(callback: Any, model: Any, rate: float, metrics: list[float]) -> list[float]:
    """Return the optimizer's rate after each epoch."""
    model.optimizer.learning_rate = rate
    callback.set_model(model)
    callback.on_train_begin()
    seen = []
    for epoch, metric in enumerate(metrics):
        callback.on_epoch_end(epoch, {callback.monitor: metric})
        seen.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    return seen


def followed(schedule: ss.Schedule, rate: float, metrics: list[float]) -> list[float]:
    """Return the rate of our schedule after each epoch."""
    rule = schedule.metric_factor
    if rule is None:
        return [rate] * len(metrics)
    state, seen = rule.init(), []
    for metric in metrics:
        state = rule.observe(state, metric)
        seen.append(rate * float(rule.multiplier(state)))
    return seen


def a_callback(draw: np.random.Generator, rate: float) -> Any:
    metric = str(draw.choice(["val_loss", "loss", "accuracy", "val_accuracy", "val_mae"]))
    return Callback(
        monitor=metric,
        mode=str(draw.choice(["auto", "min", "max"])),
        factor=draw.uniform(0.1, 0.9),
        patience=int(draw.integers(0, 5)),
        cooldown=int(draw.integers(0, 5)),
        min_delta=float(draw.choice([0, 1e-4, 1 / GRID, 5 / GRID])),
        min_lr=rate * float(draw.choice([0, draw.uniform(0, 1.2)])),
    )


def some_metrics(draw: np.random.Generator) -> list[float]:
    """Return a walk over positive and negative numbers, with ties, NaN, and an infinity that never wins."""
    metrics = np.round(draw.normal(scale=0.2, size=40).cumsum() * GRID) / GRID
    metrics[1:][draw.uniform(size=39) < 0.08] = np.nan
    return metrics.tolist()


def read(callback: Any, **peak: Any) -> ss.Schedule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return from_keras(callback, **peak)


@pytest.mark.parametrize("used", [False, True], ids=["new", "used before"])
def test_it_cuts_when_its_own_does(used: bool, model: Any) -> None:
    draw, fell = np.random.default_rng(0), 0
    for _ in range(DRAWS):
        rate = draw.uniform(1e-4, 1)
        callback, metrics = a_callback(draw, rate), some_metrics(draw)
        if used:
            cuts(callback, model, rate, metrics)
        ours = read(callback, peak=rate)
        assert ours == ss.parse(repr(ours))
        assert ours.plan(updates=3).values.tolist() == pytest.approx([rate] * 3)
        theirs = cuts(callback, model, rate, metrics)
        np.testing.assert_allclose(followed(ours, rate, metrics), theirs, rtol=2e-6, err_msg=repr(ours))
        fell += theirs[-1] < rate * 0.99
    assert fell > 100


def test_another_rule_would_be_seen(model: Any) -> None:
    callback, flat = Callback(patience=2), [1.0] * 4
    theirs = cuts(callback, model, 0.5, flat)
    np.testing.assert_allclose(followed(from_keras(callback, peak=0.5), 0.5, flat), theirs, rtol=2e-6)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(followed(0.5 * ss.plateau(patience=2), 0.5, flat), theirs, rtol=2e-6)


def test_the_text_says_the_convention() -> None:
    assert repr(from_keras(Callback(factor=0.5, patience=6))) == (
        "plateau(factor=0.5, patience=5, relative=False)"
    )
    whole = from_keras(Callback(monitor="val_accuracy", min_lr=0.001), peak=0.1)
    assert repr(whole) == (
        'constant(0.1) * plateau(patience=9, relative=False, floor=0.01, metric="val_accuracy")'
    )
    assert repr(from_keras(Callback("reward", mode="max"), peak=lr)) == (
        'constant(lr) * plateau(patience=9, relative=False, metric="reward", mode="max")'
    )
    with pytest.raises(ScheduleError, match=r'metric="reward" does not say .*; write mode="min" or'):
        from_keras(Callback("reward"))


def test_a_factor_goes_with_any_schedule() -> None:
    schedule = ss.cosine(0.1) * from_keras(Callback(patience=1))
    assert schedule.metric_factor == ss.plateau(patience=0, relative=False)


def test_a_rate_at_its_minimum_stays() -> None:
    assert from_keras(Callback(min_lr=0.1), peak=0.1) == ss.constant(0.1)
    assert from_keras(Callback(min_lr=0.1), peak=0.01) == ss.constant(0.01)


def test_a_cooldown_one_short_is_warned_about() -> None:
    with pytest.warns(
        UserWarning, match=r"cooldown=3 ignores one check fewer; .* use plateau\(.*cooldown=3"
    ) as said:
        assert from_keras(Callback(cooldown=3)).metric_factor.cooldown == 2
    assert [warning.filename for warning in said] == [__file__]


def test_a_first_nan_is_beaten_here_and_never_there(model: Any) -> None:
    """The one exception: Keras takes a first NaN for the best, and the rule has no state that says so."""
    callback, metrics = Callback(factor=0.5, patience=2), [math.nan, 0.9, 0.8, 0.7, 0.6]
    ours = from_keras(callback, peak=0.5)
    assert cuts(callback, model, 0.5, metrics) == [0.5, 0.5, 0.25, 0.25, 0.125]
    assert followed(ours, 0.5, metrics) == [0.5] * 5


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: from_keras(Callback(min_lr=1e-3)),
            r"min_lr=0.001 is a rate, .* write from_keras\(callback, peak=",
        ),
        (lambda: from_keras(Callback(min_lr=1e-3), peak=lr), "min_lr=0.001 is a rate"),
        (
            lambda: from_keras(0.1, peak=0.1),
            "peak=0.1: only ReduceLROnPlateau has no rate of its own; leave it",
        ),
        (lambda: from_keras(Callback(factor=0.0)), "factor=0.0 is not allowed"),
        (
            lambda: from_keras(keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)),
            "unknown schedule 'LearningRateScheduler'; use one of: CosineDecay",
        ),
    ],
)
def test_what_is_refused_says_what_to_write(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()
