"""A rate that a metric cuts, in the libraries that have the rule: the same cuts after the same metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.adapters.plain import PlainSchedule
from stepsize.errors import ScheduleError
from stepsize.export import export
from stepsize.schedules import Plan, constant, parse, plateau
from tests.support.draws import LAW
from tests.support.exported_code import run

metrics = st.lists(st.floats(0.01, 1).map(lambda value: round(value, 2)), min_size=5, max_size=40)


def absolute(threshold: float) -> st.SearchStrategy[Any]:
    return st.builds(
        plateau,
        factor=st.sampled_from([0.1, 0.5]),
        patience=st.integers(0, 3),
        cooldown=st.integers(0, 3),
        threshold=st.sampled_from([0.0, threshold]),
        relative=st.just(False),
        floor=st.sampled_from([0.0, 0.1]),
        mode=st.none() | st.just("max"),
    )


relative = st.builds(plateau, factor=st.just(0.5), patience=st.integers(0, 3), threshold=st.just(0.05))


def ours(plan: Plan, seen: list[float]) -> list[float]:
    """The rates after each metric."""
    schedule = PlainSchedule(plan)
    rates = []
    for value in seen:
        schedule.observe(value)
        rates.append(schedule.rate)
    return rates


def of_torch(names: dict[str, Any], seen: list[float]) -> list[float]:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=names["BASE_RATE"])
    scheduler = names["make_scheduler"](optimizer)
    rates = []
    for value in seen:
        scheduler.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def of_keras(names: dict[str, Any], seen: list[float]) -> list[float]:
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(names["rate"]), "mse")
    callback = names["callback"]
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(seen):
        callback.on_epoch_end(epoch, {"val_loss": value})
        rates.append(float(model.optimizer.learning_rate))
    return rates


def assert_same_cuts(rule: Any, seen: list[float], to: str) -> None:
    """Export a constant rate under a rule, and compare its rates after each metric."""
    plan = (constant(0.1) * rule).plan(updates=100)
    found = (of_keras if to == "keras" else of_torch)(run(export(plan, to)), seen)
    np.testing.assert_allclose(found, ours(plan, seen), rtol=1e-6 if to == "keras" else 1e-12)


@pytest.mark.parametrize(("to", "threshold"), [("keras", 0.055), ("torch", 0.05), ("transformers", 0.05)])
def test_an_absolute_threshold_is_the_same_rule(to: str, threshold: float) -> None:
    """Keras compares in float32, which is not sure of 0.34 - 0.29 > 0.05; no metric here is at 0.055."""

    @settings(LAW, max_examples=30)
    @given(absolute(threshold), metrics)
    def check(rule: Any, seen: list[float]) -> None:
        assert_same_cuts(rule, seen, to)

    check()


@settings(LAW, max_examples=50)
@given(relative, metrics)
def test_a_relative_threshold_is_the_same_rule_in_torch(rule: Any, seen: list[float]) -> None:
    assert_same_cuts(rule, seen, "torch")


def test_a_signed_threshold_is_the_same_rule_below_0_too() -> None:
    rule = plateau(factor=0.5, patience=1, threshold=0.05, signed=True)
    assert_same_cuts(rule, [-1, -1.01, -0.99, -1.2, -1.2, -1.2], "torch")


def test_a_first_metric_that_is_nan_is_said_to_differ_in_keras() -> None:
    plan = (constant(0.1) * plateau(patience=0, relative=False)).plan(updates=100)
    code = export(plan, "keras")
    assert "# (if the first val_loss is NaN, it sees no improvement ever after" in " ".join(code.split())
    seen = [float("nan"), 1.0, 0.9, 0.8]
    found = of_keras(run(code), seen)
    assert found == pytest.approx([0.1, 0.01, 0.001, 0.0001])
    assert ours(plan, seen) == pytest.approx([0.01] * 4)


def test_the_comparison_can_fail() -> None:
    plan = (constant(0.1) * plateau(patience=1)).plan(updates=100)
    other = (constant(0.1) * plateau(patience=2)).plan(updates=100)
    found = of_torch(run(export(plan, "torch")), [1.0] * 9)
    assert found == pytest.approx(ours(plan, [1.0] * 9))
    assert found != pytest.approx(ours(other, [1.0] * 9))


def test_where_the_threshold_differs_is_said() -> None:
    said = "for one that is never negative"
    assert said in export((constant(0.1) * plateau()).plan(updates=9), "torch")
    assert said not in export((constant(0.1) * plateau(relative=False)).plan(updates=9), "torch")


@pytest.mark.parametrize(
    ("to", "spec", "reason"),
    [
        ("torch", "cosine(0.1) * plateau()", "would write the same rate; use stepsize.adapters.torch.Torch"),
        ("transformers", "cosine(0.1) * plateau()", "would write the same rate"),
        (
            "keras",
            "cosine(0.1) * plateau()",
            "would write the same rate; use stepsize.adapters.keras.Schedul",
        ),
        ("keras", "constant(0.1) * plateau()", "threshold is absolute: write relative=False"),
        ("torch", "constant(0.1) * two_way()", "no other library has two_way"),
        ("keras", "constant(0.1) * on_threshold()", "no other library has on_threshold"),
        ("optax", "constant(0.1) * plateau()", "counts updates, not the checks of a metric; use stepsize.ad"),
        ("plain", "constant(0.1) * plateau()", "moves with a metric; use stepsize.adapters.plain.PlainSche"),
    ],
)
def test_other_rules_are_refused_with_the_reason(to: str, spec: str, reason: str) -> None:
    with pytest.raises(ScheduleError, match=f"cannot be exported to {to}: .*{reason}"):
        export(parse(spec).plan(updates=100), to)
