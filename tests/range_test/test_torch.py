"""The step of a PyTorch model: it trains as a loop does, and leaves everything as it was."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

import stepsize as ss  # noqa: E402
from stepsize.adapters.torch import TorchScheduler  # noqa: E402
from stepsize.errors import StudyError  # noqa: E402
from stepsize.range_test.torch import TorchStep  # noqa: E402

OPTIMIZERS = {
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "tensor rate": lambda p: torch.optim.AdamW(p, lr=torch.tensor(1e-3)),
}


def setting(optimizer="momentum", generator=True, seed=0):
    torch.manual_seed(seed)
    x = torch.randn(240, 6)
    y = (x[:, 0] * x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
    own = torch.Generator().manual_seed(3) if generator else None
    loader = DataLoader(TensorDataset(x, y), batch_size=24, shuffle=True, generator=own)
    return model, OPTIMIZERS[optimizer](model.parameters()), loader


def train(model, optimizer, loader, updates):
    """Return the training losses of a user's own loop, which also draws from Python and NumPy."""
    losses, loss = [], nn.CrossEntropyLoss()
    while len(losses) < updates:
        for x, y in loader:
            shift = 1e-3 * (random.random() + np.random.rand())
            optimizer.zero_grad()
            value = loss(model(x + shift), y)
            value.backward()
            optimizer.step()
            losses.append(value.item())
    return losses[:updates]


@pytest.mark.parametrize(
    ("optimizer", "generator", "trained"),
    [("momentum", True, 0), ("momentum", False, 7), ("adam", True, 7), ("tensor rate", False, 7)],
)
def test_the_next_losses_are_those_without_a_test(optimizer, generator, trained):
    def losses(tested):
        model, made, loader = setting(optimizer, generator)
        random.seed(1)
        np.random.seed(1)
        before = train(model, made, loader, trained)
        model.eval()
        if tested:
            gradients = [p.grad for p in model.parameters()]
            modes = [module.training for module in model.modules()]
            rates = [group["lr"] for group in made.param_groups]
            result = ss.find(TorchStep(model, made, nn.CrossEntropyLoss(), loader), updates=120, sweeps=2)
            assert result.answer["updates"] == 120
            assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
            assert [module.training for module in model.modules()] == modes
            assert all(group["lr"] is rate for group, rate in zip(made.param_groups, rates, strict=True))
        model.train()
        return before + train(model, made, loader, 20)

    assert losses(True) == losses(False)


def test_a_failing_step_restores_as_well():
    model, optimizer, loader = setting()
    before = copy.deepcopy(model.state_dict())
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) == 30:
            raise RuntimeError("out of memory")
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(RuntimeError, match="out of memory"):
        ss.find(TorchStep(model, optimizer, loss, loader))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert len(optimizer.state) == 0


def test_a_step_is_that_of_a_plain_loop():
    model, optimizer, loader = setting()
    step = TorchStep(model, optimizer, nn.CrossEntropyLoss(), loader)
    step.reset(0)
    rates = np.geomspace(1e-4, 0.1, 30)
    losses = [step(rate) for rate in rates]
    step.restore()

    model, optimizer, loader = setting()
    torch.manual_seed(0)
    loader.generator.manual_seed(0)
    batches = [batch for _ in range(3) for batch in loader]
    torch.manual_seed(0)
    expected = []
    for rate, (x, y) in zip(rates, batches, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(model(x), y)
        value.backward()
        optimizer.step()
        expected.append(value.item())
    assert losses == pytest.approx(expected, rel=1e-5)


def test_groups_keep_their_ratio():
    model, _, loader = setting()
    groups = [{"params": model[0].parameters(), "lr": 0.2}, {"params": model[4].parameters(), "lr": 0.05}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    step = TorchStep(model, optimizer, nn.CrossEntropyLoss(), loader)
    step.reset(0)
    step(0.8)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.8, 0.2])
    step.restore()
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.05]


