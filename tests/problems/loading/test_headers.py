"""Tables without column names: recognised, numbered, never guessed at."""

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load
from stepsize.problems.loading.headers import holds_names
from stepsize.problems.problem import problem
from tests.support.nameless_tables import NAMELESS, ROWS

FILES = [table.file for table in NAMELESS]
names = st.from_regex(r"[A-Za-z][A-Za-z_ ]{0,9}[A-Za-z]", fullmatch=True).filter(
    lambda text: text.lower() not in ("nan", "null", "none", "na", "inf", "infinity")
)
numbers = st.integers(-99, 999).map(str) | st.floats(-1e6, 1e6).map(lambda x: f"{x:.4f}")
cells = numbers | st.sampled_from(["red", "green", "blue", "?", ""])


@pytest.mark.parametrize("table", NAMELESS, ids=FILES)
@pytest.mark.parametrize("target", [-1, "-1", None])
def test_tables_like_those_of_the_lessons(table, target, tmp_path):
    (tmp_path / table.file).write_text(table.text)
    data = problem(str(tmp_path / table.file), target=target).data
    assert (data.rows, data.kind, data.classes) == (ROWS, table.kind, table.classes)
    assert data.x.shape[1] == table.features
    notes = " ".join(data.notes)
    assert "the first row holds values, not names" in notes
    assert "the columns have no names and are numbered 0 to " in notes


def test_columns_are_numbered_from_0_and_from_the_end(tmp_path):
    path = tmp_path / "radar.csv"
    path.write_text(NAMELESS[0].text)
    last = load(path)
    for target in (8, "8", -1, "-1", None):
        assert load(path, target).digest == last.digest
    assert last.x[0].tolist() == load(path, -1, drop=[0, "1"]).x[0].tolist()
    assert load(path, -1, drop=-2).x.shape[1] == 5
    assert load(path, -1, groups=2).x.shape[1] == 5
    assert load(path, "2, 3").outputs == 2
    assert load(path, header=False).digest == last.digest
    with pytest.raises(
        ProblemError, match="target column 9: the 9 columns are numbered 0 to 8, and -9 to -1"
    ):
        load(path, 9)
    with pytest.raises(ProblemError, match="unknown target column 'kind'; use one of: 0, 1, 2"):
        load(path, "kind")


def test_a_number_refers_to_a_column_with_names_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,2,kind\n" + "".join(f"{i}.5,{i % 3}.5,{'xy'[i % 2]}\n" for i in range(8)))
    assert load(path, -1, header=True).classes == ("x", "y")
    assert load(path, 2, header=True).kind == "regression"  # the column called 2
    with pytest.raises(ProblemError, match="such as target='kind'"):
        load(path, header=True)


@pytest.mark.parametrize(
    ("first", "below", "expected"),
    [
        (["age", "kind"], [["7", "x"], ["9", "y"]], True),
        (["age", "2019"], [["7", "1"], ["9", "2"]], None),
        (["age", "2019", "2020"], [["7", "1", "1"], ["9", "2", "2"]], True),
        (["", "0", "1"], [["0", "1.5", "7"], ["1", "2.5", "8"]], True),  # as pandas writes it
        (["0", "1", "2", "y"], [["5", "0.1", "7", "1"], ["6", "0.2", "8", "0"]], True),
        (["0", "1", "2", "3"], [["0.5", "0.1", "7", "1"], ["0.6", "0.2", "8", "0"]], None),
        (["0", "1", "2", "3"], [["1", "2", "3", "4"], ["2", "3", "4", "5"]], None),  # lags of a series
        (["400.5", "401", "401.5"], [["1.5", "2.2", "3"], ["2", "3", "4"]], None),  # wavelengths
        (["id", "1990", "2000", "2010"], [["a", "1", "2", "3"], ["b", "2", "3", "1"]], None),
        (["6", "148", "33.6"], [["1", "85", "26.6"], ["8", "183", "23.3"]], False),
        (["1", "0", "1", "0"], [["2", "1", "3", "1"]], False),
        (["oops", "148", "33.6"], [["1", "85", "26.6"], ["8", "183", "23.3"]], None),
        (["1949-01", "112"], [["1949-02", "118"], ["1949-03", "101"]], False),
        (["Month", "Passengers"], [["1949-01", "112"], ["1949-02", "118"]], True),
        (["x", "low"], [["x", "high"], ["y", "low"], ["x", "high"], ["y", "low"]], False),
        (["kind", "level"], [["x", "high"], ["y", "low"], ["x", "high"], ["y", "low"]], True),
        (["x", "level"], [["x", "high"], ["y", "low"], ["x", "high"], ["y", "low"]], None),
        (["x", "age"], [["x", "3"], ["y", "4"], ["x", "5"], ["y", "6"]], None),
        (["x", "age", "size"], [["x", "3", "1"], ["y", "4", "2"], ["x", "5", "1"]], True),
        (["-", "x"], [["3", "x"], ["4", "y"], ["5", "x"]], None),  # a dash may be a missing value
        (["#", "age"], [["1", "31"], ["2", "44"], ["3", "35"]], True),
        (["inf", "nan"], [["7", "1"], ["9", "2"]], True),
        (["?", "", "7.5"], [["1", "2", "3"], ["2", "?", "9"]], False),
        (["-", "7.5"], [["1", "3"], ["-", "9"], ["4", "8"]], False),
    ],
)
def test_the_rule(first, below, expected):
    if expected is not None:
        assert holds_names([first, *below], "table") is expected
        return
    with pytest.raises(ProblemError, match=r"may hold the names .* use header=True for names, header=False"):
        holds_names([first, *below], "table")


