"""What a library has itself is called by its name, and only where that gives the same rates."""

from __future__ import annotations

import pytest

import stepsize.dialects  # noqa: F401  (its families)
from stepsize.export import export
from stepsize.schedules import parse
from tests.support.exported_code import assert_same_rates

CALLS = [
    ("torch", "constant(0.1)", "ConstantLR"),
    ("torch", "linear(0.1, floor=0.01, closed=True)", "LinearLR"),
    ("torch", "polynomial(0.1, power=2, length=80*updates)", "PolynomialLR"),
    ("torch", "cosine(0.1, floor=0.001)", "CosineAnnealingLR"),
    ("torch", "cosine(0.1, closed=True)", "CosineAnnealingLR"),
    ("torch", "exponential(0.1, floor=0.001)", "ExponentialLR"),
    ("torch", "exponential(0.1, factor=0.5, every=10*updates)", "ExponentialLR"),
    ("torch", "exponential(0.1, factor=0.5, every=10*updates, staircase=True)", "StepLR"),
    ("torch", "step_decay(0.1, every=30*updates)", "StepLR"),
    ("torch", "multistep(0.1, at=[30*updates, 0.75*run])", "MultiStepLR"),
    ("torch", "one_cycle(0.1, warmup=29*updates, closed=True)", "OneCycleLR"),
    ("torch", 'one_cycle(0.1, warmup=29*updates, down=29*updates, shape="linear", closed=True)', "OneCycle"),
    ("torch", "cosine_restarts(0.1, first=20*updates, growth=2, floor=0.001)", "CosineAnnealingWarmRestarts"),
    ("torch", "triangular(0.1, floor=0.001, up=20*updates)", "CyclicLR"),
    ("torch", "triangular2(0.1, up=20*updates, down=5*updates)", "CyclicLR"),
    ("torch", "exp_range(0.1, factor=0.99, up=20*updates)", "CyclicLR"),
    ("torch", "torch_cosine(0.1, t_max=20*updates)", "CosineAnnealingLR"),
    ("keras", "constant(1)", "schedule = 1.0"),
    ("keras", "cosine(1, floor=0.01)", "CosineDecay"),
    ("keras", "warmup(10*updates, start=0.01) >> cosine(0.1)", "warmup_target"),
    ("keras", "linear(1)", "PolynomialDecay"),
    ("keras", "polynomial(1, power=3, floor=0.001)", "PolynomialDecay"),
    ("keras", "exponential(0.1, factor=0.5, every=10*updates)", "ExponentialDecay"),
    ("keras", "exponential(1, floor=0.001)", "ExponentialDecay"),
    ("optax", "exponential(1, floor=0.001, closed=True)", "exponential_decay"),
    ("keras", "inverse_time(0.1, rate=0.5, every=10*updates, staircase=False)", "InverseTimeDecay"),
    ("keras", "step_decay(0.1, every=41*updates)", "PiecewiseConstantDecay"),
    ("keras", "multistep(0.1, at=[30*updates, 75*updates])", "PiecewiseConstantDecay"),
    ("keras", "piecewise_constant([0.1, 0.02, 0.05], at=[30*updates, 75*updates])", "PiecewiseConstantDecay"),
    ("keras", "keras_restarts(0.1, first_decay_steps=10*updates)", "CosineDecayRestarts"),
    ("optax", "constant(1)", "constant_schedule"),
    ("optax", "cosine(1, floor=0.01)", "cosine_decay_schedule"),
    ("optax", "linear(1)", "linear_schedule"),
    ("optax", "polynomial(1, power=2)", "polynomial_schedule"),
    ("optax", "exponential(0.1, factor=0.5, every=10*updates)", "exponential_decay"),
    ("optax", "step_decay(0.1, every=41*updates)", "piecewise_constant_schedule"),
    ("optax", "multistep(0.1, at=[30*updates, 75*updates])", "piecewise_constant_schedule"),
    ("optax", "warmup(10*updates) >> constant(0.1, length=20*updates) >> cosine(0.1)", "join_schedules"),
    ("transformers", "constant(0.1)", "get_constant_schedule"),
    ("transformers", "warmup(10*updates) >> constant(0.1)", "get_constant_schedule_with_warmup"),
    ("transformers", "warmup(10*updates) >> linear(0.1)", "get_linear_schedule_with_warmup"),
    ("transformers", "linear(0.1)", "get_linear_schedule_with_warmup"),
    ("transformers", "warmup(10*updates) >> cosine(0.1)", "get_cosine_schedule_with_warmup"),
    ("transformers", "cosine(0.1, floor=0.01)", "get_cosine_with_min_lr_schedule_with_warmup"),
    ("transformers", "polynomial(0.1, power=2, floor=0.01)", "get_polynomial_decay_schedule_with_warmup"),
    ("transformers", "warmup(9*updates) >> inverse_sqrt(0.1, timescale=7*updates)", "get_inverse_sqrt"),
    ("transformers", 'warmup(9*updates) >> wsd(0.1, shape="1-sqrt")', "get_wsd_schedule"),
    ("transformers", "transformers_restarts(0.1, cycles=3)", "get_cosine_with_hard_restarts_schedule_with"),
]  # fmt: skip


