"""Causes in the counting of updates: the rate is the plan's, but of another update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.audit.evidence import Cause, Evidence

PROBES = 9  # rows that a pace must explain before all rows are compared
TRIED = 5  # paces that pass the probes and are compared in full
JUMPS = 20  # places at most where a clock may have jumped
SKIPPED = 8  # updates in a row at most that a clock may have counted and that were not made
ROWS_PER_JUMP = 3  # that a further jump must explain


def never(seen: Evidence) -> Iterator[Cause]:
    """`step()` is never called."""
    if seen.is_explained_by(seen.at(np.full_like(seen.t, seen.t[0])), fitted=0):
        yield Cause(
            "no step",
            f"the rate stays what it was at update {seen.t[0]}: the schedule's step() is not called",
            0,
        )


def slower(seen: Evidence) -> Iterator[Cause]:
    """The schedule moves once every several updates, such as once an epoch."""
    for k in _paces(seen, lambda t, k: t // k, _slow(seen)):
        epoch = k == seen.plan.updates_per_epoch
        often = f"once an epoch ({k} updates)" if epoch else f"once every {k} updates"
        yield Cause(
            "epoch for update",
            f"the schedule moves one update of the plan {often}: step() is called {often}, or Keras' "
            "LearningRateScheduler calls the plan with the epoch, and its lengths are in updates; if that is "
            'meant, plan the schedule by epochs, as from_torch(scheduler, step="epoch") does',
            0 if epoch else 1,
        )
        return


def faster(seen: Evidence) -> Iterator[Cause]:
    """The schedule moves by several updates at each update."""
    fits = _paces(seen, lambda t, k: t * k, np.arange(2, seen.plan.horizon + 1))
    per_epoch = seen.plan.updates_per_epoch
    if per_epoch in fits:
        yield Cause(
            "update for epoch",
            f"the schedule moves an epoch of the plan ({per_epoch} updates) at every update: its lengths are "
            "in epochs, and step() is called at every update",
            0,
        )
    if 2 in fits:
        yield Cause(
            "double step",
            "the schedule moves two updates of the plan at every update: step() is called twice, or once in "
            "each of 2 processes or micro-batches",
            0,
        )
    elif fits and per_epoch not in fits:
        k = fits[0]
        yield Cause(
            "several steps",
            f"the schedule moves {k} updates of the plan at every update: step() is called once in each of "
            f"{k} processes or micro-batches, or its lengths are {k} times too short",
            1,
        )


def by_batches(seen: Evidence) -> Iterator[Cause]:
    """The schedule moves at every micro-batch of a gradient accumulation."""
    fits = _paces(seen, lambda t, k: (t + 1) * k - 1, np.arange(2, seen.plan.horizon + 1))
    for k in fits[:1]:
        yield Cause(
            "micro-batches",
            f"the schedule counts micro-batches, {k} in each update: step() is called at every batch of a "
            "gradient accumulation, or Keras asks the schedule for its rate by batch",
            1,
        )


def held(seen: Evidence) -> Iterator[Cause]:
    """The rate is held for several updates, such as an epoch."""
    for k in _paces(seen, lambda t, k: t // k * k, _slow(seen)):
        epoch = k == seen.plan.updates_per_epoch
        yield Cause(
            "held",
            f"the rate is held for {'each epoch' if epoch else 'stretches'} of {k} updates: the schedule is "
            "applied once an epoch; plan it with .per_epoch() if that is intended",
            0 if epoch else 1,
        )
        return


def _slow(seen: Evidence) -> NDArray[np.int64]:
    """Return the paces that may be seen by now; that of an epoch is one before the epoch's end."""
    return np.arange(2, max(int(seen.t[-1]), seen.plan.updates_per_epoch or 0) + 1)


