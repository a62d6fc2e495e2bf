"""The interface of what makes the runs of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from stepsize.errors import EngineError
from stepsize.study.jobs import Job
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run, Runs

Claim = Callable[[Sequence[Job]], bool]
"""Called right before jobs are made, in the thread that iterates; they are left out if it returns False.

Another process is making them then, or has finished them; in that case they are in `runs` by now.
"""


Listener = Callable[[str], None]
"""Called with each message for people, such as that no checkpoint can be written."""


def once(listen: Listener) -> Listener:
    """Return a listener that passes on each message once, although the reason after its colon may differ.

    >>> tell = once(print)
    >>> for size in (100, 200):
    ...     tell(f"A file cannot be written: {size} bytes are left.")
    A file cannot be written: 100 bytes are left.
    """
    subjects: set[str] = set()

    def pass_on(message: str) -> None:
        subject = message.partition(": ")[0]
        if subject not in subjects:
            subjects.add(subject)
            listen(message)

    return pass_on


def unshared(jobs: Sequence[Job]) -> bool:
    """Claim anything: no other process makes runs of the study."""
    return True


class LostRuns(EngineError):
    """Runs that cannot be made, because the process that makes them dies each time, even with one run alone.

    `reasons` maps the names of their candidates to what happened to the process.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        what = "; ".join(f"{name} cannot be trained: {reason}" for name, reason in self.reasons.items())
        super().__init__(
            f"{what}; all other runs are kept, so leave it out to compare the others, or run again to retry"
        )


class Executor(Protocol):
    """What makes runs, wherever they are trained: populations, processes of a function, a cluster."""

    @property
    def training_seconds(self) -> float:
        """Seconds spent training so far, without compilation and start-up; 0 before it is known."""
        ...

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        ...

    @property
    def layout(self) -> str:
        """How the runs are laid out on the machine, as text for the report."""
        ...

    def execute(
        self, stage: Round, runs: Runs, advance: Callable[[float], None], claim: Claim = unshared
    ) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs` and can be claimed, as they finish.

        `advance` is called with the number of runs completed in this round, fractions of runs included.

        Raises: LostRuns, after everything else, if a process died each time that it made certain runs.
        """
        ...
