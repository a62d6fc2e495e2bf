"""Files that stepsize writes for people: they replace nothing but what it wrote itself.

Every file ends in a mark: what it is, the study that it belongs to, and a checksum of everything before the
mark. A file that has no mark, is of another kind, or was changed since, is never replaced.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import tempfile
import zlib
from pathlib import Path

from stepsize.errors import OutputError

RESULTS = Path("stepsize-results")  # the folder of the files that nobody named

REPORT, RESOLVED_STUDY, PICTURE, CODE = "report", "resolved study", "picture", "code"  # the kinds of files
MODEL = "trained model"

_MARK = re.compile(rb"Written by stepsize: ([a-z ]+?)(?: \(([0-9a-f]+)\))?, checksum ([0-9a-f]{16})")
_REPORT_WITHOUT_MARK = b'<meta name="generator" content="stepsize '
_ZIP = b"PK\x03\x04"  # how a zip archive begins; it ends in the length of a comment, and the comment
_PNG, _PNG_END = b"\x89PNG", 12  # how a PNG begins, and the length of the chunk that ends it


def check_output(argument: str, path: str | Path, kind: str) -> None:
    """Raise OutputError if a file of this kind cannot be written to `path`, or would replace something else.

    `argument` is what the caller calls the path.
    """
    path = Path(path)
    try:
        status = _status(path)
        if status is not None and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return  # such as /dev/null
        require_folder(argument, path)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise _refusal(argument, path, error) from None
    if path.is_dir():
        raise OutputError(f"{argument}={str(path)!r} is a directory; give the path of a file")
    if status is not None and status.st_size and study_of(path, kind) is None:
        raise OutputError(
            f"{argument}={str(path)!r} exists, and is not an unchanged {kind} written by stepsize; "
            "choose another file, or move it away"
        )


def require_folder(argument: str, path: Path) -> None:
    """Raise OutputError unless the folder of `path` exists; only `stepsize-results` is created."""
    folder = path.parent
    if folder == RESULTS:
        folder.mkdir(exist_ok=True)
    elif not folder.exists():
        raise OutputError(
            f"{argument}={str(path)!r}: the folder {str(folder)!r} does not exist; create it, or choose "
            "another file"
        )


def write_output(argument: str, path: str | Path, kind: str, content: str | bytes, study: str = "") -> None:
    """Write a file of this kind that belongs to `study`, whole or not at all.

    Raises: OutputError as `check_output` does.
    """
    check_output(argument, path, kind)
    path, data = Path(path), content if isinstance(content, bytes) else content.encode()
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = path.resolve()
        part = target.with_name(f".{target.name[:100]}.{os.getpid()}")
        try:
            part.write_bytes(_marked(data, kind, study))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(argument, path, error) from None


def study_of(path: str | Path, kind: str) -> str | None:
    """Return the study that a file belongs to, or None if stepsize did not write it so.

    The study is "" if the file belongs to none, or is a report of a version that wrote no marks.
    """
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    marks = list(_MARK.finditer(data, max(0, len(data) - 300)))
    if not marks:
        return "" if kind == REPORT and _REPORT_WITHOUT_MARK in data[:4096] else None
    found_kind, study, checksum = (part.decode() for part in marks[-1].groups(b""))
    unchanged = checksum == _checksum(data[: marks[-1].start()])
    return study if unchanged and found_kind == kind else None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _marked(data: bytes, kind: str, study: str) -> bytes:
    """Return the data with the mark in a comment at the end."""
    what = f"Written by stepsize: {kind}{f' ({study})' if study else ''}, checksum ".encode()
    if data.startswith(_PNG):
        head, end = data[:-_PNG_END], data[-_PNG_END:]
        name = b"tEXtComment\0"
        head += struct.pack(">I", len(name) - 4 + len(what) + 16) + name
        chunk = name + what + _checksum(head).encode()
        return head + chunk[len(name) :] + struct.pack(">I", zlib.crc32(chunk)) + end
    if data.startswith(_ZIP):
        head = data[:-2] + struct.pack("<H", len(what) + 16) + what
        return head + _checksum(head[: -len(what)]).encode()
    opening, closing = (b"<!-- ", b" -->\n") if data.startswith(b"<") else (b"# ", b"\n")
    head = data + (b"" if data.endswith(b"\n") else b"\n") + opening
    return head + what + _checksum(head).encode() + closing


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _refusal(argument: str, path: Path, error: OSError | ValueError) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{argument}={str(path)!r} cannot be written: {reason}; choose another file")
