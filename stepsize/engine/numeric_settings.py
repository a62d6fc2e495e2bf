"""Numeric settings of an optimizer, which runs of one program may have for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Number(NamedTuple):
    """A setting in single precision: `value`, and `rest`, what rounding took from it."""

    value: Any
    rest: Any


def in_single_precision(values: Sequence[float]) -> Number:
    """Return numbers as a pair of float32 arrays, so that 1 - 0.999 is the float32 number nearest to 0.001.

    >>> value, rest = in_single_precision([0.999])
    >>> bool(((1 - value) - rest)[0] == np.float32(1 - 0.999))
    True
    """
    exact = np.array(values, np.float64)
    value = exact.astype(np.float32)
    rest = np.where(np.isfinite(value), exact - value, 0)
    return Number(value, rest.astype(np.float32))
