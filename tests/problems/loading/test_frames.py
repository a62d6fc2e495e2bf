"""Tables with columns of any type: what becomes a number, what is left out or refused, with notes."""

import datasets
import numpy as np
import pandas
import polars
import pyarrow
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load

KIND = list("xyxyxyxyxyxy")
ROWS = range(len(KIND))


def table(**columns):
    """Twelve rows of two classes with a numeric column and those given."""
    return pandas.DataFrame({"n": [float(i * i) for i in ROWS], **columns, "kind": KIND})


def column(values, **options):
    """What the data makes of one column beside the numeric one, [rows, columns], and its notes."""
    data = load(table(c=values), "kind", **options)
    return data.x[:, 1:], data.notes


@pytest.mark.parametrize(
    ("values", "first", "note"),
    [
        ([True, False] * 6, [[1], [0]], "encoded as 0 and 1: 'c'"),
        (["yes", "no"] * 6, [[1], [0]], "encoded as 0 and 1: 'c'"),
        (["Yes", "No"] * 6, [[1], [0]], "encoded as 0 and 1: 'c'"),
        (["red", "blue"] * 6, [[1], [0]], "encoded as 0 and 1: 'c'"),
        (["b", "a", "c"] * 4, [[0, 1, 0], [1, 0, 0], [0, 0, 1]], "'c' (3)"),
        (["b", "a", None] * 4, [[0, 1, 0], [1, 0, 0], [0, 0, 1]], "'c' (3)"),
        (pandas.Categorical([1, 2, 3] * 4), [[1, 0, 0], [0, 1, 0]], "'c' (3)"),
        (["1", "2.5", "7"] * 4, [[1], [2.5], [7]], ""),
        (pandas.array([1, None, 3] * 4, dtype="Int64"), [[1], [np.nan], [3]], "'c' (4)"),
        ([1, np.nan, 3] * 4, [[1], [np.nan], [3]], "filled with the median of the training rows: 'c' (4)"),
    ],
)
def test_columns_become_numbers(values, first, note):
    encoded, notes = column(values)
    np.testing.assert_array_equal(encoded[: len(first)], first)
    assert note in " ".join(notes)


@pytest.mark.parametrize("values", [["a"] * 12, [5] * 12, [None] * 12, [5, None] * 6, [True] * 12])
def test_constant_columns_are_left_out_with_a_note(values):
    encoded, notes = column(values)
    assert encoded.shape == (12, 0)
    assert "left out because they are constant or number the rows: 'c'" in notes


def test_the_index_that_pandas_writes_is_left_out(tmp_path):
    table().to_csv(tmp_path / "t.csv")
    data = load(tmp_path / "t.csv", "kind")
    assert data.x.shape == (12, 1)
    assert "number the rows: ''" in " ".join(data.notes)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([*"12345678", "nine", *"012"], "row 9, column 'c': 'nine' is among numbers, in 1 of 12 rows"),
        ([1.0] * 6 + [-np.inf] + [1.0] * 5, "row 7, column 'c': -inf is not finite"),
        (
            pandas.date_range("2024-01-01", periods=12),
            r"holds dates \('2024-01-01 00:00:00'\).*order='c'",
        ),
        ([f"2024-0{1 + i % 9}-05" for i in ROWS], "holds dates .*days since the first one"),
        ([f"{i}/5/2024" for i in ROWS], "holds dates"),
        ([f"{i}:30" for i in ROWS], "holds dates"),
        (["7:0.5", "7:-1e-3"] * 6, r"holds pairs of index and value \('7:-1e-3'\)"),
        (pandas.to_timedelta(list(ROWS), unit="h"), r"holds lengths of time .*total_seconds\(\)"),
        ([[1, 2]] * 12, "holds list values; leave it out"),
        ([{"bytes": b""}] * 12, "holds dict values"),
    ],
)
def test_columns_refused(values, words):
    with pytest.raises(ProblemError, match=words) as caught:
        column(values)
    assert "\n" not in str(caught.value)


def test_names_and_free_text_are_refused():
    frame = pandas.DataFrame(
        {"n": range(60), "id": [f"person {i}" for i in range(60)], "kind": ["x", "y"] * 30}
    )
    with pytest.raises(ProblemError, match=r"column 'id' holds a different text in every row.*drop='id'"):
        load(frame, "kind")
    data = load(frame, "kind", drop=["id"])
    assert data.x.shape == (60, 1)
    assert "dropped: 'id'" in data.notes


