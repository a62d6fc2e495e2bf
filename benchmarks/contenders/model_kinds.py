"""The kinds of models that are timed beside their peers, and the rows they train on.

Rows are drawn around one centre for each class, so every network has something to learn, and accuracies of
equal networks agree. Words of a class come more often in its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from data import Parts

CLASSES = 10
VOCABULARY = 2_000


class Kind(NamedTuple):
    """The shape of a row, how many rows there are, and how they are trained; `runs` is of a population."""

    shape: tuple[int, ...]
    rows: int
    batch: int
    epochs: int
    runs: int
    rate: float
    noise: float = 3.0


KINDS = {
    "MLP, 34 wide": Kind((34,), 640, 32, 20, 120, 0.02),
    "MLP, 512 wide": Kind((784,), 3_200, 32, 3, 6, 0.01, 12.0),
    "convolutional, 28 x 28 x 1": Kind((28, 28, 1), 1_280, 32, 4, 6, 0.02, 4.0),
    "convolutional, 32 x 32 x 3": Kind((32, 32, 3), 640, 32, 3, 2, 0.01, 6.0),
    "residual, 16 x 16 x 16": Kind((16, 16, 16), 640, 32, 3, 4, 0.01, 2.0),
    "recurrent": Kind((32, 16), 1_280, 32, 4, 12, 0.1, 3.0),
    "attention": Kind((32, 32), 1_280, 32, 4, 12, 0.05, 3.0),
    "embedding": Kind((64,), 1_280, 32, 6, 60, 0.3),
}


def parts(name: str) -> Parts:
    """Return the rows of a kind, a fifth of them to judge on."""
    from data import Parts

    kind = KINDS[name]
    generator = np.random.default_rng(0)
    y = generator.integers(0, CLASSES, kind.rows * 5 // 4).astype(np.int32)
    if name == "embedding":
        common = generator.integers(0, VOCABULARY, (CLASSES, 40))
        own = common[y[:, None], generator.integers(0, 40, (len(y), *kind.shape))]
        any_word = generator.integers(0, VOCABULARY, own.shape)
        x = np.where(generator.random(own.shape) < 0.3, own, any_word).astype(np.int32)
    else:
        same = (1, 1, 16) if name.startswith("residual") else kind.shape  # it takes the mean over the pixels
        centres = generator.normal(size=(CLASSES, *same))
        x = (centres[y] + kind.noise * generator.normal(size=(len(y), *kind.shape))) / kind.noise
        x = x.astype(np.float32)
    return Parts(x[: kind.rows], y[: kind.rows], x[kind.rows :], y[kind.rows :])
