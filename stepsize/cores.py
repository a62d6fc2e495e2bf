"""What of this machine a process may use: its cores, and the cache that each has."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from stepsize.errors import require

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

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
    return _libraries(len(sys.modules)).limit(limits=1)


@lru_cache(1)  # looking for them takes milliseconds
def _libraries(modules: int) -> ThreadpoolController:
    """Return the libraries for linear algebra that so many loaded modules brought with them."""
    require("train", "threadpoolctl")  # a dependency of scikit-learn
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
