"""The actors of a study: hands calls to them, takes their results, and gives the calls of lost ones to others.

Every actor has a task to work on and one more that waits, so that it never waits for this process. A task is
as many calls as take about ten seconds together. It is lost if its actor or node dies, or if it takes far
longer than such tasks usually do; then its calls go to other actors.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from stepsize.engine.planner import Layout
from stepsize.errors import EngineError, first_line
from stepsize.study.cluster.actors import Actor, Arrival, Trainer, versions_of

TASK_SECONDS = 10.0  # of work in a task, while there are calls enough
TASKS = 2  # of an actor at once
ATTEMPTS = 3  # for a call, if its actor is lost
LATE, SLOWER = (
    60.0,
    10.0,
)  # a task is lost after these seconds and these many times what its calls usually take
START = 60.0  # seconds that a cluster has to start the first actor
COUNT_EVERY = 5.0  # seconds between two looks at the nodes
REPORTS = 200.0  # progress reports of all actors in a second, at most


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
    """What an actor trains in one go; `share` of it is completed."""

    items: list[Item]
    stream: Any
    share: float = 0.0


@dataclass(eq=False)
class Member:
    """An actor; `arrival` is the reference to its first answer, None once it is there.

    `since` is when it began its first task of `tasks`.
    """

    actor: Any
    arrival: Any
    node: str = ""
    tasks: deque[Task] = field(default_factory=deque)
    since: float = 0.0
    compile_seconds: float = 0.0


class Pool:
    """Actors on a cluster that this process is connected to; use it as a context manager.

    Each of them has one core and `memory` bytes, and `packages` must have the same versions as here.
    """

    def __init__(self, trainer: Trainer, packages: Iterable[str], memory: int) -> None:
        import ray

        self._ray = ray
        self._versions = versions_of(packages)
        self._memory = memory
        self._trainer = ray.put(trainer)
        self._class = ray.remote(
            num_cpus=1, memory=memory, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )(Actor)
        self._members: list[Member] = []
        self._capacity, self._counted = 0, -COUNT_EVERY
        self._usual: dict[str, float] = {}  # seconds of a call, by group
        self._longest: dict[str, float] = {}
        self._alone_since = time.monotonic()
        self.compile_seconds = 0.0  # of the actor that compiled longest
        self.lost = 0  # tasks
        self.nodes: set[str] = set()
        self.most = 0  # actors at once

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members:
            self._ray.kill(member.actor)

    def open(self, reference: Any, runs: int) -> Layout:
        """Open a population on one actor, the first of those for so many runs; return its layout."""
        for _ in range(ATTEMPTS):
            while not self._here():
                self._recruit(runs)
                self._welcome(self._wait(member.arrival for member in self._members))
            member = self._here()[0]
            try:
                layout = self._value(member, self._ray.get(member.actor.open.remote([reference])))
            except self._ray.exceptions.RayError as error:
                self._dismiss(member)
                reason = first_line(error)
                continue
            assert isinstance(layout, Layout)
            return layout
        raise EngineError(f"{ATTEMPTS} actors were lost while they prepared to train: {reason}")

    def train(self, items: Iterable[Item], advance: Callable[[float], None]) -> Iterator[tuple[Item, Any]]:
        """Yield each item with its result, in the order in which they are finished.

        `advance` is called with the number of runs completed, fractions of runs included.
        """
        waiting = deque(items)
        left, done, shown = len(waiting), 0, 0.0
        while left:
            self._recruit(len(waiting))
            self._hand_out(waiting)
            heads = {member.tasks[0].stream: member for member in self._members if member.tasks}
            arrivals = [member.arrival for member in self._members if member.arrival is not None]
            ready = self._wait([*heads, *arrivals])
            self._welcome(ready)
            for member in [heads[each] for each in ready if each in heads]:
                for item, result in self._receive(member, waiting):
                    left, done = left - 1, done + item.runs
                    yield item, result
            for member in [each for each in self._members if self._is_late(each)]:
                self._lose(member, waiting, f"it took more than {time.monotonic() - member.since:.0f} s")
            under_way = sum(
                task.share * item.runs for each in self._members for task in each.tasks for item in task.items
            )
            shown = max(shown, done + under_way)
            advance(shown)

    # -- actors ---------------------------------------------------------------------------------------

    def _here(self) -> list[Member]:
        return [member for member in self._members if member.arrival is None]

    def _recruit(self, calls: int) -> None:
        """Ask for an actor on every free core, as far as there are calls for them.

        Raises: EngineError if the cluster cannot start any.
        """
        now = time.monotonic()
        if now - self._counted >= COUNT_EVERY:
            self._counted, self._capacity = now, self._count()
        busy = sum(bool(member.tasks) for member in self._members)
        for _ in range(min(self._capacity, busy + calls) - len(self._members)):
            actor = self._class.remote(self._trainer, os.getcwd())
            self._members.append(Member(actor, actor.arrive.remote(list(self._versions))))
        if not self._here() and now - self._alone_since > START:
            raise EngineError(
                f"no process started on the cluster in {START:.0f} s: other work uses its "
                f"{self._capacity} cores, or its nodes cannot be reached; try again when it has a free core"
            )

    def _count(self) -> int:
        """Return how many actors the nodes can hold.

        Raises: EngineError if there is no room for any.
        """
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        count = sum(
            min(int(node.get("CPU", 0)), int(node.get("memory", 0) // self._memory)) for node in nodes
        )
        if count or self._members:
            return count
        largest = max((node.get("memory", 0) for node in nodes if node.get("CPU", 0) >= 1), default=None)
        if largest is None:
            raise EngineError("the cluster has no node with a core for tasks; add one with ray start")
        raise EngineError(
            f"a process of this study needs {self._memory / 2**30:.1f} GiB of memory, and the largest node of "
            f"the cluster offers {largest / 2**30:.1f} GiB; add a larger node"
        )

    def _welcome(self, ready: list[Any]) -> None:
        """Give the actors that have arrived their place, and forget those that died before."""
        for member in [each for each in self._members if each.arrival in ready]:
            try:
                arrival: Arrival = self._ray.get(member.arrival)
            except self._ray.exceptions.RayTaskError as error:
                raise EngineError(f"a process could not start on the cluster: {first_line(error)}") from None
            except self._ray.exceptions.RayError:
                self._dismiss(member)
                continue
            member.arrival, member.node = None, self._address_of(arrival.node)
            self._check(member.node, arrival)
            self.nodes.add(arrival.node)
            self.most = max(self.most, len(self._here()))

    def _address_of(self, node: str) -> str:
        return next(
            (each["NodeManagerAddress"] for each in self._ray.nodes() if each["NodeID"] == node), node
        )

    def _check(self, node: str, arrival: Arrival) -> None:
        """Raise EngineError if packages there have other versions than here."""
        for name, version in self._versions.items():
            there = arrival.versions[name]
            if there != version:
                raise EngineError(
                    f"node {node} has {name} {there or 'not installed'}, and this machine {version}; "
                    "install the same versions on every node"
                )

    def _dismiss(self, member: Member) -> None:
        self._members.remove(member)
        self._ray.kill(member.actor)
        if not self._here():
            self._alone_since = time.monotonic()

    # -- tasks ----------------------------------------------------------------------------------------

    def _wait(self, references: Iterable[Any]) -> list[Any]:
        """Return the references that are ready, after a second at most."""
        every = [each for each in references if each is not None]
        if not every:
            time.sleep(1)
            return []
        ready, others = self._ray.wait(every, timeout=1, fetch_local=False)
        if ready and others:
            ready += self._ray.wait(others, num_returns=len(others), timeout=0, fetch_local=False)[0]
        return ready

    def _hand_out(self, waiting: deque[Item]) -> None:
        for number in range(TASKS):  # each actor gets its first task before any gets a second one
            for member in self._here():
                if waiting and len(member.tasks) == number:
                    items = self._next(waiting)
                    every = max(1.0, len(self._members) / REPORTS)
                    stream = member.actor.train.remote([item.payload() for item in items], every)
                    if not member.tasks:
                        member.since = time.monotonic()
                    member.tasks.append(Task(items, stream))

    def _next(self, waiting: deque[Item]) -> list[Item]:
        """Take the calls of a task: of one group, and few enough that the last tasks end together."""
        first = waiting.popleft()
        seconds = self._usual.get(first.group, TASK_SECONDS)
        fair = len(waiting) / (TASKS * max(1, len(self._members)))
        count = 1 if first.losses else int(min(TASK_SECONDS / max(seconds, 1e-3), fair))
        items = [first]
        while waiting and len(items) < count and waiting[0].group == first.group and not waiting[0].losses:
            items.append(waiting.popleft())
        return items

    def _receive(self, member: Member, waiting: deque[Item]) -> Iterator[tuple[Item, Any]]:
        """Take one message of an actor's first task; yield its items and results if that is completed."""
        task = member.tasks[0]
        try:
            message = self._ray.get(next(task.stream))
        except (StopIteration, self._ray.exceptions.RayError) as error:
            self._lose(member, waiting, first_line(error))
            return
        if message[0] == "progress":
            task.share = message[1]
            return
        results, seconds, member.compile_seconds = self._value(member, message)
        self.compile_seconds = max(self.compile_seconds, member.compile_seconds)
        member.tasks.popleft()
        member.since = time.monotonic()
        group, each = task.items[0].group, seconds / len(task.items)
        self._usual[group] = each
        self._longest[group] = max(each, self._longest.get(group, 0))
        yield from zip(task.items, results, strict=True)

    def _value(self, member: Member, message: tuple[str, Any]) -> Any:
        """Return the value of an answer, or raise its error."""
        kind, value = message
        if kind == "answer":
            return value
        raise value if kind == "refused" else EngineError(f"node {member.node}: {value}")

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
            if item.losses >= ATTEMPTS:
                raise EngineError(
                    f"a call was lost {ATTEMPTS} times on the cluster, at last because: {reason}"
                )
        waiting.extendleft(item for task in reversed(member.tasks) for item in reversed(task.items))
        member.tasks.clear()
        self._dismiss(member)


def shared_versions(software: Mapping[str, str]) -> list[str]:
    """Return the packages whose versions must be the same on every node."""
    return sorted({"stepsize", *software})
