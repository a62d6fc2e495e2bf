"""The group of a process: what it started, and ends with it."""

from __future__ import annotations

import os
import signal
import time

GRACE = 0.5  # seconds that what a child started has to end


def end_group(leader: int) -> None:
    """End the group of a process that has ended.

    Its processes are asked before they are killed, so that Python's resource tracker can clean up after them.
    """
    deadline = time.monotonic() + GRACE
    alive = _signal_group(leader, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        time.sleep(0.01)
        alive = _signal_group(leader, 0)
    if alive:
        _signal_group(leader, signal.SIGKILL)


def _signal_group(leader: int, number: int) -> bool:
    """Send a signal to the group; return whether anything is left of it."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
