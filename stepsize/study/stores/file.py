"""The file of a store: whether it is still the same one, and whether it lies on a network."""

from __future__ import annotations

import os
from pathlib import Path

NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "gpfs", "lustre",
    "nfs", "nfs4", "panfs", "smb3", "smbfs",
}  # fmt: skip


def file_at(path: Path) -> tuple[int, int] | None:
    """Return the device and the inode of the file at a path; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_on_network(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Return whether a path lies in a file system that several machines may share.

    SQLite's log of writes needs memory that all processes share, so there it must write without one.
    Where the system does not list what is mounted, the answer is False.
    """
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return False
    resolved = path.resolve()
    points = {Path(_unescaped(line[1])): line[2] for line in lines}  # the last one at a point hides others
    kind = next((points[each] for each in (resolved, *resolved.parents) if each in points), "")
    return kind in NETWORK


def _unescaped(text: str) -> str:
    """Return the path of a mount, in which blanks are written as octal numbers."""
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
