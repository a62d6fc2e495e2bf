"""How long 10^6 learning rates take: a plan, PyTorch's scheduler stepped, Keras and optax vectorised.

All contenders do the same work, one rate per update of the run, in one process; every round times all of
them once, in turn, and medians are reported. Rates are compared before anything is timed.

    python benchmarks/schedules.py --updates 1000000 --rounds 3 --output benchmarks/schedules
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
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

import stepsize as ss

Rates = NDArray[np.floating[Any]]
Contender = Callable[[int], Rates]
CHECKED_UPDATES = 2_000


@dataclass(frozen=True)
class Case:
    """One schedule as a spec and as calls of other libraries, where N is the updates of the run."""

    spec: str
    torch: str
    keras: str | None = None
    optax: str | None = None


CASES = [
    Case("constant(0.1)", "ConstantLR(optimizer, 1)", None, "constant_schedule(0.1)"),
    Case(
        "inverse_time(0.1, rate=0.002)",
        "LambdaLR(optimizer, lambda t: 1 / (1 + 0.002 * t))",
        "InverseTimeDecay(0.1, 1, 0.002)",
    ),
    Case(
        "step_decay(0.1, factor=0.5, every=0.1*run)",
        "StepLR(optimizer, N//10, 0.5)",
        "ExponentialDecay(0.1, N//10, 0.5, staircase=True)",
        "exponential_decay(0.1, N//10, 0.5, staircase=True)",
    ),
    Case(
        "multistep(0.1, at=[0.5*run, 0.75*run])",
        "MultiStepLR(optimizer, [N//2, N//4*3], 0.1)",
        "PiecewiseConstantDecay([N//2-1, N//4*3-1], [0.1, 0.01, 0.001])",
        "piecewise_constant_schedule(0.1, {N//2: 0.1, N//4*3: 0.1})",
    ),
    Case(
        "exponential(0.1, factor=0.999999, every=1*updates)",
        "MultiplicativeLR(optimizer, lambda t: 0.999999)",
    ),
    Case(
        "exponential(0.1, factor=0.5, every=0.1*run)",
        "ExponentialLR(optimizer, 0.5 ** (1 / (N//10)))",
        "ExponentialDecay(0.1, N//10, 0.5)",
        "exponential_decay(0.1, N//10, 0.5)",
    ),
    Case(
        "linear(0.1, floor=0.001)",
        "LinearLR(optimizer, 1, 0.01, N)",
        "PolynomialDecay(0.1, N, 0.001)",
        "linear_schedule(0.1, 0.001, N)",
    ),
    Case(
        "polynomial(0.1, power=2)",
        "PolynomialLR(optimizer, N, 2)",
        "PolynomialDecay(0.1, N, 0.0, 2)",
        "polynomial_schedule(0.1, 0.0, 2, N)",
    ),
    Case(
        "cosine(0.1, floor=0.001)",
        "CosineAnnealingLR(optimizer, N, 0.001)",
        "CosineDecay(0.1, N, 0.01)",
        "cosine_decay_schedule(0.1, N, 0.01)",
    ),
    Case(
        "warmup(0.1*run, start=0.001) >> cosine(0.1)",
        "SequentialLR(optimizer, [LinearLR(optimizer, 0.01, 1, N//10),"
        " CosineAnnealingLR(optimizer, N-N//10)], [N//10])",
        None,
        "warmup_cosine_decay_schedule(0.001, 0.1, N//10, N)",
    ),
    Case(
        "one_cycle(0.1, closed=True)",
        "OneCycleLR(optimizer, 0.1, N, pct_start=0.3 + 1 / N)",
    ),
    Case(
        "cosine_restarts(0.1, first=0.1*run, growth=2)",
        "CosineAnnealingWarmRestarts(optimizer, N//10, 2)",
        "CosineDecayRestarts(0.1, N//10, 2.0)",
    ),
    Case(
        "triangular(0.1, floor=0.001, up=0.05*run)",
        "CyclicLR(optimizer, 0.001, 0.1, N//20)",
    ),
    Case(
        "triangular2(0.1, floor=0.001, up=0.05*run)",
        "CyclicLR(optimizer, 0.001, 0.1, N//20, mode='triangular2')",
    ),
    Case(
        "exp_range(0.1, factor=0.999999, floor=0.001, up=0.05*run)",
        "CyclicLR(optimizer, 0.001, 0.1, N//20, mode='exp_range', gamma=0.999999)",
    ),
    Case(
        "cosine(0.1) * exponential(1, factor=0.5, every=0.1*run)",
        "ChainedScheduler([CosineAnnealingLR(optimizer, N), ExponentialLR(optimizer, 0.5 ** (1 / (N//10)))])",
    ),
]


def ours(case: Case) -> Contender:
    """Plan the spec from its text and take its values."""

    def rates(updates: int) -> Rates:
        return ss.parse(case.spec).plan(updates=updates).values

    return rates


def stepped(case: Case) -> Contender:
    """Step PyTorch's scheduler once per update, reading the rate from the optimizer before each step."""

    def rates(updates: int) -> Rates:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        names = {"optimizer": optimizer, "N": updates, **vars(torch.optim.lr_scheduler)}
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
        np.testing.assert_allclose(rates(CHECKED_UPDATES), expected, rtol=2e-4, atol=1e-7, err_msg=name)


def measure(case: Case, updates: int, rounds: int) -> dict[str, Any]:
    """Return the median seconds of each contender; those that take milliseconds run five times a round."""
    runners = contenders(case)
    for name in ("Keras", "optax"):
        if name in runners:
            runners[name](updates)  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, rates in runners.items():
            for _ in range(1 if name == "PyTorch" else 5):
                start = time.perf_counter()
                rates(updates)
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    return {"spec": case.spec, "torch": case.torch, "medians": medians, "seconds": seconds}


def markdown(results: dict[str, Any]) -> str:
    """Return the medians as a table in milliseconds."""
    times = ["stepsize", "PyTorch, stepped", "times faster", "Keras, compiled", "optax, compiled"]
    lines = [
        f"| {' | '.join(['schedule', 'call of PyTorch', *times])} |",
        f"| --- | --- |{' ---: |' * len(times)}",
    ]
    for row in results["cases"]:
        medians = row["medians"]
        shown = {name: f"{1000 * seconds:,.1f} ms" for name, seconds in medians.items()}
        name = row["torch"].partition("(")[0]
        ratio = f"{medians['PyTorch'] / medians['stepsize']:,.0f}"
        cells = [f"`{row['spec']}`", f"`{name}`", shown["stepsize"], shown["PyTorch"], ratio]
        lines.append(f"| {' | '.join([*cells, shown.get('Keras', '–'), shown.get('optax', '–')])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write PATH.json and PATH.md")
    options = parser.parse_args()
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
