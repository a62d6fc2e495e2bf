"""Table files: recognised, read, and refused with file and line."""

import numpy as np
import pandas
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading import memory
from stepsize.problems.loading.catalog import load

GOOD = "a,b,kind\n" + "\n".join(f"{i},{i * i},{'xy'[i % 2]}" for i in range(8)) + "\n"


def write(tmp_path, text, name="table.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return str(path)


def assert_good(data):
    """Check that this is the table of `GOOD`."""
    assert data.x.tolist() == [[i, i * i] for i in range(8)]
    assert data.classes == ("x", "y")
    assert data.y.tolist() == [0, 1] * 4


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
def test_separators(tmp_path, separator):
    assert_good(load(write(tmp_path, GOOD.replace(",", separator)), "kind"))


def test_the_check_above_can_fail(tmp_path):
    with pytest.raises(AssertionError):
        assert_good(load(write(tmp_path, GOOD.replace("49", "50")), "kind"))


def test_tsv_and_marks_of_other_programs(tmp_path):
    assert_good(load(write(tmp_path, GOOD.replace(",", "\t"), "t.tsv"), "kind"))
    assert_good(load(write(tmp_path, GOOD, encoding="utf-8-sig"), "kind"))
    assert_good(load(write(tmp_path, GOOD.replace("\n", "\r\n\r\n")), "kind"))
    assert_good(load(write(tmp_path, GOOD, "T.CSV"), "kind"))


def test_decimal_commas(tmp_path):
    text = "a;kind\n" + "".join(f"{i},5;{'xy'[i % 2]}\n" for i in range(8))
    assert load(write(tmp_path, text), "kind").x[:, 0].tolist() == [i + 0.5 for i in range(8)]
    english = "a;kind\n" + "".join(f"{i}.5;{'xy'[i % 2]}\n" for i in range(8))
    assert load(write(tmp_path, english), "kind").x[:, 0].tolist() == [i + 0.5 for i in range(8)]


def test_parquet(tmp_path):
    frame = pandas.DataFrame({"a": range(8), "b": [i * i for i in range(8)], "kind": list("xyxyxyxy")})
    frame.to_parquet(tmp_path / "t.parquet")
    assert_good(load(tmp_path / "t.parquet", "kind"))
    with pytest.raises(ProblemError, match="such as target='kind'"):
        load(tmp_path / "t.parquet")
    with pytest.raises(ProblemError, match="did you mean 'kind'"):
        load(tmp_path / "t.parquet", "kid")
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(ProblemError, match="cannot be read as Parquet"):
        load(tmp_path / "bad.parquet", "kind")


def test_several_targets(tmp_path):
    text = "a,b,red,round\n" + "".join(f"{i},{i * i},{i % 2},{i // 4}\n" for i in range(8))
    data = load(write(tmp_path, text), "red, round")
    assert (data.kind, data.classes, data.outputs) == ("multilabel", ("red", "round"), 2)
    assert data.x.shape == (8, 2)
    data = load(write(tmp_path, text), "a,b")
    assert (data.kind, data.outputs) == ("regression", 2)


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
        (GOOD + "1,red,x\n", "kind", ["line 10", "column 'b'", "'red' is not a number, unlike most"]),
        (GOOD + "1,inf,x\n", "kind", ["line 10", "column 'b'", "not finite"]),
        (GOOD + "1,1e39,x\n", "kind", ["line 10", "column 'b'", "not finite"]),
        (GOOD + "1,2,\n", "kind", ["line 10", "target column 'kind'", "missing", "1 of 9"]),
        (GOOD.replace("y\n", "x\n"), "kind", ["only one class", "'x'"]),
        ("a,a,kind\n1,2,x\n", "kind", ["two columns are called 'a'"]),
        ("a,kind\n1,x\n2,y\n", "kind", ["2 rows"]),
        ("a,kind\n1,x\n", "kind", ["1 rows", "at least 4"]),
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
