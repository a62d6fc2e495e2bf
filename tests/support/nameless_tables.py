"""Tables without column names, made after the files of the classic lessons: one blemish of them each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ROWS = 60


class Nameless(NamedTuple):
    """A file without names: its text, and the kind, features and classes that it must have."""

    file: str
    text: str
    kind: str
    features: int
    classes: tuple[str, ...] = ()


def _text(make: Callable[[np.random.Generator, int], str], end: str = "\n") -> str:
    rng = np.random.default_rng(0)
    return "\n".join(make(rng, row) for row in range(ROWS)) + end


def _radar(rng: np.random.Generator, row: int) -> str:
    """Ionosphere and sonar: shares, a constant column, repeated values in the first row, a letter."""
    values = [f"{each:.5f}" for each in rng.uniform(-1, 1, 6)]
    return ",".join(["1", "0", *values, "gb"[row % 2]])


def _patients(rng: np.random.Generator, row: int) -> str:
    """Pima and haberman: whole numbers throughout, and no line break at the end."""
    return f"{rng.integers(0, 15)},{rng.integers(60, 200)},{rng.integers(0, 99)},{row % 2}"


def _houses(rng: np.random.Generator, row: int) -> str:
    """Housing.data: columns aligned with spaces, a space before the first, and a quantity."""
    values = rng.uniform(0, 400, 4)
    return " " + "".join(f"{each:9.2f}" for each in values) + f" {values.sum():8.1f}  "


def _horses(rng: np.random.Generator, row: int) -> str:
    """Horse-colic and wisconsin: question marks, also in the first row, and padded numbers."""
    cells = [rng.choice(["?", "1", "2", "3"]) if row else "?" for _ in range(3)]
    return " ".join([*cells, f"{rng.integers(0, 99999):05d}", f"{rng.uniform(36, 40):.1f}", "12"[row % 2]])


def _tumours(rng: np.random.Generator, row: int) -> str:
    """Breast-cancer: texts in single quotation marks, ranges, and nan."""
    age = ("'30-39'", "'40-49'", "'50-59'")[row % 3]
    side = rng.choice(["'left'", "'right'"]) if row else "nan"
    return f"{age},{side},'{rng.integers(1, 4)}',{('yes', 'no')[row % 2]!r}"


NAMELESS = (
    Nameless("radar.csv", _text(_radar), "binary", 6, ("b", "g")),
    Nameless("patients.csv", _text(_patients, end=""), "binary", 3, ("0", "1")),
    Nameless("houses.csv", _text(_houses, end=""), "regression", 4),
    Nameless("horses.data", _text(_horses), "binary", 5, ("1", "2")),
    Nameless("tumours.csv", _text(_tumours), "binary", 7, ("no", "yes")),
)
