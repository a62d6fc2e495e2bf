"""Hands calls to the actors of a study, takes their results, and gives the calls of lost actors to others.

Every actor has a task to work on and one more that waits, so that it never waits for this process. A task is
lost if its actor or node dies, or if it takes far longer than such tasks usually do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any

from stepsize.engine.checkpoints import warn
from stepsize.engine.planner import Layout
from stepsize.errors import EngineError, first_line
from stepsize.study.cluster.actors import Trainer
from stepsize.study.cluster.crew import Crew, Member
from stepsize.study.cluster.tasks import Item, Task, next_task
from stepsize.study.executor import Listener, once

TASKS = 2  # of an actor at once
ATTEMPTS = 3  # for a call, if its actor is lost
LATE, SLOWER = (
    60.0,
    10.0,
)  # a task is lost after these seconds and these many times what its calls usually take
REPORTS = 200.0  # progress reports of all actors in a second, at most


class Pool:
    """The actors of a study, and what they are asked to do; use it as a context manager."""

    def __init__(
        self, trainer: Trainer, packages: Iterable[str], memory: int, on_message: Listener = warn
    ) -> None:
        self._ray: Any = import_module("ray")
        self._errors = self._ray.exceptions.RayError
        self.crew = Crew(trainer, packages, memory)
        self._usual: dict[str, float] = {}  # seconds of a call, by group
        self._longest: dict[str, float] = {}
        self._on_message = once(on_message)
        self.compile_seconds = 0.0  # of the actor that compiled longest
        self.lost = 0  # actors

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in list(self.crew.members):
            with suppress(Exception):  # what ended the study matters more; actors end with the connection
                self.crew.dismiss(member)

    def open(self, reference: Any, runs: int) -> Layout:
        """Open a population on one actor, the first of those for so many runs; return its layout."""
        reason = ""
        for _ in range(ATTEMPTS):
            while not self.crew.present:
                self.crew.recruit(runs)
                self.crew.welcome(self._wait(self.crew.arrivals))
            member = self.crew.present[0]
            try:
                return _value(member, self._ray.get(member.actor.open.remote([reference])))
            except self._errors as error:
                reason = first_line(error)
                self.lost += 1
                self.crew.dismiss(member)
        raise EngineError(f"{ATTEMPTS} processes of the cluster were lost before they could train: {reason}")

    def train(self, items: Iterable[Item], advance: Callable[[float], None]) -> Iterator[tuple[Item, Any]]:
        """Yield each item with its result, in the order in which they are finished.

        `advance` is called with the number of runs completed, fractions of runs included.
        """
        waiting = deque(items)
        left, done, shown = len(waiting), 0, 0.0
        while left:
            self.crew.recruit(len(waiting))
            self._hand_out(waiting)
            streams = {member.tasks[0].stream: member for member in self.crew.members if member.tasks}
            ready = self._wait([*streams, *self.crew.arrivals])
            self.crew.welcome(ready)
            for member in [streams[each] for each in ready if each in streams]:
                for item, result in self._receive(member, waiting):
                    left, done = left - 1, done + item.runs
                    yield item, result
            for member in [each for each in self.crew.members if self._is_late(each)]:
                self._lose(member, waiting, f"it took over {time.monotonic() - member.since:.0f} s")
            under_way = sum(task.runs_done for member in self.crew.members for task in member.tasks)
            shown = max(shown, done + under_way)
            advance(shown)

    def _wait(self, references: list[Any]) -> list[Any]:
        """Return the references that are ready, after a second at most."""
        if not references:
            time.sleep(1)
            return []
        ready, others = self._ray.wait(references, timeout=1, fetch_local=False)
        if ready and others:
            ready += self._ray.wait(others, num_returns=len(others), timeout=0, fetch_local=False)[0]
        return ready

    def _hand_out(self, waiting: deque[Item]) -> None:
        """Give tasks to actors that have too few: each its first task before any gets a second one."""
        members = self.crew.present
        every = max(1.0, len(members) / REPORTS)
        for number in range(TASKS):
            for member in members:
                if waiting and len(member.tasks) == number:
                    seconds = self._usual.get(waiting[0].group)
                    items = next_task(waiting, seconds, TASKS * len(members))
                    stream = member.actor.train.remote([item.payload() for item in items], every)
                    if not member.tasks:
                        member.since = time.monotonic()
                    member.tasks.append(Task(items, stream))

    def _receive(self, member: Member, waiting: deque[Item]) -> Iterator[tuple[Item, Any]]:
        """Take one message about an actor's first task; yield its items and results if it is completed."""
        task = member.tasks[0]
        try:
            message = self._ray.get(next(task.stream))
        except (StopIteration, self._errors) as error:
            self._lose(member, waiting, first_line(error))
            return
        if message[0] == "progress":
            task.share = message[1]
            return
        if message[0] == "notice":
            self._on_message(f"Node {member.node}: {message[1]}")
            return
        results, seconds, member.compile_seconds = _value(member, message)
        self.compile_seconds = max(self.compile_seconds, member.compile_seconds)
        member.tasks.popleft()
        member.since = time.monotonic()
        group, each = task.items[0].group, seconds / len(task.items)
        self._usual[group] = each
        self._longest[group] = max(each, self._longest.get(group, 0))
        yield from zip(task.items, results, strict=True)

    def _is_late(self, member: Member) -> bool:
        """Return whether an actor's task takes far longer than such tasks have taken so far."""
        if not member.tasks or not self._longest:
            return False
        items = member.tasks[0].items
        longest = self._longest.get(items[0].group, max(self._longest.values()))
        return time.monotonic() - member.since > LATE + SLOWER * longest * len(items)

    def _lose(self, member: Member, waiting: deque[Item], reason: str) -> None:
        """Give the calls of a lost actor to others; those that it was training are tried a few times.

        Raises: EngineError if a call was lost too often.
        """
        self.lost += 1
        for item in member.tasks[0].items:
            item.losses += 1
            if item.losses == ATTEMPTS:
                raise EngineError(f"the process that trains died {ATTEMPTS} times on the cluster: {reason}")
        waiting.extendleft(item for task in reversed(member.tasks) for item in reversed(task.items))
        member.tasks.clear()
        self.crew.dismiss(member)


def _value(member: Member, message: tuple[str, Any]) -> Any:
    """Return the value of an answer, or raise its error."""
    kind, value = message
    if kind == "answer":
        return value
    raise value if kind == "refused" else EngineError(f"node {member.node}: {value}")


def shared_versions(software: Mapping[str, str]) -> list[str]:
    """Return the packages whose versions must be the same on every node."""
    return sorted({"stepsize", *software})
