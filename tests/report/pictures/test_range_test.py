"""A range test as an image, and in a notebook."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from stepsize.range_test.answer import RangeTestAnswer, SuggestedRate
from stepsize.report.pictures.range_test import fragment, range_test_picture


@pytest.fixture
def answer() -> RangeTestAnswer:
    losses = [1.0, 0.9, 0.4, 0.2, 30.0]
    curve = [
        {"rate": 10.0 ** (number - 4), "loss": loss, "low": 0.9 * loss, "high": 1.1 * loss}
        for number, loss in enumerate(losses)
    ]
    best: SuggestedRate = {"rate": 0.01, "ci95": None, "range": [0.01, 0.1], "sweeps": None}
    return RangeTestAnswer(
        status="ok", sentence="Begin with <0.01>.", best=best, suggestions={"steepest": 0.01}, agreement=1.0,
        peaks={}, curve=curve, start=1.0, ramp="exponential", updates=5, ends=["complete"], notes=["a & b"],
    )  # fmt: skip


def test_the_rise_after_the_fall_does_not_squeeze_it(answer: RangeTestAnswer) -> None:
    picture = range_test_picture(answer)
    assert picture is not None
    root = ET.fromstring(picture.svg)
    line = next(each for each in root.iter() if each.get("class") == "subject")
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", line.get("d") or "")]
    assert len(heights) == 5
    assert all(8 <= height <= 236 for height in heights)
    assert max(heights) - heights[0] > 120  # the fall takes most of the height
    assert sum(each.get("class") == "ring" for each in root.iter()) == 1


def test_a_notebook_shows_an_image_and_the_rules(answer: RangeTestAnswer) -> None:
    text = fragment(answer)
    assert "<h4>Begin with &lt;0.01&gt;.</h4>" in text
    assert text.count("<img ") == 1
    assert '<td align="left">steepest</td><td align="right">0.01</td>' in text
    assert "a &amp; b" in text
    assert not re.search(r"<(style|script|svg)|style=|class=", text)


def test_without_losses_there_is_no_picture(answer: RangeTestAnswer) -> None:
    answer.update(curve=[], best=None, suggestions={}, status="too_few_batches")
    assert range_test_picture(answer) is None
    assert "<img" not in fragment(answer)
