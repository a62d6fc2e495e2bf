"""Whether a population fits into the memory that this process may use, before anything is trained.

What is counted is certain to be needed: the weights and the optimizer's state of every run of a call, a
gradient for every run that is trained at the same time, and the rows of the data. Activations come on top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from stepsize.engine.planner import Layout, Machine, Sizes, plan_layout
from stepsize.engine.task import Task
from stepsize.errors import ProblemError
from stepsize.problems.models.text_models import parse_model

SINGLE = 4  # bytes of a number in single precision
MEMINFO, CGROUP, CGROUPS = Path("/proc/meminfo"), Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def check_model(task: Task) -> None:
    """Raise ProblemError if a model that is text cannot be built: its weights, and those of one run."""
    room = available()
    if room is None or not task.is_text or not task.model["text"].strip().startswith("mlp"):
        return
    _, hidden, _ = parse_model(task.model["text"])
    inputs = sum(prod(values.shape[1:]) for values in task.inputs.values())
    weights = sum(one * other for one, other in pairwise((inputs, *hidden, task.outputs)))
    if (needed := 2 * SINGLE * weights) > room:
        raise _error(needed, room)


def fitting_layout(sizes: Sizes, machine: Machine, series: str | None, run: Any, rows: int) -> Layout:
    """Return the layout of a population; if it does not fit into memory, the smallest one.

    `run` holds the shapes of one run, `rows` is the size of the data in bytes.

    Raises: ProblemError if the smallest does not fit either.
    """
    layout, room = plan_layout(sizes, machine, series), available()
    if machine.on_gpu or room is None or needed_by(layout, sizes, run, rows) <= room:
        return layout
    smallest = plan_layout(replace(sizes, candidates=1, seeds=1), machine, "to fit into memory")
    if (needed := needed_by(smallest, sizes, run, rows)) > room:
        raise _error(needed, room)
    return smallest


def needed_by(layout: Layout, sizes: Sizes, run: Any, rows: int) -> int:
    """Return the bytes that a call is certain to need."""
    import jax

    one = sum(prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(run))
    at_once = layout.devices * layout.abreast * layout.members
    return layout.blocks * layout.members * one + at_once * SINGLE * sizes.weights + layout.devices * rows


def available() -> int | None:
    """Return the bytes that this process may still use: of the machine, or of its control group.

    None where the system does not say.
    """
    rooms = list(_rooms_of_groups())
    try:
        lines = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
        rooms.append(1024 * int(lines["MemAvailable"].split()[0]))
    except (OSError, KeyError, ValueError):
        pass
    return max(0, min(rooms)) if rooms else None


def _rooms_of_groups() -> Iterator[int]:
    """Yield what the control groups of this process leave, in either version of them."""
    try:
        lines = [line.split(":", 2) for line in CGROUP.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in lines:
        if not controllers:
            root, limit, usage, cache = CGROUPS, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            root, limit, usage = CGROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                try:
                    used = int((folder / usage).read_text()) - _value(folder / "memory.stat", cache)
                    yield int((folder / limit).read_text()) - used
                except (OSError, ValueError):  # no such group here, or no limit: "max"
                    pass


def _value(path: Path, name: str) -> int:
    """Return a number of a file with one name and one number a line."""
    return int(dict(line.split() for line in path.read_text().splitlines())[name])


def _error(needed: int, room: int) -> ProblemError:
    return ProblemError(
        f"one run of the model needs at least {needed / 1e9:,.2f} GB of memory, and {room / 1e9:,.2f} GB are "
        "available; take a smaller model, or a machine with more memory"
    )
