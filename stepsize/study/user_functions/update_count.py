"""Which updates a training function asks for, and how many its optimizers make, epoch by epoch."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from stepsize.schedules.optimizer_counts import READERS

COUNTED = (
    "calls", "asked", "reads_ahead", "_highest", "_lowest", "_asked_in_first_epoch", "_asked_after",
    "_steps_after",
)  # fmt: skip
SHARE_OFF = 0.05  # of the updates planned; a run that is further off has another number of updates

_steps: Counter[int] = Counter()  # of every PyTorch optimizer of this process, by its id
_hooks: list[Any] = []


def count_torch_steps() -> None:
    """Count the steps of PyTorch's optimizers from now on, if PyTorch has been imported."""
    if _hooks or "torch" not in sys.modules:
        return
    from torch.optim.optimizer import register_optimizer_step_post_hook

    def count(optimizer: Any, args: Any, kwargs: Any) -> None:
        _steps[id(optimizer)] += 1

    _hooks.append(register_optimizer_step_post_hook(count))


def optimizer_steps() -> Counter[tuple[str, int]]:
    """Return the steps of this process's optimizers: those of PyTorch, and of Keras with a KerasSchedule."""
    counts = {"torch": _steps, **{library: read() for library, read in READERS.items()}}
    return Counter({(kind, name): count for kind, each in counts.items() for name, count in each.items()})


class UpdateCount:
    """The updates of one run, as far as they can be seen.

    A function may ask for the rate of each update, or read all rates in advance; then only the steps of
    PyTorch's optimizers can be counted, and those of Keras' that follow a KerasSchedule.

    >>> count = UpdateCount(horizon=8)
    >>> for t in range(8):
    ...     count.ask(t)
    ...     if t in (3, 7):
    ...         count.end_epoch()
    >>> count.per_epoch, count.mismatch(updates_per_epoch=4), count.mismatch(updates_per_epoch=2)
    (4, '', 'it asked for updates 0 to 7, 4 an epoch, and updates_per_epoch=2; give updates_per_epoch=4')
    """

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.calls = 0
        self.asked = 0  # different updates, if they are asked for in order
        self.reads_ahead = False
        self._highest = -1
        self._lowest: int | None = None
        self._asked_in_first_epoch = 0
        self._asked_after: list[int] = []  # after each epoch, the highest update asked for, and one
        self._steps_after: list[int] = []  # after each epoch, the steps of the optimizer that made most
        self._steps_made = 0  # before the run was interrupted
        count_torch_steps()
        self._steps_before = optimizer_steps()

    def ask(self, t: Any) -> None:
        """Count a request for the rate of update `t`, or of many updates."""
        count_torch_steps()
        self.calls += 1
        lowest = int(np.min(t)) if np.size(t) else 0
        self._lowest = lowest if self._lowest is None else min(lowest, self._lowest)
        if np.ndim(t):
            self.reads_ahead = True
        elif t > self._highest:
            self._highest = int(t)
            self.asked += 1

    def read_all(self) -> None:
        """Note that the rates of all updates were read."""
        self.reads_ahead, self._lowest = True, 0

    def end_epoch(self) -> None:
        """Note that an epoch is over."""
        self._asked_in_first_epoch = self._asked_in_first_epoch if self.epochs else self.asked
        self._asked_after.append(self._highest + 1)
        steps = max((optimizer_steps() - self._steps_before).values(), default=0)
        self._steps_after.append(self._steps_made + steps)

    def state(self) -> dict[str, Any]:
        """Return what was counted so far, as values for JSON."""
        return {name: getattr(self, name) for name in COUNTED}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue to count from a state; optimizers of this process have made no updates yet."""
        for name in COUNTED:
            setattr(self, name, state[name])
        self._steps_made = self._steps_after[-1] if self._steps_after else 0

    @property
    def epochs(self) -> int:
        """The epochs that are over."""
        return len(self._asked_after)

    @property
    def updates(self) -> int | None:
        """The updates of the run so far, by its requests or its optimizer; None if they cannot be counted."""
        after = self._after
        return after[-1] if after else None

    @property
    def per_epoch(self) -> int | None:
        """The updates of an epoch; None if they cannot be counted.

        A scheduler asks for one update more than are complete, so the first epoch counts only if it is alone.
        """
        after, steps = self._after, self._steps_after
        if not after:
            return None
        if after[-1] <= 1 < steps[-1]:
            after = steps  # the rate of one update was asked for, and many were made
        if self.epochs > 1:
            return round((after[-1] - after[0]) / (self.epochs - 1))
        return steps[0] if after[0] - steps[0] == 1 and steps[0] else after[0]

    @property
    def _after(self) -> list[int]:
        """The updates after each epoch, by what can be counted; empty if nothing can."""
        asked, steps = self._asked_after, self._steps_after
        if not asked:
            return []
        grows = asked[-1] > asked[0] if self.epochs > 1 else asked[0] > 1 or not self.reads_ahead
        whole = self.epochs > 1 and self.horizon > 1 and asked[0] in (self.horizon, self.horizon + 1)
        if grows or not (self.reads_ahead or whole):
            return asked
        return steps if steps[-1] else []

    def _beyond(self) -> str:
        """Return that updates past the end were asked for, if they were."""
        if self._highest <= (1 + SHARE_OFF) * self.horizon + 1:
            return ""
        return (
            f"it asked for update {self._highest} by epoch {self.epochs}, and the whole run has updates 0 to "
            f"{self.horizon - 1}; count t from 0 over the whole run"
        )

    def _begins_late(self, updates_per_epoch: int) -> str:
        """Return that update 0 was not asked for, unless one rate is asked for within each epoch."""
        lowest = self._lowest
        if not lowest or (self._asked_in_first_epoch == 1 and lowest < updates_per_epoch):
            return ""
        advice = f"count t from 0: ask for schedule(t - {lowest}) before each update"
        if lowest == updates_per_epoch > 1 and self._asked_in_first_epoch == 1:
            advice = "before each epoch, ask for schedule.at_epoch(epoch), with epoch counted from 0"
        return (
            f"the first update that it asked for is {lowest}, and not 0, so it would train at the rates of "
            f"later updates; {advice}"
        )

    def mismatch(self, updates_per_epoch: int) -> str:
        """Return why the requests do not fit to the updates of an epoch; empty if they do."""
        after, count, epochs = self._after, self.per_epoch, self.epochs
        if not after or count is None:
            return self._begins_late(updates_per_epoch)
        if after[-1] <= 1 < self.horizon:
            return (
                "it asked for the rate of update 0 only, so all schedules would train at their first rate; "
                "ask for schedule(t) before each update t, counted from 0 over the whole run"
            )
        if epochs > 1 and after[-1] == after[0]:
            return (
                f"it asked for updates 0 to {after[0] - 1} again in epoch {epochs}; count t over the whole "
                "run, not from 0 in each epoch"
            )
        planned = updates_per_epoch * max(1, epochs - 1)
        actual = after[-1] - after[0] if epochs > 1 else after[0]
        if abs(actual - planned) <= max(1, SHARE_OFF * planned):
            return self._beyond() or self._begins_late(updates_per_epoch)
        advice = f"give updates_per_epoch={count}"
        if count == 1:
            advice = f"if t is its epoch, ask for schedule.at_epoch(epoch); else {advice}"
        requests = f"asked for updates 0 to {after[-1] - 1}"
        if after is self._steps_after:
            requests = f"made {after[-1]} updates in {epochs} epoch{'' if epochs == 1 else 's'}"
        return f"it {requests}, {count} an epoch, and updates_per_epoch={updates_per_epoch}; {advice}"
