"""Exported code at work: run in a namespace of its own, in the library itself, update by update."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from stepsize.export import export
from stepsize.schedules import Plan

EXACT = {"plain", "torch", "transformers"}  # in double precision
TARGETS = ("keras", "optax", "plain", "torch", "transformers")


def run(code: str) -> dict[str, Any]:
    """The names that a file defines; it must not know this package."""
    assert "stepsize" not in code
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(compile(code, "exported.py", "exec"), namespace)
    return namespace


def of_function(names: dict[str, Any], count: int) -> list[float]:
    return [names["learning_rate"](update) for update in range(count)]


def of_scheduler(names: dict[str, Any], count: int) -> list[float]:
    """The rates read from an optimizer of PyTorch before each of its updates."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=names["BASE_RATE"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = names["make_scheduler"](optimizer)
        rates = []
        for _ in range(count):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return rates


def of_schedule(names: dict[str, Any], count: int) -> Any:
    """The rates of a schedule of Keras or optax, inside compiled code."""
    import jax

    schedule = names["schedule"]
    if not callable(schedule):
        return np.full(count, schedule)
    return jax.jit(jax.vmap(schedule))(np.arange(count, dtype=np.int32))


RATES = {
    "keras": of_schedule,
    "optax": of_schedule,
    "plain": of_function,
    "torch": of_scheduler,
    "transformers": of_scheduler,
}


def assert_same_rates(plan: Plan, to: str) -> str:
    """Export, run, and compare every rate of the run; give the code."""
    if to != "plain":
        pytest.importorskip(to)
    code = export(plan, to)
    found = np.asarray(RATES[to](run(code), plan.horizon), dtype=np.float64)
    peak = plan.values.max()
    if to in EXACT:
        rtol, atol = 1e-9, 1e-12 * peak
    elif "RATES" in code:
        rtol, atol = 6e-8, 1e-12 * peak  # each value is rounded once
    else:
        rtol, atol = 3e-6, 1e-6 * peak
    np.testing.assert_allclose(found, plan.values, rtol, atol, err_msg=f"{plan.schedule}\n{code}")
    return code
