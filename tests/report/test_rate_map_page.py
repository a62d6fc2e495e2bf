"""The page of a map of rates: complete, offline, safe with any name, and its pictures show the numbers."""

from __future__ import annotations

import copy
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

pytest.importorskip("jinja2")

from stepsize.number_format import scale_for
from stepsize.rate_map.answer import MapAnswer, RateAnswer, RateMapAnswer
from stepsize.report import rate_map_page
from tests.report.test_html import Page, assert_offline

WORDS = ["too small", "slow", "good", "best", "good", "unstable", "diverges"]


@pytest.fixture
def answer():
    rows = [
        RateAnswer(
            rate=10.0 ** (number - 4),
            word=word,
            reason=f"reason {number}",
            n=10,
            diverged=10 if word == "diverges" else 0,
            mean=None if word == "diverges" else 0.6 + 0.05 * number,
            replicates=0 if word == "diverges" else 10,
            ci95=None if word == "diverges" else [0.58 + 0.05 * number, 0.62 + 0.05 * number],
            train_loss=[] if word == "diverges" else [1.0, 0.9 - 0.1 * number, 0.8 - 0.1 * number],
            valid_loss=[] if word == "diverges" else [1.1, float("nan"), 7.0],
            score=[],
        )
        for number, word in enumerate(WORDS)
    ]
    best = {"rate": 0.1, "range": [0.01, 1.0], "regret": 0.0}
    each = MapAnswer(settings={}, status="ok", sentence="Use lr=0.1.", rates=rows, best=best)
    protocol = {
        "model": "mlp(3)", "optimizer": {"name": "sgd", "momentum": 0.9}, "epochs": 3, "metric": "accuracy",
        "higher_is_better": True, "share": True,
    }  # fmt: skip
    study = {"name": "table", "seeds": [1, 2], "protocol": protocol, "versions": {"stepsize": "0.1.0"},
             "command": "stepsize find table.csv"}  # fmt: skip
    return RateMapAnswer(
        study=study, data={"rows": 99}, status="ok", sentence=each["sentence"], rates=rows, best=best,
        maps=[each], next="stepsize compare table.csv", notes=["A note."], cost={"runs": 0},
    )  # fmt: skip


def svgs(page):
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.S)]


def test_the_page_is_complete_and_loads_nothing(answer):
    page = rate_map_page.render(answer)
    assert_offline(page)
    text = Page(page).text
    lines = ["Use lr=0.1.", "mlp(3), sgd with momentum=0.9; 99 rows, 3 epochs", "A note."]
    lines += ["stepsize compare table.csv", "stepsize find table.csv"]
    for part in [*lines, *WORDS, *(f"reason {number}" for number in range(7))]:
        assert part in text, part
    assert "0 of 10" in text
    assert rate_map_page.render(answer) == page


def test_names_cannot_break_the_page(answer):
    answer["study"]["name"] = "<script>alert(1)</script>"
    answer["sentence"] = answer["maps"][0]["sentence"] = "a < b & <img src=x>"
    page = rate_map_page.render(answer) + rate_map_page.fragment(answer)
    assert "<script" not in page
    assert "<img src=x" not in page


def test_a_notebook_shows_images_that_a_code_host_keeps(answer):
    text = rate_map_page.fragment(answer)
    (img,) = re.findall(r"<img [^>]*>", text)
    assert 'src="data:image/' in img
    assert answer["maps"][0]["sentence"] in img
    assert not re.search(r"<(style|svg|script)|style=|class=", text)
    (picture,) = rate_map_page.map_pictures(answer)
    assert "var(--" not in picture.svg
    assert len(svgs(picture.svg)) == 1


def test_the_picture_shows_the_numbers(answer):
    each = answer["maps"][0]
    picture = rate_map_page.picture(each, scale_for("accuracy", True, True, [0.02]))
    drawn = [dot for dot in picture.dots if dot.y is not None]
    assert [dot.row["word"] for dot in drawn] == WORDS[:-1]
    xs, ys = [dot.x for dot in drawn], [dot.y for dot in drawn]
    steps = [other - one for one, other in pairwise(xs)]
    assert steps == pytest.approx([steps[0]] * 5, abs=0.2)  # a decade each
    rises = [one - other for one, other in pairwise(ys)]
    assert rises == pytest.approx([rises[0]] * 5, abs=0.2)
    assert rises[0] > 0
    heights = [dot.low - dot.high for dot in drawn]
    assert heights == pytest.approx([0.8 * rises[0]] * 6, abs=0.2)
    per_tick = {label: at for at, label in picture.y_ticks}
    assert (per_tick["60"] - per_tick["80"]) / 20 == pytest.approx(rises[0] / 5, rel=0.02)
    assert [zone.word for zone in picture.zones] == ["too small", "slow", "good", "unstable", "diverges"]
    assert picture.zones[2].x < drawn[2].x < drawn[4].x < picture.zones[2].x + picture.zones[2].width


def test_panels_stay_inside_their_frame(answer):
    width, height = rate_map_page.PANEL
    for panel in rate_map_page.panels(answer["maps"][0]):
        for path in (panel.training, panel.validation):
            numbers = [tuple(map(float, point.split())) for point in re.findall(r"[\d.-]+ [\d.-]+", path)]
            assert all(0 <= x <= width and 0 <= y <= height for x, y in numbers)
            assert not numbers or len(numbers) in (2, 3)


def test_pictures_are_well_formed(answer):
    page = rate_map_page.render(answer)
    assert len(svgs(page)) == 1 + len(WORDS)
    assert all(svg.get("aria-label") for svg in svgs(page))


def test_rates_that_all_diverged_have_a_table_and_no_picture(answer):
    lost = copy.deepcopy(answer)
    for row in lost["maps"][0]["rates"]:
        row |= {
            "word": "diverges",
            "mean": None,
            "replicates": 0,
            "ci95": None,
            "train_loss": [],
            "valid_loss": [],
            "diverged": 10,
        }
    page = rate_map_page.render(lost)
    assert svgs(page) == []
    assert Page(page).text.count("0 of 10") == 7
