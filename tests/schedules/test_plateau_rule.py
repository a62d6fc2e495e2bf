"""The plateau rule: against PyTorch's, against itself in JAX, and at its edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule, PlateauState, init, observe


def scales(rule: PlateauRule, metrics: Any) -> list[float]:
    """The multiplier after each metric."""
    state, seen = init(rule), []
    for metric in metrics:
        state = observe(rule, state, metric)
        seen.append(float(state.scale))
    return seen


def random_rule(draw: np.random.Generator) -> Any:
    return ss.plateau(
        factor=draw.uniform(0.1, 0.95),
        patience=int(draw.integers(0, 5)),
        cooldown=int(draw.integers(0, 5)),
        threshold=float(draw.choice([0, 1e-4, 0.05])),
        relative=bool(draw.integers(2)),
        floor=float(draw.choice([0, 0.2])),
        mode=str(draw.choice(["min", "max"])),
    )


def random_metrics(draw: np.random.Generator, count: int = 60) -> np.ndarray:
    """Positive, on a coarse grid so that ties occur, with a few NaN."""
    metrics = np.round(draw.uniform(0.5, 1, count) * np.linspace(1, draw.uniform(0.5, 2), count), 1)
    metrics[draw.uniform(size=count) < 0.05] = np.nan
    return metrics


def torch_scales(spec: Any, metrics: np.ndarray) -> list[float]:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode=spec.mode,
        factor=spec.factor,
        patience=spec.patience,
        threshold=spec.threshold,
        threshold_mode="rel" if spec.relative else "abs",
        cooldown=spec.cooldown,
        min_lr=spec.floor,
        eps=0,
    )
    seen = []
    for metric in metrics:
        scheduler.step(float(metric))
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def assert_same(spec: Any, metrics: np.ndarray, rule: PlateauRule | None = None) -> None:
    ours = scales(spec.rule() if rule is None else rule, metrics)
    np.testing.assert_allclose(ours, torch_scales(spec, metrics), rtol=1e-12)


def test_the_rule_is_pytorchs_on_positive_metrics() -> None:
    draw = np.random.default_rng(0)
    cut = 0
    for _ in range(300):
        spec, metrics = random_rule(draw), random_metrics(draw)
        assert_same(spec, metrics)
        cut += scales(spec.rule(), metrics)[-1] < 1
    assert cut > 100  # the series do make it fire


def test_with_the_sign_of_the_best_it_is_pytorchs_on_negative_metrics_too() -> None:
    draw = np.random.default_rng(5)
    differs = 0
    for _ in range(60):
        spec = random_rule(draw).with_fields(relative=True, signed=True, threshold=0.1)
        metrics = np.round(draw.normal(size=60), 1)
        assert_same(spec, metrics)
        differs += scales(spec.rule(), metrics) != scales(spec.with_fields(signed=False).rule(), metrics)
    assert differs > 10


def test_another_rule_would_be_seen() -> None:
    draw = np.random.default_rng(0)
    spec, metrics = ss.plateau(patience=1, mode="min"), random_metrics(draw)
    with pytest.raises(AssertionError):
        assert_same(spec, metrics, spec.rule()._replace(patience=2.0))


def test_jax_gives_the_same_for_many_rules_at_once() -> None:
    jax = pytest.importorskip("jax")
    draw = np.random.default_rng(1)
    rules = [random_rule(draw).rule() for _ in range(40)] + [NEUTRAL]
    metrics = np.stack([random_metrics(draw) for _ in rules]).astype(np.float32)
    stacked = PlateauRule(*(jax.numpy.asarray(part, dtype="float32") for part in zip(*rules, strict=True)))

    def train(rule: PlateauRule, series: Any) -> Any:
        def check(state: PlateauState, metric: Any) -> tuple[PlateauState, Any]:
            state = observe(rule, state, metric)
            return state, state.scale

        return jax.lax.scan(check, init(rule), series)[1]

    together = jax.jit(jax.vmap(train))(stacked, metrics)
    singles = []
    for rule, series in zip(rules, metrics, strict=True):
        in_float32 = PlateauRule(*(np.float32(part) for part in rule))
        singles.append(scales(in_float32, series))
    np.testing.assert_allclose(together, singles, rtol=1e-5)
    assert len(np.unique(together)) > 20
    assert (np.asarray(together)[-1] == 1).all()


def test_numpy_arrays_are_as_many_single_rules() -> None:
    draw = np.random.default_rng(2)
    rules = [random_rule(draw).rule() for _ in range(10)]
    stacked = PlateauRule(*(np.array(part) for part in zip(*rules, strict=True)))
    metrics = random_metrics(draw)
    state = init(stacked)
    for metric in metrics:
        state = observe(stacked, state, metric)
    assert state.scale.tolist() == [scales(rule, metrics)[-1] for rule in rules]


def test_it_fires_after_more_than_patience_checks_and_rests_in_the_cooldown() -> None:
    rule = ss.plateau(factor=0.5, patience=2, cooldown=1).rule()
    assert scales(rule, [1.0] * 9) == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]
    eager = ss.plateau(factor=0.5, patience=0).rule()
    assert scales(eager, [1.0, 1.0, 1.0]) == [1, 0.5, 0.25]


def test_the_floor_bounds_the_multiplier() -> None:
    rule = ss.plateau(factor=0.1, patience=0, floor=0.05).rule()
    assert scales(rule, [1.0] * 4) == [1, 0.1, 0.05, 0.05]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_relative_margin_works_for_negative_metrics(sign: int) -> None:
    """PyTorch's best * (1 - threshold) would take these equal or worse values as better."""
    rule = ss.plateau(factor=0.5, patience=0, threshold=0.1, mode="min" if sign > 0 else "max").rule()
    falling = [-1.0 * sign, -1.05 * sign, -1.2 * sign]
    assert scales(rule, falling) == [1, 0.5, 0.5]
    assert scales(rule, [-1.0 * sign, -1.0 * sign, -0.99 * sign]) == [1, 0.5, 0.25]


