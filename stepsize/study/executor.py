"""The interface of what makes the runs of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from stepsize.study.protocol import Round
from stepsize.study.store import Run, Runs


class Executor(Protocol):
    """What makes runs, wherever they are trained: populations, processes of a function, a cluster."""

    @property
    def training_seconds(self) -> float:
        """Seconds spent training so far, without compilation."""
        ...

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        ...

    @property
    def layout(self) -> str:
        """How the runs are laid out on the machine, as text for the report."""
        ...

    def execute(self, stage: Round, runs: Runs, advance: Callable[[float], None]) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs`, as they finish.

        `advance` is called with the number of runs completed in this round, fractions of runs included.
        """
        ...
