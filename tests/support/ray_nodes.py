"""A Ray cluster of two nodes on this machine, whose second node can be killed and started again."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from stepsize.study.cluster.connection import ALWAYS, HERE, forks_allowed

SETTINGS = {**ALWAYS, **HERE, "RAY_AUTH_MODE": "disabled"}
NODE = {"num_cpus": 1, "memory": 2 * 2**30, "object_store_memory": 2**27, "node_ip_address": "127.0.0.1"}
HEAD = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason='Ray is missing: pip install "stepsize[ray]"')


class RayNodes:
    """The cluster; use it as a context manager."""

    def __init__(self) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        cluster: Any = import_module("ray.cluster_utils").Cluster
        with forks_allowed():
            self._cluster = cluster(initialize_head=True, head_node_args={**NODE, **HEAD})
        self._second: Any = None
        self.start_second_node()
        self.address: str = self._cluster.address

    def __enter__(self) -> RayNodes:
        return self

    def __exit__(self, *error: object) -> None:
        self._cluster.shutdown()
        for name in SETTINGS:
            os.environ.pop(name, None)

    def kill_second_node(self) -> None:
        """Kill every process of the second node, as a power cut would."""
        (raylet,) = self._second.all_processes["raylet"]
        for pid in descendants(raylet.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    def start_second_node(self) -> None:
        """Start another second node, unless it is there."""
        if self._second is None:
            with forks_allowed():
                self._second = self._cluster.add_node(**NODE)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these started."""
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, task.read_text().split())
    return [each for child in children for each in (child, *descendants(child))]


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def listening(pids: list[int]) -> set[tuple[str, str]]:
    """Return the addresses and ports that processes listen at, as /proc/net/tcp writes them."""
    inodes = set()
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(file))
            except OSError:
                continue
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                addresses.add((address, port))
    return addresses
