"""Texts that stand for numbers but are not written as numbers: with units, among words, or dates.

Such a column would become one category, and such a target one class, for every number in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from stepsize.errors import ProblemError
from stepsize.problems.loading.number_formats import SHOWN, read_number

MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2})?|\d{4}[-/]\d{1,2}"
    rf"|\d{{1,2}}[ -]{MONTH}[ -]\d{{2,4}}.*|{MONTH}[ -](\d{{1,2}},? )?\d{{2,4}}.*",
    re.IGNORECASE,
)
SYMBOLS = str.maketrans("\u2212", "-", "$€£¥₹%~≈<>=≤≥()+' \u00a0\u202f\u2019")
WITH_UNIT = re.compile(
    r"(?:usd|eur|gbp|chf|inr|rs\.?)?(?P<number>-?\d[\d.,]*(?:e[-+]?\d+)?)(?P<unit>[a-zµ°²³/]{0,12})-?",
    re.IGNORECASE,
)
ORDINALS = {"st", "nd", "rd", "th"}
PLACEHOLDERS = {
    "-", "--", "---", ".", "..", "...", "*", "n.a.", "n/a.", "nil", "not available", "tbd", "unk", "unknown",
    "missing", "undefined", "#ref!", "#value!", "#div/0!",
}  # fmt: skip # in lower case; what people write for a missing value
FEW = 20  # whole numbers that may be classes, along with words
NAMED = 3  # words that a message names


def quantity_texts(texts: Sequence[str]) -> str | None:
    """Return the first text that is a number with a unit, a sign or blanks, if all texts are numbers.

    Two texts may be anything, `1st` and `2nd` are places, and `1a` and `2b` are codes.

    >>> quantity_texts(["7", "$ 1.50", "12 $"]), quantity_texts(["5 kg", "2 kg", "300 g"])
    ('$ 1.50', '5 kg')
    >>> quantity_texts(["\u0661", "\u0662", "\u0663"]) == "\u0661"
    True
    >>> quantity_texts(["1st", "2nd", "3rd"]), quantity_texts(["1a", "2b", "3a"])
    (None, None)
    """
    matches = [WITH_UNIT.fullmatch(_ascii_digits(text).translate(SYMBOLS)) for text in texts]
    if len(texts) < 3 or None in matches:
        return None
    numbers = [match["number"] for match in matches if match is not None]
    units = {match["unit"].lower() for match in matches if match is not None} - {""}
    letters = {unit for unit in units if len(unit) == 1}
    if any(read_number(number) is None for number in numbers) or units & ORDINALS or len(letters) > 1:
        return None
    return next((text for text in texts if read_number(text) is None), None)


def _ascii_digits(text: str) -> str:
    """Return a text with the digits of other scripts as those of ours."""
    return text if text.isascii() else "".join(str(unicodedata.digit(each, each)) for each in text)


def words_among_numbers(texts: Sequence[str], counts: np.ndarray) -> list[str]:
    """Return the words of a column of numbers, the most frequent first; none if it is not one of numbers.

    `texts` are distinct, and `counts` holds how often each occurs. A column is one of numbers if most of its
    values or most of its distinct texts are, or if all its words stand for missing values.

    >>> words_among_numbers(["-", "1", "2", "2.5"], np.array([90, 4, 3, 3]))
    ['-']
    >>> words_among_numbers(["0", "a", "b"], np.array([10, 50, 40]))
    []
    """
    is_number = np.array([read_number(text) is not None for text in texts], bool)
    words = [texts[int(i)] for i in np.argsort(-counts, kind="stable") if not is_number[i]]
    mostly = 2 * counts[is_number].sum() > counts.sum() or 2 * is_number.sum() > len(texts)
    return words if mostly or (is_number.sum() > 1 and are_placeholders(words)) else []


def are_placeholders(words: Sequence[str]) -> bool:
    """Return whether all words are what people write for a missing value, such as `-` and `unknown`."""
    return all(word.lower() in PLACEHOLDERS for word in words)


def check_target_texts(texts: Sequence[str], counts: np.ndarray, where: str) -> None:
    """Raise ProblemError for texts of a target that are numbers or dates, and would become classes.

    Whole numbers, at most 20 of them, are classes even with words among them, but not with what stands for
    a missing value.
    """
    anyway = "; if they are classes after all, use kind='multiclass'"
    example = quantity_texts(texts)
    if example is not None:
        raise ProblemError(
            f"{where}: these are numbers with units, signs or blanks in them ({example[:SHOWN]!r}); write "
            f"plain numbers{anyway}"
        )
    if len(texts) > 2 and all(map(DATE.fullmatch, texts)):
        raise ProblemError(
            f"{where}: these are dates or times ({texts[0][:SHOWN]!r}); convert them to numbers, such as "
            f"days since the first one{anyway}"
        )
    words = words_among_numbers(texts, counts) if len(texts) > 2 else []
    if not words:
        return
    numbers = [number for number in map(read_number, texts) if number is not None]
    are_classes = len(numbers) <= FEW and all(number.is_integer() for number in numbers)
    if not are_classes or are_placeholders(words):
        missing = int(counts[[text in words for text in texts]].sum())
        raise ProblemError(
            f"{where}: {listed(words)} {'is' if len(words) == 1 else 'are'} among numbers, in {missing:,} of "
            f"{int(counts.sum()):,} rows; correct or remove these rows{anyway}"
        )


def listed(texts: Sequence[str], most: int = NAMED) -> str:
    """Return the first few texts of a list, `most` of them, quoted, for a message.

    >>> listed(["-", "unk"]), listed(list("abcde"))
    ("'-' and 'unk'", "'a', 'b', 'c' and 2 more")
    """
    quoted = [repr(text[:SHOWN]) for text in texts]
    if len(quoted) > most:
        return f"{', '.join(quoted[:most])} and {len(quoted) - most:,} more"
    return " and ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))


def alike_texts(texts: Sequence[str]) -> list[list[str]]:
    """Return the texts that differ only in case, blanks or invisible characters; none if there are none.

    >>> alike_texts(["NO", "Yes", "no", "maybe", " yes"])
    [['NO', 'no'], ['Yes', ' yes']]
    """
    spellings: dict[str, list[str]] = {}
    for text in texts:
        visible = "".join(each for each in text if unicodedata.category(each) != "Cf")
        spellings.setdefault(" ".join(visible.casefold().split()), []).append(text)
    return [each for each in spellings.values() if len(each) > 1]
