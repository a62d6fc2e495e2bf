"""The noise of gradients against its exact value: of linear regressions, in NumPy."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from stepsize.engine.batch_order import batch_order
from stepsize.engine.gradient_noise import noise_of, passes_over
from stepsize.finding import plan_maps
from stepsize.problems.problem import Problem
from stepsize.study.candidates import Candidate
from stepsize.study.gradient_noise import measured_noise
from stepsize.study.jobs import Job

RATE, EPOCHS, BATCH = 0.05, 4, 8
random = np.random.default_rng(0)
X = random.normal(size=(50, 3)).astype(np.float32)
Y = (X @ [1.0, -2.0, 0.5] + random.normal(size=50)).astype(np.float32)


def row_gradients(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the gradient of each row's squared error [rows, weights]."""
    return 2 * (x @ weights - y)[:, None] * x


def exact(gradients: np.ndarray) -> tuple[float, float]:
    """Return tr(Sigma) and |G|^2 of the gradients of all rows."""
    return float(gradients.var(axis=0, ddof=1).sum()), float((gradients.mean(axis=0) ** 2).sum())


def test_both_estimates_are_unbiased_with_dropout_and_rows_left_over() -> None:
    weights, inputs, targets = np.array([0.5, 1.0, -1.0], np.float32), jnp.array(X), jnp.array(Y)

    def gradients(key: Any, rows: Any) -> Any:
        key, now = jax.random.split(key)
        x = 2 * inputs[rows] * jax.random.bernoulli(now, shape=(len(rows), 3))
        return {"weights": (2 * (x @ weights - targets[rows])[:, None] * x).mean(axis=0)}, key

    every_mask = np.array([row_gradients(2 * X * mask, Y, weights) for mask in product((0, 1), repeat=3)])
    trace, square = exact(every_mask.mean(axis=0))
    trace += every_mask.var(axis=0).sum(axis=1).mean()

    repeats = 1500
    passes = jnp.array([passes_over(np.arange(50), 6, (i,)) for i in range(repeats)])  # 2 rows are left over
    keys = jax.random.split(jax.random.key(0), repeats)
    found = np.array(jax.jit(jax.vmap(lambda *each: jnp.stack(noise_of(gradients, *each))))(keys, passes))
    errors = found.std(axis=0) / np.sqrt(repeats)
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - [trace, square]), 4 * errors)
    np.testing.assert_array_less(errors, [0.02 * trace, 0.03 * square])


def in_keras() -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(), "mse")
    return model


def in_torch() -> Any:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(3, 1)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    return layer


def torch_keys() -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    return {
        "loss": torch.nn.MSELoss(),
        "optimizer": torch.optim.SGD,
        "data": (torch.tensor(X), torch.tensor(Y)[:, None]),
    }


@pytest.mark.parametrize(("model", "keys"), [(in_keras, lambda: {"data": (X, Y)}), (in_torch, torch_keys)])
def test_runs_have_the_noise_of_the_same_runs_in_numpy(model: Any, keys: Any, engine: Any) -> None:
    problem = Problem(model=model, epochs=EPOCHS, batch_size=BATCH, name="line", **keys())
    study, moments = plan_maps(problem, 2), (0, 2, EPOCHS)
    jobs = [Job(Candidate("constant(lr)"), RATE, seed) for seed in study.tuning.seeds]
    found = measured_noise(engine, problem, study, jobs, moments)  # of single rows, since they are few
    for seed, noises in zip(study.tuning.seeds, found, strict=True):
        rows = problem.parts(seed, judge=False).train
        order = batch_order(rows, seed, EPOCHS)
        x, weights = np.column_stack([X, np.ones(50)]), np.zeros(4)
        for epoch in range(EPOCHS + 1):
            if epoch in moments:
                expected = exact(row_gradients(x[rows], Y[rows], weights))
                assert noises[moments.index(epoch)] == pytest.approx(expected, rel=1e-4)
            for start in range(0, len(rows) if epoch < EPOCHS else 0, BATCH):
                batch = order[epoch][start : start + BATCH]
                weights = weights - RATE * row_gradients(x[batch], Y[batch], weights).mean(axis=0)
