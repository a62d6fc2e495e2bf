"""Numbers of an optimizer that are inputs of a program: each run is the one that Keras makes with its own."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import keras
import numpy as np
import pytest

from stepsize.engine.keras.driven_settings import Setting, driven_settings
from stepsize.engine.keras.numeric_settings import CLIPPING, INPUTS, is_input
from stepsize.engine.numeric_settings import in_single_precision
from stepsize.engine.population import Population
from stepsize.engine.task import Task
from stepsize.engine.trainer import NotShared
from stepsize.errors import ProblemError
from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.models.optimizers import REFUSED
from tests.support.populations import fit, make_block, make_population

KINDS = sorted(
    (
        kind
        for kind in vars(keras.optimizers).values()
        if isinstance(kind, type)
        and issubclass(kind, keras.Optimizer)
        and kind.__name__ not in {"Optimizer", *REFUSED}
    ),
    key=lambda kind: kind.__name__,
)
COMPILED_IN = {"learning_rate", "initial_accumulator_value", "ns_steps"}
SWITCHES = ("nesterov", "centered", "amsgrad", "use_ema", "relative_step")
SHAPES = ((5, 3), (3,))
ROWS, VALID, EPOCHS, BATCH = 48, 20, 2, 16


def draw(rng: np.random.Generator, name: str, usual: float) -> float:
    """Draw a number that a user might try, over orders of magnitude."""
    if name.startswith(("momentum", "rho", "beta_1", "beta_2", "adam_beta", "ema_")) and usual >= 0:
        return float(rng.choice([0.9, 0.99, 0.999, 0.9999, rng.uniform(0.1, 0.9)]))
    if name.startswith("epsilon") or "weight_decay" in name or "regularization" in name or name == "beta":
        return float(10 ** rng.uniform(-4, -1))
    return float(usual * (rng.uniform(0.98, 1.02) if name.startswith("muon_") else rng.uniform(0.5, 1.2)))


def draw_two(rng: np.random.Generator, kind: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """Draw arguments of an optimizer, and other numbers for those that are inputs of its program."""
    usual = kind().get_config()
    arguments = {name: bool(rng.integers(2)) for name in SWITCHES if name in usual}
    arguments |= {"weight_decay": 0.1, str(rng.choice(CLIPPING)): 0.5}
    for name, value in usual.items():
        if name in INPUTS and isinstance(value, float | int):
            arguments[name] = draw(rng, name, value)
    inputs = {name: value for name, value in arguments.items() if name in INPUTS}
    return arguments, {name: draw(rng, name, value) for name, value in inputs.items()}


def train(kind: Any, arguments: dict[str, Any], numbers: dict[str, float] | None = None) -> Any:
    """Return how far four updates by made-up gradients move weights; `numbers` are inputs."""
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    gradients = [[rng.normal(size=shape).astype(np.float32) for shape in SHAPES] for _ in range(4)]
    optimizer = kind(learning_rate=0.01, **arguments)
    optimizer.build([keras.Variable(each, name=f"kernel_{each.ndim}") for each in weights])

    def update(inputs: Any, new: Any, slots: Any, gradients: Any) -> Any:
        settings = {
            name: Setting(value, getattr(optimizer, name), rest) for name, (value, rest) in inputs.items()
        }
        with driven_settings(optimizer, settings):
            return optimizer.stateless_apply(slots, gradients, new)

    inputs = {name: in_single_precision(np.float64(value)) for name, value in (numbers or {}).items()}
    new, slots, compiled = weights, [slot.value for slot in optimizer.variables], jax.jit(update)
    for each in gradients:
        new, slots = compiled(inputs, new, slots, each)
    return [np.asarray(after) - before for after, before in zip(new, weights, strict=True)]


def assert_close(ours: Any, theirs: Any) -> None:
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_inputs_of_an_update_are_the_numbers_that_keras_has(kind, seed):
    arguments, others = draw_two(np.random.default_rng(seed), kind)
    assert_close(train(kind, arguments, others), train(kind, {**arguments, **others}))


def test_the_comparison_can_fail():
    others = {"momentum": 0.9, "weight_decay": 0.01}
    driven = train(keras.optimizers.SGD, {"momentum": 0.5, "weight_decay": 0.02}, others)
    with pytest.raises(AssertionError):
        assert_close(driven, train(keras.optimizers.SGD, {**others, "weight_decay": 0.011}))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "momentum" in kind().get_config()])
def test_no_momentum_is_a_momentum_of_0(kind):
    assert_close(train(kind, {"momentum": 0.5}, {"momentum": 0.0}), train(kind, {"momentum": 0.0}))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_number_of_an_optimizer_is_an_input_or_compiled_in(kind):
    config = kind().get_config()
    numbers = {name for name, value in config.items() if type(value) in (int, float)}
    assert numbers <= {*INPUTS, *COMPILED_IN}


def test_differences_are_rounded_once():
    value, rest = in_single_precision(np.float64(0.9999))
    beta = Setting(jax.numpy.asarray(value), 0.9, jax.numpy.asarray(rest))
    assert float(1 - beta) == np.float32(1 - 0.9999)
    assert float(beta - 1) == np.float32(0.9999 - 1)
    assert float(1 - beta.value) != np.float32(1 - 0.9999)


def test_what_changes_the_rule_is_compiled_in():
    assert not any(is_input(name, 1.0) for name in ("ns_steps", "initial_accumulator_value", "nesterov"))
    assert not any(is_input(name, value) for name in CLIPPING for value in (0.0, -1.0))
    assert not is_input("momentum", -0.5)


# -- populations ---------------------------------------------------------------------------------------


def make_task(**fields: Any) -> Task:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(ROWS + VALID, 4)).astype(np.float32)
    y = (x @ rng.normal(size=(4, 3))).argmax(axis=1).astype(np.int32)
    return Task(
        {"text": "mlp(6)", "outputs": 3}, fields.pop("settings"), x, y, "multiclass", 3, 3,
        ROWS, BATCH, EPOCHS, **fields,
    )  # fmt: skip


def block_of(task: Task, variants: Any, seed: int = 5) -> Any:
    """Return a block of one run for each variant."""
    settings = {name: in_single_precision([each[name] for each in variants]) for name in variants[0]}
    return make_block(task, seed, ["one_cycle(0.1)"] * len(variants), settings=settings)


def shared(settings: dict[str, Any], variants: Any) -> Population:
    task = make_task(settings={**settings, **variants[0]}, variants=tuple(variants))
    return make_population(task, len(variants))


@pytest.mark.parametrize(
    ("settings", "variants"),
    [
        (
            {"optimizer": "sgd", "nesterov": True},
            [
                {"momentum": 0.0, "weight_decay": 0.1, "clipnorm": 0.05},
                {"momentum": 0.95, "weight_decay": 0.0, "clipnorm": 9},
            ],
        ),
        (
            {"optimizer": "adamw"},
            [{"beta_2": 0.9, "weight_decay": 0.1}, {"beta_2": 0.9999, "weight_decay": 0.5}],
        ),
    ],
    ids=["sgd", "adamw"],
)  # fmt: skip
def test_members_with_numbers_of_their_own_equal_fit(settings, variants):
    population = shared(settings, variants)
    (curves,) = population.train([block_of(population.task, variants)])
    for member, variant in enumerate(variants):
        task = population.task
        built = build(task.model, {**settings, **variant}, DataShape(task.x, task.kind, 3, 3))
        expected = fit(built.model, population, 5, "one_cycle(0.1)", built.scorer.metric)
        for series in ("train_loss", "valid_loss", "metric"):
            ours, theirs = getattr(curves, series)[member], getattr(expected, series)
            np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6, err_msg=f"{series} of {variant}")
        if member:
            assert abs(curves.valid_loss[member, -1] - curves.valid_loss[0, -1]) > 1e-3


def test_a_run_does_not_depend_on_the_numbers_beside_it():
    variants = [{"momentum": 0.9}, {"momentum": 0.5}, {"momentum": 0.0}]
    population = shared({"optimizer": "sgd"}, variants)
    (together,) = population.train([block_of(population.task, variants)])
    (beside,) = population.train([block_of(population.task, [variants[0], {"momentum": 0.99}, variants[0]])])
    assert population.traces == 1
    alone = shared({"optimizer": "sgd"}, variants[:1])
    (single,) = alone.train([block_of(alone.task, variants[:1])])
    for ours, other, lonely in zip(together[:4], beside[:4], single[:4], strict=True):
        np.testing.assert_array_equal(ours[0], other[0])
        np.testing.assert_array_equal(other[0], other[2])
        np.testing.assert_allclose(ours[0], lonely[0], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("settings", "variants", "words"),
    [
        ({}, [{"momentum": 0.9}, {"momentum": 1.5}], r"'SGD' does not accept {'momentum': 1.5}"),
        ({}, [{"momentum": 0}, {"momentum": 0.9}], r"'SGD' does not accept {'momentum': 0}"),
        ({"optimizer": "adam"}, [{"momentum": 0.9}], "'Adam' does not accept 'momentum'"),
        ({"optimizer": "lion"}, [{"beta_1": 0.9}, {"beta_1": 0.0}], "'Lion' does not accept {'beta_1': 0.0}"),
    ],
)
def test_refusals_come_before_training(settings, variants, words):
    with pytest.raises(ProblemError, match=words):
        Population(make_task(settings={**settings, **variants[0]}, variants=tuple(variants)))


def test_numbers_of_an_optimizer_that_is_not_of_keras_are_compiled_in():
    form = {"factory": "tests.support.user_models:own_optimizer"}
    task = make_task(settings={"momentum": 0.5}, variants=({"momentum": 0.5},))
    with pytest.raises(NotShared, match="'Halved' may use its numbers"):
        Population(dataclasses.replace(task, model=form))
