"""The pictures: well-formed, inside their frames, true to the numbers."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.report.pictures import chart_data, charts
from stepsize.report.pictures.difference_picture import difference_picture
from stepsize.report.pictures.differences import differences
from stepsize.report.pictures.score_rows import notes, scores
from stepsize.report.view_model import view
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(f"<svg>{drawn}</svg>")


def places(drawn: str) -> list[tuple[float, float]]:
    """Return the ends of all absolute moves and lines of the paths in a picture."""
    found = re.findall(r"[ML](-?[\d.e+]+) (-?[\d.e+]+)", drawn)
    return [(float(x), float(y)) for x, y in found]


@pytest.mark.parametrize("name", ["lesson", "one_lost", "one_seed", "lower", "twelve", "hostile"])
def test_every_panel_is_well_formed_and_stays_inside(studies: Studies, name: str) -> None:
    shown = view(*studies[name]())
    rows = [row for row in shown.rows if row.curves and row.plan and row.sweep]
    for panels in (
        charts.curves(shown, "metric", rows),
        charts.curves(shown, "loss", rows),
        charts.sweep(shown, rows),
        charts.plans(shown, rows),
    ):
        for frame, drawn in [(panels.frame, panels.large), (panels.small_frame, panels.shared)]:
            assert len(parsed(drawn)) > 5
            assert all(0 <= x <= frame.width and 0 <= y <= frame.height for x, y in places(drawn))
        assert len(panels.small) == len(rows)
        for _, _, drawn in panels.small:
            assert len(parsed(drawn)) > 0


def test_a_candidate_with_more_epochs_stays_inside(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    curve = details["curves"][view(answer, details).rows[-1].name]
    curve["epoch"] = [2 * each for each in curve["epoch"]]
    shown = view(answer, details)
    drawn = charts.curves(shown, "metric", shown.rows)
    assert max(x for x, _ in places(drawn.shared)) <= charts.SMALL[0]


def test_the_recommended_candidate_is_drawn_over_the_others(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    panels = charts.plans(view(answer, details), view(answer, details).rows)
    assert panels.large.count('class="subject"') == 1
    assert panels.large.count('class="context"') == 6


def test_peaks_far_apart_get_a_logarithmic_axis(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    rows = view(answer, details).rows
    assert not charts.plans(view(answer, details), rows).frame.log_y
    details["plans"]["linear(lr)"]["lr"] = [lr * 100 for lr in details["plans"]["linear(lr)"]["lr"]]
    assert charts.plans(view(answer, details), rows).frame.log_y


def test_differences_lie_where_the_numbers_say(studies: Studies) -> None:
    shown = view(*studies["lesson"]())
    drawn = differences(shown)
    assert drawn is not None
    low, high = drawn.margin
    width = high - low
    assert (low + high) / 2 == pytest.approx(drawn.zero, abs=0.02)
    for mark in drawn.marks:
        if mark.row.baseline:
            assert mark.mean == drawn.zero
            continue
        assert mark.mean is not None
        expected = drawn.zero + width / 2 * (mark.row.gap or 0.0) / shown.margin
        assert mark.mean == pytest.approx(expected, abs=0.05)


def test_a_difference_far_outside_is_marked_and_does_not_squeeze_the_others(studies: Studies) -> None:
    answer, details = studies["twelve"]()
    far = next(c for c in answer["candidates"] if c["vs_baseline"])
    far["vs_baseline"].update(mean=-0.8, ci95=[-0.81, -0.79])
    drawn = differences(view(answer, details))
    assert drawn is not None
    marks = {mark.row.name: mark for mark in drawn.marks}
    assert marks[far["name"]].beyond == "left"
    assert drawn.margin[1] - drawn.margin[0] > 10


def test_every_finished_run_has_a_dot(studies: Studies) -> None:
    drawn = scores(view(*studies["one_lost"]()))
    assert drawn is not None
    assert sum(len(row.dots) for row in drawn.rows) + drawn.beyond == 11 * 30
    assert drawn.lost == 30
    assert "30 runs diverged" in notes(drawn)


def test_a_score_for_scale_outside_the_picture_is_a_note_and_no_line(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    answer["data"]["references"] = [{"name": "logistic regression", "scores": [0.9]}]
    drawn = scores(view(answer, details))
    assert drawn is not None
    constant, logistic = drawn.lines
    assert (constant.x, constant.side, constant.text) == (None, "left", "63.8 %")
    assert logistic.x is not None
    assert 0 < logistic.x < 100


def test_the_image_names_every_candidate_with_its_difference(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    picture = difference_picture(answer, details)
    texts = [
        "".join(each.itertext()) for each in ET.fromstring(picture.svg).iter() if each.tag.endswith("text")
    ]
    for row in view(answer, details).rows:
        assert row.name in texts
        assert row.baseline or f"{row.difference} · {row.verdict}" in texts
    assert answer["verdict"]["headline"] in " ".join(texts)


@pytest.mark.parametrize("name", ["nulls", "one_candidate", "hostile", "many", "long"])
def test_an_image_can_be_made_of_any_study(studies: Studies, name: str) -> None:
    picture = difference_picture(*studies[name]())
    assert ET.fromstring(picture.svg) is not None
    assert "\x1b" not in picture.svg


def test_a_picture_is_an_image_in_a_notebook_and_a_file(studies: Studies, tmp_path) -> None:
    pytest.importorskip("vl_convert")
    picture = difference_picture(*studies["lesson"]())
    data, _ = picture._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    for ending in ("svg", "png"):
        path = picture.save(tmp_path / f"picture.{ending}")
        assert picture.save(path) == path
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_limits_hold_the_middle_of_the_values(values: list[float]) -> None:
    low, high = chart_data.limits(values) or (math.nan, math.nan)
    assert min(values) <= low <= high <= max(values)
    outside = sum(not low <= value <= high for value in values)
    assert outside <= 2 * (len(values) // 20)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=120))
def test_a_plan_reduced_to_its_corners_stays_within_a_thousandth(values: list[float]) -> None:
    epochs = [i / 9 for i in range(len(values))]
    kept = chart_data.corners(epochs, values)
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    for a, b in pairwise(kept):
        for i in range(a, b):
            drawn = values[a] + (values[b] - values[a]) * (i - a) / (b - a)
            assert abs(drawn - values[i]) <= 1.001e-3 * max(values)


def test_a_constant_plan_needs_two_points() -> None:
    assert chart_data.corners([float(i) for i in range(400)], [0.1] * 400) == [0, 399]


def test_a_rate_that_lost_runs_has_no_mean_but_a_cross(studies: Studies) -> None:
    shown = view(*studies["lesson"]())
    lost = [point for row in shown.rows for point in row.sweep if chart_data.has_lost(point)]
    assert lost
    assert all(chart_data.sweep_mean(shown, point) is None for point in lost)
    drawn = {row.name: text for row, _, text in charts.sweep(shown, shown.rows).small}
    assert sum(text.count('class="lost"') for text in drawn.values()) == len(lost)
