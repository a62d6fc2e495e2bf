"""Whether the first row of a text file holds the names of the columns, or values.

Each cell of the first row is compared with the cells below it, which gives it a clue:

- a *name*, if it is a word above numbers, or above categories that all occur again while it does not;
- a *value*, if it is a number within the range of the numbers below it, if it has decimals, or if it occurs
  again below;
- nothing, if it is missing, or anything else.

Names are texts, so a first row without numbers holds names if it has no value, or fewer values than names
above numbers. A first row with numbers holds values if nothing in it is a name. Numbers are names only if
they count (0, 1, 2 or 2019, 2020) beside another name. What is left is not decided but refused; docs/data.md
has the whole rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from stepsize.errors import ProblemError
from stepsize.problems.loading.number_formats import MISSING, read_number

NAME, VALUE = "name", "value"
SHOWN = 6  # cells of the first row that a message quotes


class Clue(NamedTuple):
    """What a cell of the first row looks like, and whether it lies among the numbers below it."""

    kind: str | None
    above_numbers: bool
    among_numbers: bool = False


def holds_names(rows: Sequence[Sequence[str]], what: str) -> bool:
    """Return whether the first of `rows` holds the names of the columns; `what` is the table, in messages.

    Raises: ProblemError if it may hold names as well as values.

    >>> holds_names([["age", "kind"], ["7", "x"], ["9", "y"], ["8", "x"]], "table")
    True
    >>> holds_names([["7", "x"], ["9", "y"], ["8", "x"]], "table")
    False
    """
    first, below = rows[0], rows[1:]
    clues = [_clue(cell, [row[i] for row in below if i < len(row)]) for i, cell in enumerate(first)]
    numbers = _numbers(first)
    answer = _by_texts(first, clues) if not numbers else _by_numbers(first, numbers, clues)
    if answer is None:
        shown = ", ".join(first[:SHOWN]) + (", ..." if len(first) > SHOWN else "")
        raise ProblemError(
            f"{what}: the first row ({shown[:100]}) may hold the names of the columns or values; use "
            "header=True for names, header=False for values"
        )
    return answer


def _clue(cell: str, below: Sequence[str]) -> Clue:
    present = [text for text in below if text not in MISSING]
    numbers = _numbers(present)
    if 2 * len(numbers) > len(present):
        return _clue_above_numbers(cell, present, numbers)
    if cell in MISSING or not present:
        return Clue(None, False)
    counts = Counter(present)
    return Clue(VALUE if cell in counts else NAME if min(counts.values()) > 1 else None, False)


def _clue_above_numbers(cell: str, present: Sequence[str], numbers: Sequence[float]) -> Clue:
    if cell == "" and len(numbers) > 1 and _counts(numbers):
        return Clue(NAME, True)  # the row numbers that pandas writes have no name
    if cell in MISSING:
        return Clue(None, True)
    if not _numbers([cell]):
        is_name = any(map(str.isalpha, cell))  # a dash may stand for a missing value
        return Clue(VALUE if cell in present else NAME if is_name else None, True)
    (number,) = _numbers([cell])
    among = min(numbers) <= number <= max(numbers)
    return Clue(VALUE if among or not number.is_integer() else None, True, among)


def _by_texts(first: Sequence[str], clues: Sequence[Clue]) -> bool | None:
    """Return whether a first row without numbers holds names; None if that is not clear."""
    kinds = [clue.kind for cell, clue in zip(first, clues, strict=True) if cell not in MISSING]
    if VALUE not in kinds or clues.count(Clue(NAME, above_numbers=True)) > kinds.count(VALUE):
        return True
    return False if set(kinds) == {VALUE} else None


def _by_numbers(first: Sequence[str], numbers: Sequence[float], clues: Sequence[Clue]) -> bool | None:
    """Return whether a first row with these numbers holds names; None if that is not clear."""
    has_names = any(clue.kind == NAME for clue in clues)
    if has_names and len(numbers) > 1 and _counts(numbers):
        return True
    repeated = Counter(cell for cell in first if _numbers([cell]))
    if max(repeated.values()) > 1:
        return False  # names differ
    rises = len(numbers) > 2 and all(a < b for a, b in pairwise(numbers))
    if rises and (len(numbers) > 4 or _counts(numbers) or not any(clue.among_numbers for clue in clues)):
        return None  # names such as 0, 1, 2 or 400.5, 401, 401.5, or an unusual row
    if any(clue.kind == NAME and clue.above_numbers for clue in clues):
        return None
    has_decimals = any(not number.is_integer() for number in numbers)
    if has_names:
        return False if has_decimals else None
    return False if any(clue.kind == VALUE for clue in clues) else None


def _numbers(cells: Sequence[str]) -> list[float]:
    """Return the numbers among the cells, but for words such as inf."""
    numbers = (read_number(cell) for cell in cells if not cell.isalpha())
    return [number for number in numbers if number is not None and isfinite(number)]


def _counts(numbers: Sequence[float]) -> bool:
    return all(b - a == 1 for a, b in pairwise(numbers)) and numbers[0].is_integer()
