"""Splits: the right rows, the same for a seed, and nothing shared between the parts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.errors import ProblemError, StudyError
from stepsize.problems.built_in import canonical_name
from stepsize.problems.data import Data, from_arrays
from stepsize.problems.loading.catalog import bundled, ionosphere
from stepsize.problems.problem import problem
from stepsize.problems.splitting.splits import Split
from stepsize.study.study_files.description import describe_study


def toy(rows=40, test=None, classes=("a", "b"), **more):
    y = np.arange(rows) % len(classes)
    kind = "binary" if len(classes) == 2 else "multiclass"
    return Data("toy", np.zeros((rows, 2), np.float32), y, classes, "made up", kind, test=test, **more)


def quantities(rows=30, **more):
    y = np.arange(rows, dtype=np.float32)[:, None]
    return Data("q", np.zeros((rows, 2), np.float32), y, (), "made up", "regression", **more)


def assert_parts(parts, rows):
    """Check that the two parts are disjoint and hold `rows` between them."""
    assert not set(parts.train) & set(parts.valid)
    assert sorted([*parts.train, *parts.valid]) == sorted(rows)


def assert_whole_groups(parts, data):
    """Check that no group has rows on both sides."""
    assert not set(data.groups[parts.train]) & set(data.groups[parts.valid])


@pytest.mark.parametrize("name", ["iris", "digits", "wine"])
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_stratified_keeps_the_shares(name, seed):
    data = bundled(name)
    parts = Split("stratified", 0.3).parts(data, seed)
    assert_parts(parts, range(len(data.x)))
    shares = [np.bincount(data.y[rows]) / len(rows) for rows in parts]
    assert np.abs(shares[0] - shares[1]).max() < 0.03


def test_the_checks_can_fail():
    parts = Split("stratified", 0.3).parts(toy(), 0)
    with pytest.raises(AssertionError):
        assert_parts(parts._replace(train=parts.train[1:]), range(40))
    with pytest.raises(AssertionError):
        assert_whole_groups(parts, toy(groups=np.arange(40) // 20))


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


def test_quantities_and_labels_are_split_at_random():
    labels = np.random.default_rng(0).integers(0, 2, (40, 3)).astype(np.float32)
    several = Data("l", np.zeros((40, 1), np.float32), labels, tuple("abc"), "made up", "multilabel")
    for data in (quantities(40), several):
        assert Split().of(data).kind == "random"
        for kind in ("auto", "stratified", "random"):
            parts = Split(kind, 0.25).parts(data, 3)
            assert_parts(parts, range(40))
            assert len(parts.valid) == 10
        assert not np.array_equal(Split().parts(data, 0).valid, Split().parts(data, 1).valid)


@pytest.mark.parametrize("kind", ["stratified", "test", "groups", "time", "kfold"])
def test_the_test_part_is_touched_only_to_judge(kind):
    test = np.arange(30, 40)
    data = toy(test=test, groups=np.arange(40) // 4, order=np.arange(40.0))
    split = Split(kind, 0.25, folds=3)
    tuning = split.parts(data, 0, judge=False)
    assert not set(test) & {*tuning.train, *tuning.valid}
    judging = split.parts(data, 0, judge=True)
    assert judging.valid.tolist() == test.tolist()
    assert not set(test) & set(judging.train)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=30),
    seed=st.integers(0, 99),
    folds=st.integers(2, 3),
)
def test_groups_stay_whole(sizes, seed, folds):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    data = quantities(len(groups) + 2, groups=np.array([*groups, 0, 1]))
    for split in (Split("groups"), Split("kfold", folds=folds)):
        parts = split._parts(data, seed, judge=True)  # unchecked: one validation row has no spread
        assert_parts(parts, range(data.rows))
        assert_whole_groups(parts, data)


def test_groups_have_few_sizes_and_all_classes():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), rng.integers(3, 11, 60))
    data = replace(toy(len(groups), classes=("a", "b", "c")), groups=groups)
    every = [Split("groups", 0.25).parts(data, seed) for seed in range(50)]
    assert len({len(parts.valid) for parts in every}) == 1
    assert len(every[0].valid) == len(groups) - int(0.75 * len(groups))
    assert len({tuple(parts.valid) for parts in every}) == 50
    rare = replace(data, y=(groups == 7) | (groups == 8), classes=("no", "yes"), kind="binary")
    for seed in range(10):
        assert all(len(np.unique(rare.y[rows])) == 2 for rows in Split("groups", 0.4).parts(rare, seed))


def test_time_trains_on_the_past():
    order = np.random.default_rng(0).permutation(40).astype(float)
    data = toy(order=order)
    parts = Split("time", 0.25).parts(data, 0)
    assert order[parts.train].max() < order[parts.valid].min()
    assert len(parts.valid) == 10
    assert np.array_equal(parts.valid, Split("time", 0.25).parts(data, 7).valid)


def test_column_and_given_rows():
    part = np.array(["train"] * 30 + ["valid"] * 10)
    parts = Split("column").parts(toy(part=part), 0)
    assert_parts(parts, range(40))
    assert parts.valid.tolist() == list(range(30, 40))
    parts = Split.given([0, 1, 2, 3], np.array([9, 8])).parts(toy(), 5)
    assert (parts.train.tolist(), parts.valid.tolist()) == ([0, 1, 2, 3], [9, 8])


def test_auto_follows_the_data():
    part = np.array(["train", "valid"] * 20)
    assert Split().of(toy()).kind == "stratified"
    assert Split().of(toy(order=np.arange(40.0))).kind == "time"
    assert Split().of(toy(order=np.arange(40.0), groups=np.arange(40))).kind == "groups"
    assert Split().of(toy(part=part, groups=np.arange(40))).kind == "column"
    assert Split(validation=0.1).of(toy()) == Split("stratified", 0.1)


@pytest.mark.parametrize("data", [ionosphere(), quantities(33), toy(50, classes=tuple("abcde"))])
def test_the_folds_of_a_repeat_judge_every_row_once(data):
    split = Split("kfold", folds=5)
    for repeat in (0, 3):
        every = [split.parts(data, 5 * repeat + fold) for fold in range(5)]
        for parts in every:
            assert_parts(parts, range(data.rows))
        assert sorted(np.concatenate([parts.valid for parts in every])) == list(range(data.rows))
        if data.kind != "regression":
            shares = np.array([np.bincount(data.y[parts.valid]) / len(parts.valid) for parts in every])
            assert np.ptp(shares, axis=0).max() < 0.03
    assert not np.array_equal(split.parts(data, 0).valid, split.parts(data, 5).valid)


def test_seeds_must_be_whole_repeats():
    split = Split("kfold", folds=4)
    for seeds in (range(8), [8, 9, 10, 11, 0, 1, 2, 3]):
        split.check_seeds(seeds)
    for seeds in (range(9), range(1, 9), [0, 1, 2, 4]):
        with pytest.raises(StudyError, match="cannot be whole repeats of 4 folds; use for example seeds=40"):
            split.check_seeds(seeds)
    Split("stratified").check_seeds(range(9))
    assert (split.usual_seeds, Split().usual_seeds) == (40, None)


@pytest.mark.parametrize("split", [Split(), Split("random"), Split("kfold", folds=4), Split("lesson")])
def test_fewer_rows_are_a_part_of_more_and_the_others_stay(split):
    data = quantities(60) if split.kind == "random" else toy(60)
    for seed in (0, 7):
        whole = split.parts(data, seed)
        kept = [replace(split, train_rows=rows).parts(data, seed) for rows in (8, 0.5, len(whole.train))]
        sizes = [len(parts.train) for parts in kept]
        assert sizes == [8, round(len(whole.train) / 2), len(whole.train)]
        assert {*kept[0].train} < {*kept[1].train} < {*kept[2].train} == {*whole.train}
        assert all(np.array_equal(parts.valid, whole.valid) for parts in kept)
    others = [replace(split, train_rows=8).parts(data, seed).train for seed in (0, 7)]
    assert not np.array_equal(*others)


def test_the_latest_rows_are_kept_where_the_split_is_by_time():
    data = replace(quantities(40), order=np.arange(40.0)[::-1])
    assert replace(Split("time"), train_rows=3).parts(data, 0).train.tolist() == [12, 11, 10]


def test_the_digest_follows_the_rows():
    assert problem("iris", rows=50).digest != problem("iris", rows=60).digest != problem("iris").digest
    assert "50 of the training rows are used" in str(problem("iris", rows=50).split)
    assert describe_study("iris", {"rows": 0.5})["split"] == {"rows": 0.5}
    assert problem("iris", **{"split": "kfold", "rows": 20.0}).study_keys()["split"]["rows"] == 20


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Split(train_rows=0), "rows=0 must be a positive whole number of training rows, or a share"),
        (lambda: Split(train_rows=1.5), r"rows=1\.5 must be"),
        (lambda: Split(train_rows=True), "rows=True must be"),
        (lambda: Split(train_rows=31).parts(toy(), 0), "rows=31 is more than the 30 rows of the training"),
        (lambda: Split("kfolds"), "did you mean 'kfold'"),
        (lambda: Split("lesson", 1.5), r"validation=1\.5"),
        (lambda: Split("kfold", folds=1), "folds=1 must be a whole number of at least 2"),
        (lambda: Split("given"), r"Split\.given"),
        (lambda: Split.given([0, 1], [1, 2]), "row 1 is in the training and in the validation part"),
        (lambda: Split.given([0, 0], [1]), "names a row twice"),
        (lambda: Split.given([0.5], [1]), "list of at least one row number"),
        (lambda: Split.given([0, 1], [40]).parts(toy(), 0), "row 40 .* outside"),
        (lambda: Split("test").parts(toy(), 0), "no test part"),
        (lambda: Split("time").parts(toy(), 0), "no time order; .*or give order=, a column or array"),
        (lambda: Split("groups").parts(toy(), 0), "no groups"),
        (lambda: Split("time").parts(toy(), 0), "no time order"),
        (lambda: Split("column").parts(toy(), 0), "no part column"),
        (lambda: Split("groups").parts(toy(groups=np.zeros(40)), 0), "only one group"),
        (lambda: Split("kfold").parts(toy(groups=np.arange(40) // 8), 0), "5 groups cannot make 10 folds"),
        (lambda: Split("kfold").parts(quantities(8), 0), "8 rows cannot make 10 folds"),
        (
            lambda: Split("kfold").parts(from_arrays("t", np.zeros((30, 1)), [*"a" * 26, *"b" * 4], "m"), 0),
            "class 'b' .* has 4 rows; 10 folds need 10 of every class: use at most 4 folds",
        ),
        (
            lambda: Split().parts(from_arrays("t", np.zeros((9, 1)), [*"aaaabbbb", "c"], "m"), 0),
            "class 'c' .* has 1 row;",
        ),
        (
            lambda: Split("lesson", 0.3).parts(from_arrays("t", np.zeros((8, 1)), list("aaaaaabb"), "m"), 0),
            "only one class",
        ),
        (lambda: Split(validation=0.01).parts(quantities(40), 0), "target is constant on the 1 validation"),
        (
            lambda: Split("column").parts(replace(toy(), part=np.array(["train"] * 40)), 0),
            "the validation part is empty",
        ),
    ],
)  # fmt: skip
def test_refusals(make, words):
    with pytest.raises(ProblemError, match=words):
        make()


def test_a_name_means_the_same_study_however_it_is_spelled():
    for name in ("Ionosphere", "LESSON_ionosphere"):
        usual = problem(canonical_name(name))
        assert problem(name).digest == usual.digest
        assert problem(name).name == usual.name
        assert describe_study(name) == describe_study(usual.name)


def test_the_digest_follows_the_split():
    digests = {
        problem("ionosphere", **changes).digest
        for changes in ({}, {"folds": 10}, {"folds": 5}, {"split": "lesson"}, {"validation": 0.3},
                        {"split": Split.given([0, 1, 2], [3, 40])},
                        {"split": Split.given([0, 1, 40], [3, 4])})
    }  # fmt: skip
    assert len(digests) == 7