def test_accumulated_batches_are_one_larger_batch():
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    y = x.sum(1, keepdim=True)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parts = [(x[:32], y[:32]), (x[32:], y[32:])]
    results = []
    for batches, count in ((parts, 2), ([(x, y)], 1)):
        step = TorchStep(model, optimizer, nn.MSELoss(), batches, accumulate=count)
        step.reset(0)
        results.append([step(0.1) for _ in range(4)])
        step.restore()
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_a_scaler_and_autocast_are_used_and_restored():
    model, optimizer, loader = setting()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    before = copy.deepcopy(scaler.state_dict())
    step = TorchStep(
        model, optimizer, nn.CrossEntropyLoss(), loader,
        scaler=scaler, autocast=torch.autocast("cpu", dtype=torch.bfloat16),
    )  # fmt: skip
    step.reset(0)
    losses = [step(0.01) for _ in range(20)]
    assert np.isfinite(losses).all()
    assert scaler.get_scale() == 1024.0
    step.restore()
    assert scaler.state_dict() == before


def test_models_that_return_their_loss():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, values, labels):
            loss = ((self.layer(values) - labels) ** 2).mean()
            return type("Output", (), {"loss": loss})()

    torch.manual_seed(0)
    values = torch.randn(40, 2)
    batches = [{"values": values, "labels": values[:, :1] + s * torch.randn(40, 1)} for s in (0.3, 0.4)]
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert ss.find(TorchStep(model, optimizer, None, batches), updates=450).status == "ok"


def test_our_scheduler_does_not_count_the_updates_of_a_test():
    model, optimizer, loader = setting()
    scheduler = TorchScheduler(optimizer, ss.cosine(0.1).plan(updates=100))
    train(model, optimizer, loader, 10)
    before = scheduler.state_dict()
    ss.find(TorchStep(model, optimizer, nn.CrossEntropyLoss(), loader), updates=60, sweeps=1)
    assert scheduler.state_dict() == before
    train(model, optimizer, loader, 10)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(ss.cosine(0.1).plan(updates=100)(20))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loader": iter([])}, "loader=.* can be read only once; pass the loader itself"),
        ({"loader": 3}, "loader=3 must give batches"),
        ({"accumulate": 0}, "accumulate=0 must be a positive whole number"),
        ({"optimizer": "lbfgs"}, "optimizer=LBFGS evaluates the loss several times"),
        ({"optimizer": "zero"}, "the first parameter group has lr=0"),
        ({"model": lambda: nn.Linear(6, 2)}, r"model=.* must be an nn.Module, such as make_model\(\)"),
        ({"model": nn.Linear(6, 2)}, "the optimizer holds no parameter of the model"),
        (
            {"optimizer": torch.optim.SGD},
            r"optimizer=.* must be an optimizer of the model, such as torch.opt",
        ),
        (
            {"loss": "CrossEntropyLoss"},
            r"loss='CrossEntropyLoss' must be a function .*nn.CrossEntropyLoss\(\)",
        ),
        ({"loss": nn.CrossEntropyLoss}, "must be a function of outputs and targets"),
        ({"loader": (torch.zeros(4, 6), torch.zeros(4))}, r"pass DataLoader\(TensorDataset\(x, y\)"),
    ],
)
def test_what_cannot_be_tested(change, message):
    model, optimizer, loader = setting()
    if change.get("optimizer") == "lbfgs":
        change["optimizer"] = torch.optim.LBFGS(model.parameters())
    if change.get("optimizer") == "zero":
        change["optimizer"] = torch.optim.SGD(model.parameters(), lr=0.0)
    arguments = {"model": model, "optimizer": optimizer, "loss": nn.MSELoss(), "loader": loader} | change
    with pytest.raises(StudyError, match=message):
        TorchStep(**arguments)


def test_a_loader_that_ends():
    class Once:
        def __init__(self, batches):
            self.batches = batches

        def __iter__(self):
            yield from self.batches
            self.batches = []

    model, optimizer, loader = setting()
    result = ss.find(TorchStep(model, optimizer, nn.CrossEntropyLoss(), Once(list(loader))))
    assert result.status == "too_few_batches"
    assert "The batches ran out after 10 of 700 updates" in result.answer["sentence"]


def test_a_loss_that_is_not_one_number():
    model, optimizer, loader = setting()
    with pytest.raises(StudyError, match="it must be a tensor with one number"):
        ss.find(TorchStep(model, optimizer, nn.CrossEntropyLoss(reduction="none"), loader))
