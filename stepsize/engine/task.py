"""What the engine is asked to do and what it answers: plain data, for the worker's pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True, eq=False)
class Task:
    """What all runs of a population share: model, optimizer settings, data, length.

    `x` and `y` hold all rows of the data; a run gets row numbers. Every seed has its own `train_rows` rows,
    never another number of them.
    """

    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    x: np.ndarray
    y: np.ndarray
    train_rows: int
    batch_size: int
    epochs: int

    @property
    def updates_per_epoch(self) -> int:
        """Batches in an epoch, the last one as short as it comes."""
        return -(-self.train_rows // self.batch_size)


Array = Any  # NumPy on the way in and out, JAX inside the compiled program


class Block(NamedTuple):
    """Runs of one seed: they share the start, the rows, the order of batches and the dropout masks.

    Arrays: `order` [epochs, train_rows] row numbers in the order of use; `valid` [valid_rows];
    `shift` and `scale` [features] or None, fitted on the training rows; `rates` [members, updates];
    `rules` is a `PlateauRule` of arrays [members]; `watch` [members] names the series that each rule
    observes: 0 validation loss, 1 validation metric, 2 training loss.
    """

    seed: Array
    order: Array
    valid: Array
    shift: Array | None
    scale: Array | None
    rates: Array
    rules: Any
    watch: Array


class Curves(NamedTuple):
    """What a run leaves behind, one value per epoch (float32), and where it diverged.

    `rate` is the learning rate that the epoch's last update used. `diverged_at` is the first update
    whose loss was not finite, or -1.
    """

    train_loss: Array
    valid_loss: Array
    metric: Array
    rate: Array
    diverged_at: Array
