"""Check that data fits in memory before it is loaded."""

from __future__ import annotations

import os
from pathlib import Path

from stepsize.errors import ProblemError

COPIES = 2  # of the data in memory: the caller's and the training process's
MEMORY_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")  # of a container


def available() -> int | None:
    """Return the bytes that this process may still allocate; None if the system does not report them."""
    free = [bytes_ for bytes_ in (_of_machine(), _of_container()) if bytes_ is not None]
    return min(free, default=None)


def check_fits(what: str, needed: int, advice: str = "") -> None:
    """Raise ProblemError if data needs more bytes than are available.

    >>> check_fits("table", 1000)
    """
    free = available()
    if free is not None and needed > free:
        raise ProblemError(
            f"{what} needs about {size(needed)} of memory, but only {size(free)} is available; "
            f"{advice or 'use a random sample of its rows, or a machine with more memory'}"
        )


def size(count: int) -> str:
    """Return a number of bytes as text.

    >>> size(2_500_000), size(40 * 2**30)
    ('2.5 MB', '42.9 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return None
    except OSError:
        pass
    try:  # macOS reports only the total memory
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _of_container() -> int | None:
    try:
        limit, used = (Path(name).read_text().strip() for name in MEMORY_FILES)
        return max(0, int(limit) - int(used)) if limit != "max" else None
    except (OSError, ValueError):
        return None