def tables(first):
    """Rows of cells under a first row that `first` draws for the number of columns."""
    return st.integers(1, 5).flatmap(
        lambda width: st.tuples(
            first(width), st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=12)
        )
    )


@given(tables(lambda width: st.lists(names, min_size=width, max_size=width, unique=True)))
def test_names_are_never_lost(table):
    first, below = table
    assert holds_names([first, *below], "table") or {"red", "green", "blue"} & set(first)


@given(tables(lambda width: st.lists(cells, min_size=width, max_size=width)))
def test_a_row_with_a_number_is_never_taken_for_names(table):
    first, below = table
    values = [cell for cell in first if cell.lstrip("-").replace(".", "").isdigit()]
    counting = len(values) > 1 and (np.diff([float(each) for each in values]) == 1).all()
    try:
        answer = holds_names([first, *below], "table")
    except ProblemError:
        return
    assert not answer or not values or counting


@given(st.integers(6, 40), st.integers(1, 6), st.randoms(use_true_random=False))
def test_measurements_with_a_class_have_no_names(rows, width, random):
    table = [[f"{random.gauss(0, 9):.3f}" for _ in range(width)] + [random.choice("ab")] for _ in range(rows)]
    table[0][0] = "0.125"
    try:
        assert not holds_names(table, "table")
    except ProblemError:  # a first row that rises and lies outside the others, as wavelengths do
        assert width > 2


def test_what_the_user_says_is_done(tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{i}.5,{i},{i + 2},{i % 2}\n" for i in range(8))
    path.write_text("0,1,2,3\n" + rows)
    with pytest.raises(ProblemError, match=r"the first row \(0, 1, 2, 3\) may hold"):
        load(path)
    assert load(path, -1, header=True).rows == 8
    assert load(path, -1, header=False).classes == ("0", "1", "3")
    path.write_text("a,b,c,d\n" + rows)
    assert load(path, "d").rows == 8
    with pytest.raises(ProblemError, match="line 1, column '0': 'a' is among numbers"):
        load(path, header=False)


def test_frames_and_parquet_without_names(tmp_path):
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.normal(size=(12, 3))).assign(**{"3": 0})
    frame.columns = range(4)
    frame[3] = [0, 1] * 6
    frame.to_parquet(tmp_path / "t.parquet")
    for source in (frame, tmp_path / "t.parquet", {"train": frame[:8], "test": frame[8:]}):
        for target in (3, "3", -1, None):
            data = load(source, target)
            assert data.classes == ("0", "1")
            assert data.x.shape == (12, 3)
            assert "the columns have no names and are numbered 0 to 3" in data.notes
    assert load(frame, 2).kind == "regression"
    named = frame.set_axis([2019, 2020, 2021, 2022], axis=1)
    assert load(named, 2022).classes == load(named, -1).classes == ("0", "1")
    with pytest.raises(ProblemError, match="such as target='2022'"):
        load(named)


def test_a_frame_whose_names_are_a_row_of_values_is_told(tmp_path):
    (tmp_path / "radar.csv").write_text(NAMELESS[0].text.replace("1,0,", "7,0,", 1))
    frame = pandas.read_csv(tmp_path / "radar.csv")
    assert "look like a row of values" in " ".join(load(frame, "g").notes)
    assert "look like a row of values" not in " ".join(load(tmp_path / "radar.csv").notes)


def test_header_is_for_text_files():
    with pytest.raises(ProblemError, match="header=False is for text files"):
        load((np.eye(4), [0, 1, 0, 1]), header=False)


def test_a_target_in_a_row_that_is_taken_for_values(tmp_path):
    rows = "".join(f"{i}.5,{'ab'[i % 2]}\n" for i in range(8))
    (tmp_path / "t.csv").write_text(f"x,kind\n{rows}x,kind\n{rows}")
    with pytest.raises(
        ProblemError, match="first row, which holds 'kind', looks like values; use header=True"
    ):
        load(tmp_path / "t.csv", "kind")
