"""What of this machine a process may use: its cores, and the cache that each has."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from stepsize.errors import require

CORES = "STEPSIZE_CORES"  # the variable that limits the cores of a process that shares its machine


def cores() -> int:
    """Return the number of processor cores that this process may use, or what STEPSIZE_CORES limits it to."""
    if os.environ.get(CORES, "").isdigit():
        return max(1, int(os.environ[CORES]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def second_level_cache() -> int:
    """Return the size of a core's second-level cache in bytes; 1 MiB if the system does not report it."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 1 << 20


def one_thread() -> AbstractContextManager[object]:
    """Return a context in which linear algebra uses one thread.

    Threads that share a small matrix mostly wait for each other, above all beside a training process.
    """
    require("train", "threadpoolctl")  # a dependency of scikit-learn
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
