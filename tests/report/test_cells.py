"""Terminal cells: nothing is ever wider than asked, and nothing is lost that fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stepsize.report import cells

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(words, st.integers(4, 60))
def test_shortened_text_fits_and_text_that_fits_is_kept(text: str, room: int) -> None:
    short = cells.shorten(cells.safe(text), room)
    assert cells.width(short) <= room
    if cells.width(cells.safe(text)) <= room:
        assert short == cells.safe(text)


@given(words, st.integers(6, 60))
def test_wrapped_lines_fit_and_keep_every_character(text: str, room: int) -> None:
    lines = cells.wrap(cells.safe(text), room, first="- ", rest="  ")
    assert all(cells.width(line) <= room for line in lines)
    kept = "".join(line[2:] for line in lines)
    assert kept.replace(" ", "") == "".join(cells.safe(text).split())


@given(words)
def test_safe_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    assert all(char.isprintable() or char.isspace() or ord(char) > 0x9F for char in cells.safe(text))
    assert "\x1b" not in cells.safe(text)


def test_wide_characters_count_twice_and_combining_marks_nothing() -> None:
    assert cells.width("学習率") == 6
    assert cells.width("e\u0301") == 1
    assert cells.pad("学", 4) == "学  "


def test_ascii_spelling_has_only_ascii() -> None:
    assert cells.ascii_only("→ 89.7 ± 0.7 − …").isascii()
