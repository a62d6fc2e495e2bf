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


WRITTEN = [  # a separator, the cells of a column, and the numbers that they are; None if refused
    (";", ["0,5", "12", "-1,25"], [0.5, 12, -1.25]),
    (";", ["1.234,56", "900", "7,5"], [1234.56, 900, 7.5]),
    (";", ["1.234.567", "900", "12"], [1234567, 900, 12]),
    (";", ["1,234,567.5", "900", "12"], [1234567.5, 900, 12]),
    (";", ["1.25", "900", "12.5"], [1.25, 900, 12.5]),
    (";", ["1.234", "2.500", "7.125"], [1.234, 2.5, 7.125]),
    (";", ["10,234", "900", "12"], None),
    (";", ["10.234", "900", "12"], None),
    ("\t", ["10,234", "900", "12"], None),
    ("\t", ["0,5", "12", "-1,25"], [0.5, 12, -1.25]),
    (",", ['"10,234"', "900", "12"], [10234, 900, 12]),
    (",", ['"0,5"', "12", '"7,5"'], [0.5, 12, 7.5]),
    (",", ["10.234", "900", "12"], [10.234, 900, 12]),
    (",", ["1_0", "2", "7"], "'1_0' is among numbers, in 4 of 12 rows"),
    (",", ["$ 1.50", "$ 12.25", "$ 7"], r"numbers with units, signs or blanks in them \('\$ 1.50'\)"),
    (",", ["1 234", "12", "5 % "], r"numbers with units, signs or blanks in them \('1 234'\)"),
    (",", ["5 kg", "7 kg", "300 g"], r"units, signs or blanks in them \('300 g'\)"),
    (
        ",",
        ["-", "unk", "1", "2", "-", "unk"],
        "'-' and 'unk' are among numbers, in 16 of 24 rows; correct or empty",
    ),
    (",", ["3 Jan 2024", "4 Jan 2024", "5 Feb 2024"], "holds dates"),
]


@pytest.mark.parametrize(("separator", "cells", "expected"), WRITTEN)
def test_numbers_as_people_write_them(tmp_path, separator, cells, expected):
    rows = [f"{cell}{separator}{'xy'[i % 2]}{separator}{i}" for i, cell in enumerate(cells * 4)]
    path = write(tmp_path, "\n".join([separator.join(["a", "kind", "b"]), *rows]))
    if isinstance(expected, list):
        data = load(path, "kind", drop="b")
        np.testing.assert_array_equal(data.x[:3, 0], np.float32(expected))
        unusual = any("," in cell or cell.count(".") > 1 for cell in cells)
        assert ("decimal commas or separators of thousands: 'a'" in " ".join(data.notes)) is unusual
        return
    with pytest.raises(
        ProblemError, match=expected or r"column 'a': '10[,.]234' may be (10234 or 10\.234|10\.234 or 10234)"
    ):
        load(path, "kind", drop="b")


def test_another_column_shows_the_decimal_mark(tmp_path):
    text = "price;share;kind\n" + "".join(f"1{i}.234;0,{i}5;{'xy'[i % 2]}\n" for i in range(1, 9))
    assert load(write(tmp_path, text), "kind").x[0].tolist() == [11234, np.float32(0.15)]
    english = text.replace(",", ".").replace(".234", ",234")
    assert load(write(tmp_path, english), "kind").x[0].tolist() == [11234, np.float32(0.15)]
    tabs = text.replace(";", "\t").replace("price", "price ")
    assert load(write(tmp_path, tabs), "kind").x[0].tolist() == [11234, np.float32(0.15)]


def test_numbers_to_predict_as_people_write_them(tmp_path):
    text = "a;price\n" + "".join(f"{i * i};{i + 1}.234,5{i}\n" for i in range(8))
    data = load(write(tmp_path, text), "price")
    assert data.kind == "regression"
    assert data.y[1, 0] == 2234.51
    with pytest.raises(ProblemError, match="target column 'price': '10,234' may be"):
        load(write(tmp_path, "a;price\n" + "1;10,234\n2;900\n3;800\n4;12\n"), "price")


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(",", "   "),
        GOOD.replace(",", "\t\t", 3).replace(",", "\t"),
        "  " + GOOD.replace(",", " ").replace("\n", "  \n  "),
        "sep=;\n" + GOOD.replace(",", ";"),
        '"sep=|"\n' + GOOD.replace(",", "|"),
        GOOD.replace("x", "'x'").replace("y", "'y'").replace("0", "'0'"),
        GOOD.replace("\n", "\n\n   \n"),
        GOOD.replace("x", " x  ").replace("y", "\ty "),
        GOOD.rstrip(),
    ],
)
def test_layouts(tmp_path, text):
    assert_good(load(write(tmp_path, text), "kind"))


