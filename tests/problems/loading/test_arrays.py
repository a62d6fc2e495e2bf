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


IMAGES = np.arange(96, dtype=np.uint8).reshape(6, 4, 4)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((X[:4], Y[:3]), (X[4:], Y[3:]), "part 'train': x has 4 rows and y has 3"),
        ((X[:4], Y[:4], WEIGHTS[:3]), (X[4:], Y[4:]), "part 'train': weights has 3 rows and y has 4"),
        (
            (X[:4], Y[:4]),
            (X[4:, :1], Y[4:]),
            r"rows of shape \(2,\) in part 'train' and \(1,\) in part 'test'",
        ),
        ((X[:4], np.eye(2)[Y[:4]]), (X[4:], Y[4:]), r"y has rows of shape \(2,\) in part 'train' and \(\)"),
        (
            ({"a": X[:4]}, Y[:4]),
            ({"a": X[4:], "b": X[4:]}, Y[4:]),
            r"the inputs \['a', 'b'\], and part 'train'",
        ),
        ((IMAGES[:4], Y[:4]), (IMAGES[4:] / 255, Y[4:]), "uint8 in part 'train' and float64 in part 'test'"),
        ((IMAGES[:4] > 9, Y[:4]), (IMAGES[4:], Y[4:]), "bool in part 'train' and uint8 in part 'test'"),
    ],
)
def test_parts_that_do_not_match_are_refused(train, test, message):
    with pytest.raises(ProblemError, match=message):
        load({"train": train, "test": test})


def test_weights_of_one_part_are_kept():
    data = load({"train": (X[:4], Y[:4], WEIGHTS[:4]), "test": (X[4:], Y[4:])})
    assert data.weights.tolist() == [0, 1, 2, 3, 1, 1]


def test_frames_of_parts_whose_columns_differ_are_refused():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b"])
    good = load({"train": (frame[:4], Y[:4]), "test": (frame[4:], Y[4:])})
    assert good.names == {"": ("a", "b")}
    with pytest.raises(ProblemError, match=r"in part 'test' than in part 'train' in another order"):
        load({"train": (frame[:4], Y[:4]), "test": (frame[["b", "a"]][4:], Y[4:])})
    with pytest.raises(
        ProblemError, match=r"^x\['m'\] has other columns in part 'test' than in part 'train';"
    ):
        load(
            {
                "train": ({"m": frame[:4]}, Y[:4]),
                "test": ({"m": frame[4:].rename(columns={"a": "c"})}, Y[4:]),
            }
        )
