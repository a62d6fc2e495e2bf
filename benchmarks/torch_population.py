"""A PyTorch model as a population, beside PyTorch's loop, `torch.func`, and the Keras model of its shape.

    python benchmarks/torch_population.py --output benchmarks/torch_population

Each contender trains the same network on the same rows in batches of the same size, for the same epochs,
judged after every epoch. Times are of training and judging; compiling stands apart.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from machine import machine, versions
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

import stepsize as ss

MOMENTUM, RATE = 0.9, 0.05
SGD = partial(torch.optim.SGD, momentum=MOMENTUM)


class Kind(NamedTuple):
    """A network with its data, and how much of it each contender trains."""

    make: Callable[[], nn.Module]
    keras: Callable[[], Any]
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    epochs: int
    batch: int
    rates: int
    seeds: int
    loops: int
    together: int


def ionosphere_torch() -> nn.Module:
    return nn.Sequential(nn.Linear(34, 34), nn.ReLU(), nn.Linear(34, 2))


def ionosphere_keras() -> Any:
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((34,)), layers.Dense(34, "relu"), layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(momentum=MOMENTUM), loss)
    return model


def ionosphere_data() -> tuple[np.ndarray, np.ndarray]:
    data = ss.problem("ionosphere").data
    return np.asarray(data.x, np.float32), data.y.astype(np.int64)


def conv_torch() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 5 * 5, 10),
    )  # fmt: skip


def conv_keras() -> Any:
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
            layers.Dense(10),
        ]
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(momentum=MOMENTUM), loss)
    return model


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(640) % 10
    return rng.normal(size=(640, 1, 28, 28)).astype(np.float32) + 0.1 * y[:, None, None, None].astype(
        np.float32
    ), y


KINDS = {
    "Ionosphere, 34-34-2": Kind(
        ionosphere_torch, ionosphere_keras, ionosphere_data, epochs=50, batch=28, rates=16, seeds=30, loops=3,
        together=512,
    ),
    "convolutions, 28 x 28": Kind(
        conv_torch, conv_keras, images, epochs=4, batch=32, rates=4, seeds=4, loops=3, together=16
    ),
}  # fmt: skip


def ours(kind: Kind, in_keras: bool = False) -> dict[str, float]:
    """Train a population by `compare`; return its runs a second and its seconds of compiling."""
    x, y = kind.data()
    usual = {"epochs": kind.epochs, "batch_size": kind.batch, "name": "benchmark"}
    if in_keras:
        x = x if x.ndim == 2 else np.moveaxis(x, 1, -1)
        keys: Any = {"model": kind.keras(), **usual}
    else:
        keys = {"model": kind.make, "loss": nn.CrossEntropyLoss(), "optimizer": SGD, **usual}
    rates = [f"constant({rate:.4g})" for rate in np.geomspace(0.01, 0.1, kind.rates)]
    began = time.perf_counter()
    result = ss.compare((x, y), rates, kind.seeds, store=":memory:", quiet=True, **keys)
    cost: Any = result.answer["cost"]
    return {
        "runs_per_second": cost["runs_per_second"],
        "compile_seconds": cost["compile_seconds"],
        "whole_seconds": time.perf_counter() - began,
    }


def loop(kind: Kind) -> dict[str, float]:
    """Train networks one after another in PyTorch."""
    x, y = map(torch.from_numpy, kind.data())
    rows = len(x) * 3 // 4
    loss_of = nn.CrossEntropyLoss()

    def run(seed: int, epochs: int) -> float:
        torch.manual_seed(seed)
        model = kind.make()
        optimizer = SGD(model.parameters(), lr=RATE)
        began = time.perf_counter()
        for _ in range(epochs):
            for batch in torch.randperm(rows).split(kind.batch):
                optimizer.zero_grad()
                loss_of(model(x[batch]), y[batch]).backward()
                optimizer.step()
            with torch.no_grad():
                (model(x[rows:]).argmax(1) == y[rows:]).float().mean().item()
        return time.perf_counter() - began

    run(0, 1)  # warms up
    return {"runs_per_second": 1 / median(run(seed, kind.epochs) for seed in range(kind.loops))}


def by_torch_func(kind: Kind) -> dict[str, float]:
    """Train many networks at once by `torch.func.vmap`, as its tutorial on ensembles does."""
    x, y = map(torch.from_numpy, kind.data())
    rows = len(x) * 3 // 4
    models = [kind.make() for _ in range(kind.together)]
    weights, _ = stack_module_state(models)
    buffers = {name: torch.zeros_like(value) for name, value in weights.items()}
    base = models[0].to("meta")

    def loss_of(weights: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(functional_call(base, weights, (x,)), y)

    gradients = vmap(grad(loss_of), in_dims=(0, None, None))
    outputs = vmap(lambda weights, x: functional_call(base, weights, (x,)), in_dims=(0, None))
    began = time.perf_counter()
    for _ in range(kind.epochs):
        for batch in torch.randperm(rows).split(kind.batch):
            with torch.no_grad():
                for name, gradient in gradients(weights, x[batch], y[batch]).items():
                    buffers[name] = MOMENTUM * buffers[name] + gradient
                    weights[name] = weights[name].detach() - RATE * buffers[name]
        with torch.no_grad():
            (outputs(weights, x[rows:]).argmax(2) == y[rows:]).float().mean(1)
    return {"runs_per_second": kind.together / (time.perf_counter() - began)}


CONTENDERS: dict[str, Callable[[Kind], dict[str, float]]] = {
    "PyTorch model as a population": ours,
    "Keras model of the same shape": partial(ours, in_keras=True),
    "PyTorch loop": loop,
    "torch.func by hand": by_torch_func,
}


def measure(rounds: int) -> list[dict[str, Any]]:
    """Return what each contender reached, in turn, in each round."""
    return [
        {"kind": name, "contender": contender, "round": number, **function(kind)}
        for name, kind in KINDS.items()
        for number in range(rounds)
        for contender, function in CONTENDERS.items()
    ]


def _shown(speed: float) -> str:
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.3g}"


def markdown(rows: list[dict[str, Any]], where: str) -> str:
    """Return the table: runs a second, and how many times those of PyTorch's loop."""
    lines = [
        "| network | contender | runs a second | times the loop | compiling, s |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for kind in KINDS:
        speeds = {
            name: median(r["runs_per_second"] for r in rows if (r["kind"], r["contender"]) == (kind, name))
            for name in CONTENDERS
        }
        for name, speed in speeds.items():
            compiling = [r["compile_seconds"] for r in rows if r["contender"] == name and r["kind"] == kind
                         and "compile_seconds" in r]  # fmt: skip
            text = f"{median(compiling):.1f}" if compiling else "–"
            times = _shown(speed / speeds["PyTorch loop"])
            lines.append(f"| {kind} | {name} | {_shown(speed)} | {times} | {text} |")
    return f"{where}\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write PATH.md and PATH.json")
    options = parser.parse_args()
    rows = measure(options.rounds)
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        "versions": versions(),
    }
    used = ", ".join(
        f"{name} {number}" for name, number in facts["versions"].items() if name in ("torch", "jax")
    )
    threads = f"{torch.get_num_threads()} thread{'s' if torch.get_num_threads() > 1 else ''} for PyTorch"
    cores, processor = facts["machine"].get("cores"), facts["machine"].get("processor")
    page = markdown(rows, f"{facts['date'][:10]}, {cores} cores of {processor}, {threads}; {used}.")
    print(page)
    if options.output is not None:
        whole = json.dumps({**facts, "measured": rows}, indent=1) + "\n"
        options.output.with_suffix(".json").write_text(whole, encoding="utf-8")
        options.output.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
