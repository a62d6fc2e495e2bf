"""The curves of a run as bytes: float32 from the engine, float64 as a training function reports them."""

from __future__ import annotations

import numpy as np


def packed(curves: np.ndarray) -> bytes:
    """Return curves [4, epochs] as little-endian numbers of their own precision."""
    return curves.astype("<f8" if curves.dtype == np.float64 else "<f4").tobytes()


def unpacked(content: bytes, epochs: int) -> np.ndarray:
    """Return the curves [4, epochs] of some bytes, whose number shows the precision.

    >>> unpacked(packed(np.ones((4, 2), np.float32)), epochs=2).dtype, unpacked(bytes(64), epochs=2).dtype
    (dtype('float32'), dtype('float64'))
    """
    return np.ndarray((4, epochs), "<f8" if len(content) == 32 * epochs else "<f4", content)
