"""Causes in the counting of updates: the rate is the plan's, but of another update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.audit.evidence import Cause, Evidence

PROBES = 9  # rows that a number must explain before all rows are compared
ENDS = 32  # of stretches of one rate that it must explain as well, while many numbers are left
TRIED = 5  # numbers that pass the probes and are compared in full
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
    usual = seen.plan.updates_per_epoch
    for k, fitted in _numbers(seen, lambda t, k: t // k, _slow(seen), {usual}):
        often = f"once an epoch ({k} updates)" if k == usual else f"once every {k} updates"
        yield Cause(
            "epoch for update",
            f"the schedule moves one update of the plan {often}: step() is called {often}, or Keras' "
            "LearningRateScheduler calls the plan with the epoch, and its lengths are in updates; if that is "
            'meant, plan the schedule by epochs, as from_torch(scheduler, step="epoch") does',
            fitted,
        )


def faster(seen: Evidence) -> Iterator[Cause]:
    """The schedule moves by several updates at each update."""
    per_epoch, paces = seen.plan.updates_per_epoch, np.arange(2, seen.plan.horizon + 1)
    for k, fitted in _numbers(seen, lambda t, k: t * k, paces, {per_epoch, 2}):
        if k == per_epoch:
            yield Cause(
                "update for epoch",
                f"the schedule moves an epoch of the plan ({k} updates) at every update: its lengths are in "
                "epochs, and step() is called at every update",
                fitted,
            )
        if k == 2:
            yield Cause(
                "double step",
                "the schedule moves two updates of the plan at every update: step() is called twice, or once "
                "in each of 2 processes or micro-batches",
                fitted,
            )
        elif k != per_epoch:
            yield Cause(
                "several steps",
                f"the schedule moves {k} updates of the plan at every update: step() is called once in each "
                f"of {k} processes or micro-batches, or its lengths are {k} times too short",
                fitted,
            )


def by_batches(seen: Evidence) -> Iterator[Cause]:
    """The schedule moves at every micro-batch of a gradient accumulation."""
    paces = np.arange(2, seen.plan.horizon + 1)
    for k, fitted in _numbers(seen, lambda t, k: (t + 1) * k - 1, paces, set()):
        yield Cause(
            "micro-batches",
            f"the schedule counts micro-batches, {k} in each update: step() is called at every batch of a "
            "gradient accumulation, or Keras asks the schedule for its rate by batch",
            fitted,
        )


def held(seen: Evidence) -> Iterator[Cause]:
    """The rate is held for several updates, such as an epoch."""
    usual = seen.plan.updates_per_epoch
    for k, fitted in _numbers(seen, lambda t, k: t // k * k, _slow(seen), {usual}):
        yield Cause(
            "held",
            f"the rate is held for {'each epoch' if k == usual else 'stretches'} of {k} updates: the "
            "schedule is applied once an epoch; plan it with .per_epoch() if that is intended",
            fitted,
        )


def _slow(seen: Evidence) -> NDArray[np.int64]:
    """Return the paces that may be seen by now; that of an epoch is one before the epoch's end."""
    return np.arange(2, max(int(seen.t[-1]), seen.plan.updates_per_epoch or 0) + 1)


def _numbers(
    seen: Evidence, index: Callable[[Any, Any], Any], numbers: NDArray[np.int64], given: set[int | None]
) -> list[tuple[int, int]]:
    """Return the numbers with which the updates `index(t, number)` explain all rows, and if each is fitted.

    Those that are `given`, such as the length of an epoch, are not; the least of the others counts where
    none of them explains the rows. Few of the others are compared in full.
    """

    def explains(number: int, fitted: int) -> bool:
        return seen.is_explained_by(seen.at(index(seen.t, number)), fitted)

    usual = sorted(number for number in given if number is not None)
    known = [number for number in usual if number in numbers and explains(number, fitted=0)]
    if known:
        return [(number, 0) for number in known]
    for row in _probes(seen):
        if len(numbers) <= TRIED:
            break
        rates = seen.at(index(seen.t[row], numbers), row)
        silent = np.isnan(rates) & (row != seen.first)
        numbers = numbers[silent | ~seen.differ(rates, seen.applied[row])]
    return [(number, 1) for number in numbers[:TRIED].tolist() if explains(number, fitted=1)][:1]


def _probes(seen: Evidence) -> list[int]:
    """Return rows that tell numbers apart: evenly spread ones, then the ends of stretches of one rate."""
    spread = np.linspace(seen.first, len(seen.t) - 1, PROBES).astype(int)
    ends = np.flatnonzero(seen.applied[1:] != seen.applied[:-1])
    few = ends[np.unique(np.linspace(0, len(ends) - 1, ENDS).astype(int))] if len(ends) else ends
    return [*spread.tolist(), *few.tolist(), *(few + 1).tolist()]


