"""One run of a Keras model as pure functions: how it starts, what an update does, how it is judged.

The model and its optimizer are used through Keras' own stateless functions, the ones that `fit` uses on
JAX, so a run makes the very updates that `fit` would make.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import keras

from stepsize.engine.batches import Batch, Scoring
from stepsize.engine.driven_settings import build_task, driven_momentum, factors_of, scaled
from stepsize.engine.initial_weights import is_generator_state, recorded_initialisers, starter
from stepsize.engine.task import Task
from stepsize.schedules import plateau_rule


class State(NamedTuple):
    """All that a run of its own carries from one update to the next."""

    weights: list[jax.Array]
    others: list[jax.Array]  # non-trainable weights, such as moving means
    slots: list[jax.Array]  # the optimizer's variables
    update: jax.Array
    diverged_at: jax.Array
    plateau: plateau_rule.PlateauState


Generators = list[jax.Array]
"""States of the random generators, which runs of a seed share."""


class Driven(NamedTuple):
    """What schedules drive: the rate, and the momentum where it has a schedule; of one update or of many."""

    rate: jax.Array
    momentum: jax.Array | None


class Sums(NamedTuple):
    """What a validation part adds up to: the loss of all rows, and the state of the metric."""

    loss: jax.Array
    score: list[jax.Array]


class Member:
    """A run of the model, optimizer and loss of a task."""

    def __init__(self, task: Task) -> None:
        with recorded_initialisers() as noted:
            self.built = build_task(task)
        self.model, self.optimizer = self.built.model, self.built.model.optimizer
        self._scoring = Scoring(self.built)
        self._factors = factors_of(self.model, task.multipliers)
        self._generator = [is_generator_state(v) for v in self.model.non_trainable_variables]
        self._rate_slot = [v is self.optimizer._learning_rate for v in self.optimizer.variables].index(True)
        self._slots = [v.value for v in self.optimizer.variables]
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        self._initial = starter(variables, {} if task.model.get("from_weights") else noted)
        kernels = [v.shape for v in self.model.trainable_variables]
        self.weights = sum(map(prod, kernels))
        self.width = (
            sum(prod(shape) * shape[-1] for shape in kernels if shape) / self.weights
        )  # units of a layer

    def initial(self, seed: int | jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        """Give the trainable and the non-trainable variables that every run of `seed` starts from."""
        values = self._initial(jnp.uint32(seed))
        trainable = len(self.model.trainable_variables)
        return values[:trainable], values[trainable:]

    def start(self, seed: jax.Array, rule: plateau_rule.PlateauRule) -> tuple[State, Generators]:
        """Give the state before the first update."""
        weights, non_trainable = self.initial(seed)
        others, generators = self._parted(non_trainable)
        state = State(weights, others, self._slots, jnp.int32(0), jnp.int32(-1), plateau_rule.init(rule))
        return state, generators

    def update(
        self, own: tuple[State, Driven], generators: Generators, batch: Batch
    ) -> tuple[tuple[State, jax.Array], Generators]:
        """Make one optimizer update; a run whose loss is not finite is lost from then on.

        Its numbers go on, but nobody looks at them again: that costs less than keeping its last state.
        """
        state, driven = own
        grad = jax.value_and_grad(self.model.compute_loss_and_updates, has_aux=True)
        (loss, (_, _, non_trainable, _)), gradients = grad(
            state.weights,
            self._joined(state.others, generators),
            [],
            batch.x,
            batch.y,
            batch.weights,
            training=True,
            optimizer_variables=state.slots,
        )
        slots = list(state.slots)
        slots[self._rate_slot] = driven.rate.astype(slots[self._rate_slot].dtype)
        with driven_momentum(self.optimizer, driven.momentum):
            weights, slots = self.optimizer.stateless_apply(slots, gradients, state.weights)
        weights = scaled(weights, state.weights, self._factors)
        others, generators = self._parted(non_trainable)
        lost = (state.diverged_at < 0) & ~jnp.isfinite(loss)
        diverged_at = jnp.where(lost, state.update, state.diverged_at)
        after = State(list(weights), others, list(slots), state.update + 1, diverged_at, state.plateau)
        return (after, loss), generators

    def no_sums(self) -> Sums:
        """Give the sums of no rows."""
        return Sums(jnp.float32(0), self._scoring.start())

    def add(
        self, own: tuple[Sums, State], generators: Generators, batch: Batch, target: Any
    ) -> tuple[Sums, Generators]:
        """Add some rows of the validation part to the sums."""
        sums, state = own
        loss, (_, predicted, _, _) = self.model.compute_loss_and_updates(
            state.weights, self._joined(state.others, generators), [], batch.x, batch.y, None, training=False
        )
        score = self._scoring.add(sums.score, batch.scored, predicted, target)
        return Sums(sums.loss + loss * len(batch.y), score), generators

    def judged(self, own: tuple[Sums, State], rows: int) -> tuple[jax.Array, jax.Array]:
        """Give loss and metric of the whole validation part; none for a run that diverged."""
        sums, state = own
        lost = state.diverged_at >= 0
        loss, score = sums.loss / rows, self._scoring.result(sums.score)
        return jnp.where(lost, jnp.nan, loss), jnp.where(lost, jnp.nan, score)

    def as_left_behind(self, state: State) -> State:
        """Give the state with the weights that `fit` would leave: averages where the optimizer keeps them."""
        if not self.optimizer.use_ema:
            return state
        variables = self.model.trainable_variables
        present = [*zip(variables, state.weights, strict=True)]
        present += zip(self.optimizer.variables, state.slots, strict=True)
        with keras.StatelessScope(state_mapping=present) as scope:
            self.optimizer.finalize_variable_values(variables)
            weights = [cast(jax.Array, scope.get_current_value(variable)) for variable in variables]
        return state._replace(weights=weights)

    def _parted(self, non_trainable: Sequence[jax.Array]) -> tuple[list[jax.Array], Generators]:
        pairs = list(zip(self._generator, non_trainable, strict=True))
        return [v for is_state, v in pairs if not is_state], [v for is_state, v in pairs if is_state]

    def _joined(self, others: Sequence[jax.Array], generators: Generators) -> list[jax.Array]:
        own, common = iter(others), iter(generators)
        return [next(common if is_state else own) for is_state in self._generator]
