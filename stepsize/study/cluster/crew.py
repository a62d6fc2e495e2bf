"""The actors of a study on the nodes of a cluster: started where there is room, checked, and replaced."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from stepsize.errors import EngineError, first_line
from stepsize.study.cluster.actors import Actor, Arrival, Trainer, versions_of
from stepsize.study.cluster.tasks import Task

START = 60.0  # seconds that a cluster has to start the first actor
COUNT_EVERY = 5.0  # seconds between two looks at the nodes


@dataclass(eq=False)
class Member:
    """An actor; `arrival` is the reference to its first answer, None once it is there.

    `since` is when it began the first one of its tasks.
    """

    actor: Any
    arrival: Any
    node: str = ""
    tasks: deque[Task] = field(default_factory=deque)
    since: float = 0.0
    compile_seconds: float = 0.0


class Crew:
    """Actors on the cluster that this process is connected to.

    Each of them has one core and `memory` bytes, and `packages` must have the same versions as here.
    """

    def __init__(self, trainer: Trainer, packages: Iterable[str], memory: int) -> None:
        self._ray: Any = import_module("ray")
        self._versions, self._memory = versions_of(packages), memory
        self._trainer = self._ray.put(trainer)
        self._class = self._ray.remote(
            num_cpus=1, memory=memory, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )(Actor)
        self._capacity, self._counted = 0, -COUNT_EVERY
        self._alone_since = time.monotonic()
        self.members: list[Member] = []
        self.nodes: set[str] = set()
        self.most = 0  # actors at once

    @property
    def present(self) -> list[Member]:
        """The actors that have arrived."""
        return [member for member in self.members if member.arrival is None]

    @property
    def arrivals(self) -> list[Any]:
        """The references to the first answers of the others."""
        return [member.arrival for member in self.members if member.arrival is not None]

    def recruit(self, calls: int) -> None:
        """Ask for an actor on every free core, as far as there are calls for them.

        Raises: EngineError if the cluster cannot start any.
        """
        now = time.monotonic()
        if now - self._counted >= COUNT_EVERY:
            self._counted, self._capacity = now, self._count()
        busy = sum(bool(member.tasks) for member in self.members)
        for _ in range(min(self._capacity, busy + calls) - len(self.members)):
            actor = self._class.remote(self._trainer, os.getcwd())
            self.members.append(Member(actor, actor.arrive.remote(list(self._versions))))
        if not self.present and now - self._alone_since > START:
            raise EngineError(
                f"no process started on the cluster in {START:.0f} s: other work uses its cores, or its "
                "nodes cannot be reached; ray status shows what is free"
            )

    def welcome(self, ready: Sequence[Any]) -> None:
        """Let the actors begin that have arrived, and forget those that died on the way.

        Raises: EngineError if an actor cannot start, or packages have other versions on its node.
        """
        for member in [each for each in self.members if each.arrival in ready]:
            try:
                arrival: Arrival = self._ray.get(member.arrival)
            except self._ray.exceptions.RayTaskError as error:
                raise EngineError(f"a process could not start on the cluster: {first_line(error)}") from None
            except self._ray.exceptions.RayError:
                self.dismiss(member)
                continue
            member.node = self._address_of(arrival.node)
            self._check(member.node, arrival)
            member.arrival = None
            self.nodes.add(arrival.node)
            self.most = max(self.most, len(self.present))

    def dismiss(self, member: Member) -> None:
        """End an actor."""
        self.members.remove(member)
        self._ray.kill(member.actor)
        if not self.present:
            self._alone_since = time.monotonic()

    def _count(self) -> int:
        """Return how many actors the nodes can hold.

        Raises: EngineError if there is no room for any.
        """
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        count = sum(
            min(int(node.get("CPU", 0)), int(node.get("memory", 0) // self._memory)) for node in nodes
        )
        if count or self.members:
            return count
        largest = max((node.get("memory", 0) for node in nodes if node.get("CPU", 0) >= 1), default=None)
        if largest is None:
            raise EngineError("the cluster has no node with a core for tasks; add one with ray start")
        raise EngineError(
            f"a process of this study needs {self._memory / 2**30:.1f} GiB of memory, and the largest node "
            f"of the cluster offers {largest / 2**30:.1f} GiB; add a larger node"
        )

    def _address_of(self, node: str) -> str:
        nodes = (each for each in self._ray.nodes() if each["NodeID"] == node)
        return next((each["NodeManagerAddress"] for each in nodes), node)

    def _check(self, node: str, arrival: Arrival) -> None:
        """Raise EngineError if packages have other versions on the node than here."""
        for name, version in self._versions.items():
            there = arrival.versions[name]
            if there != version:
                raise EngineError(
                    f"node {node} has {name} {there or '(not installed)'}, and this machine {version}; "
                    "install the same versions on every node"
                )