@pytest.mark.parametrize(("to", "spec", "name"), CALLS)
def test_a_library_s_own_schedule_is_called(to: str, spec: str, name: str) -> None:
    code = assert_same_rates(parse(spec).plan(updates=100), to)
    assert name in code
    assert "def learning_rate" not in code


@pytest.mark.parametrize(
    ("to", "spec"),
    [
        ("torch", "cosine(0.1, length=50*updates)"),  # CosineAnnealingLR would rise again
        ("torch", "polynomial(0.1, power=2, floor=0.01)"),  # PolynomialLR ends at 0
        ("torch", "step_decay(0.1, every=30*updates, floor=0.03)"),
        ("torch", "one_cycle(0.1)"),  # OneCycleLR ends on the last update
        ("torch", "one_cycle(0.1, warmup=29*updates, floor=0, closed=True)"),
        ("torch", "cosine_restarts(0.1, first=20*updates, growth=1.5)"),
        ("torch", "warmup(10*updates) >> cosine(0.1)"),  # LinearLR cannot start at 0
        ("keras", "polynomial(0.1, power=1.5, length=20*updates)"),  # compiled, it would end in nan
        ("keras", "polynomial(0.1, power=0.2)"),
        ("keras", "exponential(0.1, factor=0.99, every=1*updates)"),  # a power of 100 in float32
        ("keras", "step_decay(0.1, every=3*updates)"),
        ("optax", "polynomial(0.1, power=1.5, length=20*updates)"),
        ("optax", "exponential(0.1, floor=0.001, length=50*updates)"),  # it would fall on
        ("optax", "warmup(10*updates) >> rex(0.1)"),
        ("transformers", "linear(0.1, floor=0.01)"),
        ("transformers", "warmup(10*updates, start=0.01) >> cosine(0.1)"),
        ("transformers", "cosine(0.1, length=50*updates)"),
    ],
)
def test_a_schedule_with_other_rates_is_not(to: str, spec: str) -> None:
    code = assert_same_rates(parse(spec).plan(updates=100), to)
    assert "def learning_rate" in code


@pytest.mark.parametrize(
    "spec",
    [
        "step_decay(0.1, every=30*epochs)",
        "exponential(0.1, factor=0.5, every=11*updates, staircase=True)",
        "step_decay(0.1, every=10*updates)",  # once the run is over
        "multistep(0.1, at=[30*epochs])",
        "piecewise_constant([0.1, 0.01], at=[30*epochs])",
    ],
)
@pytest.mark.parametrize("to", ["keras", "optax", "torch", "transformers"])
def test_stairs_without_a_drop_in_the_run_are_constant(to: str, spec: str) -> None:
    assert_same_rates(parse(spec).plan(updates=10, updates_per_epoch=2), to)


@pytest.mark.parametrize("every", [41, 47, 97])
@pytest.mark.parametrize("to", ["keras", "optax"])
def test_compiled_staircases_drop_in_time(every: int, to: str) -> None:
    """Divided in float32 by compiled code, 41 / 41 may be less than 1."""
    spec = f"exponential(0.1, factor=0.5, every={every}*updates, staircase=True)"
    assert_same_rates(parse(spec).plan(updates=600), to)


@pytest.mark.parametrize("to", ["keras", "optax", "torch", "transformers"])
def test_what_a_library_does_after_the_run_is_said(to: str) -> None:
    code = export(parse("cosine(0.1)").plan(updates=100), to)
    assert "sets rates that are not part of this schedule." in code
