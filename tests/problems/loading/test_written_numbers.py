"""Numbers in table files as people write them: decimal commas, thousands, units."""

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load
from tests.support.table_files import write


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


def test_order_and_weights_as_people_write_them(tmp_path):
    text = "a;when;trust;kind\n" + "".join(f"{i * i};{9 - i}.000,5;{i},25;{'xy'[i % 2]}\n" for i in range(8))
    data = load(write(tmp_path, text), "kind", order="when", weights="trust")
    assert data.order[:2].tolist() == [9000.5, 8000.5]
    assert data.weights[:2].tolist() == [0.25, 1.25]
    days = text.replace(".000,5", "")
    assert load(write(tmp_path, days), "kind", order="when", drop="trust").order[:2].tolist() == [9, 8]
    dates = days.replace(";9;", ";2024-03-01;")
    with pytest.raises(ProblemError, match=r"the order column: .* is not a number or a date; write them as"):
        load(write(tmp_path, dates), "kind", order="when", drop="trust")
