"""What the metric-driven rules are: their meaning, their composition, their state."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.errors import ScheduleError, SpecError
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule, init, observe
from stepsize.units import updates
from tests.support.draws import LAW, driven

metrics = st.lists(st.floats(-2, 2) | st.sampled_from([math.nan, math.inf, 0.5]), max_size=30)


def scales(factor: Any, observed: Any) -> list[float]:
    state, seen = factor.init(), []
    for metric in observed:
        state = factor.observe(state, metric)
        seen.append(float(factor.multiplier(state)))
    return seen


@LAW
@given(driven, metrics)
def test_a_multiplier_stays_within_its_bounds(factor: Any, observed: list[float]) -> None:
    for scale in scales(factor, observed):
        assert factor.floor <= scale <= getattr(factor, "ceiling", 1.0)


@LAW
@given(driven, metrics, metrics)
def test_a_saved_state_goes_on_as_if_never_stopped(factor: Any, before: Any, after: Any) -> None:
    state = factor.init()
    for metric in before:
        state = factor.observe(state, metric)
    resumed = factor.state_from_json(factor.state_to_json(state))
    assert resumed == state
    for metric in after:
        state, resumed = factor.observe(state, metric), factor.observe(resumed, metric)
    assert resumed == state


@LAW
@given(st.lists(driven, min_size=2, max_size=6), metrics)
def test_stacked_rules_are_as_many_single_ones(factors: list[Any], observed: list[float]) -> None:
    rules = [*(factor.rule() for factor in factors), NEUTRAL]
    stacked = PlateauRule(*np.array(rules).T)
    state = init(stacked)
    for metric in observed:
        state = observe(stacked, state, metric)
    singles = [scales(factor, observed)[-1] if observed else 1 for factor in factors]
    assert state.scale.tolist() == [*singles, 1]


@pytest.mark.parametrize("factor", [ss.on_threshold(threshold=0.05), ss.two_way(growth=1.5, ceiling=3)])
def test_jax_gives_the_same(factor: Any) -> None:
    jax = pytest.importorskip("jax")
    observed = np.random.default_rng(0).normal(scale=0.1, size=40).cumsum()
    observed[5] = np.nan

    def check(state: Any, metric: Any) -> Any:
        state = observe(factor.rule(), state, metric)
        return state, state.scale

    start = jax.tree.map(jax.numpy.float32, factor.init())
    together = jax.jit(lambda series: jax.lax.scan(check, start, series)[1])(observed.astype(np.float32))
    ours = scales(factor, observed)
    np.testing.assert_allclose(together, ours, rtol=1e-5)
    assert len(set(ours)) > 2


def test_on_threshold_cuts_when_the_change_falls_below_it() -> None:
    losses = [1.0, 0.5, 0.495, 0.6, 0.605, 0.6051, 0.2]
    assert scales(ss.on_threshold(threshold=0.01), losses) == [1, 1, 0.5, 0.5, 0.25, 0.125, 0.125]
    assert scales(ss.on_threshold(threshold=0.01, patience=1), losses) == [1, 1, 1, 1, 1, 0.5, 0.5]
    rested = scales(ss.on_threshold(threshold=0.01, cooldown=2), losses)
    assert rested == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert scales(ss.on_threshold(threshold=0.01, relative=True), [100, 99.5, 98, 90]) == [1, 0.5, 0.5, 0.5]
    assert scales(ss.on_threshold(threshold=0.01, floor=0.4), losses)[-1] == 0.4


def test_on_threshold_takes_nan_and_infinity_for_no_small_change() -> None:
    assert scales(ss.on_threshold(), [1, math.nan, 0.5, math.inf, 0.2]) == [1] * 5
    assert scales(ss.on_threshold(), [1, math.nan, 1]) == [1, 1, 0.5]
    assert scales(ss.on_threshold(), [math.inf, math.inf, math.nan, math.nan]) == [1] * 4


def test_two_way_lowers_and_raises() -> None:
    rule = ss.two_way(factor=0.5, growth=2, ceiling=4)
    assert scales(rule, [1, 0.9, 0.8, 0.9, 0.7, math.nan]) == [2, 4, 4, 2, 4, 2]
    patient = ss.two_way(factor=0.5, growth=2, ceiling=4, patience=1)
    assert scales(patient, [1, 0.9, 0.8, 0.9, 0.9, 0.7, 0.6]) == [1, 2, 2, 2, 1, 1, 2]
    assert scales(ss.two_way(mode="max"), [0.5, 0.4, 0.6]) == [1, 0.5, 0.525]
    assert scales(ss.two_way(), [1, 0.9, 0.8]) == [1, 1, 1]


def keras_scales(observed: np.ndarray, **settings: Any) -> list[float]:
    """The rates of Keras' ReduceLROnPlateau, from 1."""
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", mode="min", verbose=0, **settings)
    callback.set_model(model)
    callback.on_train_begin()
    seen = []
    for epoch, metric in enumerate(observed):
        callback.on_epoch_end(epoch, {"val_loss": float(metric)})
        seen.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    return seen


def test_keras_rule_in_our_numbers() -> None:
    draw = np.random.default_rng(3)
    cut = 0
    for _ in range(40):
        p, c, delta = int(draw.integers(0, 4)), int(draw.integers(0, 4)), float(draw.choice([1e-4, 0.13]))
        observed = draw.uniform(-1, 1, 40).round(1)
        ours = ss.plateau(
            factor=0.5, patience=max(p, 1) - 1, cooldown=max(c - 1, 0), threshold=delta, relative=False
        )
        theirs = keras_scales(observed, factor=0.5, patience=p, cooldown=c, min_delta=delta)
        np.testing.assert_allclose(scales(ours, observed), theirs, rtol=1e-6)
        cut += theirs[-1] < 1
    assert cut > 20


