"""What an actor is asked to train: calls, joined to tasks of about ten seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TASK_SECONDS = 10.0  # of work in a task, while there are calls enough


@dataclass(eq=False)
class Item:
    """A call to train, whole or not at all: `group` names calls that take equally long.

    `payload` builds what an actor needs to train it, and `origin` is what the caller knows it by.
    """

    group: str
    runs: int
    payload: Callable[[], Any]
    origin: Any
    losses: int = 0


@dataclass(eq=False)
class Task:
    """What an actor trains in one go; `share` of it is completed, as the messages of `stream` say."""

    items: list[Item]
    stream: Any
    share: float = 0.0

    @property
    def runs_done(self) -> float:
        """The runs completed so far, fractions included."""
        return self.share * sum(item.runs for item in self.items)


def next_task(waiting: deque[Item], seconds: float | None, shares: int) -> list[Item]:
    """Take the calls of a task: of one group, and few enough that the last tasks end together.

    `seconds` is what a call of the group takes, if that is known; the rest is to be `shares` tasks or more.

    >>> calls = deque(Item("a", 1, dict, number) for number in range(100))
    >>> [len(next_task(calls, seconds, 4)) for seconds in (None, 2.0, 0.1)]
    [1, 5, 23]
    """
    items = [waiting.popleft()]
    if seconds is None or items[0].losses:  # what was lost once is tried alone
        return items
    count = int(min(TASK_SECONDS / max(seconds, 1e-3), len(waiting) / shares))
    while waiting and len(items) < count:
        if waiting[0].group != items[0].group or waiting[0].losses:
            break
        items.append(waiting.popleft())
    return items
