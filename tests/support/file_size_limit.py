"""A disk without room, for every user and without a mount: files cannot grow beyond a size."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def file_size_limit(size: int, pid: int = 0) -> Iterator[None]:
    """Let no file of a process, by default this one, grow beyond so many bytes: writing raises OSError."""
    resource = pytest.importorskip("resource")
    assert pid or signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN  # as Python sets it
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
