"""The planner's layout beside fixed ones, over sizes of networks, batches and populations.

    python benchmarks/layouts.py --output benchmarks/layouts

Every population is trained as a study would train it, call by call, on 256 rows for 100 updates, or more if
its runs are few; of a long one the first calls are timed. The table has microseconds an update and core, and
how much slower the planner's layout is than the fastest fixed one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import numpy as np
from machine import machine, versions

from stepsize.cores import cores, second_level_cache
from stepsize.engine import random_bits
from stepsize.engine.batch_order import batch_order
from stepsize.engine.keras.member import KerasMember
from stepsize.engine.planner import Layout, Machine, Sizes, plan_layout
from stepsize.engine.population import Population
from stepsize.engine.task import Block, Task
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule

CORES = cores()
WIDTHS, BATCHES = (8, 34, 128, 512, 2048), (8, 32, 128)
POPULATIONS = ((1, 1), (1, 100), (16, 6), (16, 625))  # candidates, seeds: 1 to 10,000 runs
FEATURES, ROWS, VALID = 34, 256, 64
LEAST, UPDATES = (
    100,
    4000,
)  # updates of a run at least, and of a whole population, so that starts do not weigh
FIXED = {"series": (1, 1), "series, 4 at once": (1, 4), "4 side by side": (4, 1), "16 side by side": (16, 1)}
LONGEST = 0.2  # seconds of calls that are timed


def make_task(width: int, batch: int, runs: int) -> Task:
    """Give a network of one hidden layer and made-up data; few runs train for more epochs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS + VALID, FEATURES)).astype(np.float32)
    y = rng.integers(0, 2, len(x)).astype(np.int32)
    model, settings = {"text": f"mlp({width})", "outputs": 1}, {"optimizer": "sgd", "momentum": 0.8}
    epochs = -(-max(LEAST, UPDATES // runs) * batch // ROWS)
    return Task(model, settings, x, y, "binary", 2, 1, ROWS, batch, epochs)


def make_block(task: Task, seed: int, members: int) -> Block:
    """Give a block of runs at one constant rate."""
    rates = np.full((members, task.epochs * task.updates_per_epoch), 0.01, np.float32)
    rules = PlateauRule(*np.array([NEUTRAL] * members, np.float32).T)
    valid = np.arange(ROWS, ROWS + VALID, dtype=np.int32)
    order = batch_order(np.arange(ROWS), seed, task.epochs)
    return Block(np.uint32(seed), order, valid, {}, None, rates, rules, np.zeros(members, np.int32))


def fixed_layout(planned: Layout, members: int, abreast: int, candidates: int, seeds: int) -> Layout:
    """Give a fixed layout, its calls about as long as the planned one's, not longer than the population."""
    members = min(members, candidates)
    blocks = -(-candidates // members) * seeds
    serial = -(-planned.blocks * planned.members // (CORES * members * abreast))
    serial = min(serial, -(-blocks // (CORES * abreast)))
    return replace(planned, devices=CORES, blocks=CORES * abreast * serial, members=members, abreast=abreast)


def cost(task: Task, layout: Layout, candidates: int, seeds: int) -> float:
    """Give microseconds an update and core: the best of three passes over the population's first calls."""
    population = Population(task)
    population.compile(replace(layout, segment=task.epochs))
    per_seed = -(-candidates // layout.members)
    count = seeds * per_seed
    blocks = [make_block(task, number, layout.members) for number in range(min(count, layout.blocks))]
    calls = [blocks[: min(layout.blocks, count - first)] for first in range(0, count, layout.blocks)]
    population.train(calls[0])
    began = time.perf_counter()
    population.train(calls[0])
    calls = calls[: max(1, int(LONGEST / (time.perf_counter() - began)))]
    runs = sum(map(len, calls)) * candidates / per_seed  # members that only fill a block do not count
    best = np.inf
    for _ in range(3):
        began = time.perf_counter()
        for call in calls:
            population.train(call)
        best = min(best, time.perf_counter() - began)
    return best / runs / (task.epochs * task.updates_per_epoch) * CORES * 1e6


def compared(width: int, batch: int, candidates: int, seeds: int) -> dict[str, Any]:
    """Time the planned layout and the fixed ones for one size; equal ones once."""
    task = make_task(width, batch, candidates * seeds)
    member, updates = KerasMember(task), task.updates_per_epoch
    here = Machine(CORES, second_level_cache())
    sizes = Sizes(member.weights, member.width, batch, task.epochs, updates, candidates, seeds)
    planned = plan_layout(sizes, here)
    layouts = {name: fixed_layout(planned, *form, candidates, seeds) for name, form in FIXED.items()}
    layouts["planned"] = planned

    def form(layout: Layout) -> tuple[int, ...]:
        return layout.devices, layout.blocks, layout.members, layout.abreast

    distinct = {form(layout): layout for layout in layouts.values()}
    costs = {key: cost(task, layout, candidates, seeds) for key, layout in distinct.items()}
    found = {name: costs[form(layout)] for name, layout in layouts.items()}
    best = min(found[name] for name in FIXED)
    size = {"width": width, "batch": batch, "candidates": candidates, "seeds": seeds}
    return {**size, "layout": str(planned), "microseconds": found, "slower": found["planned"] / best - 1}


def measure() -> list[dict[str, Any]]:
    """Compare for every size."""
    rows = []
    for size in itertools.product(WIDTHS, BATCHES, POPULATIONS):
        row = compared(size[0], size[1], *size[2])
        rows.append(row)
        print(f"{size}: {row['microseconds']['planned']:.1f} us, {row['slower']:+.0%}", flush=True)
    return rows


def markdown(rows: list[dict[str, Any]], where: str) -> str:
    """Give the table."""
    heads = ["width", "batch", "candidates x seeds", "planned", *FIXED, "slower than the fastest"]
    lines = [heads, ["---:"] * len(heads)]
    for row in rows:
        first = [str(row["width"]), str(row["batch"]), f"{row['candidates']} x {row['seeds']}"]
        numbers = [f"{row['microseconds'][name]:.1f}" for name in ("planned", *FIXED)]
        lines.append([*first, *numbers, f"{row['slower']:+.0%}"])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    worst = max(row["slower"] for row in rows)
    return f"{where}\n\nMicroseconds an update and core; at worst {worst:+.0%}.\n\n{table}\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="where to write PATH.md and PATH.json")
    output = parser.parse_args().output
    jax.config.update("jax_num_cpu_devices", CORES)
    jax.config.update("jax_platforms", "cpu")
    random_bits.use()
    rows = measure()
    found = {"machine": machine(), "versions": versions(), "date": time.strftime("%Y-%m-%d"), "rows": rows}
    text = markdown(rows, f"{found['machine']['processor']}, {CORES} cores, {found['date']}.")
    print(text)
    if output:
        output.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
        output.with_suffix(".md").write_text(f"# The planner beside fixed layouts\n\n{text}")


if __name__ == "__main__":
    main()
