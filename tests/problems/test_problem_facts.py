"""What an answer reports about its problem."""

from __future__ import annotations

import numpy as np
import pytest

import stepsize as ss
from stepsize.problems.loading.catalog import load

X = np.random.default_rng(0).normal(size=(40, 2))


@pytest.mark.parametrize(
    ("times", "notes"),
    [
        (np.arange(40.0), []),
        (
            np.arange(40) // 4 + (np.arange(40) > 35),
            ["order: 2 training rows and the earliest validation rows have the same time"],
        ),
    ],
)
def test_rows_of_one_time_in_both_parts_are_named(times, notes):
    problem = ss.Problem("logistic", load((X, np.arange(40) % 2), order=times))
    parts = problem.parts(0)
    assert bool(set(times[parts.train]) & set(times[parts.valid])) == bool(notes)
    assert [note for note in problem.facts()["data"]["notes"] if note.startswith("order:")] == notes
    unordered = ss.Problem("logistic", load((X, np.arange(40) % 2), order=times), split="random")
    assert not any(note.startswith("order:") for note in unordered.facts()["data"]["notes"])