def shifted(seen: Evidence) -> Iterator[Cause]:
    """The schedule is late or early from the start, by one update, an epoch, or any other number."""
    span, epoch = int(seen.t[-1] - seen.t[0]), seen.plan.updates_per_epoch
    lags = np.arange(1, max(span, epoch or 0) + 1)
    for lag, fitted in _numbers(seen, lambda t, lag: np.maximum(t - lag, 0), lags, {1, epoch}):
        late = f"{_counted(lag)} late from the start: it begins to move only then, or counts from another one"
        if lag == epoch:
            late = f"an epoch ({lag} updates) late: step(epoch) is called where step(epoch + 1) is meant"
        yield Cause("late", f"the schedule is {late}", fitted)
    leads = np.arange(1, seen.plan.horizon)
    for lead, fitted in _numbers(seen, lambda t, lead: t + lead, leads, {1, epoch}):
        early = f"{_counted(lead)} ahead from the start: step() is called before the first update"
        if lead == epoch:
            early = (
                f"an epoch ({lead} updates) early: step(epoch + 1) is called where step(epoch) is meant, or "
                "once before the first epoch"
            )
        elif lead > 1:
            early += ", or it counts from another one"
        yield Cause("off by one" if lead == 1 else "early", f"the schedule is {early}", fitted)


def _counted(updates: int) -> str:
    """Return a number of updates in words."""
    return "one update" if updates == 1 else f"{updates} updates"


def restarted(seen: Evidence) -> Iterator[Cause]:
    """The schedule starts again, at the first difference or before it, while the rates were the same."""
    first, epoch = int(seen.t[seen.first]), seen.plan.updates_per_epoch
    places = np.arange(max(int(seen.t[0]), 2), first + 1)  # after one update it is a step that was missed
    for place, fitted in _numbers(seen, lambda t, place: t - place * (t >= place), places, {first, epoch}):
        yield Cause("restart", f"at update {place} the schedule {JUMPED['restart'][1]}", fitted)


def jumped(seen: Evidence) -> Iterator[Cause]:
    """The schedule's count departs from that of the updates at one update, or at a few."""
    first = seen.first
    moves = [
        move for move in _moves(seen, 0, first) if _agreeing(seen, seen.t + move[1], first) == len(seen.t)
    ]
    if not moves:
        yield from _jumped_often(seen)
    update = int(seen.t[first])
    for kind, moved in dict(reversed(moves)).items():  # of several updates ahead, the fewest
        rates, far = seen.at(np.where(seen.t < update, seen.t, seen.t + moved)), int(moved > 1)
        named = kind == "restart" or (update == 0 and moved == 1)  # by `restarted`, or as off by one
        if not named and seen.is_explained_by(rates, far):
            name, words = JUMPED[kind]
            yield Cause(name, f"at update {update} the schedule {words}", far)


def _jumped_often(seen: Evidence) -> Iterator[Cause]:
    """The schedule's count jumps several times, each time to where it agrees the longest."""
    offset, row, rates = 0, seen.first, seen.planned.copy()
    jumps, kinds, far = [], [], 0
    while row < len(seen.t):
        moves = _moves(seen, offset, row)
        ends = [_agreeing(seen, seen.t + moved, row) for _, moved in moves]
        best = int(np.argmax(ends))  # the first of equals, so a jump as short as possible
        if ends[best] == row or len(jumps) == JUMPS:
            return
        kind, moved = moves[best]
        jumps.append(int(seen.t[row]))
        kinds.append(kind)
        far += moved - offset > 1
        offset = moved
        rates[row:] = seen.at(seen.t + offset)[row:]
        row = ends[best]
    further = len(jumps) - 1  # one jump by one update at the first difference leaves nothing to choose
    if seen.is_explained_by(rates, ROWS_PER_JUMP * further + far):
        name, words = JUMPED[kinds[0] if len(set(kinds)) == 1 else "both"]
        yield Cause(name, f"at update {', '.join(map(str, jumps))} the schedule {words}", further + far)


def _moves(seen: Evidence, offset: int, row: int) -> list[tuple[str, int]]:
    """Return how the schedule's count may jump at a row from `offset` updates ahead, and to how many."""
    ahead = [("ahead", offset + size) for size in range(1, SKIPPED + 1)]
    return [("behind", offset - 1), ("restart", -int(seen.t[row])), *ahead]


def _agreeing(seen: Evidence, t: NDArray[np.int64], row: int) -> int:
    """Return the first row from `row` on that does not have the rate of update `t`."""
    rates = seen.at(t)[row:]
    silent = np.isnan(rates) & (np.arange(len(rates)) > 0)
    wrong = seen.differ(rates, seen.applied[row:]) & ~silent
    return row + (int(np.argmax(wrong)) if wrong.any() else len(rates))


JUMPED = {
    "ahead": (
        "skipped update",
        "gets ahead: step() was called for updates that were skipped, as mixed precision does, or twice for "
        "one update",
    ),
    "behind": ("missed step", "falls one update behind: a step() was missed there"),
    "restart": ("restart", "starts again from its beginning: its state was not loaded"),
    "both": ("jumps", "jumps, ahead and back: it does not count completed updates"),
}

CLOCKS = (never, slower, faster, by_batches, held, shifted, restarted, jumped)
