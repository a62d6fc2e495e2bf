"""Many members in one program: under `vmap` each is as alone; judged in evaluation mode; with dropout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stepsize.engine.torch.interpreter import run
from stepsize.engine.torch.optimizers import start, update
from stepsize.problems.torch.export import export_model, training_graph
from stepsize.problems.torch.graph import Graph
from stepsize.problems.torch.initial_weights import initial_weights
from stepsize.problems.torch.optimizer_settings import read_optimizer
from tests.engine.torch.loops import batches, graph_of, in_torch
from tests.engine.torch.models import CASES, Encoder

SEEDS, RATES = (5, 6, 7), (0.01, 0.1, 0.03)
MOMENTUM = partial(torch.optim.SGD, momentum=0.9)


def stepper(graph: Graph, optimizer: Any) -> Callable[..., Any]:
    """Return one update of many members: weights, slots, buffers, rates, keys, batch, count."""

    def loss(weights: Any, buffers: Any, batch: Any, key: Any) -> Any:
        value, _, after = run(graph, weights, buffers, batch, key)
        return value, after

    def one(weights: Any, slots: Any, buffers: Any, rate: Any, key: Any, batch: Any, count: Any) -> Any:
        (value, buffers), gradients = jax.value_and_grad(loss, has_aux=True)(weights, buffers, batch, key)
        weights, slots = update(optimizer, weights, gradients, slots, count, [{"lr": rate}])
        return weights, slots, buffers, value

    return jax.jit(jax.vmap(one, in_axes=(0, 0, 0, 0, 0, None, None)))


@pytest.mark.parametrize("name", ["resnet", "lstm", "embedding_bag"])
def test_members_under_vmap_are_as_alone(name: str) -> None:
    case, drawn = CASES[name], batches(CASES[name], 5)
    weights, buffers = initial_weights(case.model, SEEDS)
    optimizer = read_optimizer(partial(MOMENTUM, lr=0.1), case.model(), weights)
    slots = jax.vmap(partial(start, optimizer))(weights)
    step = stepper(graph_of(name), optimizer)
    keys, losses = jax.random.split(jax.random.key(0), len(SEEDS)), jnp.zeros(len(SEEDS))
    for count, batch in enumerate(drawn):
        numbers = [jnp.asarray(tensor.numpy()) for tensor in batch]
        weights, slots, buffers, losses = step(
            weights, slots, buffers, jnp.array(RATES), keys, numbers, jnp.int32(count)
        )
    for i, (seed, rate) in enumerate(zip(SEEDS, RATES, strict=True)):
        alone = in_torch(case, partial(MOMENTUM, lr=rate), drawn, seed)
        np.testing.assert_allclose(losses[i], alone.losses[-1], rtol=1e-5)
        for ours, theirs in ((weights, alone.weights), (buffers, alone.buffers)):
            for key, value in theirs.items():
                np.testing.assert_allclose(ours[key][i], value, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("name", ["resnet", "decoder"])
def test_outputs_in_evaluation_mode_are_pytorchs(name: str) -> None:
    case = CASES[name]
    ((*inputs, target),) = batches(case, 1)
    graph = export_model(case.model(), case.loss, inputs, target).evaluation
    torch.manual_seed(2)
    model = case.model()
    model(*inputs)  # moves the statistics of batch normalisation
    arrays = [
        {key: jnp.asarray(value.detach().numpy().copy()) for key, value in each}
        for each in (model.named_parameters(), model.named_buffers())
    ]
    batch = [jnp.asarray(tensor.numpy()) for tensor in (*inputs, target)]
    loss, outputs, buffers = jax.jit(partial(run, graph))(*arrays, batch, jax.random.key(0))
    expected = model.eval()(*inputs)
    np.testing.assert_allclose(outputs, expected.detach(), atol=1e-5)
    np.testing.assert_allclose(loss, case.loss(expected, target).detach(), rtol=1e-5)
    assert buffers.keys() == dict(model.named_buffers()).keys()
    for key, value in model.named_buffers():
        np.testing.assert_array_equal(buffers[key], value)


class Dropouts(nn.Module):
    """One layer of every kind that draws, each on its own copy of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.plain, self.other, self.feature = nn.Dropout(0.3), nn.Dropout(0.3), nn.Dropout1d(0.4)
        self.alpha, self.rrelu = nn.AlphaDropout(0.2), nn.RReLU(0.2, 0.4)
        self.lstm = nn.LSTM(8, 3, num_layers=2, dropout=0.9, batch_first=True)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = x * self.weight
        path = x.new_empty((x.shape[0], 1, 1)).bernoulli_(0.6).div_(0.6)
        eye = torch.eye(8).expand(x.shape[0], 8, 8)
        return {
            "plain": self.plain(x),
            "other": self.other(x),
            "feature": self.feature(x),
            "alpha": self.alpha(x),
            "rrelu": self.rrelu(-x),
            "path": x * path,
            "attention": F.scaled_dot_product_attention(0 * eye, eye, eye, dropout_p=0.25) * 8,
            "lstm": self.lstm(x)[0],
        }


