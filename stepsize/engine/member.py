"""The interface of a member: one run as pure functions, whatever framework its model comes from.

`keras.member` and `torch.member` implement it; populations, layouts, plateau rules and scoring use nothing
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import jax

from stepsize.engine.batches import Batch, Rows
from stepsize.engine.numeric_settings import Number
from stepsize.problems.models.scorers import Scorer
from stepsize.schedules.plateau_rule import PlateauRule, PlateauState

Arrays = Any
"""A tree of arrays, such as the weights of a model."""


class State(NamedTuple):
    """Everything that belongs to one run alone and is carried from one update to the next."""

    weights: Arrays
    others: Arrays  # weights that are not trained, such as moving means
    slots: Arrays  # the optimizer's own, such as momenta
    update: jax.Array
    diverged_at: jax.Array
    plateau: PlateauState


Shared = Any
"""What the runs of a seed share: a tree of arrays, such as the state of dropout's random generator."""


class Driven(NamedTuple):
    """What each run sets itself: a rate and a scheduled momentum, for one update or for many, and constants.

    The constants are `settings`, numbers of the optimizer by name, and `multipliers` of the rate by layer.
    """

    rate: jax.Array
    momentum: jax.Array | None = None
    settings: Mapping[str, Number] = {}
    multipliers: Mapping[str, jax.Array] = {}


class RunningMetric(Protocol):
    """A metric as functions of its state, for use inside compiled programs."""

    def start(self, rows: int) -> list[jax.Array]:
        """Return the state of a metric that has seen none of the `rows`."""
        ...

    def add(self, state: list[jax.Array], y: jax.Array, predicted: jax.Array, target: Any) -> list[jax.Array]:
        """Add rows; `target` is the shift and scale of a standardised target, or None."""
        ...

    def result(self, state: list[jax.Array]) -> jax.Array:
        """Return the metric's value."""
        ...


class Member(Protocol):
    """One run of a task: it starts from a seed, makes updates, and predicts.

    `weights` is the number of trained weights and `width` the units of a layer, averaged over the weights;
    the planner uses both. `scorer` is the metric that judges the run, one of Keras or of the user. `averages`
    is true if a run ends with weights other than those it trains, as `finished` returns them.
    `initial_shapes` are the shapes of a block's `initial`, or None if the member itself draws its weights
    from the seed.
    """

    weights: int
    width: float
    scorer: Scorer | RunningMetric
    averages: bool
    initial_shapes: Any

    def rows(self) -> Rows:
        """Return the data of the task in the form that model, loss and metric take."""
        ...

    def start(self, seed: jax.Array, initial: Arrays, rule: PlateauRule) -> tuple[State, Shared]:
        """Return the state before the first update; `initial` is the block's, None if it has none."""
        ...

    def update(
        self, run: tuple[State, Driven], shared: Shared, batch: Batch
    ) -> tuple[tuple[State, jax.Array], Shared]:
        """Make one optimizer update, and return its loss; a run whose loss is not finite has diverged.

        A diverged run keeps updating but is ignored; that is cheaper than freezing its state.
        """
        ...

    def gradients(self, state: State, shared: Shared, batch: Batch) -> tuple[Arrays, Shared]:
        """Return the gradients of a batch, as an update of the run would have them, without an update."""
        ...

    def predict(self, state: State, shared: Shared, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """Return the mean loss and the predictions of a batch, without training."""
        ...

    def finished(self, state: State) -> State:
        """Return the state with the weights that the framework's own training would end with."""
        ...

    def own_weights(self, state: State) -> Arrays:
        """Return the weights of a run in its framework's layout: a list for Keras, a dict for PyTorch."""
        ...


def advanced(state: State, loss: jax.Array, weights: Arrays, others: Arrays, slots: Arrays) -> State:
    """Return the state after an update with this loss; the first loss that is not finite is noted."""
    diverges = (state.diverged_at < 0) & ~jax.numpy.isfinite(loss)
    diverged_at = jax.numpy.where(diverges, state.update, state.diverged_at)
    return State(weights, others, slots, state.update + 1, diverged_at, state.plateau)
