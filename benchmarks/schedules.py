"""How long 10^6 learning rates take: a plan, PyTorch's scheduler stepped, Keras and optax vectorised.

All contenders do the same work, one rate per update of the run, in one process; every round times all of
them, in turn, and the shortest times are reported. Rates are compared before anything is timed, and every
family of the package has a row. Where PyTorch has no such scheduler it steps a LambdaLR around the same
formula in plain Python, or at least around a constant: then its time is a lower bound.

    python benchmarks/schedules.py --updates 1000000 --rounds 3 --output benchmarks/schedules
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import optax
import torch
from numpy.typing import NDArray
from schedule_cases import CASES, Case

import stepsize as ss
import stepsize.dialects
from stepsize.schedules import FAMILIES

Rates = NDArray[np.floating[Any]]
Contender = Callable[[int], Rates]
CHECKED_UPDATES = 2_000

ss.register("cubed", lambda t, horizon: (1 - t / horizon) ** 3)


def ours(case: Case) -> Contender:
    """Plan the spec from its text and take its values."""

    def rates(updates: int) -> Rates:
        return ss.parse(case.spec).plan(updates=updates, updates_per_epoch=updates // 100).values

    return rates


def forget() -> None:
    """Empty what the package remembers from one plan to the next, so that each starts from nothing."""
    for name, module in sys.modules.items():
        for value in list(vars(module).values()) if name.startswith("stepsize.") else ():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


@lru_cache
def fractal(count: int) -> list[int]:
    """Return the order of Chebyshev steps, made once: large steps stand next to small ones."""
    order = [0]
    while len(order) < count:
        order = [index for each in order for index in (each, 2 * len(order) - 1 - each)]
    return order


def stepped(case: Case) -> Contender:
    """Step PyTorch's scheduler once per update, reading the rate from the optimizer before each step."""

    def rates(updates: int) -> Rates:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        names = {**vars(math), **vars(torch.optim.lr_scheduler), "fractal": fractal}
        names |= {"optimizer": optimizer, "N": updates}
        found = np.empty(updates)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SequentialLR calls step in a way that PyTorch deprecated
            scheduler = eval(case.torch, names)
            optimizer.step()
            group, step = optimizer.param_groups[0], scheduler.step
            for t in range(updates):
                found[t] = group["lr"]
                step()
        return found

    return rates


def compiled(library: Any, call: str) -> Contender:
    """Call a schedule of Keras or optax on all updates at once, compiled by JAX."""
    made: dict[int, Any] = {}

    def rates(updates: int) -> Rates:
        if updates not in made:
            schedule = eval(call, {"N": updates, **vars(library)})
            made[updates] = jax.jit(lambda t: jax.numpy.broadcast_to(schedule(t), t.shape))
        return np.asarray(made[updates](jax.numpy.arange(updates)))

    return rates


def contenders(case: Case) -> dict[str, Contender]:
    """Return the contenders of a case by name."""
    found = {"stepsize": ours(case), "PyTorch": stepped(case)}
    if case.keras:
        found["Keras"] = compiled(keras.optimizers.schedules, case.keras)
    if case.optax:
        found["optax"] = compiled(optax, case.optax)
    return found


def check(case: Case) -> None:
    """Fail unless all contenders give the same rates; Keras and optax count in single precision."""
    expected = ours(case)(CHECKED_UPDATES)
    for name, rates in contenders(case).items():
        if name == "PyTorch" and not case.same:
            continue
        np.testing.assert_allclose(rates(CHECKED_UPDATES), expected, rtol=2e-4, atol=1e-7, err_msg=name)


def measure(case: Case, updates: int, rounds: int) -> dict[str, Any]:
    """Return the least seconds of each contender; those that take milliseconds run five times a round."""
    runners = contenders(case)
    for name in ("Keras", "optax"):
        if name in runners:
            runners[name](updates)  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, rates in runners.items():
            for _ in range(1 if name == "PyTorch" else 5):
                forget()
                start = time.perf_counter()
                rates(updates)
                seconds[name].append(time.perf_counter() - start)
    best = {name: min(found) for name, found in seconds.items()}
    return {"spec": case.spec, "torch": case.torch, "same": case.same, "best": best, "seconds": seconds}


def times_faster(row: dict[str, Any]) -> float:
    """Return how often our time goes into that of PyTorch."""
    return row["best"]["PyTorch"] / row["best"]["stepsize"]


def markdown(results: dict[str, Any]) -> str:
    """Return the times as a table in milliseconds, and the smallest lead."""
    times = ["stepsize", "PyTorch, stepped", "times faster", "Keras, compiled", "optax, compiled"]
    lines = [
        f"| {' | '.join(['schedule', 'call of PyTorch', *times])} |",
        f"| --- | --- |{' ---: |' * len(times)}",
    ]
    for row in results["cases"]:
        shown = {name: f"{1000 * seconds:,.1f} ms" for name, seconds in row["best"].items()}
        call = f"`{row['torch'].partition('(')[0]}`" + ("" if row["same"] else ", constant: a bound")
        cells = [f"`{row['spec']}`", call, shown["stepsize"], shown["PyTorch"], f"{times_faster(row):,.0f}"]
        lines.append(f"| {' | '.join([*cells, shown.get('Keras', '–'), shown.get('optax', '–')])} |")
    least = min(results["cases"], key=times_faster)
    lines += ["", f"The smallest lead is {times_faster(least):,.0f} times, of `{least['spec']}`."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write PATH.json and PATH.md")
    options = parser.parse_args()
    without = [name for name in FAMILIES if not any(f"{name}(" in case.spec for case in CASES)]
    if without:
        sys.exit(f"no case for {', '.join(without)}")
    for case in CASES:
        check(case)
    results = {
        "updates": options.updates,
        "rounds": options.rounds,
        "machine": {"cores": os.cpu_count(), "system": platform.system()},
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "torch", "keras", "optax", "jax")},
        "cases": [measure(case, options.updates, options.rounds) for case in CASES],
    }
    print(markdown(results))
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        options.output.with_suffix(".md").write_text(markdown(results) + "\n")


if __name__ == "__main__":
    main()
