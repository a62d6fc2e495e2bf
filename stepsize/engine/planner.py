"""How a population is laid out on the machine: devices, calls, members side by side, segments.

The choice is a function of sizes, never of a clock: a study that goes on tomorrow makes the very calls that
it would have made today. `benchmarks/layouts.py` compares it with every fixed layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NARROW = 100  # units of a layer up to which members side by side beat members in series
SHORT_UPDATE = 70_000  # weights times the fourth root of the batch: below, four blocks at once pay
ABREAST = 4
SIDE_BY_SIDE = 32  # members of a block; more gain nothing
HELD = 3 * 4  # bytes of a weight, its momentum and its gradient
OVERHEAD, PER_TERM = 3.0, 4e-5  # microseconds of an update besides products, and of a weight with a row
CALL = 400_000  # microseconds of a call, about: short enough to tell progress, long beside what a call costs
GPU_MEMBERS, GPU_ABREAST = 64, 16  # a GPU wants thousands of rows at once


@dataclass(frozen=True)
class Machine:
    """What training runs on: equal devices, the second-level cache of a core in bytes, and the platform."""

    devices: int = 1
    cache: int = 1 << 20
    platform: str = "cpu"


@dataclass(frozen=True)
class Layout:
    """One compiled call: `blocks` blocks of `members` runs, spread over `devices`, `segment` epochs each.

    A device trains `abreast` of its blocks at once, the rest of them one after another.
    """

    devices: int
    blocks: int
    members: int
    segment: int
    reason: str
    abreast: int = 1

    @cached_property
    def order(self) -> np.ndarray:
        """The blocks in the order in which the devices hold them: few blocks are shared out evenly, too."""
        return np.arange(self.blocks).reshape(-1, self.devices).T.ravel()

    def __str__(self) -> str:
        blocks = f"{self.blocks} block{'s' if self.blocks > 1 else ''} a call"
        at_once = f", {self.abreast} of them at once" if self.abreast > 1 else ""
        return f"{self.reason}, {blocks}{at_once}" + (f", {self.devices} cores" if self.devices > 1 else "")


def plan_layout(
    weights: int,
    width: float,
    batch: int,
    epochs: int,
    updates_per_epoch: int,
    candidates: int,
    seeds: int,
    machine: Machine,
    series: str | None = None,
) -> Layout:
    """Choose the layout for a population.

    `weights` is the size of one member, `width` the units of a layer, `candidates` the number of runs that
    share a seed, `seeds` how many seeds there are. Members with narrow layers train side by side, where a
    batch meets all of them in one product; others in series, one a device, for their own products fill it.
    `series` is a reason why narrow ones must do so too.

    >>> plan_layout(1_225, 34, 28, 50, 9, candidates=16, seeds=30, machine=Machine(2)).members
    16
    >>> print(plan_layout(407_050, 506, 32, 5, 1_875, candidates=3, seeds=2, machine=Machine(2)))
    layers 506 wide, batches of 32: in series, 2 blocks a call, 2 cores
    """
    size = f"layers {width:.0f} wide, batches of {batch}"
    devices = min(machine.devices, max(1, candidates * seeds))
    work = weights * batch**0.25
    on_gpu = machine.platform != "cpu"
    if series or (width > NARROW and not on_gpu):
        why = f" ({series})" if series else ""
        members, reason = 1, f"{size}: in series{why}"
    else:
        members = _members(weights, candidates, machine)
        reason = f"{size}: {members} side by side"
    abreast = 1 if series else _abreast(work, members, on_gpu)
    abreast = min(abreast, -(-candidates * seeds // (members * devices)))
    needed = -(-(-(-candidates // members) * seeds) // (devices * abreast))
    epoch = updates_per_epoch * (OVERHEAD + PER_TERM * weights * batch) * members * abreast
    serial = max(1, min(5, needed, int(CALL / (epochs * epoch))))
    longest = max(1, int(CALL / (epoch * serial)))
    segment = max(n for n in range(1, epochs + 1) if epochs % n == 0 and n <= longest)
    return Layout(devices, devices * abreast * serial, members, segment, reason, abreast)


def _members(weights: int, candidates: int, machine: Machine) -> int:
    """Give the runs of a block: as many as share a seed, in equal blocks that stay in the cache."""
    most = max(4, min(SIDE_BY_SIDE, machine.cache // (HELD * weights)))
    if machine.platform != "cpu":
        most = GPU_MEMBERS
    groups = -(-candidates // most)
    return -(-candidates // groups)


def _abreast(work: float, members: int, on_gpu: bool) -> int:
    """Give the blocks that train at once."""
    if on_gpu:
        return GPU_ABREAST
    return ABREAST if members <= 2 and work <= SHORT_UPDATE else 1
