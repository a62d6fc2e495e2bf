"""Small problems with a PyTorch model, and their tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from stepsize.engine.task import Task
from stepsize.problems.problem import Problem

ROWS, VALID, BATCH, EPOCHS, SEED = 24, 8, 6, 3, 3
SHORTER = 22  # training rows that make the last batch of an epoch shorter: a second program of an update
SPECS = ("constant(0.02)", "one_cycle(0.05)", "linear(0.01)")


def problem_of(model: Callable[[], nn.Module], optimizer: Any, *shape: int, **options: Any) -> Problem:
    torch.manual_seed(0)
    x, y = torch.randn(ROWS + VALID, *shape), torch.arange(ROWS + VALID) % 3
    usual = {"loss": nn.CrossEntropyLoss(), "epochs": EPOCHS, "batch_size": BATCH}
    return Problem(model, (x, y), optimizer=optimizer, **{**usual, **options})


def task_of(problem: Problem, settings: Any = None, rows: int = ROWS, **changes: Any) -> Task:
    data = problem.data
    return Task(
        problem.travel_form(settings), {}, data.x, data.y, data.kind, len(data.classes), data.outputs, rows,
        BATCH, EPOCHS, **changes,
    )  # fmt: skip
