"""Cross-validation: repeats are counted, and only so do intervals keep their promise."""

import numpy as np
import pytest

from stepsize.errors import StudyError
from stepsize.stats import by_repeat, in_whole_repeats
from stepsize.stats.interval import bounds

STUDIES, REPEATS, FOLDS = 4000, 10, 10
SEEDS = range(REPEATS * FOLDS)


def coverage(values):
    """The share of studies [studies, n] whose 95 % interval holds the truth, 0."""
    n = values.shape[1]
    low, high = bounds(values.mean(axis=1), values.std(axis=1, ddof=1) / n**0.5, n - 1, n)
    return float(((low <= 0) & (high >= 0)).mean())


def test_the_mean_of_each_repeat_in_the_order_of_repeats():
    assert by_repeat([1.0, 2, 3, 4], [2, 3, 0, 1], 2).tolist() == [3.5, 1.5]
    assert by_repeat([1.0, 2, 3], [5, 9, 7], None).tolist() == [1, 2, 3]


def test_a_repeat_that_lost_a_run_is_lost():
    assert np.isnan(by_repeat([1.0, np.nan, 3, 4], [0, 1, 2, 3], 2)).tolist() == [True, False]


def test_the_runs_that_count_have_the_mean_of_the_whole_repeats():
    scores, seeds = np.array([1.0, 2, np.nan, 4, 5, 7]), [4, 5, 0, 1, 2, 3]
    counted = in_whole_repeats(scores, seeds, 2)
    assert np.isnan(counted).tolist() == [False, False, True, True, False, False]
    assert np.nanmean(counted) == np.nanmean(by_repeat(scores, seeds, 2))
    assert np.isnan(in_whole_repeats(scores, seeds, None)).sum() == 1


@pytest.mark.parametrize("seeds", [range(3), [0, 1, 2, 4], range(6)])
def test_no_whole_repeats(seeds):
    with pytest.raises(StudyError, match="not whole repeats of 2 folds"):
        by_repeat(np.ones(4), seeds, 2)


def shared(rng):
    """Folds of a repeat that move together."""
    repeat = rng.standard_normal((STUDIES, REPEATS, 1))
    return 0.5 * repeat + rng.standard_normal((STUDIES, REPEATS, FOLDS))


def parted(rng):
    """Folds of a repeat that part a fixed number of hard rows between them."""
    folds = rng.standard_normal((STUDIES, REPEATS, FOLDS))
    return folds - folds.mean(axis=2, keepdims=True) + 0.1 * rng.standard_normal((STUDIES, REPEATS, 1))


@pytest.mark.parametrize(("draw", "of_folds"), [(shared, (0.6, 0.85)), (parted, (0.99, 1.0))])
def test_repeats_keep_the_promise_that_folds_break(draw, of_folds):
    scores = draw(np.random.default_rng(0)).reshape(STUDIES, -1)
    repeats = np.array([by_repeat(study, SEEDS, FOLDS) for study in scores[:3000]])
    assert coverage(repeats) == pytest.approx(0.95, abs=0.015)
    low, high = of_folds
    assert low <= coverage(scores) <= high
