"""Targets: the kind is recognised, noted, and can be overridden."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.errors import ProblemError
from stepsize.problems.loading.targets import QUANTITY, recognise

LABELS = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("values", "kind", "classes", "words"),
    [
        (["yes", "no"] * 3, "binary", ("no", "yes"), "two classes, 'no' and 'yes'"),
        ([True, False, True], "binary", ("False", "True"), "two classes"),
        (list("abca"), "multiclass", ("a", "b", "c"), "3 classes, 'a', 'b', 'c'"),
        ([10, 9, 10, 2], "multiclass", ("2", "9", "10"), "if they are quantities, use kind='regression'"),
        ([1.0, 0.0, 1.0], "binary", ("0", "1"), "two classes, '0' and '1'"),
        (np.arange(QUANTITY), "multiclass", tuple(map(str, range(QUANTITY))), "and 14 more"),
        (
            np.arange(QUANTITY + 1),
            "regression",
            (),
            "0 to 20 (regression; if they are classes, use kind='multiclass')",
        ),
        ([0.5, 1.0, 0.5], "regression", (), "a quantity from 0.5 to 1 (regression)"),
        (np.array(["1.5", "2", "7"], object), "regression", (), "a quantity from 1.5 to 7"),
        (np.array([[1.5], [2], [7]]), "regression", (), "a quantity"),
        (LABELS, "multilabel", ("0", "1"), "2 labels of 0 and 1, any number of them at once"),
        (LABELS.astype(bool), "multilabel", ("0", "1"), "2 labels"),
        (np.eye(3)[[0, 2, 1, 0]], "multiclass", ("0", "1", "2"), "with a single 1 in each row"),
        (np.array([[1.5, 2], [3, 4]]), "regression", (), "2 quantities from 1.5 to 4"),
    ],
)
def test_recognised(values, kind, classes, words):
    target = recognise(np.asarray(values))
    assert (target.kind, target.classes) == (kind, classes)
    assert words in target.note
    assert len(target.y) == len(values)
    types = {"regression": np.float64, "multilabel": np.float32}
    assert target.y.dtype == types.get(kind, np.int32)


def test_overridden():
    assert recognise(np.array([1, 2, 3]), "regression").y.tolist() == [[1], [2], [3]]
    assert recognise(np.arange(30), "multiclass").y.tolist() == list(range(30))
    assert recognise(np.array([0, 1, 0]), "multiclass").kind == "multiclass"
    assert recognise(np.eye(3)[[0, 2, 1, 0]], "multilabel").kind == "multilabel"
    assert recognise(LABELS, "regression").kind == "regression"
    assert "use kind" not in recognise(np.arange(30), "regression").note


def test_named_classes_stand_for_numbers():
    target = recognise(np.array([2, 0, 2]), labels=("cat", "dog", "owl"))
    assert (target.kind, target.classes, target.y.tolist()) == (
        "multiclass",
        ("cat", "dog", "owl"),
        [2, 0, 2],
    )


@pytest.mark.parametrize(
    ("values", "kind", "labels", "words"),
    [
        ([1, 2], "regresion", (), "did you mean 'regression'"),
        (["a", "b"], "regression", (), "needs numbers; found 'a'"),
        (["a", "b", "c"], "binary", (), "needs two classes; found 3"),
        ([0, 1], "multilabel", (), "several target columns"),
        (LABELS, "multiclass", (), "only if each row has a single 1"),
        (np.array([[1.5, 0], [0, 1]]), "multilabel", (), "labels must be 0 or 1; found 1.5"),
        (np.array([["a", "b"], ["c", "d"]]), None, (), "must hold 0 and 1"),
        (np.array(["a", None], object), None, (), "row 2: the target is missing"),
        (np.array([1.0, np.nan]), None, (), "row 2: the target is missing"),
        (np.array([1.5, np.inf]), None, (), "row 2: the target is not finite"),
        ([0, 1, 3], None, ("a", "b", "c"), "row 3: label 3 is outside the 3 classes, numbered 0 to 2"),
        ([f"name {i}" for i in range(50)], None, (), "50 different texts in 50 rows are not classes"),
    ],
)
def test_refused(values, kind, labels, words):
    with pytest.raises(ProblemError) as caught:
        recognise(np.asarray(values), kind, labels)
    assert words in str(caught.value)


@given(st.lists(st.sampled_from(["red", "green", "blue", " ", "7"]).filter(str.strip), min_size=2))
def test_classes_name_what_they_code(values):
    target = recognise(np.array(values, object))
    if target.kind != "regression":
        assert [target.classes[i] for i in target.y] == values


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["01", "1", "02"], ("01", "02", "1")),
        (["1_0", "10"], ("10", "1_0")),
        (["1E5", "100000"], ("100000", "1E5")),
        (["1", "1.0", "2"], ("1", "2")),
        (["+1", "-1"], ("+1", "-1")),
        (["10", "9", "2"], ("2", "9", "10")),
    ],
)
def test_classes_are_called_what_is_written(values, classes):
    for dtype in (object, str):
        target = recognise(np.array(values * 2, dtype))
        assert target.classes == classes
        assert [target.classes[y] for y in target.y[: len(values)]] == [
            each if each in classes else "1" for each in values
        ]


def test_classes_that_float64_makes_one_keep_their_numbers():
    ids = np.array([2**53, 2**53 + 1] * 3)
    for values in (ids, ids.astype(np.uint64), ids.astype(str), ids.astype(object)):
        target = recognise(values)
        assert (target.classes, target.y.tolist()) == (("9007199254740992", "9007199254740993"), [0, 1] * 3)
    with pytest.raises(ProblemError, match=r"40 different texts in 40 rows .* use kind='regression'"):
        recognise(2**53 + np.arange(40))
    assert recognise(2**53 + np.arange(40), "regression").kind == "regression"
    assert recognise(2.0**53 + np.array([0, 2] * 3)).classes == ("9007199254740992", "9007199254740994")


def test_padded_numbers_are_quantities_on_request():
    values = np.array([f"{i:03d}" for i in range(30)])
    with pytest.raises(ProblemError, match=r"30 different texts .* or use kind='regression' for quantities"):
        recognise(values)
    assert recognise(values, "regression").y[7, 0] == 7
    assert recognise(np.array([f"{i}e+05" for i in range(30)])).kind == "regression"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["$ 20.50", "$ 3.25", "$ 7"], "numbers with units, signs or blanks in them ('$ 20.50')"),
        (["20 %", "3 %", "7 %"], "'20 %'"),
        (["5 kg", "300 g", "2 kg"], "'2 kg'"),
        (["USD 5", "USD 1,200", "USD 7"], "'USD 1,200'"),
        (["1 234,5", "2 000,0", "7"], "'1 234,5'"),
        (["(5)", "(3)", "7"], "'(3)'"),
        (["\u22120.5", "1.5", "2.5"], "'\u22120.5'"),
        (["2020-01-02", "2020-01-03", "2020-02-02"], "dates or times ('2020-01-02')"),
        (["0.5", "1.5", "unk", "2.5"], "'unk' is among numbers, in 4 of 16 rows"),
        (["1", "2", "3", "-", "unk"], "'-' and 'unk' are among numbers, in 8 of 20 rows"),
    ],
)
def test_quantities_that_are_not_plain_numbers_are_not_classes(texts, words):
    with pytest.raises(ProblemError) as error:
        recognise(np.array(texts * 4, object))
    assert words in str(error.value)
    assert "use kind='multiclass'" in str(error.value)
    assert recognise(np.array(texts * 4, object), "multiclass").classes == tuple(sorted(texts))


@pytest.mark.parametrize(
    "texts",
    [["1", "2", "U"], ["1st", "2nd", "3rd"], ["1a", "2b", "3a"], ["18-24", "25-34", "35+"], ["0", "unk"]],
)
def test_codes_and_places_are_classes(texts):
    assert recognise(np.array(texts * 4, object)).classes == tuple(texts)


def test_dates_in_an_array_are_refused():
    with pytest.raises(ProblemError, match=r"y holds dates or times \(2020-01-01\); convert them"):
        recognise(np.datetime64("2020-01-01") + np.arange(9))


def test_classes_that_are_written_differently_are_noted():
    note = recognise(np.array(["yes", "Yes", "NO", "no"])).note
    assert "4 classes" in note
    assert "'NO' and 'no' differ only in case, blanks or invisible characters" in note
    assert "; 'Yes' and 'yes' differ" in note
    assert "differ only" not in recognise(np.array(["yes", "no"])).note


def test_dates_written_as_numbers_are_noted():
    days = 20120101 + 100 * (np.arange(36) % 12) + np.arange(36) % 28
    assert "; it holds dates written as numbers (20120101)" in recognise(days).note
    assert "dates" not in recognise(days / 7).note


def test_bytes_are_read_as_texts_and_invisible_characters_are_noted():
    names = np.array(["a", "é"] * 3)
    for values in (np.char.encode(names, "utf-8"), np.array([each.encode() for each in names], object)):
        assert recognise(values).classes == ("a", "é")
    assert recognise(np.array([b"1", b"2"] * 3)).classes == ("1", "2")
    note = recognise(np.array(["a", "a\u200b"] * 3)).note
    assert r"'a' and 'a\u200b' differ only in case, blanks or invisible characters" in note


def test_a_range_is_written_with_the_digits_it_needs():
    assert "from 999,999,995 to 1,000,000,005 (" in recognise(1e9 + np.array([-5, 0.5, 5])).note
