"""One line of progress on a terminal; a line now and then where the output is not a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from stepsize.number_format import counted, duration, pace
from stepsize.study.expected_cost import ExpectedCost
from stepsize.study.runner import Progress

EVERY = 10.0  # seconds between lines where there is no terminal
REDRAW = 0.1  # seconds between updates of the line on a terminal, within a stage


class ProgressLine:
    """Shows how far a study or a range test is; use it as a context manager."""

    def __init__(self, stream: TextIO, quiet: bool = False) -> None:
        self._stream, self._quiet = stream, quiet
        self._live = stream.isatty()
        self._last = ("", time.monotonic())

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def above(self, tell: Callable[[str], None]) -> Callable[[str], None]:
        """Return a function that tells a message in the place of the line, which continues below it."""

        def clear_and_tell(message: str) -> None:
            self._clear()
            tell(message)

        return clear_and_tell

    def _clear(self) -> None:
        if self._live and not self._quiet:
            self._print("\r\x1b[K")

    def _print(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError:  # a log on a full disk: training matters more, and there is nowhere to say so
            self._quiet = True

    def show(self, progress: Progress) -> None:
        """Show the progress of a study, over the line before it on a terminal."""
        self.write(progress.stage, describe(progress))

    def write(self, stage: str, text: str) -> None:
        """Show a text, unless another one of the same stage was shown a moment ago."""
        shown, when = self._last
        wait = REDRAW if self._live else EVERY
        if self._quiet or (stage == shown and time.monotonic() - when < wait):
            return
        self._print(f"\r\x1b[K{text}" if self._live else f"{text}\n")
        self._last = (stage, time.monotonic())


def describe(progress: Progress) -> str:
    """Return the stage, the runs done, the speed and the time left, in words.

    >>> describe(Progress(total=100, found=0, done=0, stage="tuning rates"))
    'tuning rates: 0 of 100 runs'
    """
    text = f"{progress.stage}: {progress.done:,.0f} of {progress.total:,} runs"
    if progress.remaining is None:
        return text
    return f"{text}, {pace(progress.rate)}, {duration(progress.remaining)} left"


def describe_cost(cost: ExpectedCost) -> str:
    """Return the runs of a study, and about how long they take, before it starts.

    Tuning may go on at other rates and on more seeds.

    >>> describe_cost(ExpectedCost(tuning=880, verdict=480, seconds=4.2))
    'at least 880 runs for tuning and 480 runs for the verdict, about 4 s on this machine'
    """
    runs = f"{counted(cost.verdict, 'run')} for the verdict"
    if cost.tuning:
        runs = f"at least {counted(cost.tuning, 'run')} for tuning and {runs}"
    if cost.seconds is None:
        return f"{runs}; the time left is shown after the first of them"
    return f"{runs}, about {rough_duration(cost.seconds)} on this machine"


def rough_duration(seconds: float) -> str:
    """Write a rough time.

    >>> rough_duration(3.4), rough_duration(47.0), rough_duration(800.0)
    ('3 s', '50 s', '13 min')
    """
    step = 1 if seconds < 10 else 10 if seconds < 60 else 60
    return duration(max(1, round(seconds / step)) * step).replace(".0 s", " s").removesuffix(" 0 s")
