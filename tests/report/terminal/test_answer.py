"""The answer in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.report.terminal.answer import render, schedule_sparkline
from stepsize.report.terminal_text import cell_width
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details

Study = tuple[Answer, Details]
Studies = dict[str, Callable[[], Study]]


def assert_fits(text: str, cells: int) -> None:
    too_wide = [line for line in text.splitlines() if cell_width(line) > cells]
    assert not too_wide


def test_the_width_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        assert_fits("x" * 61, 60)


@pytest.mark.parametrize("cells", [40, 60, 80, 120, 160])
def test_no_line_is_wider_than_the_terminal(study: Study, cells: int) -> None:
    assert_fits(render(*study, width=cells), cells)
    assert_fits(render(*study, width=cells, ascii=True), cells)


def test_sentence_warnings_notes_and_cost_are_there(studies: Studies) -> None:
    answer, details = studies["lesson"]()
    flat = " ".join(render(answer, details, width=80).split())
    for text in [answer["verdict"]["sentence"], *answer["warnings"], *answer["notes"]]:
        assert text in flat
    assert re.search(r"\d{3} runs in [\d.]+ s · [\d,]+ runs per second · compiling [\d.]+ s", flat)


@pytest.mark.parametrize("cells", [80, 160])
def test_every_candidate_has_picture_rate_score_difference_and_verdict(studies: Studies, cells: int) -> None:
    answer, details = studies["twelve"]()
    lines = render(answer, details, width=cells).splitlines()
    start = next(i for i, line in enumerate(lines) if "candidate" in line)
    table = lines[start + 1 : lines.index("", start)]
    rows = [line for line in table if not line.startswith("    ")]  # a long name goes over several lines
    assert len(rows) == len(answer["candidates"]) == 12
    text = "".join(table).replace(" ", "")
    assert all(
        candidate["name"].replace(" ", "") in text or cells == 80 for candidate in answer["candidates"]
    )
    for row in rows:
        assert re.search(r"[▁▂▃▄▅▆▇█]{4}", row)
        assert re.search(r"0\.\d +\d\d\.\d ± \d\.\d", row)
        assert re.search(r"(better|worse|equivalent|not shown|baseline)", row)
    assert sum(row.startswith("→") for row in rows) == 1
    best = [c for c in answer["candidates"] if c["in_best_set"]]
    assert sum(row.startswith(("→", "•")) for row in rows) == len(best)


def test_a_wide_terminal_shows_more(studies: Studies) -> None:
    narrow, wide = (render(*studies["lesson"](), width=cells) for cells in (80, 160))
    header = [next(line for line in text.splitlines() if "candidate" in line) for text in (narrow, wide)]
    for title in ("sd", "p (Holm)", "P(better)", "schedule"):
        assert title not in header[0]
        assert title in header[1]


def test_diverged_runs_are_counted(studies: Studies) -> None:
    assert "26/30" in render(*studies["twelve"](), width=80)
    assert render(*studies["all_diverged"](), width=80).count("0/30") == 4


def test_colour_changes_nothing_but_colour(study: Study) -> None:
    plain = render(*study, width=80)
    coloured = render(*study, width=80, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_names_cannot_command_the_terminal(studies: Studies) -> None:
    assert "\x1b" not in render(*studies["hostile"](), width=160)


def test_ascii_is_ascii(study: Study) -> None:
    assert render(*study, width=80, ascii=True).isascii()


def test_a_sparkline_shows_warmup_and_decay() -> None:
    warm = [i / 50 for i in range(50)] + [1 - i / 450 for i in range(450)]
    assert schedule_sparkline(warm, cells=10) == "▄█▇▆▅▄▃▂▁▁"
    assert schedule_sparkline([0.1] * 20, cells=6) == "██████"
    assert schedule_sparkline([0.0] * 20, cells=6) == " " * 6
    assert schedule_sparkline([], cells=6) == " " * 6
    assert schedule_sparkline([1.0, 0.5], cells=4, ascii=True).isascii()


@given(st.lists(st.floats(0, 10), max_size=50), st.integers(1, 30))
def test_a_sparkline_has_one_character_a_cell(values: list[float], cells: int) -> None:
    assert len(schedule_sparkline(values, cells=cells)) == cells
