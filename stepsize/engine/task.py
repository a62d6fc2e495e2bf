"""What the engine is asked to do and what it answers: plain data, for the worker's pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from stepsize.problems.metrics import Metric


@dataclass(frozen=True, eq=False)
class Task:
    """What all runs of a population share: model, optimizer settings, data, length.

    `x` (one array, or inputs by name), `y` and `weights` hold all rows of the data; a run gets row numbers.
    `kind`, `classes` and `outputs` say what `y` is, as `Data` does. Every run of a population has
    `train_rows` rows, never another number of them.
    """

    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    x: np.ndarray | Mapping[str, np.ndarray]
    y: np.ndarray
    kind: str
    classes: int
    outputs: int
    train_rows: int
    batch_size: int
    epochs: int
    weights: np.ndarray | None = None
    metric: Metric | None = None
    multipliers: Mapping[str, float] = field(default_factory=dict)  # of the rate, by a layer's name
    scheduled_momentum: bool = False

    @property
    def updates_per_epoch(self) -> int:
        """Batches in an epoch, the last one as short as it comes."""
        return -(-self.train_rows // self.batch_size)


Array = Any  # NumPy on the way in and out, JAX inside the compiled program


class Block(NamedTuple):
    """Runs of one seed: they share the start, the rows, the order of batches and the dropout masks.

    Arrays: `order` [epochs, train_rows] row numbers in the order of use; `valid` [valid_rows];
    `prepared` by input what is done to its rows, fitted on the training rows: `(fill, shift, scale)`, arrays
    of a row's shape, `fill` or the whole None where nothing is to do; `target` [outputs] the shift and scale
    of quantities, or None; `rates` [members, updates]; `rules` is a `PlateauRule` of arrays [members];
    `watch` [members] names the series that each rule observes: 0 validation loss, 1 validation metric, 2
    training loss; `momenta` [members, updates] or None where the momentum is no schedule.
    """

    seed: Array
    order: Array
    valid: Array
    prepared: Mapping[str, tuple[Array | None, Array, Array] | None]
    target: tuple[Array, Array] | None
    rates: Array
    rules: Any
    watch: Array
    momenta: Array | None = None


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
