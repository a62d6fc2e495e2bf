"""Table files that are refused, with file and line."""

import numpy as np
import pandas
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading import memory
from stepsize.problems.loading.catalog import load
from tests.support.table_files import GOOD, write


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("", "kind", ["is empty"]),
        ("a,kind\n", "kind", ["is empty"]),
        (GOOD, None, ["such as target='kind'"]),
        (GOOD, "kinds", ["unknown target column 'kinds'", "did you mean 'kind'?"]),
        (GOOD, "kind,c", ["unknown target column 'c'"]),
        (GOOD + "1,2\n", "kind", ["line 10", "2 values for 3 columns"]),
        (GOOD + "1,2,x,7\n", "kind", ["line 10", "4 values for 3 columns"]),
        (GOOD + "1,red,x\n", "kind", ["line 10", "column 'b'", "'red' is among numbers, in 1 of "]),
        (GOOD + "1,inf,x\n", "kind", ["line 10", "column 'b'", "not finite"]),
        (GOOD + "1,1e39,x\n", "kind", ["line 10", "column 'b'", "not finite"]),
        (GOOD + "1,2,\n", "kind", ["line 10", "target column 'kind'", "missing", "1 of 9"]),
        (GOOD.replace("y\n", "x\n"), "kind", ["only one class", "'x'"]),
        ("a,a,kind\n1,2,x\n", "kind", ["two columns are called 'a'", "header=False if"]),
        ("My data\n" + GOOD, "kind", ["line 2", "3 values for 1 column; remove line 1"]),
        ("# by\n# me\n" + GOOD, "kind", ["line 3", "3 values for 1 column; remove line 1"]),
        (GOOD.replace("49", "49\0"), "kind", ["null bytes"]),
        (GOOD + '1,2,"y\n', "kind", ["a quotation mark in the row of line 10 is never closed"]),
        (GOOD.replace("1,1,y", '1,"1,y'), "kind", ["a quotation mark in the row of line 3 is never closed"]),
        ("a,kind\n1,x\n2,y\n", "kind", ["2 rows"]),
        ("a,kind\n1,x\n", "kind", ["1 row;", "at least 4"]),
        ("a,v\n1,5\n2,5\n3,5\n4,5\n", "v", ["only one class"]),
        ("a,v\n1,5.5\n2,5.5\n3,5.5\n4,5.5\n", "v", ["target is constant, 5.5 in every row"]),
        ("a,v\n1,5.5\n2,5.5\n3,inf\n4,5.5\n", "v", ["row 3: the target is not finite"]),
    ],
)
def test_bad_csv(tmp_path, text, target, words):
    with pytest.raises(ProblemError) as caught:
        load(write(tmp_path, text), target)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_places(tmp_path):
    with pytest.raises(ProblemError, match="does not exist"):
        load(tmp_path / "none.csv", "kind")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ProblemError, match="is a folder, not a file"):
        load(tmp_path / "folder.csv", "kind")
    (tmp_path / "b.csv").write_bytes("größe,kind\n1,2\n".encode("latin-1"))
    with pytest.raises(ProblemError, match=r"not UTF-8 text \(byte 2\); save it as UTF-8"):
        load(tmp_path / "b.csv", "kind")
    for name in ("n" * 300 + ".csv", "n" * 300 + ".parquet"):
        with pytest.raises(ProblemError, match="cannot be read: File name too long"):
            load(name, "kind")
    with pytest.raises(ProblemError, match="unknown data 'nnn"):
        load("n" * 300)
    with pytest.raises(ProblemError, match="unknown data"):
        load("a\0b")
    with pytest.raises(ProblemError, match=r"ending '\.xlsx' is not known; use one of: \.csv, \.tsv"):
        load(write(tmp_path, GOOD, "t.xlsx"), "kind")


def test_what_does_not_fit_says_both_numbers(tmp_path, monkeypatch):
    path = write(tmp_path, GOOD)
    pandas.read_csv(path).to_parquet(tmp_path / "t.parquet")
    np.savez_compressed(tmp_path / "t.npz", x=np.zeros((400, 90)), y=np.arange(400) % 2)
    np.savez(tmp_path / "u.npz", x=np.zeros((400, 90)), y=np.arange(400) % 2)
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\n")
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("100200\n")
    used.write_text("100000\n")
    monkeypatch.setattr(memory, "MEMORY_FILES", (str(limit), str(used)))
    assert memory.available() == 200
    for name in ("table.csv", "t.parquet", "t.npz", "u.npz"):
        with pytest.raises(ProblemError, match=r"needs about .* MB of memory, but only 0\.0 MB is available"):
            load(tmp_path / name, "kind" if name[-1] != "z" else None)
    limit.write_text("max\n")
    assert memory.available() != 200
