"""A job: one run to make."""

from __future__ import annotations

from typing import NamedTuple

from stepsize.study.candidates import Candidate


class Job(NamedTuple):
    """A run to make: a candidate, its rate (None if it has no free rate) and a seed."""

    candidate: Candidate
    rate: float | None
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """The name of the run in the store."""
        return self.candidate.key(self.rate), self.seed
