"""A kind of model as a loop in PyTorch over tensors in memory: `python models_torch.py KIND FIRST_SEED RUNS`.

The same layers as in `models_keras.py`, from weights drawn in the same way; images have their channels first,
as PyTorch prefers them.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from data import Run, tell
from model_kinds import CLASSES, KINDS, VOCABULARY, parts
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class Residual(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(16, 16, 3, padding=1, bias=False) for _ in range(2)]
        first, second = (nn.BatchNorm2d(16, eps=1e-3, momentum=0.01) for _ in range(2))
        self.hidden = nn.Sequential(convolutions[0], first, nn.ReLU(), convolutions[1], second)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.hidden(x))


class Last(nn.Module):
    """An LSTM's state after the last word."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(16, 32, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0][:, -1]


class Mean(nn.Module):
    """The mean over some axes."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.axes)


def body(name: str) -> list[nn.Module]:
    """Return the layers of a kind but the last, and the last one's inputs."""
    relu, pool, flat = nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    match name:
        case "MLP, 34 wide":
            return [nn.Linear(34, 34), relu, nn.Linear(34, CLASSES)]
        case "MLP, 512 wide":
            return [nn.Linear(784, 512), relu, nn.Dropout(0.2), nn.Linear(512, CLASSES)]
        case "convolutional, 28 x 28 x 1":
            first = [nn.Conv2d(1, 8, 3), relu, pool]
            return [*first, nn.Conv2d(8, 16, 3), relu, pool, flat, nn.Linear(400, CLASSES)]
        case "convolutional, 32 x 32 x 3":
            pair = [nn.Conv2d(3, 32, 3, padding=1), relu, nn.Conv2d(32, 32, 3, padding=1), relu]
            return [*pair, pool, flat, nn.Linear(8192, 64), relu, nn.Linear(64, CLASSES)]
        case "residual, 16 x 16 x 16":
            return [Residual(), Residual(), Mean(2, 3), nn.Linear(16, CLASSES)]
        case "recurrent":
            return [Last(), nn.Linear(32, CLASSES)]
        case "attention":
            layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
            return [layer, Mean(1), nn.Linear(32, CLASSES)]
        case "embedding":
            return [nn.Embedding(VOCABULARY, 16), Mean(1), nn.Linear(16, CLASSES)]
        case _:
            raise ValueError(name)


def model(name: str) -> nn.Module:
    """Return a new network that starts as Keras' does."""
    network = nn.Sequential(*body(name))
    for key, weight in network.named_parameters():
        if weight.ndim == 1:
            nn.init.constant_(weight, float("norm" in key and key.endswith("weight")))
        elif isinstance(network[0], nn.Embedding) and key == "0.weight":
            nn.init.uniform_(weight, -0.05, 0.05)
        else:
            nn.init.xavier_uniform_(weight)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
    return network


def main() -> None:
    name, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    kind, rows = KINDS[name], parts(name)
    x, x_valid = (tensor(name, part) for part in (rows.x, rows.x_valid))
    y, y_valid = (torch.tensor(part, dtype=torch.int64) for part in (rows.y, rows.y_valid))

    def run(seed: int, updates: int | None = None) -> Run:
        torch.manual_seed(seed)
        network, accuracy = model(name), 0.0
        optimizer = torch.optim.SGD(network.parameters(), lr=kind.rate, momentum=0.9)
        start = time.perf_counter()
        for _ in range(kind.epochs):
            network.train()
            for batch in torch.randperm(len(x)).split(kind.batch)[:updates]:
                optimizer.zero_grad()
                cross_entropy(network(x[batch]), y[batch]).backward()
                optimizer.step()
            network.eval()
            with torch.no_grad():
                accuracy = (network(x_valid).argmax(1) == y_valid).float().mean().item()
        return Run(time.perf_counter() - start, accuracy)

    run(first, updates=2)  # warms up
    tell("PyTorch loop", kind.epochs, [run(seed) for seed in range(first, first + count)])


def tensor(name: str, x: np.ndarray) -> Tensor:
    """Return rows as PyTorch likes them."""
    if name == "embedding":
        return torch.tensor(x, dtype=torch.int64)
    rows = torch.tensor(x)
    return rows.movedim(-1, 1).contiguous() if rows.ndim == 4 else rows


if __name__ == "__main__":
    main()
