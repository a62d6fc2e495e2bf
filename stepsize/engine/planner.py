"""How a population is laid out on the machine: devices, calls, members side by side, segments."""

from __future__ import annotations

from dataclasses import dataclass

SMALL_MEMBER = 32_768  # weights; below it, members side by side beat members in series
SIDE_BY_SIDE = 16  # members of a block; more leave the second-level cache
CALL_UPDATES = 80_000  # updates of one member's worth of work in a call: about half a second when small


@dataclass(frozen=True)
class Layout:
    """One compiled call: `blocks` blocks of `members` runs, spread over `devices`, `segment` epochs each."""

    devices: int
    blocks: int
    members: int
    segment: int
    reason: str

    def __str__(self) -> str:
        blocks = f"{self.blocks} block{'s' if self.blocks > 1 else ''} a call"
        return f"{self.reason}, {blocks}, {self.devices} core{'s' if self.devices > 1 else ''}"


def plan_layout(
    weights: int, epochs: int, updates_per_epoch: int, candidates: int, cores: int, series: str | None = None
) -> Layout:
    """Choose the layout for a population.

    `weights` is the size of one member, `candidates` the number of runs that share a seed. Small members
    train side by side (their first-layer products become one), large ones in series, one a device; `series`
    is a reason why small ones must do so too.

    >>> plan_layout(1_225, 50, 9, candidates=16, cores=2)
    Layout(devices=2, blocks=10, members=16, segment=50, reason='1,225 weights: 16 side by side')
    >>> plan_layout(407_050, 5, 1_875, candidates=3, cores=2)
    Layout(devices=2, blocks=2, members=1, segment=1, reason='407,050 weights: in series')
    """
    if weights > SMALL_MEMBER or series:
        why = f" ({series})" if series else ""
        return Layout(cores, cores, 1, 1, f"{weights:,} weights: in series{why}")
    groups = -(-candidates // SIDE_BY_SIDE)
    members = -(-candidates // groups)
    updates = epochs * updates_per_epoch
    serial = max(1, min(5, CALL_UPDATES // (updates * members * cores)))
    longest = max(1, CALL_UPDATES // (updates_per_epoch * members * cores * serial))
    segment = max(n for n in range(1, epochs + 1) if epochs % n == 0 and n <= max(1, longest))
    return Layout(cores, cores * serial, members, segment, f"{weights:,} weights: {members} side by side")
