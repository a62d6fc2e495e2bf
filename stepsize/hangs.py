"""When a process that does not answer counts as hung."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

FIRST = 600.0  # seconds without a message and without work, as long as nothing is known
LEAST = 60.0  # the same, whatever is known
IDLE_FACTOR, BUSY_FACTOR = 10, 100  # times the longest silence so far
IDLE_SHARE = 0.01  # of a core: a process that uses less does not work
TICKS = 100.0  # of the kernel's clock in a second


@dataclass
class Patience:
    """How long to wait for the next message of a process: it adapts to its longest silence so far.

    A process that works is given more time, and any time before its first message.

    >>> patience = Patience()
    >>> patience.idle_limit, patience.busy_limit
    (600.0, inf)
    >>> patience.heard_after(20.0)
    >>> patience.idle_limit, patience.busy_limit
    (200.0, 2000.0)
    """

    longest: float | None = None

    def heard_after(self, seconds: float) -> None:
        """Note a message that came after so many seconds of silence."""
        self.longest = max(seconds, self.longest or 0.0)

    @property
    def idle_limit(self) -> float:
        """Seconds of silence without work after which a process is hung."""
        return FIRST if self.longest is None else max(LEAST, IDLE_FACTOR * self.longest)

    @property
    def busy_limit(self) -> float:
        """Seconds of silence after which a process is hung, although it works."""
        return math.inf if self.longest is None else max(FIRST, BUSY_FACTOR * self.longest)


class Silence:
    """The silence of one process, in seconds that the caller has waited: a pause of the caller is none.

    `session` is the number of the process that began its session; work of all its processes counts.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self.seconds = self.idle = 0.0
        self._work = 0.0

    def end(self) -> float:
        """Begin anew after a message; return how long the silence was."""
        seconds, self.seconds, self.idle = self.seconds, 0.0, 0.0
        return seconds

    def wait(self, seconds: float) -> None:
        """Add seconds of waiting, and whether the process has worked in them."""
        self.seconds += seconds
        work = cpu_seconds(self._session)
        is_idle = work is not None and work - self._work <= IDLE_SHARE * seconds
        self.idle = self.idle + seconds if is_idle else 0.0
        self._work = work or 0.0

    def is_hung(self, patience: Patience) -> bool:
        """Return whether the silence is longer than `patience` allows."""
        return self.idle >= patience.idle_limit or self.seconds >= patience.busy_limit


def cpu_seconds(session: int) -> float | None:
    """Return the processor time that the processes of a session have used; None if the system hides it."""
    total, is_known = 0, False
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session:
            total, is_known = total + sum(map(int, fields[11:15])), True
    return total / TICKS if is_known else None
