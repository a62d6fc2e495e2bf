"""The requests and answers of the engine: plain data, sent through the pipe of the training process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from stepsize.engine.numeric_settings import Number
from stepsize.problems.metrics import Metric


@dataclass(frozen=True, eq=False)
class Task:
    """What all runs of a population share: model, optimizer settings, data, length.

    `x` (one array, or inputs by name), `y` and `weights` hold all rows of the data; blocks refer to them by
    row number. `kind`, `classes`, `outputs` and `one_hot` describe `y`, as `Data` does. Every run of a
    population trains on exactly `train_rows` rows.

    `variants` holds the numbers that runs have in place of those in `settings`: all of them have the same
    names, which are those of `Block.settings`. `multipliers` are the names of `Block.multipliers`.
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
    one_hot: bool = False
    multipliers: tuple[str, ...] = ()
    scheduled_momentum: bool = False
    variants: tuple[Mapping[str, float], ...] = ()

    @property
    def inputs(self) -> Mapping[str, np.ndarray]:
        """The inputs by name; a single one has the name ""."""
        return self.x if isinstance(self.x, Mapping) else {"": self.x}

    @property
    def is_text(self) -> bool:
        """Whether the model is text such as `mlp(34)`, which has dense layers alone."""
        return "text" in self.model

    @property
    def updates_per_epoch(self) -> int:
        """Batches in an epoch, including a shorter last one."""
        return -(-self.train_rows // self.batch_size)


Array = Any  # NumPy on the way in and out, JAX inside the compiled program


class Block(NamedTuple):
    """Runs of one seed: they share initial weights, rows, order of batches and dropout masks.

    `order` [epochs, train_rows] and `valid` [valid_rows] are row numbers, in the order of use. `prepared`
    maps inputs to `(fill, shift, scale)`, fitted on the training rows, each of a row's shape; `fill` is None
    if nothing is filled, the whole value None if nothing is scaled either. `target` is the shift and scale
    [outputs] of a regression target, or None. `rates` is [members, updates]. `rules` is a `PlateauRule` of
    arrays [members], and `watch` [members] the series that each rule observes: 0 validation loss, 1
    validation metric, 2 training loss. `momenta` is [members, updates], or None if no momentum is scheduled.
    `settings` are numbers [members] that the optimizer uses, and `multipliers` those of the rate [members] by
    the beginning of a layer's name. `initial` holds the initial weights, by name, unless the model draws them
    from the seed itself.
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
    settings: Mapping[str, Number] = {}
    multipliers: Mapping[str, Array] = {}
    initial: Mapping[str, Array] | None = None


class Curves(NamedTuple):
    """The record of a run: one value per epoch (float32), and the update at which it diverged.

    `rate` is the learning rate that the epoch's last update used. `diverged_at` is the first update
    whose loss was not finite, or -1.
    """

    train_loss: Array
    valid_loss: Array
    metric: Array
    rate: Array
    diverged_at: Array


class Ending(NamedTuple):
    """How a run ends: the curves of its block, its weights, and its outputs for the validation rows.

    `outputs` has [rows, outputs] for each of the pieces in which these rows are judged.
    """

    curves: Curves
    weights: Any
    outputs: Sequence[np.ndarray]


NOISE_BATCHES = 32  # of a pass over the training rows at least, where the noise of gradients is measured


class Noise(NamedTuple):
    """The gradients of a run at one moment, over the training rows.

    `trace` is that of the covariance of single rows' gradients, and `square` that of the mean gradient.
    """

    trace: float
    square: float
