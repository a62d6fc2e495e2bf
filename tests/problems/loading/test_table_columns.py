"""New rows of a table become the numbers that the same rows were in training."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load
from stepsize.problems.loading.files import read_table

pandas = pytest.importorskip("pandas")

FRAME = pandas.DataFrame(
    {
        "age": [31.0, None, 45.0, 27.0, 60.0, 33.0],
        "paid": ["yes", "no", "yes", "yes", "no", "no"],
        "town": ["Oslo", "Rome", None, "Oslo", "Bern", "Rome"],
        "price": ["1,5", "2,25", "0,5", "3,0", "1.200,0", "7,5"],
        "member": [True, False, True, True, False, True],
        "always": [1, 1, 1, 1, 1, 1],
        "kind": list("xyxyxy"),
    }
)


def test_the_rows_of_training_become_the_same_numbers():
    data = load(FRAME, "kind")
    assert data.columns is not None
    assert "always" not in data.columns.columns
    np.testing.assert_array_equal(data.columns.encode(FRAME), data.x)
    shuffled = FRAME[FRAME.columns[::-1]].iloc[[3, 1]]
    np.testing.assert_array_equal(data.columns.encode(shuffled), data.x[[3, 1]])


def test_a_file_and_its_frame_are_the_same(tmp_path):
    path = tmp_path / "table.csv"
    FRAME.to_csv(path, index=False)
    data = load(str(path), "kind")
    np.testing.assert_array_equal(data.columns.encode(pandas.read_csv(path)), data.x)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "town",
            "Paris",
            "row 2, column 'town': the model was not trained with 'Paris'; it knows 'Bern', 'Oslo'",
        ),
        ("paid", None, "row 2, column 'paid': the model was not trained with a missing value"),
        ("age", "old", "'old' is among numbers"),
    ],
)
def test_what_was_not_in_training_is_refused(column, value, message):
    data = load(FRAME, "kind")
    frame = FRAME.astype(object)
    frame.loc[1, column] = value
    with pytest.raises(ProblemError, match=message):
        data.columns.encode(frame)


def test_a_column_that_is_missing_or_of_another_kind_is_refused():
    data = load(FRAME, "kind")
    with pytest.raises(ProblemError, match="x has no column 'age'"):
        data.columns.encode(FRAME.drop(columns="age"))
    with pytest.raises(ProblemError, match="trained with numbers, and here are texts"):
        data.columns.encode(FRAME.assign(age="old"))


def test_columns_without_names_are_taken_by_their_numbers_only_where_these_are_sure(tmp_path):
    numbers = pandas.DataFrame(np.random.default_rng(0).normal(size=(6, 3)))
    table = numbers.assign(kind=list("xyxyxy"))[[0, "kind", 1, 2]]
    table.to_csv(tmp_path / "table.data", index=False, header=False)
    data = load(str(tmp_path / "table.data"), 1, drop=[3])
    whole = read_table(tmp_path / "table.data", data.columns)
    np.testing.assert_allclose(data.columns.encode(whole), data.x)
    numbers.to_csv(tmp_path / "new.data", index=False, header=False)
    new = read_table(tmp_path / "new.data", data.columns)
    with pytest.raises(
        ProblemError, match=r"x has 3 columns without names, and the table had 4.*'1' and '3'"
    ):
        data.columns.encode(new)
    last = load(pandas.DataFrame(table.to_numpy()[:, [0, 2, 3, 1]]).infer_objects())
    np.testing.assert_allclose(last.columns.encode(numbers), last.x)  # the target was the last one
    with pytest.raises(ProblemError, match=r"x has 5 columns without names"):
        last.columns.encode(pandas.concat([numbers, numbers[[0, 1]]], axis=1).set_axis(range(5), axis=1))


@pytest.mark.parametrize("first", ["1,0", "0,0", "2,1", "0,4"])
def test_the_first_row_of_a_table_without_names_is_never_taken_for_names(tmp_path, first):
    rows = f"{first}\n-3.1,0\n4.2,1\n-2.5,0\n3.3,1\n0.9,1\n"
    (tmp_path / "new.csv").write_text(rows)
    data = load(pandas.DataFrame([[-3.5, 0], [2.0, 1], [1.0, 1], [-1.0, 0]]).astype({1: int}))
    new = read_table(tmp_path / "new.csv", data.columns)
    features = [[float(first.partition(",")[0])], [-3.1], [4.2], [-2.5], [3.3], [0.9]]
    np.testing.assert_allclose(data.columns.encode(new), features)
    with pytest.raises(ProblemError, match=r"x has columns called .* have no names|x has no column '0'"):
        data.columns.encode(pandas.read_csv(tmp_path / "new.csv"))


def test_a_first_row_that_may_count_columns_without_names_is_refused(tmp_path):
    data = load(pandas.DataFrame([[-3.5, 0], [2.0, 1], [1.0, 1], [-1.0, 0]]).astype({1: int}))
    for index in (True, False):
        pandas.DataFrame([[2.5, 1], [0.5, 0]]).to_csv(tmp_path / "new.csv", index=index)
        with pytest.raises(ProblemError, match=r"first row \('0' and '1'\) may hold values, or count"):
            read_table(tmp_path / "new.csv", data.columns)
    frame = pandas.DataFrame([[2.5, 1], [0.5, 0]], columns=["0", "1"])
    np.testing.assert_array_equal(data.columns.encode(frame), [[2.5], [0.5]])


def test_no_rows_become_no_features(tmp_path):
    data = load(FRAME, "kind")
    (tmp_path / "new.csv").write_text(",".join(map(str, FRAME.columns)) + "\n")
    assert data.columns.encode(read_table(tmp_path / "new.csv", data.columns)).shape == (0, data.x.shape[1])
    assert data.columns.encode(FRAME.iloc[:0]).shape == (0, data.x.shape[1])


def test_arrays_have_no_columns():
    assert load((np.eye(4), [0, 1, 0, 1])).columns is None
