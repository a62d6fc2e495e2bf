"""The lesson's network as a loop in PyTorch over tensors in memory; one shuffle of the rows an epoch.

Batches cut from the shuffled rows make it up to a tenth faster than taking the rows of each batch. A fused
optimizer gains no more than a few percent on an idle machine, and loses much on a busy one.
"""

from __future__ import annotations

import sys
import time

import torch
from data import Run, ionosphere, tell
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import LambdaLR

EPOCHS = 50
rows = ionosphere()
x, x_valid = torch.tensor(rows.x), torch.tensor(rows.x_valid)
y, y_valid = torch.tensor(rows.y, dtype=torch.float32), torch.tensor(rows.y_valid)


def network() -> torch.nn.Module:
    """Build the network with the weights of the lesson: normal, with a spread of 0.05."""
    layers = [torch.nn.Linear(34, 34), torch.nn.ReLU(), torch.nn.Linear(34, 1)]
    for layer in layers[::2]:
        torch.nn.init.normal_(layer.weight, std=0.05)
        torch.nn.init.zeros_(layer.bias)
    return torch.nn.Sequential(*layers)


def run(seed: int) -> Run:
    """Train one network."""
    torch.manual_seed(seed)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8)
    scheduler = LambdaLR(optimizer, lambda t: 1 / (1 + 0.002 * t))
    accuracy = 0.0
    start = time.perf_counter()
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for inputs, targets in zip(x[order].split(28), y[order].split(28), strict=True):
            optimizer.zero_grad()
            binary_cross_entropy_with_logits(model(inputs)[:, 0], targets).backward()
            optimizer.step()
            scheduler.step()
        with torch.no_grad():
            accuracy = ((model(x_valid)[:, 0] > 0) == y_valid).float().mean().item()
    return Run(time.perf_counter() - start, accuracy)


first, count = int(sys.argv[1]), int(sys.argv[2])
run(first)  # warms up
tell("PyTorch loop", EPOCHS, [run(seed) for seed in range(first, first + count)])
