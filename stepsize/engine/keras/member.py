"""One run of a Keras model as pure functions: its initial state, one update, its predictions.

The model and its optimizer are called through Keras' own stateless functions, the ones that `fit` uses on
JAX, so a run makes exactly the updates that `fit` would make.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import cast

import jax
import jax.numpy as jnp
import keras
import numpy as np

from stepsize.engine.batches import Batch, Rows
from stepsize.engine.keras.driven_settings import (
    Setting,
    build_task,
    driven_settings,
    momentum_name,
    scaled_layers,
    scaled_update,
)
from stepsize.engine.keras.initial_weights import is_generator_state, starter
from stepsize.engine.member import Driven, RunningMetric, State, advanced
from stepsize.engine.numeric_settings import Number
from stepsize.engine.task import Task
from stepsize.problems.models.kept_weights import kept_variables, recorded_initialisers
from stepsize.problems.models.keras_models import Built
from stepsize.problems.models.scorers import Scorer
from stepsize.problems.target_encoding import encode
from stepsize.schedules import plateau_rule

Generators = list[jax.Array]
"""States of the random generators, which the runs of a seed share."""


class KerasMember:
    """A `Member` that runs the compiled Keras model of a task."""

    initial_shapes = None

    def __init__(self, task: Task) -> None:
        with recorded_initialisers(draw=not task.is_text) as initialisers:
            self.built = build_task(task)
        self._task = task
        self.scorer: Scorer | RunningMetric = self.built.scorer
        self.model, self.optimizer = self.built.model, self.built.model.optimizer
        self.averages = bool(self.optimizer.use_ema)
        self._scaled = scaled_layers(self.model, task.multipliers)
        self._generator = [is_generator_state(v) for v in self.model.non_trainable_variables]
        self._rate_slot = [v is self.optimizer._learning_rate for v in self.optimizer.variables].index(True)
        self._slots = [v.value for v in self.optimizer.variables]
        if task.model.get("from_weights"):
            initialisers = {}
        kept = frozenset() if task.is_text else kept_variables(self.model, initialisers)
        self._initial = starter(self.model, initialisers, kept)
        kernels = [v.shape for v in self.model.trainable_variables]
        self.weights = sum(map(prod, kernels))
        units = sum(prod(shape) * shape[-1] for shape in kernels if shape)
        self.width = units / self.weights  # units of a layer, averaged over the weights

    def initial(self, seed: int | jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        """Return the trainable and the non-trainable variables that every run of `seed` starts from."""
        values = self._initial(jnp.uint32(seed))
        trainable = len(self.model.trainable_variables)
        return values[:trainable], values[trainable:]

    def rows(self) -> Rows:
        """Return the data of the task in the form that model, loss and metric take."""
        return all_rows(self._task, self.built)

    def start(
        self, seed: jax.Array, initial: None, rule: plateau_rule.PlateauRule
    ) -> tuple[State, Generators]:
        """Return the state before the first update, whose weights the model's initialisers draw."""
        weights, non_trainable = self.initial(seed)
        others, generators = self._split(non_trainable)
        state = State(weights, others, self._slots, jnp.int32(0), jnp.int32(-1), plateau_rule.init(rule))
        return state, generators

    def update(
        self, run: tuple[State, Driven], shared: Generators, batch: Batch
    ) -> tuple[tuple[State, jax.Array], Generators]:
        """Make one update of the optimizer, and return its loss."""
        state, driven = run
        gradients, (loss, non_trainable) = self._gradients(state, shared, batch)
        slots = list(state.slots)
        slots[self._rate_slot] = driven.rate.astype(slots[self._rate_slot].dtype)
        if self.built.loss_reduction == "sum":
            gradients = [len(batch.y) * gradient for gradient in gradients]
        factors = [None if name is None else driven.multipliers[name] for name in self._scaled]
        with driven_settings(self.optimizer, self._settings(driven)):
            weights, slots = scaled_update(self.model, slots, gradients, state.weights, factors)
        others, generators = self._split(non_trainable)
        return (advanced(state, loss, list(weights), others, list(slots)), loss), generators

    def gradients(
        self, state: State, shared: Generators, batch: Batch
    ) -> tuple[Sequence[jax.Array], Generators]:
        """Return the gradients of a batch's mean loss, as an update has them."""
        gradients, (_, non_trainable) = self._gradients(state, shared, batch)
        return gradients, self._split(non_trainable)[1]

    def predict(self, state: State, shared: Generators, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """Return the mean loss and the predictions of a batch, without training."""
        loss, (_, predicted, _, _) = self.model.compute_loss_and_updates(
            state.weights, self._merge(state.others, shared), [], batch.x, batch.y, None, training=False
        )
        return loss, keras.tree.flatten(predicted)[0]

    def finished(self, state: State) -> State:
        """Return the state with the weights `fit` would end with: averages if the optimizer keeps them."""
        if not self.averages:
            return state
        variables = self.model.trainable_variables
        present = [*zip(variables, state.weights, strict=True)]
        present += zip(self.optimizer.variables, state.slots, strict=True)
        with keras.StatelessScope(state_mapping=present) as scope:
            self.optimizer.finalize_variable_values(variables)
            weights = [cast(jax.Array, scope.get_current_value(variable)) for variable in variables]
        return state._replace(weights=weights)

    def own_weights(self, state: State) -> list[jax.Array]:
        """Return the trainable weights and the others, in the model's order, without generators' states."""
        return [*state.weights, *state.others]

    def _gradients(
        self, state: State, shared: Generators, batch: Batch
    ) -> tuple[list[jax.Array], tuple[jax.Array, list[jax.Array]]]:
        """Return the gradients of a batch, its loss, and the non-trainable variables after it."""
        grad = jax.value_and_grad(self.model.compute_loss_and_updates, has_aux=True)
        (_, (loss, _, non_trainable, _)), gradients = grad(  # the gradients alone are of a scaled loss
            state.weights,
            self._merge(state.others, shared),
            [],
            batch.x,
            batch.y,
            batch.weights,
            training=True,
            optimizer_variables=state.slots,
        )
        return gradients, (loss, non_trainable)

    def _settings(self, driven: Driven) -> dict[str, Setting]:
        """Return the settings of a run by the optimizer's attributes."""
        numbers = dict(driven.settings)
        if driven.momentum is not None:
            numbers[momentum_name(self.optimizer)] = Number(driven.momentum, 0.0)
        return {
            name: Setting(value, getattr(self.optimizer, name), rest)
            for name, (value, rest) in numbers.items()
        }

    def _split(self, non_trainable: Sequence[jax.Array]) -> tuple[list[jax.Array], Generators]:
        pairs = list(zip(self._generator, non_trainable, strict=True))
        return [v for is_state, v in pairs if not is_state], [v for is_state, v in pairs if is_state]

    def _merge(self, others: Sequence[jax.Array], generators: Generators) -> list[jax.Array]:
        weights, states = iter(others), iter(generators)
        return [next(states if is_state else weights) for is_state in self._generator]


def all_rows(task: Task, built: Built) -> Rows:
    """Return the data of a task, with targets in the forms that loss and metric take."""
    inputs = {name: x.reshape(len(x), *built.row_shapes[name]) for name, x in task.inputs.items()}

    def targets(numbers: bool, signs: bool) -> np.ndarray:
        y = encode(task.y, task.kind, task.classes, built.width, numbers)
        return 2 * y - 1 if signs else y

    loss, scorer = (built.loss_numbers, built.loss_signs), (built.scorer.numbers, built.scorer.signs)
    y = targets(*loss)
    return Rows(inputs, y, y if loss == scorer else targets(*scorer), task.weights)
