"""What a step has changed in a PyTorch module is put back, in the tensors and containers that it had."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import stepsize as ss  # noqa: E402
from stepsize.range_test.put_back import put_back_of  # noqa: E402
from stepsize.range_test.torch import TorchStep  # noqa: E402


class Keeping(nn.Module):
    """A layer with all that may keep something, in a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.inner = nn.Linear(4, 1), nn.Module()
        self.inner.register_buffer("mean", torch.zeros(4))
        self.inner.register_buffer("late", None)
        self.inner.register_buffer("own", torch.zeros(4), persistent=False)
        self.n, self.last, self.seen = 0, torch.zeros(4), [0, {"mean": torch.zeros(4)}]
        self.names, self.queue = {"a"}, deque([1, 2], maxlen=2)


def assign(model: Any) -> None:
    model.inner.mean = model.inner.mean + 1


def change(model: Any) -> None:
    model.inner.mean += 1


def exchange_memory(model: Any) -> None:
    model.inner.mean.data = torch.ones(7)


def fill(model: Any) -> None:
    model.inner.late, model.inner.own = torch.ones(2), None


def register(model: Any) -> None:
    model.inner.register_buffer("more", torch.ones(2))
    del model.inner.own


def count(model: Any) -> None:
    model.n, model.last, model.new = model.n + 1, model.last + 1, 1


def fill_containers(model: Any) -> None:
    model.seen[0] += 1
    model.seen[1]["mean"] += 1
    model.seen[1]["more"] = 1
    model.names.add("b")
    model.queue.append(3)


def exchange_modules(model: Any) -> None:
    model.layer, model.more = nn.Linear(4, 1), nn.Linear(1, 1)
    model.layer.weight = nn.Parameter(torch.ones(1, 4))
    model.inner.training = False


CHANGES = (
    assign, change, exchange_memory, fill, register, count, fill_containers, exchange_modules,
)  # fmt: skip


def facts(model: Any) -> Any:
    modules = dict(model.named_modules())
    plain = (
        model.n,
        model.last.tolist(),
        copy.deepcopy(repr(model.seen)),
        set(model.names),
        list(model.queue),
    )
    tensors = {path: {**each._parameters, **each._buffers} for path, each in modules.items()}
    values = {p: {n: None if t is None else t.tolist() for n, t in e.items()} for p, e in tensors.items()}
    places = {
        p: {n: (id(t), t is not None and t.data_ptr()) for n, t in e.items()} for p, e in tensors.items()
    }
    kept = [id(each) for each in (model.seen, model.seen[1], model.names, model.queue)]
    attributes = {path: {**vars(each)}.keys() for path, each in modules.items()}
    modes = [each.training for each in modules.values()]
    return plain, values, places, kept, attributes, modes


@pytest.mark.parametrize("change", CHANGES)
def test_a_module_is_put_back(change: Callable[[Any], None]) -> None:
    model = Keeping()
    before = facts(model)
    put_back = put_back_of(model)
    for _ in range(2):  # after every sweep
        change(model)
        assert facts(model) != before
        put_back()
        assert facts(model) == before


def test_an_object_that_holds_itself_and_a_sparse_tensor() -> None:
    held: list[Any] = [torch.eye(2).to_sparse()]
    held.append(held)
    put_back = put_back_of(held)
    held[0].mul_(2)
    held.append(3)
    put_back()
    assert len(held) == 2
    assert torch.equal(held[0].to_dense(), torch.eye(2))


class Assigning(nn.Module):
    """A model of shifted rows, which keeps what it has seen in a buffer and in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.register_buffer("mean", torch.zeros(4))
        self.n, self.last = 0, torch.zeros(4)

    def forward(self, x: Any) -> Any:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
            self.n, self.last = self.n + 1, x[0]
        return self.layer(x - self.mean)


class Weighing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level", torch.ones(()))

    def forward(self, outputs: Any, y: Any) -> Any:
        loss = nn.functional.mse_loss(outputs, y)
        self.level = 0.9 * self.level + 0.1 * loss.detach()
        return loss / self.level


def test_what_a_model_and_its_loss_assign_is_restored_and_begins_anew_in_every_sweep() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 4) + 3
    batches = [(x[:32], x[:32].sum(1, keepdim=True)), (x[32:], x[32:].sum(1, keepdim=True))]
    model, loss = Assigning(), Weighing()
    mean, last, level = model.mean, model.last, loss.level
    step = TorchStep(model, torch.optim.SGD(model.parameters(), lr=0.1), loss, batches)
    losses = []
    for _ in range(2):
        step.reset(0)
        losses.append([step(1e-3) for _ in range(3)])
        assert model.n == 3
        assert float(loss.level) != 1
    assert losses[0] == losses[1]
    step.restore()
    assert (model.mean is mean, model.last is last, loss.level is level, model.n) == (True, True, True, 0)
    ss.find(step, updates=60, sweeps=2, quiet=True)
    assert (model.mean is mean, model.last is last, loss.level is level, model.n) == (True, True, True, 0)
    assert float(mean.abs().sum() + last.abs().sum()) == 0
    assert float(level) == 1
