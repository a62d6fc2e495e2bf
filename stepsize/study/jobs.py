"""A job: one run to make."""

from __future__ import annotations

from typing import NamedTuple

from stepsize.study.candidates import Candidate

AGAIN = ", again"  # at the end of a run's name in the store


class Job(NamedTuple):
    """A run to make: a candidate, its rate (None if it has no free rate) and a seed.

    `again` marks the run of a training function that checks it: the same run a second time, whose updates are
    counted. Its curves hold the updates made after each epoch and the different ones asked for, in place of
    the losses; nan if they cannot be counted.
    """

    candidate: Candidate
    rate: float | None
    seed: int
    again: bool = False

    @property
    def name(self) -> str:
        """The name of the candidate at its rate in the store."""
        return self.candidate.key(self.rate) + (AGAIN if self.again else "")

    @property
    def key(self) -> tuple[str, int]:
        """The name of the run in the store."""
        return self.name, self.seed
