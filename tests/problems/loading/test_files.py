"""Table files: recognised and read."""

import pandas
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load
from tests.support.table_files import GOOD, assert_good, write


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