def test_nan_and_infinity_never_improve_and_spoil_nothing() -> None:
    rule = ss.plateau(factor=0.5, patience=3).rule()
    assert scales(rule, [math.nan, math.inf, 1.0, 0.9, 0.8, 0.7]) == [1] * 6
    assert scales(rule, [math.nan] * 4) == [1, 1, 1, 0.5]
    state = observe(rule, observe(rule, init(rule), 1.0), math.nan)
    assert state == PlateauState(best=1.0, bad=1.0, good=0.0, cooling=0.0, scale=1.0)


def test_the_neutral_rule_never_changes_anything() -> None:
    assert scales(NEUTRAL, [1.0, 2.0, math.nan, math.inf, -1.0] * 20) == [1] * 100


def test_the_methods_are_the_functions() -> None:
    spec = ss.plateau(factor=0.5, patience=0, metric="accuracy")
    state = spec.init()
    assert spec.multiplier(state) == 1
    for accuracy in (0.5, 0.6, 0.6):
        state = spec.observe(state, accuracy)
    assert spec.multiplier(state) == 0.5
    assert state == observe(spec.rule(), spec.observe(spec.observe(spec.init(), 0.5), 0.6), 0.6)


def test_where_a_schedule_keeps_its_metric_factor() -> None:
    spec = ss.plateau(patience=3)
    schedule = ss.constant(0.1) * spec
    assert schedule.metric_factor == spec == schedule.plan(updates=3).metric_factor
    assert ss.constant(0.1).metric_factor is None
    assert spec.metric_factor is spec


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"metric": "reward"},
            'metric="reward" does not say whether lower is better; write mode="min" or mode',
        ),
        ({"metric": ""}, "is not the name of a metric"),
        ({"metric": 'a"b'}, "is not the name of a metric"),
        ({"metric": 3}, "metric=3 is not the name of a metric"),
        ({"mode": "auto"}, "unknown mode 'auto'; use one of: min, max"),
        ({"factor": 1}, "can never reduce a multiplier of 1; write a number below 1"),
        ({"factor": 0}, "factor=0 is not allowed; write a finite number above 0"),
        ({"factor": 10}, "can never reduce"),
        ({"floor": 1}, "floor=1 can never reduce"),
        ({"patience": 2.5}, "patience=2.5 is not a whole number; write for example patience=5"),
        ({"patience": -1}, "patience=-1 is not allowed"),
        ({"cooldown": True}, "cooldown=True is not a number"),
        ({"threshold": -1}, "threshold=-1 is not allowed"),
        ({"relative": 1}, "relative=1 is neither True nor False"),
    ],
)
def test_bad_parameters_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        ss.plateau(**arguments)
