"""How a population is laid out on the machine: devices, calls, members side by side, segments.

The choice is a function of sizes, never of a clock: a study resumed tomorrow makes exactly the calls that it
would have made today. `benchmarks/layouts.py` compares it with every fixed layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NARROW = 100  # units of a layer up to which members side by side are faster than members in series
SHORT_UPDATE = 70_000  # weights times fourth root of the batch: up to it, several blocks at once are faster
ABREAST = 4  # blocks trained at once on a CPU core, where that is faster
SIDE_BY_SIDE = 32  # members of a block; more are not faster
BYTES_PER_WEIGHT = 3 * 4  # of a weight, its momentum and its gradient
OVERHEAD, PER_TERM = 3.0, 4e-5  # microseconds of an update: a constant, and per weight and row of the batch
CALL = 400_000  # target microseconds of a call: short enough for progress, long compared with its overhead
GPU_MEMBERS, GPU_ABREAST = 64, 16  # a GPU needs thousands of rows at once


@dataclass(frozen=True)
class Machine:
    """What training runs on: equal devices, the second-level cache of a core in bytes, and the platform."""

    devices: int = 1
    cache: int = 1 << 20
    platform: str = "cpu"

    @property
    def on_gpu(self) -> bool:
        """Whether training runs on anything but CPU cores."""
        return self.platform != "cpu"


@dataclass(frozen=True)
class Sizes:
    """The sizes of a population, which decide its layout.

    `weights` is the size of one member, `width` the units of a layer, `candidates` the number of runs that
    share a seed.
    """

    weights: int
    width: float
    batch: int
    epochs: int
    updates_per_epoch: int
    candidates: int
    seeds: int

    @property
    def runs(self) -> int:
        """The runs of the population."""
        return self.candidates * self.seeds


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
        """The blocks in the order in which devices hold them, so that few blocks are spread evenly, too."""
        return np.arange(self.blocks).reshape(-1, self.devices).T.ravel()

    def __str__(self) -> str:
        blocks = f"{self.blocks} block{'s' if self.blocks > 1 else ''} a call"
        at_once = f", {self.abreast} of them at once" if self.abreast > 1 else ""
        return f"{self.reason}, {blocks}{at_once}" + (f", {self.devices} cores" if self.devices > 1 else "")


def plan_layout(sizes: Sizes, machine: Machine, series: str | None = None) -> Layout:
    """Return the layout of a population.

    Members with narrow layers train side by side, where a batch meets all of them in one product. Others
    train in series, one on each device: their own products are large enough to keep it busy. `series` is a
    reason why narrow ones must train in series as well.

    >>> narrow = Sizes(1_225, 34, 28, epochs=50, updates_per_epoch=9, candidates=16, seeds=30)
    >>> plan_layout(narrow, Machine(2)).members
    16
    >>> wide = Sizes(407_050, 506, 32, epochs=5, updates_per_epoch=1_875, candidates=3, seeds=2)
    >>> print(plan_layout(wide, Machine(2)))
    layers 506 wide on average, batches of 32: in series, 2 blocks a call, 2 cores
    """
    members, reason = _members(sizes, machine, series)
    devices = min(machine.devices, max(1, sizes.runs))
    abreast = 1 if series else _abreast(sizes, members, machine)
    abreast = min(abreast, ceil_div(sizes.runs, members * devices))
    blocks = ceil_div(sizes.candidates, members) * sizes.seeds
    serial, segment = _lengths(sizes, members * abreast, ceil_div(blocks, devices * abreast))
    return Layout(devices, devices * abreast * serial, members, segment, reason, abreast)


def ceil_div(a: int, b: int) -> int:
    """Return a / b, rounded up.

    >>> ceil_div(9, 4)
    3
    """
    return -(-a // b)


def _members(sizes: Sizes, machine: Machine, series: str | None) -> tuple[int, str]:
    """Return the members of a block, and why: those that share a seed, in equal blocks that fit the cache."""
    text = f"layers {sizes.width:.0f} wide on average, batches of {sizes.batch}"
    if series or (sizes.width > NARROW and not machine.on_gpu):
        return 1, f"{text}: in series" + (f" ({series})" if series else "")
    most = max(4, min(SIDE_BY_SIDE, machine.cache // (BYTES_PER_WEIGHT * sizes.weights)))
    if machine.on_gpu:
        most = GPU_MEMBERS
    members = ceil_div(sizes.candidates, ceil_div(sizes.candidates, most))
    return members, f"{text}: {members} side by side"


def _abreast(sizes: Sizes, members: int, machine: Machine) -> int:
    """Return the number of blocks that a device trains at once."""
    if machine.on_gpu:
        return GPU_ABREAST
    short = sizes.weights * sizes.batch**0.25 <= SHORT_UPDATE
    return ABREAST if members <= 2 and short else 1


def _lengths(sizes: Sizes, runs: int, needed: int) -> tuple[int, int]:
    """Return the blocks of a device in a call, one after another, and the epochs of a segment.

    `runs` is the number of runs that a device trains at once, `needed` the blocks in series for all runs.
    """
    update = OVERHEAD + PER_TERM * sizes.weights * sizes.batch
    epoch = sizes.updates_per_epoch * update * runs
    serial = max(1, min(5, needed, int(CALL / (sizes.epochs * epoch))))
    longest = max(1, int(CALL / (epoch * serial)))
    segment = max(n for n in range(1, sizes.epochs + 1) if sizes.epochs % n == 0 and n <= longest)
    return serial, segment
