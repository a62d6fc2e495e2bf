"""Arrays of the user's: roles and targets in forms that would be misread are refused, or read."""

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load

X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
Y = np.array([0, 1, 0, 1, 0, 1])
WEIGHTS = np.arange(6.0)


def test_a_column_of_weights_is_read():
    assert load((X, Y, WEIGHTS[:, None])).weights.tolist() == WEIGHTS.tolist()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((6, 2)), r"weights has the shape \(6, 2\); pass one value for each row"),
        (WEIGHTS * 1e39, r"row 2: weight 1e\+39 must be a finite number of at least 0"),
        (WEIGHTS - 2, r"row 1: weight -2 must be a finite number of at least 0"),
        (np.where(Y, np.inf, 1), "row 2: weight inf must be a finite number"),
        (np.where(Y, np.nan, 1), "row 2: the weights column has no value in this row"),
    ],
)
def test_weights_that_cannot_be_used_are_named_by_their_row(weights, message):
    with pytest.raises(ProblemError, match=message):
        load((X, Y, weights))


@pytest.mark.parametrize("y", [[Y, Y], {"a": Y, "b": Y}, (Y, np.ones((6, 2)))])
def test_targets_of_several_outputs_are_refused(y):
    with pytest.raises(ProblemError, match="of 2 targets, and a study trains models with one output"):
        load((X, y))


def test_a_list_of_rows_is_one_target():
    assert load((X, [np.array([0.5, 1.0]) * i for i in range(6)])).kind == "regression"
