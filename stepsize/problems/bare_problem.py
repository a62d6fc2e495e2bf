"""A problem without its model, for the processes that train it."""

from __future__ import annotations

from copy import copy

from stepsize.problems.problem import Problem


def without_model(problem: Problem) -> Problem:
    """Return a problem as plain data: it draws splits and prepares rows, but has no model.

    PyTorch's initial weights are those of the model, so the result has none of them.
    """
    problem.trained_y  # noqa: B018, it depends on the model, and is copied
    bare = copy(problem)
    for name in ("model", "loss", "optimizer", "metric", "torch_source"):
        object.__setattr__(bare, name, None)
    return bare
