"""The step of an optax optimizer: it trains as a loop does, and changes nothing of the user's."""

from __future__ import annotations

import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import stepsize as ss  # noqa: E402
from stepsize.errors import StudyError  # noqa: E402
from stepsize.range_test.optax import OptaxStep  # noqa: E402


def loss(params, x, y):
    return ((x @ params["w"] + params["b"] - y) ** 2).mean()


def setting():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((128, 3)).astype("float32")
    y = (x @ [1.0, -2.0, 0.5] + 0.1 * generator.standard_normal(128)).astype("float32")
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 128, 16)]
    return {"w": jnp.zeros(3), "b": jnp.zeros(())}, batches


@pytest.mark.parametrize("make", [lambda r: optax.sgd(r, 0.9), optax.adamw], ids=["momentum", "adamw"])
def test_a_step_is_that_of_a_plain_loop(make):
    params, batches = setting()
    step = OptaxStep(loss, params, make, batches)
    step.reset(1)
    rates = np.geomspace(1e-3, 0.1, 20)
    losses = [step(rate) for rate in rates]

    optimizer = optax.inject_hyperparams(lambda learning_rate: make(learning_rate))(learning_rate=1.0)
    state, expected = optimizer.init(params), []
    for number, rate in enumerate(rates):
        state.hyperparams["learning_rate"] = jnp.float32(rate)
        value, gradients = jax.value_and_grad(loss)(params, *batches[(number + 1) % 8])
        updates, state = optimizer.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        expected.append(float(value))
    assert losses == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [lambda r: optax.sgd(r, 0.9), optax.adamw], ids=["momentum", "adamw"])
def test_an_optimizer_that_keeps_its_rate_in_its_state_gets_it_there(make):
    def clipped(rate):
        injected = optax.inject_hyperparams(lambda learning_rate: make(learning_rate))(learning_rate=rate)
        return optax.chain(optax.clip_by_global_norm(10.0), injected)

    def plain(rate):
        return optax.chain(optax.clip_by_global_norm(10.0), make(rate))

    params, batches = setting()
    losses = []
    for optimizer in (clipped, plain):
        step = OptaxStep(loss, params, optimizer, batches)
        step.reset(1)
        losses.append([step(rate) for rate in np.geomspace(1e-3, 0.1, 20)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_parameters_stay_as_they_are():
    params, batches = setting()
    result = ss.find(OptaxStep(loss, params, optax.adam, batches), updates=450)
    assert result.status == "ok"
    assert params["w"].tolist() == [0, 0, 0]


def test_an_optimizer_with_a_rate_of_its_own_is_refused():
    params, batches = setting()
    with pytest.raises(StudyError, match=r"optax.MultiSteps, .* leave it out"):
        OptaxStep(loss, params, lambda rate: optax.MultiSteps(optax.sgd(rate), 4), batches)
    with pytest.raises(StudyError, match="optimizer must be a function of the rate"):
        OptaxStep(loss, params, optax.adam(0.1), batches)
    with pytest.raises(StudyError, match="can be read only once"):
        OptaxStep(loss, params, optax.adam, iter(batches))