def test_columns_that_cannot_be_used_are_named_together():
    frame = pandas.DataFrame(
        {"n": range(60), "who": [f"person {i}" for i in range(60)],
         "signup": [f"2024-01-{i % 28 + 1:02d}" for i in range(60)], "kind": ["x", "y"] * 30}
    )  # fmt: skip
    with pytest.raises(
        ProblemError, match=r"column 'who' .*both columns like this, use drop=\['who', 'signup'\]"
    ):
        load(frame, "kind")


@pytest.mark.parametrize(
    ("name", "values", "note"),
    [
        ("PassengerId", range(1, 13), "'PassengerId' numbers the rows and is used as a feature"),
        ("n2", [3, 1, 2, *range(4, 13)], "'n2' numbers the rows"),
        (
            "customer_id",
            [i * i + 40 for i in ROWS],
            "'customer_id' has a different whole number in every row",
        ),
        ("ID", [i * i + 40 for i in ROWS], "drop='ID'"),
        ("paid", [i * i + 40 for i in ROWS], ""),
        ("id", [1, 1, *range(3, 13)], ""),
        ("id", [i / 7 for i in ROWS], ""),
        ("age", [i * i + 40 for i in ROWS], ""),
    ],
)
def test_what_looks_like_an_id_is_told(name, values, note):
    data = load(table(**{name: list(values)}), "kind")
    told = [each for each in data.notes if "is used as a feature" in each]
    assert bool(told) == bool(note)
    assert note in " ".join(told)
    assert data.x.shape == (12, 2)


def test_numbers_in_texts_of_a_frame():
    encoded, notes = column(["1.234,5", "7", "0,25"] * 4)
    assert encoded[:3, 0].tolist() == [1234.5, 7, 0.25]
    assert "numbers with decimal commas or separators of thousands: 'c' ('1.234,5' is 1234.5)" in notes
    with pytest.raises(ProblemError, match=r"column 'c': '1,234' may be 1234 or 1\.234"):
        column(["1,234", "900", "7"] * 4)


@pytest.mark.parametrize("form", ["csv", "parquet", "frame", "arrow", "parts"])
def test_numbers_stay_as_they_are_without_preparation(form, tmp_path):
    frame = table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    sources = {
        "csv": tmp_path / "t.csv", "parquet": tmp_path / "t.parquet", "frame": frame,
        "arrow": pyarrow.Table.from_pandas(frame), "parts": {"train": frame.head(9), "test": frame.tail(3)},
    }  # fmt: skip
    data = load(sources[form], "kind", prepare=False)
    assert not data.prepare
    assert data.x[:, 0].tolist() == [i * i for i in ROWS]
    assert load(sources[form], "kind").prepare
    with pytest.raises(ProblemError, match="missing or not finite"):
        load(table(c=[1, 2, None] * 4), "kind", prepare=False)


def test_columns_that_are_no_features():
    frame = table(
        who=["ann", "bob", "cy"] * 4,
        when=[f"2024-01-{28 - i}" for i in ROWS],
        use=["train", "val", "Test"] * 4,
        trust=[1, 2, 0] * 4,
    )
    data = load(frame, "kind", groups="who", order="when", part="use", weights="trust")
    assert data.x.shape == (12, 1)
    assert data.groups.tolist() == [0, 1, 2] * 4
    assert (np.diff(data.order) < 0).all()
    assert data.part.tolist() == ["train", "valid", "test"] * 4
    assert data.test.tolist() == [2, 5, 8, 11]
    assert data.weights.tolist() == [1, 2, 0] * 4
    assert "not features: 'who' (groups), 'when' (order), 'use' (part), 'trust' (weights)" in data.notes


def test_a_part_column_without_validation_rows_names_the_test_part():
    data = load(table(use=["train", "train", "test"] * 4), "kind", part="use")
    assert data.part is None
    assert data.test.tolist() == [2, 5, 8, 11]


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"use": ["train", "trial"] * 6}, {"part": "use"}, "unknown part 'trial'"),
        ({"use": ["train"] * 12}, {"part": "use"}, "the part column holds only 'train'"),
        ({"use": ["test", "valid"] * 6}, {"part": "use"}, "must name rows to train on"),
        ({"who": [1, None] * 6}, {"groups": "who"}, "row 2: the groups column has no value"),
        (
            {"when": ["soon", "later"] * 6},
            {"order": "when"},
            "is not a number or a date; write them as 2024-01-31",
        ),
        ({"trust": ["much", "2"] * 6}, {"weights": "trust"}, "row 1: weight 'much' is not a number"),
        ({}, {"groups": "whom"}, "unknown groups column 'whom'"),
        ({}, {"drop": "m"}, "unknown column to drop 'm'"),
        ({}, {"drop": "n"}, "no column is left to learn from"),
        ({}, {"drop": ["kind"]}, "column 'kind' is the target; leave out drop='kind'"),
        ({}, {"groups": -1}, "column 'kind' is the target; leave out groups='kind'"),
        ({}, {"drop": 7}, "column to drop 7: the 2 columns are numbered 0 to 1"),
        ({}, {"kind": "regression"}, "needs numbers; found 'x'"),
    ],
)
def test_options_refused(columns, options, words):
    with pytest.raises(ProblemError, match=words):
        load(table(**columns), "kind", **options)