def test_commas_in_quotation_marks_do_not_separate(tmp_path):
    text = '"height, cm";"weight, kg";kind\n' + "".join(f"{i};{i * i};{'xy'[i % 2]}\n" for i in range(8))
    assert_good(load(write(tmp_path, text), "kind"))
    assert load(write(tmp_path, text.replace("kind", '"kind, final"')), "kind, final").classes == ("x", "y")


@pytest.mark.parametrize("inside", ["\r", "\n", "\r\n", ",", ";", "\t", " ", '""'])
def test_a_cell_may_hold_anything_in_quotation_marks(tmp_path, inside):
    (tmp_path / "t.csv").write_bytes(GOOD.replace("x", f'"x{inside}1"').encode())
    data = load(tmp_path / "t.csv", "kind")
    assert data.x.tolist() == [[i, i * i] for i in range(8)]
    cell = inside.replace('""', '"')
    assert data.classes == (f"x{cell}1", "y")


def test_lines_are_those_of_the_file(tmp_path):
    bad = [(str(i) if i != 6 else "oops") + f',{i * 7 % 5},"two\nlines {i % 2}"' for i in range(9)]
    text = "a,b,kind\n\n\n" + "\n\n".join(bad) + "\n"
    with pytest.raises(ProblemError, match="line 22, column 'a': 'oops'"):
        load(write(tmp_path, text), "kind")
    assert text.splitlines()[21].startswith("oops")
    nothing = text.replace("oops", "7").replace('"two\nlines 1"', "", 1)
    line = 1 + next(i for i, each in enumerate(nothing.splitlines()) if each.endswith(","))
    with pytest.raises(ProblemError, match=rf"line {line}, target column 'kind': the value is missing"):
        load(write(tmp_path, nothing), "kind")


@pytest.mark.parametrize("word", ["None", "NA", "?", "null", "nan", "N/A"])
def test_a_class_that_reads_as_missing_is_named(tmp_path, word):
    path = write(tmp_path, GOOD.replace("y", word))
    with pytest.raises(ProblemError) as caught:
        load(path, "kind")
    assert f"line 3, target column 'kind': {word!r} is read as a missing value (4 of 8)" in str(caught.value)
    assert "if it is a class, rename it" in str(caught.value)
    with pytest.raises(ProblemError, match=r"'kind': the value is missing.*keep_default_na=False"):
        load(pandas.read_csv(path, na_values="?"), "kind")


def test_classes_are_called_what_is_written(tmp_path):
    for one, other in (("01", "1"), ("1_0", "10"), ("1E5", "100000"), ("007", "7")):
        text = "a,kind\n" + "".join(f"{i * i},{(one, other)[i % 2]}\n" for i in range(8))
        assert load(write(tmp_path, text), "kind").classes == tuple(sorted((one, other)))
    text = "a,kind\n" + "".join(f"{i * i},{('1', '1.0', '2')[i % 3]}\n" for i in range(9))
    assert load(write(tmp_path, text), "kind").classes == ("1", "2")


def test_names_in_either_unicode_form(tmp_path):
    composed, decomposed = "na\u00efve", "nai\u0308ve"
    for written in (composed, decomposed):
        text = GOOD.replace("kind", written).replace("x", written)
        for asked in (composed, decomposed):
            assert (
                load(write(tmp_path, text), asked).classes == (composed, "y")[:: -1 if composed > "y" else 1]
            )
            frame = pandas.read_csv(write(tmp_path, text))
            assert composed in load(frame, asked).classes
    both = GOOD.replace("x", composed, 1).replace("x", decomposed, 1).replace("x", composed)
    assert len(load(write(tmp_path, both), "kind").classes) == 2


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
    words = "a,red,round\n" + "".join(f"{i * i},{i % 2 == 1},{i > 3}\n" for i in range(8))
    assert load(write(tmp_path, words), "red,round").kind == "multilabel"
    with pytest.raises(ProblemError, match="line 5, target column 'red': the value is missing"):
        load(write(tmp_path, words.replace("9,True", "9,NA")), "red,round")
    german = "a;b;c\n" + "".join(f"{i * i};{i},5;1.{i}00,25\n" for i in range(8))
    assert load(write(tmp_path, german), "b,c").y[3].tolist() == [3.5, 1300.25]


def test_order_and_weights_as_people_write_them(tmp_path):
    text = "a;when;trust;kind\n" + "".join(f"{i * i};{9 - i}.000,5;{i},25;{'xy'[i % 2]}\n" for i in range(8))
    data = load(write(tmp_path, text), "kind", order="when", weights="trust")
    assert data.order[:2].tolist() == [9000.5, 8000.5]
    assert data.weights[:2].tolist() == [0.25, 1.25]
    days = text.replace(".000,5", "")
    assert load(write(tmp_path, days), "kind", order="when", drop="trust").order[:2].tolist() == [9, 8]
    dates = days.replace(";9;", ";2024-03-01;")
    with pytest.raises(ProblemError, match="the order column must hold numbers or dates"):
        load(write(tmp_path, dates), "kind", order="when", drop="trust")


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
