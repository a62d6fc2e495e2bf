"""A buffer that a pass assigns goes on to the next batch, as in PyTorch; what no graph carries is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stepsize.engine.torch.interpreter import run
from stepsize.errors import NoPopulation
from stepsize.problems.torch.export import export_model
from tests.support.exported_graphs import arrays

torch.manual_seed(0)
BATCHES = [(torch.randn(4, 5), torch.arange(4) % 3) for _ in range(3)]
Way = Callable[[Any, Tensor], Any]


class Keeping(nn.Module):
    """A layer of rows less a mean, with buffers in a module of its own that `way` changes."""

    def __init__(self, way: Way, after: bool = False, always: bool = False) -> None:
        super().__init__()
        self.layer, self.kept, self.way = nn.Linear(5, 3), nn.Module(), way
        self.kept.register_buffer("mean", torch.zeros(5))
        self.kept.register_buffer("older", torch.ones(5), persistent=False)
        self.kept.register_buffer("n", torch.tensor(0))
        self.kept.register_buffer("spare", torch.zeros(5))
        self.kept.register_buffer("empty", None)
        self.register_buffer("twin", self.kept.older[:] if way is assign_what_is_shared else None)
        self.after, self.always = after, always

    def forward(self, x: Tensor) -> Tensor:
        acts = self.training or self.always
        if acts and not self.after:
            self.way(self.kept, x)
        outputs = self.layer(x - self.kept.mean - 0.1 * self.kept.older) * (1 + 0.1 * self.kept.n)
        if acts and self.after:
            self.way(self.kept, x)
        return outputs


def follow(mean: Tensor, x: Tensor) -> Tensor:
    return 0.8 * mean + 0.2 * x.mean(0)


def assign(kept: Any, x: Tensor) -> None:
    kept.mean = follow(kept.mean, x)


def assign_without_gradients(kept: Any, x: Tensor) -> None:
    with torch.no_grad():
        kept.mean = torch.lerp(kept.mean, x.mean(0), 0.2)


def assign_by_name(kept: Any, x: Tensor) -> None:
    setattr(kept, "mean", follow(kept.mean, x))  # noqa: B010
    kept._buffers["older"] = follow(kept.older, x)


def register_again(kept: Any, x: Tensor) -> None:
    kept.register_buffer("mean", follow(kept.mean, x))


def count(kept: Any, x: Tensor) -> None:
    kept.n = kept.n + 1


def hand_on(kept: Any, x: Tensor) -> None:
    kept.older = kept.mean
    kept.mean = follow(kept.mean, x)


def exchange(kept: Any, x: Tensor) -> None:
    kept.mean, kept.older = kept.older + x.mean(0), kept.mean


def use_the_old_one(kept: Any, x: Tensor) -> None:
    before = kept.mean
    kept.mean = follow(kept.mean, x)
    kept.older = kept.older * 0.5 + before


def assign_and_change(kept: Any, x: Tensor) -> None:
    kept.mean += x.mean(0)
    kept.mean = kept.mean * 0.5
    kept.mean.mul_(2).add_(x[0])


def change_in_place(kept: Any, x: Tensor) -> None:
    kept.mean.copy_(follow(kept.mean, x))


def exchange_memory(kept: Any, x: Tensor) -> None:
    kept.mean.data = follow(kept.mean, x)


def exchange_memory_and_change(kept: Any, x: Tensor) -> None:
    exchange_memory(kept, x)
    kept.mean.mul_(2)


def assign_another_type(kept: Any, x: Tensor) -> None:
    kept.n = kept.n + 0.5


def assign_another_shape(kept: Any, x: Tensor) -> None:
    kept.mean = x.mean(0, keepdim=True)


def fill(kept: Any, x: Tensor) -> None:
    kept.empty = x.mean(0)


def assign_none(kept: Any, x: Tensor) -> None:
    kept.spare = None


def register_another(kept: Any, x: Tensor) -> None:
    kept.register_buffer("more", x.mean(0))


def assign_one_tensor_twice(kept: Any, x: Tensor) -> None:
    kept.mean = kept.older = follow(kept.mean, x)


def assign_what_is_shared(kept: Any, x: Tensor) -> None:
    kept.older = follow(kept.older, x)


def keep_a_graph(kept: Any, x: Tensor) -> None:
    kept.mean = kept.mean + nn.Parameter(torch.ones(5)) * x.mean(0)


WAYS = {
    "assigned": (assign, {}),
    "assigned after the output": (assign, {"after": True}),
    "without gradients": (assign_without_gradients, {}),
    "by name": (assign_by_name, {}),
    "registered again": (register_again, {}),
    "a counter": (count, {}),
    "the old one handed on": (hand_on, {}),
    "two exchanged": (exchange, {}),
    "the old one used": (use_the_old_one, {}),
    "assigned and changed": (assign_and_change, {}),
    "changed in place": (change_in_place, {}),
}  # fmt: skip
REFUSED = {
    "the memory": (exchange_memory, {}, "module 'kept' .* changes the memory of 'mean'"),
    "the memory and the numbers": (exchange_memory_and_change, {}, "changes the memory of 'mean'"),
    "the type": (assign_another_type, {}, "changes what its buffer 'n' is"),
    "the shape": (assign_another_shape, {}, "changes what its buffer 'mean' is"),
    "nothing before": (fill, {}, "changes what its buffer 'empty' is"),
    "nothing after": (assign_none, {}, "changes what its buffer 'spare' is"),
    "a new one": (register_another, {}, "changes what its buffer 'more' is"),
    "one tensor twice": (assign_one_tensor_twice, {}, "changes the memory that 'mean' shares"),
    "a shared one": (assign_what_is_shared, {}, "changes the memory that 'older' shares"),
    "a graph": (keep_a_graph, {}, "changes what its buffer 'mean' is"),
    "in evaluation mode": (assign, {"always": True}, "buffer 'kept.mean' changes in evaluation mode, too"),
    "in place in evaluation mode": (change_in_place, {"always": True}, "buffer 'kept.mean' changes in eval"),
}  # fmt: skip


@pytest.mark.parametrize("case", WAYS)
def test_batches_change_a_buffer_as_in_pytorch(case: str) -> None:
    way, options = WAYS[case]
    model = Keeping(way, **options)
    exported = export_model(copy.deepcopy(model), F.cross_entropy, BATCHES[0][:1], BATCHES[0][1])
    weights = arrays(model.named_parameters())
    buffers = arrays(model.named_buffers())

    def loss(weights: Any, buffers: Any, batch: Any) -> Any:
        value, _, after = run(exported.training, weights, buffers, batch, None)
        return value, after

    for x, y in BATCHES:
        batch = [x.numpy(), y.numpy()]
        (value, buffers), gradients = jax.value_and_grad(loss, has_aux=True)(weights, buffers, batch)
        model.zero_grad()
        expected = F.cross_entropy(model(x), y)
        expected.backward()
        assert float(value) == pytest.approx(expected.item(), rel=1e-5)
        np.testing.assert_allclose(gradients["layer.weight"], model.layer.weight.grad, atol=1e-5)
        for name, buffer in model.named_buffers():
            np.testing.assert_allclose(buffers[name], buffer, atol=1e-5, err_msg=name)
    (x, y), own = BATCHES[0], model.eval()
    judged, _, _ = run(exported.evaluation, weights, buffers, [x.numpy(), y.numpy()], None)
    assert float(judged) == pytest.approx(F.cross_entropy(own(x), y).item(), rel=1e-5)


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_graph_carries_is_refused_in_one_sentence(case: str) -> None:
    way, options, words = REFUSED[case]
    with pytest.raises(NoPopulation, match=words) as refusal:
        export_model(Keeping(way, **options), F.cross_entropy, BATCHES[0][:1], BATCHES[0][1])
    assert "\n" not in str(refusal.value)


class Assigned(nn.Module):
    """A model that makes a parameter anew in every pass, which no optimizer knows."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.layer.weight = nn.Parameter(self.layer.weight.detach().clone())
        return self.layer(x)


def test_a_parameter_that_is_assigned_is_refused() -> None:
    with pytest.raises(NoPopulation, match=r"module 'layer' \(Linear\) changes its parameter 'weight'"):
        export_model(Assigned(), F.cross_entropy, BATCHES[0][:1], BATCHES[0][1])