def test_optax_rule_in_our_numbers() -> None:
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    draw = np.random.default_rng(4)
    for _ in range(6):
        p, c = int(draw.integers(1, 4)), int(draw.integers(0, 3))
        observed = (draw.uniform(-1, 1, 60) + 0.2).round(2)
        transform = optax.contrib.reduce_on_plateau(factor=0.5, patience=p, cooldown=c, rtol=0.1)
        weights = jax.numpy.zeros(1)

        def check(state: Any, metric: Any, transform: Any = transform, weights: Any = weights) -> Any:
            _, state = transform.update(weights, state, value=metric)
            return state, state.scale

        _, theirs = jax.lax.scan(check, transform.init(weights), jax.numpy.asarray(observed, "float32"))
        ours = ss.plateau(factor=0.5, patience=p - 1, cooldown=c, threshold=0.1, signed=True)
        np.testing.assert_allclose(scales(ours, observed), theirs, rtol=1e-6)


def test_it_composes_with_any_schedule() -> None:
    """PyTorch's combinators refuse plateau, Keras' callback a schedule, transformers drops the warmup."""
    schedule = (ss.warmup(2 * updates) >> ss.cosine(0.1)) * ss.plateau(patience=3)
    assert schedule.metric_factor == ss.plateau(patience=3)
    assert schedule.plan(updates=5).values.tolist() == (
        (ss.warmup(2 * updates) >> ss.cosine(0.1)).plan(updates=5).values.tolist()
    )


def test_patience_of_zero_cuts_when_stuck_and_only_then() -> None:
    """optax with patience=0 cuts on improvement."""
    assert scales(ss.plateau(factor=0.5, patience=0), [1, 0.9, 0.8, 0.8]) == [1, 1, 1, 0.5]


def test_a_cooldown_of_one_counts() -> None:
    """Keras ignores one check fewer than it says."""
    flat = [1.0] * 5
    assert scales(ss.plateau(factor=0.5, patience=0, cooldown=1), flat) == [1, 0.5, 0.5, 0.25, 0.25]


def test_a_first_nan_spoils_nothing() -> None:
    """Keras 3 takes a first NaN for the best, which nothing beats."""
    assert scales(ss.plateau(factor=0.5, patience=1), [math.nan, 1, 0.9, 0.8, 0.7]) == [1] * 5


def test_a_threshold_of_one_stays_a_number() -> None:
    """optax with rtol=1 makes 0 * inf = NaN of the first margin."""
    assert scales(ss.plateau(factor=0.5, patience=0, threshold=1), [1, 0.5, -1]) == [1, 0.5, 0.5]


def test_a_divisor_or_a_rising_factor_is_refused() -> None:
    """fastai's factor of 10 is a divisor."""
    with pytest.raises(ScheduleError, match=r"factor=10.0 can never reduce"):
        ss.plateau(factor=10)


def test_bounds_are_shares_of_the_plan() -> None:
    """transformers' GreedyLR has min_lr=1e-3: a rate below it can only go up."""
    state = ss.two_way(factor=0.5).observe(ss.two_way(factor=0.5).init(), math.nan)
    assert 1e-5 * ss.two_way().multiplier(state) == 5e-6


def test_a_tiny_rate_is_cut_too() -> None:
    """PyTorch leaves out a cut of less than eps=1e-8, and so never cuts a rate of 1e-8."""
    assert 1e-9 * scales(ss.plateau(factor=0.1, patience=0), [1, 1, 1])[-1] == pytest.approx(1e-11)


def test_the_multiplier_has_the_precision_of_its_state() -> None:
    """optax keeps the scale in the lowest precision among the parameters, such as bfloat16."""
    rule = ss.plateau(factor=0.7, patience=0)
    state = rule.init()
    for metric in np.ones(3, dtype=np.float16):
        state = rule.observe(state, metric)
    assert rule.multiplier(state) == 0.7**2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: "{", "the state is not a JSON document"),
        (lambda d: "[]", r"\[\] is not a state that this version reads"),
        (lambda d: json.dumps(d | {"stepsize_metric_state": 2}), "with stepsize_metric_state=1"),
        (
            lambda d: json.dumps(d | {"rule": "two_way()"}),
            r"belongs to two_way\(\), not to plateau\(\); load it with the rule it had",
        ),
        (lambda d: json.dumps({k: v for k, v in d.items() if k != "bad"}), "lacks a number among best, bad"),
        (lambda d: json.dumps(d | {"scale": "1"}), "lacks a number among"),
    ],
)
def test_a_state_that_cannot_be_loaded(change: Any, said: str) -> None:
    rule = ss.plateau()
    document = json.loads(rule.state_to_json(rule.observe(rule.init(), 0.5)))
    with pytest.raises(SpecError, match=said):
        rule.state_from_json(change(document))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ss.plateau(signed=True, relative=False), "signed=True needs a relative threshold"),
        (lambda: ss.on_threshold(threshold=0), "threshold=0 is not allowed"),
        (lambda: ss.on_threshold().plan(updates=3), r"on_threshold\(\) cannot stand alone"),
        (lambda: ss.two_way(metric="reward"), "does not say whether lower is better"),
        (lambda: ss.two_way(growth=0.5), "growth=0.5 would shrink"),
        (lambda: ss.two_way(ceiling=0.5), "ceiling=0.5 would shrink"),
    ],
)
def test_bad_parameters_are_refused(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()
