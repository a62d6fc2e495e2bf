"""Momentum by schedule and rates by layer: a member makes the updates of a plain loop."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from stepsize.engine.batch_order import batch_order
from stepsize.engine.keras.driven_settings import build_task
from stepsize.engine.population import Population
from stepsize.engine.task import Task
from stepsize.errors import StudyError
from stepsize.problems.models.model_transport import travel_form
from stepsize.schedules import parse
from tests.support.populations import make_block, make_population

EPOCHS, BATCH, ROWS, VALID = 3, 16, 48, 20
PER_EPOCH = -(-ROWS // BATCH)
RATES = parse("one_cycle(0.1)").plan(updates=EPOCHS * PER_EPOCH).values.astype(np.float32)
MOMENTA = parse("one_cycle_momentum(0.95)").plan(updates=EPOCHS * PER_EPOCH).values.astype(np.float32)


def make_task(model="mlp(6)", **changes):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(ROWS + VALID, 4)).astype(np.float32)
    y = (x @ rng.normal(size=(4, 3))).argmax(axis=1).astype(np.int32)
    return Task(
        {"text": model, "outputs": 3},
        changes.pop("settings"),
        x,
        y,
        "multiclass",
        3,
        3,
        ROWS,
        BATCH,
        EPOCHS,
        **changes,
    )


def train(task, momenta=None, multipliers=None, members=2, segment=1):
    """Train a block of equal members; return the population and the curves of the last one."""
    multipliers = multipliers or {}
    task = replace(task, multipliers=tuple(multipliers))
    population = make_population(task, members, segment=segment)
    driven = None if momenta is None else np.stack([momenta] * members)
    factors = {name: np.full(members, factor, np.float32) for name, factor in multipliers.items()}
    block = make_block(task, 5, ["one_cycle(0.1)"] * members, momenta=driven, multipliers=factors)
    (curves,) = population.train([block])
    return population, curves.valid_loss[-1]


def plain_loop(population, update):
    """Train by hand from the same start: `update(weights, gradients, t)` gives the next weights."""
    model, task = population.member.model, population.task
    weights, others = population.member.initial(5)

    @jax.jit
    def loss_of(weights, x, y):
        return model.compute_loss_and_updates(weights, others, [], x, y, None, training=False)[0]

    losses, t = [], 0
    for order in batch_order(np.arange(ROWS), 5, EPOCHS):
        for first in range(0, ROWS, BATCH):
            rows = order[first : first + BATCH]
            gradients = jax.grad(loss_of)(weights, task.x[rows], task.y[rows])
            weights, t = update(weights, gradients, t), t + 1
        losses.append(loss_of(weights, task.x[ROWS:], task.y[ROWS:]))
    return np.array(losses)


def sgd(momenta, factors, nesterov=False):
    """Keras' rule: v = m v - r g; w += v, or m v - r g once more under Nesterov."""
    velocity = [0.0] * len(factors)

    def update(weights, gradients, t):
        new = []
        for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            rate = RATES[t] * np.float32(factors[i])
            velocity[i] = momenta[t] * velocity[i] - rate * g
            new.append(w + (momenta[t] * velocity[i] - rate * g if nesterov else velocity[i]))
        return new

    return update


def adam(betas):
    """Adam whose beta_1 is another one at each update, as PyTorch's one-cycle rule drives it."""
    m, v = [0.0] * 4, [0.0] * 4

    def update(weights, gradients, t):
        new = []
        for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            m[i] = m[i] + (g - m[i]) * (1 - betas[t])
            v[i] = v[i] + (g**2 - v[i]) * (1 - 0.999)
            alpha = RATES[t] * np.sqrt(1 - 0.999 ** (t + 1)) / (1 - betas[t] ** (t + 1))
            new.append(w - alpha * m[i] / (jnp.sqrt(v[i]) + 1e-7))
        return new

    return update