@pytest.fixture(scope="module")
def draws() -> Callable[[int], dict[str, np.ndarray]]:
    model, x, target = Dropouts(), torch.ones(3, 4, 8), torch.zeros(3)
    graph = training_graph(model, lambda outputs, target: outputs["plain"].mean(), [x], target)
    parameters = {name: jnp.asarray(p.detach().numpy()) for name, p in model.named_parameters()}
    batch = [jnp.ones((2000, 4, 8)), jnp.zeros(2000)]
    compiled = jax.jit(lambda key: run(graph, parameters, {}, batch, key)[1])
    return lambda seed: {name: np.asarray(value) for name, value in compiled(jax.random.key(seed)).items()}


def assert_kept(mask: np.ndarray, keep: float) -> None:
    """Check that all numbers are 0 or 1 / keep, and that the share of those kept is right within chance."""
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / keep)}
    share = (mask != 0).mean()
    assert abs(share - keep) < 4 * np.sqrt(keep * (1 - keep) / mask.size)


def test_dropout_keeps_its_share_and_scales_it(draws: Callable[[int], dict[str, np.ndarray]]) -> None:
    outputs = draws(0)
    assert_kept(outputs["plain"], 0.7)
    assert_kept(outputs["feature"][:, :, 0], 0.6)
    assert_kept(outputs["path"][:, 0, 0], 0.6)
    assert_kept(outputs["attention"], 0.75)
    assert (outputs["feature"] == outputs["feature"][:, :, :1]).all()
    assert (outputs["path"] == outputs["path"][:, :1, :1]).all()
    assert -0.4 <= outputs["rrelu"].min() < -0.39
    assert -0.21 < outputs["rrelu"].max() <= -0.2
    assert len(np.unique(outputs["lstm"].round(6))) > 1000


def test_alpha_dropout_is_pytorchs(draws: Callable[[int], dict[str, np.ndarray]]) -> None:
    torch.manual_seed(0)
    expected = np.unique(nn.AlphaDropout(0.2)(torch.ones(1000)).numpy())
    np.testing.assert_allclose(np.unique(draws(0)["alpha"]), expected, rtol=1e-5)


def test_masks_follow_the_key_and_differ_between_layers(
    draws: Callable[[int], dict[str, np.ndarray]],
) -> None:
    first, again, second = draws(0), draws(0), draws(1)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != second[name]).any()
    assert (first["plain"] != first["other"]).any()


def test_with_dropout_the_mean_loss_of_many_seeds_is_pytorchs() -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))

    seeds, updates, rate = range(200), 20, 0.01
    x = torch.linspace(-1, 1, 32).reshape(8, 4)
    y = x.sum(1, keepdim=True)
    graph = training_graph(make(), nn.MSELoss(), [x], y)
    weights, _ = initial_weights(make, seeds)
    optimizer = read_optimizer(partial(MOMENTUM, lr=rate), make(), weights)
    slots = jax.vmap(partial(start, optimizer))(weights)
    step, batch = stepper(graph, optimizer), [jnp.asarray(x.numpy()), jnp.asarray(y.numpy())]
    rates, losses = jnp.full(len(seeds), rate), jnp.zeros(len(seeds))
    for count in range(updates):
        keys = jax.random.split(jax.random.key(count), len(seeds))
        weights, slots, _, losses = step(weights, slots, {}, rates, keys, batch, jnp.int32(count))
    theirs = np.array([looped(make, x, y, seed, updates, rate) for seed in seeds])
    error = np.sqrt((losses.var() + theirs.var()) / len(seeds))
    assert abs(float(losses.mean()) - theirs.mean()) < 3 * error
    assert error < 0.1 * theirs.mean()


def looped(make: Callable[[], nn.Module], x: Any, y: Any, seed: int, updates: int, rate: float) -> float:
    torch.manual_seed(seed)
    model = make()
    optimizer, loss = MOMENTUM(model.parameters(), lr=rate), torch.zeros(())
    for _ in range(updates):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def test_a_transformer_draws_in_training_mode_only() -> None:
    ((*inputs, target),) = batches(CASES["encoder"], 1)
    model = Encoder(dropout=0.5)
    graphs = export_model(model, nn.CrossEntropyLoss(), inputs, target)
    parameters = {name: jnp.asarray(p.detach().numpy()) for name, p in model.named_parameters()}
    batch = [jnp.asarray(tensor.numpy()) for tensor in (*inputs, target)]

    def losses(graph: Graph) -> set[float]:
        compiled = jax.jit(partial(run, graph))
        return {float(compiled(parameters, {}, batch, jax.random.key(seed))[0]) for seed in range(3)}

    assert len(losses(graphs.training)) == 3
    (loss,) = losses(graphs.evaluation)
    expected = F.cross_entropy(model.eval()(*inputs), target)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
