"""Terminal cells: nothing is ever wider than asked, and nothing is lost that fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stepsize.report import terminal_text

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(words, st.integers(4, 60))
def test_shortened_text_fits_and_text_that_fits_is_kept(text: str, room: int) -> None:
    short = terminal_text.shorten(terminal_text.safe(text), room)
    assert terminal_text.cell_width(short) <= room
    if terminal_text.cell_width(terminal_text.safe(text)) <= room:
        assert short == terminal_text.safe(text)


@given(words, st.integers(6, 60))
def test_wrapped_lines_fit_and_keep_every_character(text: str, room: int) -> None:
    lines = terminal_text.wrap(terminal_text.safe(text), room, first="- ", rest="  ")
    assert all(terminal_text.cell_width(line) <= room for line in lines)
    kept = "".join(line[2:] for line in lines)
    assert kept.replace(" ", "") == "".join(terminal_text.safe(text).split())


@given(words)
def test_safe_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    assert all(char.isprintable() or char.isspace() or ord(char) > 0x9F for char in terminal_text.safe(text))
    assert "\x1b" not in terminal_text.safe(text)


def test_wide_characters_count_twice_and_combining_marks_nothing() -> None:
    assert terminal_text.cell_width("学習率") == 6
    assert terminal_text.cell_width("e\u0301") == 1
    assert terminal_text.pad("学", 4) == "学  "


def test_ascii_spelling_has_only_ascii() -> None:
    assert terminal_text.ascii_only("→ 89.7 ± 0.7 − …").isascii()