def test_frames_refused():
    with pytest.raises(ProblemError, match="two columns are called 'n'"):
        load(pandas.concat([table(), table()], axis=1), "kind")
    with pytest.raises(ProblemError, match="has 0 rows"):
        load(table().head(0), "kind")
    with pytest.raises(ProblemError, match="such as target='kind'"):
        load(table())


def test_tables_of_other_libraries():
    frame = table(c=["a", "b", "c"] * 4)
    for made, source in (
        (pyarrow.Table.from_pandas(frame), "a pyarrow table"),
        (polars.from_pandas(frame), "a polars table"),
        (datasets.Dataset.from_pandas(frame), "a datasets table"),
    ):
        data = load(made, "kind")
        assert data.x.shape == (12, 4)
        assert data.source == source


def test_parts_of_a_hugging_face_dataset(tmp_path):
    whole = datasets.Dataset.from_pandas(table(c=["a", "b", "c"] * 4))
    parts = datasets.DatasetDict({"train": whole.select(range(9)), "test": whole.select(range(9, 12))})
    datasets.disable_progress_bars()
    parts.save_to_disk(tmp_path / "saved")
    for source in (parts, str(tmp_path / "saved"), {"train": table().head(9), "test": table().tail(3)}):
        data = load(source, "kind")
        assert data.rows == 12
        assert data.test.tolist() == [9, 10, 11]


def test_parts_with_different_columns_are_refused():
    parts = {"train": table(c=[1, 2, 3] * 4).head(9), "test": table().tail(3)}
    with pytest.raises(
        ProblemError, match="part 'test' and part 'train' have different columns: only one has 'c'"
    ):
        load(parts, "kind")


def test_targets_of_every_type():
    assert load(table(t=pandas.Categorical(["10", "9", "2"] * 4)), "t").classes == ("2", "9", "10")
    assert load(table(t=[True, False] * 6), "t").classes == ("False", "True")
    assert load(table(t=[i / 7 for i in ROWS]), "t").kind == "regression"
    many = pandas.Categorical([str(i % 30) for i in range(90)])
    frame = pandas.DataFrame({"n": np.arange(90.0) ** 2, "t": many})
    assert load(frame, "t").kind == "multiclass"


def test_an_index_with_a_name_is_no_feature_and_a_note_says_so():
    frame = pandas.DataFrame({"age": range(8), "size": [3, 1, 4, 1, 5, 9, 2, 6], "y": [0, 1] * 4})
    note = "the index ('age') is not a feature; reset_index() makes it one"
    assert note in load(frame.set_index("age"), "y").notes
    assert not any("the index" in each for each in load(frame, "y").notes)
    named = frame.set_axis([f"row {i}" for i in range(len(frame))])
    assert "the index (without a name) is not a feature; reset_index() makes it one" in load(named, "y").notes


def test_codes_for_missing_values_and_groups_written_in_two_ways_are_noted():
    frame = pandas.DataFrame({"a": [3.5, -999, 7, 2, -999, 5, 1, 4], "who": list("AaBBCCDD"), "y": range(8)})
    notes = load(frame, "y", groups="who", kind="regression").notes
    code = "holds -999 in 2 of 8 rows, far from its other values: if that means missing, empty these cells"
    assert f"'a' {code}" in notes
    assert (
        "groups 'A' and 'a' differ only in case, blanks or invisible characters, and count as 2 groups"
        in notes
    )
    (note, *_) = load(frame, "a", drop="who").notes
    assert "; it holds -999 in 2 of 8 rows" in note
    assert note.endswith("remove these rows")
    usual = load(frame.assign(a=[99, 98, 97, 99, 1, 2, 3, 4]), "y", drop="who", kind="regression").notes
    assert not any("holds 99" in note for note in usual)