def _paces(seen: Evidence, index: Callable[[Any, Any], Any], paces: NDArray[np.int64]) -> list[int]:
    """Return the paces that explain all rows, that of an epoch first; few are compared in full."""
    for row in np.unique(np.linspace(seen.first, len(seen.t) - 1, PROBES).astype(int)):
        rates = seen.at(index(seen.t[row], paces), row)
        silent = np.isnan(rates) & (row > seen.first)
        paces = paces[silent | ~seen.differ(rates, seen.applied[row])]
    usual = seen.plan.updates_per_epoch
    ordered: list[int] = sorted(paces.tolist(), key=lambda k: (k != usual, k))[:TRIED]
    return [
        k
        for k in ordered
        if seen.is_explained_by(seen.at(index(seen.t, k)), fitted=0 if k in (2, usual) else 1)
    ]


def shifted(seen: Evidence) -> Iterator[Cause]:
    """The schedule is late, or an epoch early, from the start."""
    span, epoch = int(seen.t[-1] - seen.t[0]), seen.plan.updates_per_epoch
    for lag in _paces(seen, lambda t, lag: np.maximum(t - lag, 0), np.arange(2, span + 1)):
        if lag == epoch:
            late = f"an epoch ({lag} updates) late: step(epoch) is called where step(epoch + 1) is meant"
        else:
            late = (
                f"{lag} updates late from the start: it begins to move only then, or counts from another one"
            )
        yield Cause("late", f"the schedule is {late}", 0 if lag == epoch else 1)
        break
    if epoch is not None and seen.is_explained_by(seen.at(seen.t + epoch), fitted=0):
        yield Cause(
            "early",
            f"the schedule is an epoch ({epoch} updates) early: step(epoch + 1) is called where step(epoch) "
            "is meant, or once before the first epoch",
            0,
        )


def jumped(seen: Evidence) -> Iterator[Cause]:
    """The schedule's count departs from that of the updates at one update, or at a few."""
    t, offset, row = seen.t, 0, seen.first
    rates, jumps, kinds, far = seen.at(t), [], [], 0
    while row < len(t):
        offsets = [("behind", offset - 1), ("restart", -int(t[row]))]
        offsets += [("ahead", offset + size) for size in range(1, SKIPPED + 1)]
        ends = [_agreeing(seen, t + moved, row) for _, moved in offsets]
        best = int(np.argmax(ends))  # the first of equals, so a jump as short as possible
        if ends[best] == row or len(jumps) == JUMPS:
            return
        kind, moved = offsets[best]
        jumps.append(int(t[row]))
        kinds.append(kind)
        far += max(moved - offset, 1) - 1
        offset = moved
        rates[row:] = seen.at(t + offset)[row:]
        row = ends[best]
    fitted = len(jumps) - 1 + far  # one jump by one update at the first difference leaves nothing to choose
    if seen.is_explained_by(rates, ROWS_PER_JUMP * fitted):
        kind = kinds[0] if len(set(kinds)) == 1 else "both"
        if kinds == ["ahead"] and jumps == [0] and not far:
            kind = "early"
        name, words = JUMPED[kind]
        yield Cause(name, f"at update {', '.join(map(str, jumps))} the schedule {words}", fitted)


def _agreeing(seen: Evidence, t: NDArray[np.int64], row: int) -> int:
    """Return the first row from `row` on that does not have the rate of update `t`."""
    rates = seen.at(t)[row:]
    silent = np.isnan(rates) & (np.arange(len(rates)) > 0)
    wrong = seen.differ(rates, seen.applied[row:]) & ~silent
    return row + (int(np.argmax(wrong)) if wrong.any() else len(rates))


JUMPED = {
    "early": ("off by one", "is one update ahead from the start: step() is called before the first update"),
    "ahead": (
        "skipped update",
        "gets ahead: step() was called for updates that were skipped, as mixed precision does, or twice for "
        "one update",
    ),
    "behind": ("missed step", "falls one update behind: a step() was missed there"),
    "restart": ("restart", "starts again from its beginning: its state was not loaded"),
    "both": ("jumps", "jumps, ahead and back: it does not count completed updates"),
}

CLOCKS = (never, slower, faster, by_batches, held, shifted, jumped)
