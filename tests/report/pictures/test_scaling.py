"""The law between a value and its best rate as a picture, and in a notebook."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from stepsize.report.pictures.scaling import fragment, scaling_picture
from stepsize.scaling.answer import BothAnswer, ScalingAnswer, ValueAnswer
from stepsize.scaling.summary import law_answer, law_of


def answer_of(along: str, rates: dict[float, float | None]) -> ScalingAnswer:
    values = [
        ValueAnswer(
            value=value,
            epochs=5,
            updates=50,
            status="ok",
            rate=rate,
            range=rate and [rate / 2, rate * 3],
            mean=90.0,
        )  # type: ignore[typeddict-item]
        for value, rate in rates.items()
    ]
    law = law_of(along, values)
    return ScalingAnswer(
        name="table", along=along, hold="epochs", seeds=5, values=values,
        law=None if law is None else law_answer(along, law), noise_scale=None,
        sentence="The rate <grows>.", notes=["a & b"], command="", cost={},
    )  # fmt: skip


def drawn(answer: ScalingAnswer) -> ET.Element:
    picture = scaling_picture(answer)
    assert picture is not None
    assert picture.words == answer["sentence"]
    return ET.fromstring(picture.svg)


def of_class(root: ET.Element, kind: str) -> list[ET.Element]:
    return [each for each in root.iter() if each.get("class") == kind]


def places(path: ET.Element) -> list[list[float]]:
    return [[*map(float, point.split())] for point in re.findall(r"[ML]([\d.]+ [\d.]+)", path.get("d") or "")]


LINEAR: dict[float, Any] = {8: 0.1, 16: 0.2, 32: 0.4, 64: 0.8}


def test_the_points_of_an_exact_law_lie_on_its_line_and_on_the_rule() -> None:
    root = drawn(answer_of("batch_size", LINEAR))
    (first, last), points = places(of_class(root, "law")[0]), of_class(root, "point")
    assert places(of_class(root, "rule-1")[0]) == [first, last]  # the linear rule
    slope = (last[1] - first[1]) / (last[0] - first[0])
    assert len(points) == len(of_class(root, "range")) == 4
    for point in points:
        x, y = float(point.get("cx") or 0), float(point.get("cy") or 0)
        assert y == pytest.approx(first[1] + slope * (x - first[0]), abs=0.2)
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert {"8", "16", "32", "64", "batch_size", "linear rule", "square-root rule"} <= {*words}


def test_other_rates_leave_the_line_of_a_rule() -> None:
    root = drawn(answer_of("batch_size", {8: 0.1, 16: 0.11, 32: 0.13, 64: 0.12}))
    assert places(of_class(root, "rule-1")[0]) != places(of_class(root, "law")[0])


def test_everything_lies_in_the_picture() -> None:
    root = drawn(answer_of("momentum", {0.0: 1.0, 0.5: 0.04, 0.9: 0.5, 0.99: 0.001}))
    for kind in ("law", "band", "rule-1"):
        path = of_class(root, kind)[0]  # the second one is in the key
        assert all(62 <= x <= 704.1 and 29.9 <= y <= 276.1 for x, y in places(path)), kind


def test_a_value_without_a_rate_is_left_out_and_two_have_no_law() -> None:
    root = drawn(answer_of("width", {16: 0.1, 32: None, 64: 0.1}))
    assert len(of_class(root, "point")) == 2
    assert not of_class(root, "law")
    assert scaling_picture(answer_of("width", {16: 0.1, 32: None, 64: None})) is None


def test_two_laws_are_drawn_side_by_side_on_the_same_rates() -> None:
    laws = [answer_of("batch_size", LINEAR), answer_of("batch_size", {8: 0.1, 16: 0.1, 32: 0.9, 64: 0.1})]
    laws[1]["hold"] = "updates"
    both = BothAnswer(
        name="table",
        along="batch_size",
        hold="both",
        seeds=5,
        laws=laws,
        sentence="Both.",
        command="",
        cost={},
    )
    picture = scaling_picture(both)
    assert picture is not None
    root = ET.fromstring(picture.svg)
    first, second = (float(of_class(root, "point")[number].get("cy") or 0) for number in (0, 4))
    assert first == second  # 0.1 under both laws
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert {"batch_size, at equal epochs", "batch_size, at equal updates"} <= {*words}
    assert "<th>batch_size</th><th>at equal epochs</th><th>at equal updates</th>" in fragment(both)
    laws[1] = answer_of("batch_size", {8: 0.1, 16: None, 32: None})
    assert scaling_picture(both) is None


def test_a_notebook_shows_an_image_and_the_rates() -> None:
    text = fragment(answer_of("batch_size", LINEAR))
    assert "<h4>The rate &lt;grows&gt;.</h4>" in text
    assert text.count("<img ") == 1
    assert '<td align="right">8</td><td align="left">0.1  (0.05 to 0.3)</td>' in text
    assert "a &amp; b" in text
    assert not re.search(r"<(style|script|svg)|style=|class=", text)
