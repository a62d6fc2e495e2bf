"""What the contenders share: the same rows in the same parts, and the line that each prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stepsize.problems.loading.catalog import load


class Parts(NamedTuple):
    """Inputs and class numbers to train on, and to judge on."""

    x: np.ndarray
    y: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray


class Run(NamedTuple):
    """What one run took, for training and judging, and reached; compiling is not in `seconds`."""

    seconds: float
    accuracy: float
    compile_seconds: float = 0.0


def ionosphere() -> Parts:
    """Load the lesson's parts: 235 rows to train on and the last 116, unshuffled, to judge on."""
    data = load("ionosphere")
    first = int(data.rows * (1 - 0.33))
    x = np.asarray(data.x)
    return Parts(x[:first], data.y[:first], x[first:], data.y[first:])


def fashion(folder: Path) -> Parts:
    """Load Fashion-MNIST as rows of 784 numbers: 60,000 to train on, the data's 10,000 to judge on."""
    data = load("fashion-mnist", folder=folder)
    assert data.test is not None
    x, first = np.asarray(data.x).reshape(data.rows, -1), data.rows - len(data.test)
    return Parts(x[:first], data.y[:first], x[first:], data.y[first:])


def tell(peer: str, epochs: int, runs: Sequence[Run]) -> None:
    """Print the one line that the benchmark reads."""
    seconds, accuracy, compiling = zip(*runs, strict=True)
    line = {"peer": peer, "runs": len(runs), "epochs": epochs, "seconds": sum(seconds)}
    print(json.dumps({**line, "compile_seconds": sum(compiling), "val_accuracy": accuracy}))
