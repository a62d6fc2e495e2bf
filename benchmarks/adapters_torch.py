"""What a scheduler costs an update in PyTorch: ours and PyTorch's own, each stepped after every update.

One SGD optimizer with one parameter of one number, so nearly all time is overhead. Every round times all
contenders once, in turn; of each, the fastest round counts, less that of the optimizer without a scheduler.
Rounds are short and many, so that other work on the machine spares some of each.

    python benchmarks/adapters_torch.py --updates 200 --rounds 300 --output benchmarks/adapters_torch.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch.optim import SGD, lr_scheduler

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler

ALONE = "none"


def contenders(updates: int) -> dict[str, Callable[[SGD], Any]]:
    """Return what builds each scheduler; the rates of ours and of PyTorch's cosine are the same."""
    plan = ss.cosine(0.1).plan(updates=updates)
    return {
        ALONE: lambda optimizer: None,
        "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, updates // 10),
        "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + 0.01 * t)),
        "CosineAnnealingLR": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, updates),
        "TorchScheduler": lambda optimizer: TorchScheduler(optimizer, plan),
    }


def measure(updates: int = 200, rounds: int = 300) -> dict[str, Any]:
    """Return the microseconds that each scheduler adds to an update."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    built = contenders(updates)
    _check(built, updates)
    best = dict.fromkeys(built, float("inf"))
    for _ in range(rounds):
        for name, build in built.items():
            best[name] = min(best[name], _seconds(build, updates))
    torch.set_num_threads(threads)
    added = {name: (best[name] - best[ALONE]) / updates * 1e6 for name in built if name != ALONE}
    return {
        "update_alone_us": best[ALONE] / updates * 1e6,
        "added_us": added,
        "updates": updates,
        "rounds": rounds,
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
    }


def _optimizer() -> SGD:
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    return SGD([weight], lr=0.1)


def _seconds(build: Callable[[SGD], Any], updates: int) -> float:
    optimizer = _optimizer()
    scheduler = build(optimizer)
    start = time.perf_counter()
    if scheduler is None:
        for _ in range(updates):
            optimizer.step()
    else:
        for _ in range(updates):
            optimizer.step()
            scheduler.step()
    return time.perf_counter() - start


def _check(built: dict[str, Callable[[SGD], Any]], updates: int) -> None:
    """See that the two cosines give the same rates, so the same work is timed."""
    pair = [_optimizer(), _optimizer()]
    schedulers = [
        built[name](each) for name, each in zip(("CosineAnnealingLR", "TorchScheduler"), pair, strict=True)
    ]
    for _ in range(updates):
        theirs, ours = (each.param_groups[0]["lr"] for each in pair)
        if abs(theirs - ours) > 1e-9:
            raise SystemExit(f"the rates differ: {theirs} and {ours}")
        for each, scheduler in zip(pair, schedulers, strict=True):
            each.step()
            scheduler.step()


def table(result: dict[str, Any]) -> str:
    """Return the result as a Markdown table."""
    lines = ["| scheduler | µs added to an update |", "|---|---|"]
    lines += [f"| {name} | {added:.2f} |" for name, added in result["added_us"].items()]
    return "\n".join([*lines, "", f"The update alone takes {result['update_alone_us']:.1f} µs."])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--output", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
    result = measure(arguments.updates, arguments.rounds)
    print(table(result))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
