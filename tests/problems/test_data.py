"""The data class: what fits together, and the digest that follows every value."""

from dataclasses import replace

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.data import Data, from_arrays
from stepsize.problems.loading.catalog import ionosphere


def make_data(**changes):
    """Make data of six rows and two classes, with some fields changed."""
    usual = {
        "name": "d", "x": np.arange(12, dtype=np.float32).reshape(6, 2), "y": np.array([0, 1, 0, 1, 0, 1]),
        "classes": ("a", "b"), "source": "made up", "kind": "binary",
    }  # fmt: skip
    return Data(**{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": np.zeros((5, 1), np.float32)}, "x has 5 rows and y has 6"),
        ({"x": {"a": np.zeros((6, 1)), "b": np.zeros((7, 1))}}, r"x\['b'\] has 7 rows"),
        ({"x": {}}, "holds no input"),
        ({"groups": np.zeros(3)}, "groups has 3 rows"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "0 rows; at least 4"),
        ({"x": np.zeros((1, 2)), "y": np.zeros(1, int)}, "1 row; at least 4"),
        ({"y": np.array([0, 1, 0, 2, 0, 1])}, "row 4: target 2 is outside the 2 classes, numbered 0 to 1"),
        ({"y": np.array([0, 1, 0, -1, 0, 1])}, "row 4: target -1 is outside"),
        ({"classes": ("a",), "y": np.zeros(6, int)}, "only one class"),
        ({"classes": ("a", "b", "c")}, "kind='binary' and 3 classes"),
        ({"kind": "binery"}, "did you mean 'binary'"),
        ({"kind": "multilabel", "y": np.array([[0.0, 1], [1, 0.5]] * 3)}, "row 2: target 0.5 is not a label"),
        ({"kind": "regression", "y": np.array([[1.0]] * 5 + [[np.nan]])}, "target nan is not a finite"),
        ({"kind": "regression", "y": np.full((6, 1), 3.0)}, "target is constant, 3 in every row"),
        ({"x": np.array([[1.0], [2], [np.inf], [1], [2], [3]])}, "row 3: a value is missing or not"),
        ({"x": np.array([[1.0], [2], [np.nan]] * 2), "prepare": False}, "row 3: a value is missing"),
        ({"part": np.array(["train", "tset"] * 3)}, "unknown part 'tset'"),
        ({"weights": np.array([1.0, 1, 1, 1, 1, -1])}, "weights must be finite numbers of at least 0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(ProblemError, match=words) as caught:
        make_data(**changes)
    assert "\n" not in str(caught.value)


def test_missing_numbers_are_known_by_input():
    holes = np.array([[np.nan]] + [[1.0]] * 5, np.float32)
    data = make_data(
        x={"whole": np.zeros((6, 2), np.float32), "holes": holes, "tokens": np.zeros((6, 3), np.int32)}
    )
    assert data.missing == {"holes"}
    assert make_data().missing == frozenset()


def test_outputs_by_kind():
    assert make_data().outputs == 1
    assert make_data(kind="multiclass", classes=("a", "b", "c")).outputs == 3
    assert make_data(kind="multilabel", y=np.zeros((6, 4)), classes=tuple("abcd")).outputs == 4
    assert make_data(kind="regression", y=np.arange(18.0).reshape(6, 3), classes=()).outputs == 3


def test_the_rows_that_are_not_the_test_part():
    assert make_data(test=np.array([4, 5])).rows_outside_test.tolist() == [0, 1, 2, 3]


def test_digest_changes_with_every_value():
    data = ionosphere()
    seen = {data.digest}
    assert ionosphere().digest in seen
    data.x[3, 3] += 1
    rows = np.arange(data.rows)
    for changed in (
        data,
        replace(data, kind="multiclass"),
        replace(data, prepare=True),
        replace(data, test=rows[:9]),
        replace(data, groups=rows),
        replace(data, weights=rows),
        replace(data, part=np.array([["train", "valid"][i % 2] for i in rows], object)),
    ):
        assert changed.digest not in seen
        assert changed.digest == replace(changed).digest
        seen.add(changed.digest)


def test_from_arrays_sorts_the_classes():
    data = from_arrays("t", np.zeros((4, 1)), ["b", "a", "b", "c"], "made up")
    assert (data.kind, data.classes, data.y.tolist()) == ("multiclass", ("a", "b", "c"), [1, 0, 1, 2])
