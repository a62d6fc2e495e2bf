"""A table written in any layout is read as it is, or refused: never read as another table."""

import csv
import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load

ROWS = 12
SWAP = str.maketrans(".,", ",.")
numbers = st.one_of(
    st.integers(-5000, 5_000_000).map(float),
    st.integers(-(10**7), 10**7).map(lambda n: n / 100),
    st.integers(-(10**7), 10**7).map(lambda n: n / 1000),
)
layouts = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([",", ";", "\t", "|", " "]),
        "german": st.booleans(),
        "grouped": st.booleans(),
        "named": st.booleans(),
        "end": st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
        "hint": st.booleans(),
        "quoted": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    }
)


def written(value, layout):
    """The text of a number, without the zeros at its end."""
    text = f"{value:,.3f}" if layout["grouped"] else f"{value:.3f}"
    text = text.rstrip("0").rstrip(".")
    return text.translate(SWAP) if layout["german"] else text


def file_of(columns, layout):
    """The text of a file with these columns of numbers, and a class in the last one."""
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=layout["separator"], lineterminator=layout["end"], quoting=layout["quoted"]
    )
    if layout["named"]:
        writer.writerow([*(f"name {i}" for i in range(len(columns))), "kind"])
    for row in range(ROWS):
        writer.writerow([*(written(column[row], layout) for column in columns), "xy"[row % 2]])
    hint = f"sep={layout['separator']}\n" if layout["hint"] else ""
    return hint + text.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(numbers, min_size=ROWS, max_size=ROWS), min_size=1, max_size=4), layouts)
def test_a_table_is_read_as_it_is_or_refused(tmp_path_factory, columns, layout):
    path = tmp_path_factory.mktemp("layouts") / "t.csv"
    path.write_bytes(file_of(columns, layout).encode())
    try:
        data = load(path, -1)
    except ProblemError as error:
        refused = ("may hold the names", "without separators of thousands", "no column is left")
        if not any(words in str(error) for words in refused):
            raise
        return
    assert data.classes == ("x", "y")
    assert data.rows == ROWS
    expected = [np.float32(column) for column in columns if len(set(column)) > 1]
    assert data.x.shape[1] == len(expected)
    for read, column in zip(data.x.T, expected, strict=True):
        if not np.array_equal(read, column):
            # A column in which every number has thousands may be one of decimals: all are 1/1000 of it.
            assert np.allclose(read * 1000, column, rtol=1e-6) or np.allclose(read, column * 1000, rtol=1e-6)
