"""Terminal cells: how wide text is on screen, and how to shorten, pad and wrap it by that width.

Names come from users, so control characters (an escape sequence in a file name, say) are made visible
instead of being sent to the terminal.
"""

from __future__ import annotations

import unicodedata

_ASCII = str.maketrans({"±": "+-", "−": "-", "–": "-", "—": "-", "…": "...", "·": "|", "×": "x", "≥": ">="})


def safe(text: str) -> str:
    """Replace every control character, line breaks included, by a visible one.

    >>> safe("a\\x1b[31mb")
    'a�[31mb'
    """
    if text.isprintable():  # as nearly every text is
        return text
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") else c for c in text)


def ascii_only(text: str) -> str:
    """Spell the text in ASCII; what has no spelling becomes a question mark.

    >>> ascii_only("89.7 ± 0.7 …é")
    '89.7 +- 0.7 ...?'
    """
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def cell_width(text: str) -> int:
    """Count the cells that the text takes: wide characters two, combining marks none.

    >>> cell_width("abc"), cell_width("学習")
    (3, 4)
    """
    return len(text) if text.isascii() else sum(_cell(c) for c in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shorten(text: str, cells: int, mark: str = "…") -> str:
    """Cut the middle out so that both ends, where names differ, stay readable.

    >>> shorten("warmup(5*epochs) >> cosine(lr)", 20)
    'warmup(5*e…osine(lr)'
    """
    if cell_width(text) <= cells:
        return text
    room = cells - cell_width(mark)
    if room < 2:
        return _head(text, cells)
    tail = _head(text[::-1], room // 2)[::-1]
    return _head(text, room - cell_width(tail)) + mark + tail


def _head(text: str, cells: int) -> str:
    kept, used = 0, 0
    for char in text:
        used += _cell(char)
        if used > cells:
            break
        kept += 1
    return text[:kept]


def pad(text: str, cells: int, right: bool = False) -> str:
    """Fill with blanks to the width; `right` aligns to the right.

    >>> pad("ab", 4), pad("ab", 4, right=True)
    ('ab  ', '  ab')
    """
    blanks = " " * max(0, cells - cell_width(text))
    return blanks + text if right else text + blanks


def wrap(text: str, cells: int, first: str = "", rest: str = "") -> list[str]:
    """Break into lines of at most `cells`; `first` and `rest` start the first and the other lines.

    >>> wrap("one two three", 9, first="- ", rest="  ")
    ['- one two', '  three']
    """
    lines: list[str] = []
    line, empty = first, True
    for word in text.split():
        while word:
            gap = "" if empty else " "
            if cell_width(line + gap + word) <= cells:
                line, empty, word = line + gap + word, False, ""
            elif not empty:
                lines.append(line)
                line, empty = rest, True
            else:
                head = _head(word, max(2, cells - cell_width(line)))
                lines.append(line + head)
                line, word = rest, word[len(head) :]
    return lines if empty else [*lines, line]
