"""Splits: the right rows, the same for a seed, and honest about what they are worth."""

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.data import Data, bundled, from_arrays, ionosphere
from stepsize.problems.splits import Split, describe


def toy(rows=40, test=None, classes=("a", "b")):
    y = np.arange(rows) % len(classes)
    kind = "binary" if len(classes) == 2 else "multiclass"
    return Data("toy", np.zeros((rows, 2), np.float32), y, classes, "made up", kind, test=test)


def assert_parts(parts, rows):
    """Check that the two parts are disjoint and hold `rows` between them."""
    assert not set(parts.train) & set(parts.valid)
    assert sorted([*parts.train, *parts.valid]) == sorted(rows)


@pytest.mark.parametrize("name", ["iris", "digits", "wine"])
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_stratified_keeps_the_shares(name, seed):
    data = bundled(name)
    parts = Split("stratified", 0.3).parts(data, seed)
    assert_parts(parts, range(len(data.x)))
    shares = [np.bincount(data.y[rows]) / len(rows) for rows in parts]
    assert np.abs(shares[0] - shares[1]).max() < 0.03


def test_assert_parts_can_fail():
    parts = Split("stratified", 0.3).parts(toy(), 0)
    with pytest.raises(AssertionError):
        assert_parts(parts._replace(train=parts.train[1:]), range(40))


def test_seeds_differ_and_repeat():
    split, data = Split("stratified", 0.33), ionosphere()
    assert np.array_equal(split.parts(data, 1).train, split.parts(data, 1).train)
    assert not np.array_equal(split.parts(data, 1).valid, split.parts(data, 2).valid)


def test_stratified_has_the_lessons_sizes():
    for kind in ("stratified", "lesson"):
        parts = Split(kind, 0.33).parts(ionosphere(), 0)
        assert (len(parts.train), len(parts.valid)) == (235, 116)


def test_lesson_takes_the_last_rows_for_every_seed():
    split = Split("lesson", 0.33)
    assert split.parts(ionosphere(), 0).valid.tolist() == list(range(235, 351))
    assert split.parts(ionosphere(), 9).valid.tolist() == list(range(235, 351))


def test_the_test_part_is_touched_only_to_judge():
    test = np.arange(30, 40)
    data = toy(test=test)
    for kind in ("stratified", "test"):
        split = Split(kind, 0.25)
        tuning = split.parts(data, 0, judge=False)
        assert not set(test) & {*tuning.train, *tuning.valid}
        judging = split.parts(data, 0, judge=True)
        assert judging.valid.tolist() == test.tolist()
        assert not set(test) & set(judging.train)


def test_refusals():
    with pytest.raises(ProblemError, match="unknown split"):
        Split("kfolds")
    with pytest.raises(ProblemError, match=r"validation=1\.5"):
        Split("lesson", 1.5)
    with pytest.raises(ProblemError, match="no test part"):
        Split("test").parts(toy(), 0)
    with pytest.raises(ProblemError, match=r"class 'c' .* has 1 row"):
        Split().parts(from_arrays("t", np.zeros((9, 1)), [*"aaaabbbb", "c"], "made up"), 0)
    ordered = from_arrays("t", np.zeros((8, 1)), list("aaaaaabb"), "made up")
    with pytest.raises(ProblemError, match="one class only"):
        Split("lesson", 0.3).parts(ordered, 0)


def test_describe_says_what_the_lessons_split_is_worth():
    data = ionosphere()
    worth = describe(data, Split("lesson", 0.33).parts(data, 0))
    assert worth["parts"]["validation"]["counts"] == {"b": 9, "g": 107}
    assert worth["parts"]["train"]["counts"] == {"b": 117, "g": 118}
    assert worth["majority_baseline"] == pytest.approx(0.9224, abs=1e-4)
    assert worth["sample_value"] == 1 / 116
