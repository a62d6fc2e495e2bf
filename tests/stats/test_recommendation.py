"""The recommendation, from who is shown to be better than whom."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.stats.recommendation import Field, recommend


def field(ahead, k, simplicity=None, lost=None) -> Field:
    """Return a field of k candidates of equal means; `ahead` lists pairs (better, worse)."""
    matrix = np.zeros((k, k), bool)
    for better, worse in ahead:
        matrix[better, worse] = True
    runs = np.zeros(k, int) if lost is None else np.array(lost)
    ranks = list(range(k)) if simplicity is None else simplicity
    return Field("abcdef"[:k], matrix, runs, 30 - runs, np.full(k, 0.9), ranks, 0, 0.01)


@pytest.mark.parametrize(
    ("ahead", "index", "reason", "displaced"),
    [
        ([], 0, "simplest", ()),
        ([(2, 0)], 2, "shown better", (0,)),
        ([(1, 0), (2, 0)], 1, "shown better", (0,)),
        ([(1, 0), (2, 1)], 2, "unbeaten", (0, 1)),
        ([(2, 0), (2, 1)], 2, "only one", (0,)),
        ([(0, 1), (0, 2)], 0, "only one", ()),
        ([(1, 0), (2, 1), (0, 2)], 0, "simplest", ()),  # in a ring all stay
    ],
)
def test_of_three(ahead, index, reason, displaced):
    choice = recommend(field(ahead, 3))
    assert (choice.index, choice.reason, choice.displaced) == (index, reason, displaced)


def test_a_ring_of_those_left_out_ends_in_the_best_set():
    """Only lost runs on different seeds can make a ring; the fourth is then the one to use."""
    choice = recommend(field([(1, 0), (2, 1), (0, 2), (3, 2)], 4))
    assert (choice.index, choice.displaced) == (3, (0, 1, 2))
    apart = recommend(field([(1, 0), (2, 1), (0, 2)], 4))
    assert (apart.index, apart.displaced) == (3, (0, 1, 2))


def test_the_fewest_lost_runs_come_first():
    choice = recommend(field([], 3, lost=[2, 1, 1]))
    assert (choice.index, choice.reason) == (1, "fewest lost")
    assert recommend(field([], 3, lost=[1, 1, 0], simplicity=[0, 0, 0])).index == 2
