"""Dates that order rows: the forms that people write, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load
from stepsize.problems.loading.dates import are_dates, check_not_dates, read_dates


@pytest.mark.parametrize(
    "texts",
    [
        ["2022-12-31", "2023-02-16", "2023-03-01"],
        ["2022-12-31 10:00", "2023-02-16 09:00", "2023-03-01 08:30"],
        ["2022/12/31", "2023/2/16", "2023/3/1"],
        ["31/12/2022", "16/02/2023", "01/03/2023"],
        ["12/31/2022", "02/16/2023", "03/01/2023"],
        ["31.12.2022", "16.2.2023", "1.3.2023"],
        ["01.02.2023", "02.02.2023", "01.03.2023"],
        ["31-12-2022 10:00", "16-02-2023 09:00", "01-03-2023 08:30"],
        ["31 Dec 2022", "16 Feb 2023", "1 Mar 2023"],
        ["December 31, 2022", "February 16, 2023", "March 1, 2023"],
        ["2022-12", "2023-02", "2023-03"],
    ],
)
def test_a_column_of_one_form_is_in_the_order_of_time(texts: list[str]) -> None:
    assert read_dates(texts, "x").argsort().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["01/02/2023", "03/04/2023"], "'01/02/2023' can be read with the day or the month first"),
        (["31/01/2023", "01/31/2023"], "in '31/01/2023' the day comes first, and in '01/31/2023' the month"),
        (["31/01/2023", "soon"], "'soon' and '31/01/2023' differ in form"),
        (["31/02/2023"], "is not a number or a date"),
        (["12:30", "13:45"], "'12:30' is not a number or a date"),
        (["31/01/23"], "'31/01/23' is not a number or a date"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_to_write(texts: list[str], problem: str) -> None:
    with pytest.raises(ProblemError, match=f"^x: .*{problem}.*; write them as 2024-01-31$"):
        read_dates(texts, "x")
    assert not are_dates(texts)


def test_the_advice_of_a_column_of_dates_works() -> None:
    days = [f"{day:02}/02/2023" for day in range(1, 21)]
    frame = pandas.DataFrame({"size": range(20), "sold_on": days[::-1], "kind": list("ab") * 10})
    with pytest.raises(ProblemError, match=r"split by it \(order='sold_on'\) or leave it out"):
        load(frame, "kind")
    data = load(frame, "kind", order="sold_on")
    assert data.order is not None
    assert data.order.argsort().tolist() == list(range(20))[::-1]
    frame["sold_on"] = [f"{day % 12 + 1:02}/02/2023" for day in range(20)]
    with pytest.raises(ProblemError, match=r"days since the first one\), or leave it out"):
        load(frame, "kind")


def test_lengths_of_time_order_rows() -> None:
    hours = np.array([5, 1, 4, 2, 3] * 4) + np.arange(20) / 100
    frame = pandas.DataFrame(
        {"x": np.arange(20.0), "t": pandas.to_timedelta(hours, unit="h"), "y": [0, 1] * 10}
    )
    data = load(frame, target="y", order="t")
    assert data.order is not None
    assert data.order.argsort().tolist() == hours.argsort().tolist()
    with pytest.raises(
        ProblemError, match=r"holds lengths of time \(.*convert them to numbers, such as hours"
    ):
        load(frame, target="t")


@pytest.mark.parametrize(
    "texts",
    [
        ["01.2021", "12.2020"],
        ["1.2021", "12.2020"],
        ["31.12", "01.02"],
        ["01022021", "31122020"],
        ["1022021", "31122020"],
        ["012021", "122020"],
        ["0102", "3112"],
        ["010221", "311220"],
        ["2021.1", "2021.12"],
    ],
)
def test_dates_that_are_numbers_do_not_order_rows(texts: list[str], tmp_path) -> None:
    with pytest.raises(ProblemError, match=r"^x: '.*write .*2024-01"):
        check_not_dates(texts, "x")
    rows = "".join(f"{at},{texts[at % 2]},{'ab'[at % 2]}\n" for at in range(20))
    (tmp_path / "t.csv").write_text("size,when,kind\n" + rows)
    with pytest.raises(ProblemError, match=r"^the order column 'when': '"):
        load(tmp_path / "t.csv", "kind", order="when")
    whole = pandas.Series(texts * 10).astype(float)
    if not texts[0].startswith("0") and "." not in texts[0]:
        with pytest.raises(ProblemError, match="looks like a date"):
            load(
                pandas.DataFrame({"size": range(20), "kind": list("ab") * 10}),
                "kind",
                order=whole.astype(int),
            )


@pytest.mark.parametrize(
    "texts",
    [
        ["20210131", "20201231"],
        ["202101", "202012"],
        ["2021.01", "2021.12"],
        ["1.5", "2.25"],
        ["0.12", "0.31"],
        ["001", "002", "100"],
        ["12001", "12002"],
        ["1012001", "1012002"],
        ["2021", "2020"],
        ["1612137600", "1612137601"],
        [],
    ],
)
def test_numbers_and_dates_in_order_are_not_refused(texts: list[str]) -> None:
    check_not_dates(texts, "x")
