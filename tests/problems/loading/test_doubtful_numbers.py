"""Numbers that may be dates, codes or missing values: used as they are, and named in a note."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from stepsize.problems.loading.catalog import load
from stepsize.problems.loading.doubtful_numbers import array_notes, missing_code, written_date

ROWS = 12
COLUMNS = {
    "day": [f"2012{month:02d}28" for month in range(1, ROWS + 1)],
    "area": [f"{803 + 7919 * i % 90000:05d}" for i in range(ROWS)],
    "zip": [str(10000 + 7919 * i) for i in range(ROWS)],
    "batch": [f"{i}E{i % 3}" for i in range(ROWS)],
    "age": ["-1", *(str(20 + 3 * i) for i in range(ROWS - 1))],
    "income": ["-999", *(str(2000 + 300 * i) for i in range(ROWS - 1))],
    "size": [f"0.{i % 7}" for i in range(ROWS)],
    "small": [f"{1 + i}e-05" for i in range(ROWS)],
    "score": [str(i % 3 - 1) for i in range(ROWS)],
    "y": ["ab"[i % 2] for i in range(ROWS)],
}
NOTES = {
    "day": "holds dates written as numbers (20120128)",
    "area": "holds '00803', written like a code, and is used as a number",
    "zip": "is named like a code and is used as a number",
    "batch": "holds '0E0', written like a code",
    "age": "holds -1 in 1 of 12 rows and no other number below 0",
    "income": "holds -999 in 1 of 12 rows and no other number below 0",
}


def noted(data):
    """Return the columns that notes name because of their numbers, with these notes."""
    signs = ("written as numbers", "like a code", "if that means missing")
    return {note.split("'")[1]: note for note in data.notes if any(sign in note for sign in signs)}


@pytest.mark.parametrize("separator", [",", ";"])
def test_doubtful_numbers_of_a_file_are_noted(tmp_path, separator):
    path = tmp_path / "table.csv"
    pandas.DataFrame(COLUMNS).to_csv(path, index=False, sep=separator)
    notes = noted(load(path, "y"))
    assert list(notes) == list(NOTES)
    for name, note in NOTES.items():
        assert note in notes[name]
    assert (
        "put a letter before each code to make them categories, or leave it out with drop='area'"
        in (notes["area"])
    )
    assert list(noted(load(path, "y", drop=["area", "day"]))) == ["zip", "batch", "age", "income"]


def test_doubtful_numbers_of_a_frame_are_noted():
    notes = noted(load(pandas.DataFrame(COLUMNS), "y"))
    assert list(notes) == list(NOTES)


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_doubtful_numbers_of_an_array_are_noted(dtype):
    x = np.array([COLUMNS[name] for name in ("day", "age", "income", "score")]).T.astype(np.float64)
    notes = load((x.astype(dtype), [0, 1] * 6)).notes
    assert any("x, column 0 holds dates written as numbers (20120128)" in note for note in notes)
    assert any("x, column 1 holds -1 in 1 of 12 rows" in note and "pass NaN" in note for note in notes)
    assert any("x, column 2 holds -999 in 1 of 12 rows" in note for note in notes)
    assert not any("column 3" in note for note in notes)


def test_only_the_first_columns_of_an_array_are_named():
    x = np.tile(np.array([[-999.0], [500.0], [300.0], [100.0]]), 9)
    assert array_notes("x", x)[-1] == "x: 4 more columns are like these"


def test_usual_numbers_are_not_doubtful():
    generator = np.random.default_rng(0)
    for values in (
        np.array([-1.0, 0, 1, 1, -1]), np.array([-1.0, -2, 30]), generator.normal(size=50),
        generator.integers(10**7, 3 * 10**7, 50).astype(float), np.array([]), np.array([np.nan]),
    ):  # fmt: skip
        assert missing_code(values) is None
        assert written_date(values) is None
