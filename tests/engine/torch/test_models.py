"""Models as users write them: a member makes the updates of PyTorch's own loop."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from tests.engine.torch.loops import batches, in_jax, in_torch
from tests.engine.torch.models import CASES

UPDATES = 20
OPTIMIZERS = {
    "SGD": partial(torch.optim.SGD, lr=0.05, momentum=0.9),
    "Adam": partial(torch.optim.Adam, lr=1e-3),
    "AdamW": partial(torch.optim.AdamW, lr=1e-3, weight_decay=0.05),
}
PAIRS = [(name, "SGD") for name in CASES]
PAIRS += [(name, ("Adam", "AdamW")[number % 2]) for number, name in enumerate(CASES)]


def largest(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    return max((float(np.abs(ours[name] - theirs[name]).max()) for name in theirs), default=0.0)


@pytest.mark.parametrize(("name", "optimizer"), PAIRS)
def test_a_member_equals_pytorchs_own_loop(name: str, optimizer: str) -> None:
    case, make = CASES[name], OPTIMIZERS[optimizer]
    drawn = batches(case, UPDATES)
    theirs, ours = in_torch(case, make, drawn), in_jax(name, make, drawn, make.keywords["lr"])
    weights = {key: value for key, value in theirs.weights.items() if not key.endswith(case.indifferent)}
    error = float(np.abs(ours.losses / theirs.losses - 1).max())
    print(
        f"\n| {name} | {optimizer} | {error:.0e} | {largest(ours.weights, weights):.0e} |"
        f" {largest(ours.buffers, theirs.buffers):.0e} |"
    )
    assert error < 1e-5
    assert largest(ours.weights, weights) < 1e-5
    assert largest(ours.buffers, theirs.buffers) < 1e-5