def assert_same_losses(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize(("nesterov", "before"), [(False, 0.0), (True, 0.9)])
def test_scheduled_momentum_of_sgd(nesterov, before):
    settings = {"optimizer": "sgd", "momentum": before, "nesterov": nesterov}
    population, losses = train(make_task(settings=settings, scheduled_momentum=True), MOMENTA)
    assert_same_losses(losses, plain_loop(population, sgd(MOMENTA, [1, 1, 1, 1], nesterov)))


def test_scheduled_momentum_of_adam_is_beta_1():
    task = make_task(settings={"optimizer": "adam"}, scheduled_momentum=True)
    population, losses = train(task, MOMENTA)
    assert_same_losses(losses, plain_loop(population, adam(MOMENTA)))
    assert population.member.optimizer.beta_1 == 0.9  # what was replaced for tracing is back


@pytest.mark.parametrize("name", ["rmsprop", "nadam", "lion"])
def test_a_schedule_that_is_constant_is_the_constant(name):
    word = "momentum" if name == "rmsprop" else "beta_1"
    _, fixed = train(make_task(settings={"optimizer": name, word: 0.8}))
    flat = np.full_like(MOMENTA, 0.8)
    _, driven = train(make_task(settings={"optimizer": name}, scheduled_momentum=True), flat)
    assert_same_losses(driven, fixed)


def test_the_comparison_can_fail():
    task = make_task(settings={"optimizer": "sgd"}, scheduled_momentum=True)
    population, losses = train(task, MOMENTA)
    with pytest.raises(AssertionError):
        assert_same_losses(losses, plain_loop(population, sgd(MOMENTA - 0.05, [1, 1, 1, 1])))


def test_an_optimizer_without_momentum_is_refused():
    with pytest.raises(StudyError, match="'Adagrad' has no momentum"):
        train(make_task(settings={"optimizer": "adagrad"}, scheduled_momentum=True), MOMENTA)


@pytest.mark.parametrize(
    ("model", "multipliers", "factors", "nesterov"),
    [
        ("mlp(6)", {"output": 0.1}, [1, 1, 0.1, 0.1], True),
        ("mlp(6, 5)", {"dense": 0.5, "dense_1": 0.0}, [0.5, 0.5, 0, 0, 1, 1], False),
    ],
)
def test_multipliers_are_rates_of_layers(model, multipliers, factors, nesterov):
    settings = {"optimizer": "sgd", "momentum": 0.9, "nesterov": nesterov}
    population, losses = train(make_task(model, settings=settings), multipliers=multipliers)
    constant = np.full_like(MOMENTA, 0.9)
    assert_same_losses(losses, plain_loop(population, sgd(constant, factors, nesterov)))


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_a_weight_constraint_holds_after_a_scaled_step(factor):
    """The step is scaled first and projected then, as an update of that rate would be."""
    norm = keras.constraints.MaxNorm(0.3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, "tanh", kernel_constraint=norm, name="body"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    task = replace(make_task(settings={"optimizer": "sgd"}), model=travel_form(model, 3))
    population, losses = train(task, multipliers={"body": factor})
    plain = sgd(np.zeros_like(MOMENTA), [factor, factor, 1, 1])

    def projected(weights, gradients, t):
        kernel, *others = plain(weights, gradients, t)
        return [norm(kernel), *others]

    assert_same_losses(losses, plain_loop(population, projected))


def test_layers_have_the_same_names_however_many_models_were_built():
    paths = [[v.path for v in build_task(make_task(settings={})).model.variables] for _ in range(2)]
    assert paths[0] == paths[1]


@pytest.mark.parametrize(
    ("multipliers", "settings", "words"),
    [
        (("desne",), {"optimizer": "sgd"}, "did you mean 'dense'"),
        (("dense",), {"optimizer": "sgd", "use_ema": True}, "use_ema"),
        (("dense",), {"optimizer": "ftrl"}, "not proportional"),
    ],
)
def test_refusals(multipliers, settings, words):
    with pytest.raises(StudyError, match=words):
        Population(make_task(settings=settings, multipliers=multipliers))
