"""The Fashion-MNIST network as a loop in PyTorch over tensors in memory, at the rate 0.01."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from data import Run, fashion, tell
from torch.nn.functional import cross_entropy

first, count, epochs, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
rows = fashion(folder)
x, x_valid = torch.tensor(rows.x), torch.tensor(rows.x_valid)
y, y_valid = torch.tensor(rows.y, dtype=torch.int64), torch.tensor(rows.y_valid)


def run(seed: int, updates: int | None = None) -> Run:
    """Train one network, or its first updates."""
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(512, 10)]
    for layer in (layers[0], layers[3]):  # the weights that Keras starts from
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    accuracy = 0.0
    start = time.perf_counter()
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(x)).split(32)[:updates]:
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_valid).argmax(1) == y_valid).float().mean().item()
    return Run(time.perf_counter() - start, accuracy)


run(first, updates=20)  # warms up
tell("PyTorch loop", epochs, [run(seed) for seed in range(first, first + count)])
