"""Real training in PyTorch, for tests: tiny, and with the rates read back from the optimizer.

python torch_host.py FOLDER UPDATES [SECONDS]   continues from FOLDER/run.pt, saving after every update
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler

CURVE = ss.warmup(3 * ss.updates) >> ss.cosine(0.3, floor=0.01)
DRIVEN = CURVE * ss.plateau(factor=0.5, patience=1)
EPOCHS, SIZE = 3, 6
BATCHES = 48 // SIZE  # of an epoch, which has 48 rows


def data(rows: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(7)
    x = torch.randn(rows, 4, generator=draw)
    return x, x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]])


def loader() -> DataLoader[Any]:
    return DataLoader(TensorDataset(*data()), batch_size=SIZE)


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))


def weight(value: float = 1.0) -> torch.nn.Parameter:
    """Give one parameter whose gradient is there already."""
    parameter = torch.nn.Parameter(torch.tensor([value]))
    parameter.grad = torch.ones(1)
    return parameter


def sgd(groups: int = 1, **options: Any) -> torch.optim.SGD:
    return torch.optim.SGD([{"params": [weight()]} for _ in range(groups)], **{"lr": 0.1, **options})


def record(optimizer: Any, key: str = "lr") -> list[list[float]]:
    """Give the list that every update will add to: what each group holds when the update begins."""
    rows: list[list[float]] = []

    def read(optimizer: Any, args: Any, kwargs: Any) -> None:
        rows.append(
            [float(group[key][0] if key == "betas" else group[key]) for group in optimizer.param_groups]
        )

    optimizer.register_step_pre_hook(read)
    return rows


def optimizer_and_scheduler(
    model: torch.nn.Module, updates: int, curve: Any = CURVE, **options: Any
) -> tuple[torch.optim.Optimizer, TorchScheduler, list[list[float]]]:
    """Return a network's optimizer with its scheduler, and the rates that its updates will have had."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    scheduler = TorchScheduler(optimizer, curve.plan(updates=updates), **options)
    return optimizer, scheduler, record(optimizer)


def train(optimizer: Any, scheduler: Any, updates: int) -> None:
    """Make updates, each followed by a step of the scheduler."""
    for _ in range(updates):
        optimizer.step()
        scheduler.step()


def assert_planned(rows: list[list[float]], plan: Any, multipliers: Any = (1.0,), first: int = 0) -> None:
    """See that the updates from `first` on had exactly the plan's rates, and that there were some."""
    assert rows
    rates = plan(range(first, first + len(rows))).tolist()
    assert rows == [[rate * multiplier for multiplier in multipliers] for rate in rates]


class Run:
    """A network, its optimizer and its scheduler, which can be saved and rebuilt."""

    def __init__(self, updates: int = 40, adam: bool = False) -> None:
        self.model = network()
        self.plan = DRIVEN.plan(updates=updates)
        momentum = ss.linear(0.9, floor=0.5).plan(updates=updates)
        if adam:
            self.optimizer: Any = torch.optim.AdamW(self.model.parameters(), lr=0.1)
        else:
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.scheduler = TorchScheduler(self.optimizer, self.plan, momentum=momentum)
        self.rows = record(self.optimizer)
        self.x, self.y = data()

    def until(self, update: int) -> Run:
        while self.scheduler.update < update:
            batch = torch.arange(8) + 8 * (self.scheduler.update % 6)
            self.optimizer.zero_grad()
            loss = ((self.model(self.x[batch]) - self.y[batch]) ** 2).mean()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            if self.scheduler.update % 3 == 0:
                self.scheduler.observe(loss.item())
        return self

    def state(self) -> dict[str, Any]:
        parts = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        return {name: part.state_dict() for name, part in parts.items()}

    def load(
        self, state: dict[str, Any], order: tuple[str, ...] = ("model", "optimizer", "scheduler")
    ) -> Run:
        for name in order:
            getattr(self, name).load_state_dict(state[name])
        return self

    def weights(self) -> bytes:
        return b"".join(part.detach().numpy().tobytes() for part in self.model.parameters())


def main() -> None:
    folder, updates, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if sys.argv[3:] else 0.0
    run, file = Run(updates), folder / "run.pt"
    if file.exists():
        run.load(torch.load(file, weights_only=True))
    while run.scheduler.update < updates:
        run.until(run.scheduler.update + 1)
        with (folder / "rates.txt").open("a") as rates:
            rates.write(f"{run.scheduler.update - 1} {run.rows[-1][0]!r}\n")
        torch.save(run.state(), folder / "next.pt")
        os.replace(folder / "next.pt", file)
        time.sleep(pause)


if __name__ == "__main__":
    main()
