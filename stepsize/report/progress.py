"""One line of progress on a terminal; a line now and then where the output is not a terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

from stepsize.number_format import duration, pace
from stepsize.study.runner import Progress

EVERY = 10.0  # seconds between lines where there is no terminal


class ProgressLine:
    """Shows how far a study is; use it as a context manager."""

    def __init__(self, stream: TextIO, quiet: bool = False) -> None:
        self._stream, self._quiet = stream, quiet
        self._live = stream.isatty()
        self._last = ("", 0.0)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live and not self._quiet:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def show(self, progress: Progress) -> None:
        """Show the progress, over the line before it on a terminal."""
        if self._quiet:
            return
        text = describe(progress)
        if self._live:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            return
        stage, when = self._last
        if progress.stage != stage or time.monotonic() - when > EVERY:
            self._stream.write(f"{text}\n")
            self._last = (progress.stage, time.monotonic())


def describe(progress: Progress) -> str:
    """Return the stage, the runs done, the speed and the time left, in words.

    >>> describe(Progress(total=100, found=0, done=0, stage="tuning rates"))
    'tuning rates: 0 of 100 runs'
    """
    text = f"{progress.stage}: {progress.done:,.0f} of {progress.total:,} runs"
    if progress.remaining is None:
        return text
    return f"{text}, {pace(progress.rate)}, {duration(progress.remaining)} left"
