"""The pictures: valid against the schema, drawable without a browser, true to the numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

alt = pytest.importorskip("altair")
vl_convert = pytest.importorskip("vl_convert")

from stepsize.report import chart_data, chart_theme, charts  # noqa: E402
from stepsize.report.view_model import View, view  # noqa: E402
from stepsize.verdict.answer import Answer, Details  # noqa: E402

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]

KINDS: dict[str, Callable[[View], Any]] = {
    "results": charts.results,
    "differences": charts.differences,
    "all_plans": charts.all_plans,
    "plan": lambda shown: charts.plan(shown, 1),
    "metric": lambda shown: charts.curve(shown, "metric", 1),
    "loss": lambda shown: charts.curve(shown, "loss", 1),
    "sweep": lambda shown: charts.sweep(shown, 1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["lesson", "one_lost", "one_seed", "lower"])
def test_a_chart_is_valid_and_draws(studies: Studies, name: str, kind: str) -> None:
    chart = KINDS[kind](view(*studies[name]()))
    spec = chart.to_dict()
    json.dumps(spec, allow_nan=False)
    svg = vl_convert.vegalite_to_svg({**spec, "width": 300})
    assert svg.count("<path") > 3


def test_results_name_every_candidate_and_its_number(studies: Studies) -> None:
    shown = view(*studies["twelve"]())
    svg = vl_convert.vegalite_to_svg({**charts.results(shown).to_dict(), "width": 900})
    for row in shown.rows:
        assert row.name.replace(">", "&gt;") in svg
        assert row.score in svg


def test_the_margin_is_drawn_in_the_picture_of_differences(studies: Studies) -> None:
    spec = charts.differences(view(*studies["lesson"]())).to_dict()
    assert spec["datasets"]["margin"] == [
        {"low": pytest.approx(-100 / 116), "high": pytest.approx(100 / 116)}
    ]
    assert len(spec["datasets"]["gaps"]) == 5


def test_colours_follow_the_palette(studies: Studies) -> None:
    shown = view(*studies["lesson"]())
    light = json.dumps(charts.results(shown, chart_theme.LIGHT).to_dict())
    page = json.dumps(charts.results(shown, chart_theme.PAGE).to_dict())
    assert chart_theme.LIGHT.accent in light
    assert chart_theme.LIGHT.accent not in page
    assert "var(--accent)" in page


def test_the_row_parameter_chooses_the_panel(studies: Studies) -> None:
    shown = view(*studies["lesson"]())
    one, two = (charts.plan(shown, row).to_dict() for row in (0, 3))
    assert [p["value"] for p in one.pop("params")] == [0]
    assert [p["value"] for p in two.pop("params")] == [3]
    assert one == two


def test_peaks_far_apart_get_a_logarithmic_axis(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    linear = json.dumps(charts.all_plans(view(answer, details)).to_dict())
    details["plans"]["linear(lr)"]["lr"] = [lr * 100 for lr in details["plans"]["linear(lr)"]["lr"]]
    assert '"log"' not in linear
    assert '"log"' in json.dumps(charts.all_plans(view(answer, details)).to_dict())


def test_unchecked_charts_are_the_same_charts(studies: Studies) -> None:
    shown = view(*studies["lesson"]())
    with chart_theme.unchecked():
        fast = charts.results(shown).to_dict(validate=False)
    assert fast == charts.results(shown).to_dict()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_limits_hold_the_middle_of_the_values(values: list[float]) -> None:
    low, high = chart_data.limits(values) or (math.nan, math.nan)
    assert min(values) <= low <= high <= max(values)
    outside = sum(not low <= value <= high for value in values)
    assert outside <= 2 * (len(values) // 20)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=120))
def test_a_plan_reduced_to_its_corners_stays_within_a_thousandth(values: list[float]) -> None:
    epochs = [i / 9 for i in range(len(values))]
    kept = chart_data._corners(epochs, values)
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    for a, b in pairwise(kept):
        for i in range(a, b):
            drawn = values[a] + (values[b] - values[a]) * (i - a) / (b - a)
            assert abs(drawn - values[i]) <= 1.001e-3 * max(values)


def test_a_constant_plan_needs_two_points() -> None:
    assert chart_data._corners([float(i) for i in range(400)], [0.1] * 400) == [0, 399]


def test_a_rate_that_lost_runs_has_no_mean_but_a_cross(studies: Studies) -> None:
    records = chart_data.sweep(view(*studies["lesson"]()))
    lost = [record for record in records if record["lost"]]
    assert lost
    assert all(record["mean"] is None and record["lost"] == 2 for record in lost)


def test_every_finished_run_has_a_dot(studies: Studies) -> None:
    dots = chart_data.scores(view(*studies["one_lost"]()))
    assert len(dots) == 11 * 30
