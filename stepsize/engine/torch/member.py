"""One run of a PyTorch model as pure functions: its initial state, one update, its predictions.

The kernel of a linear layer is [out, in] in PyTorch. It is kept here as [in, out], which is faster in the
side-by-side layout, and handed to the graph transposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stepsize.engine.batches import Batch, Rows
from stepsize.engine.member import Driven, RunningMetric, State, advanced
from stepsize.engine.task import Task
from stepsize.engine.torch.graph_metric import GraphMetric
from stepsize.engine.torch.interpreter import draws, run, unsupported_operations
from stepsize.engine.torch.layer_rates import split_groups
from stepsize.engine.torch.optimizers import start, update
from stepsize.errors import NoPopulation
from stepsize.problems.metrics import metric_of
from stepsize.problems.models.scorers import Scorer, scorer_of_outputs
from stepsize.problems.target_encoding import encode
from stepsize.problems.torch.graph import Graph, Ref, first_output
from stepsize.problems.torch.optimizer_groups import Group, require_momentum
from stepsize.problems.torch.torch_model import TorchModel
from stepsize.schedules import plateau_rule

AS_MATRICES = ("Adafactor", "Muon")
"""Optimizers whose updates depend on which axis of a kernel is which, so that it must stay as it is."""

Weights = dict[str, jax.Array]


class TorchMember:
    """A `Member` that runs the exported PyTorch model of a task."""

    averages = False

    def __init__(self, task: Task) -> None:
        self._task, self.model = task, task.model["torch"]
        model: TorchModel = self.model
        self._graphs = model.exported
        for graph in (self._graphs.training, self._graphs.evaluation, model.metric):
            for sentence in unsupported_operations(graph) if graph is not None else ():
                raise NoPopulation(sentence)
        self.scorer: Scorer | RunningMetric = self._scorer()
        self.optimizer = split_groups(model.optimizer, task.multipliers)
        if task.scheduled_momentum:
            require_momentum(self.optimizer.name, self.optimizer.groups[0].settings)
        self._trained = {name for group in self.optimizer.groups for name in group.names}
        turned = set() if self.optimizer.name in AS_MATRICES else linear_kernels(self._graphs.training)
        self._turned = turned & self._trained
        self._moved = set(self._graphs.training.mutated)
        self._draws = draws(self._graphs.training)
        self.initial_shapes = jax.tree.map(
            lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), dict(model.weights)
        )
        shapes = {name: self.model.weights[name].shape for name in self._trained}
        self.weights = sum(map(prod, shapes.values()))
        units = sum(prod(shape) * self._units(name, shape) for name, shape in shapes.items())
        self.width = units / self.weights

    def rows(self) -> Rows:
        """Return the data of the task in the form that model, loss and metric take."""
        task, model = self._task, self.model
        inputs = {name: x.reshape(len(x)) if name in model.flat else x for name, x in task.inputs.items()}
        y = model.target.of(encode(task.y, task.kind, task.classes, model.width, model.target.numbers))
        if not isinstance(self.scorer, Scorer):
            return Rows(inputs, y, y, None)
        scored = encode(task.y, task.kind, task.classes, model.width, self.scorer.numbers)
        return Rows(inputs, y, scored, None)

    def _scorer(self) -> Scorer | GraphMetric:
        task, model = self._task, self.model
        if model.metric is not None:
            return GraphMetric(model.metric, model.output_shape)
        metric = task.metric or metric_of(None, None, task.kind)
        return scorer_of_outputs(metric, task.kind, task.classes, model.width, task.one_hot, model.are_logits)

    def start(self, seed: jax.Array, initial: Any, rule: plateau_rule.PlateauRule) -> tuple[State, Any]:
        """Return the state before the first update, whose weights PyTorch has drawn."""
        weights = {name: self._stored(name, initial[name]) for name in sorted(self._trained)}
        others = {name: initial[name] for name in sorted(self._moved)}
        fixed = {name: initial[name] for name in initial if name not in weights and name not in others}
        slots = start(self.optimizer, weights)
        state = State(weights, others, slots, jnp.int32(0), jnp.int32(-1), plateau_rule.init(rule))
        key = jax.random.key_data(jax.random.key(seed)) if self._draws else None
        return state, {"fixed": fixed, "key": key}

    def update(
        self, run: tuple[State, Driven], shared: Any, batch: Batch
    ) -> tuple[tuple[State, jax.Array], Any]:
        """Make one update of the optimizer, and return its loss."""
        state, driven = run
        gradients, (loss, others), shared = self._gradients(state, shared, batch)
        values = [self._driven(group, driven) for group in self.optimizer.groups]
        weights, slots = update(self.optimizer, state.weights, gradients, state.slots, state.update, values)
        others = {name: others[name] for name in state.others}
        loss = self._mean(loss, batch)
        return (advanced(state, loss, weights, others, slots), loss), shared

    def gradients(self, state: State, shared: Any, batch: Batch) -> tuple[Weights, Any]:
        """Return the gradients of a batch's loss, as an update has them."""
        gradients, _, shared = self._gradients(state, shared, batch)
        return gradients, shared

    def predict(self, state: State, shared: Any, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """Return the mean loss and the predictions of a batch, without training."""
        key = jax.random.key(0)
        loss, outputs, _ = self._run(self._graphs.evaluation, state.weights, state.others, shared, batch, key)
        predicted = first_output(outputs)
        return self._mean(loss, batch), predicted.reshape(len(predicted), -1)

    def finished(self, state: State) -> State:
        """Return the state as it is."""
        return state

    def own_weights(self, state: State) -> Weights:
        """Return the trained weights and the buffers of a run, by name in PyTorch's own layout."""
        weights = {name: self._stored(name, value) for name, value in state.weights.items()}
        return {**weights, **state.others}

    def _gradients(
        self, state: State, shared: Any, batch: Batch
    ) -> tuple[Weights, tuple[jax.Array, Weights], Any]:
        """Return the gradients of a batch, its loss with the buffers after it, and what runs share then."""
        key, shared = self._next_key(shared)

        def loss_of(weights: Weights) -> tuple[jax.Array, Weights]:
            loss, _, others = self._run(self._graphs.training, weights, state.others, shared, batch, key)
            return loss, others

        found, gradients = jax.value_and_grad(loss_of, has_aux=True)(state.weights)
        return gradients, found, shared

    def _run(
        self, graph: Graph, weights: Weights, others: Weights, shared: Any, batch: Batch, key: Any
    ) -> Any:
        inputs = batch.x if isinstance(batch.x, Mapping) else {self.model.inputs[0]: batch.x}
        arguments = [*(inputs[name] for name in self.model.inputs), batch.y]
        parameters = {name: self._stored(name, value) for name, value in weights.items()}
        return run(graph, parameters | shared["fixed"], others | shared["fixed"], arguments, key)

    def _stored(self, name: str, value: jax.Array) -> jax.Array:
        """Return a weight from PyTorch's layout in the one used here, or the other way round."""
        return jnp.transpose(value) if name in self._turned else value

    def _units(self, name: str, shape: Sequence[int]) -> int:
        """Return the outputs of the layer that a weight belongs to."""
        is_kernel = name in self._turned or len(shape) > 2
        return 1 if len(shape) == 0 else shape[0 if is_kernel else -1]

    def _next_key(self, shared: Any) -> tuple[Any, Any]:
        """Return the key of an update, and what the runs share after it."""
        if shared["key"] is None:
            return jax.random.key(0), shared
        after, now = jax.random.split(jax.random.wrap_key_data(shared["key"]))
        return now, {**shared, "key": jax.random.key_data(after)}

    def _mean(self, loss: jax.Array, batch: Batch) -> jax.Array:
        return loss / len(batch.y) if self.model.sums else loss

    def _driven(self, group: Group, driven: Driven) -> dict[str, Any]:
        """Return what changes in a group: its rate, and the settings that each run sets itself."""
        rate = driven.rate * np.float32(group.scale) if group.scale != 1 else driven.rate
        if group.multiplier is not None:
            rate = rate * driven.multipliers[group.multiplier]
        values = {"lr": rate}
        values |= {name: number.value for name, number in driven.settings.items() if name not in group.own}
        if driven.momentum is not None:
            values["momentum"] = driven.momentum
        return values


def linear_kernels(graph: Graph) -> set[str]:
    """Return the parameters that are the kernel of linear layers and nothing else."""
    kernels, others = set(), set()
    for node in graph.nodes:
        for place, argument in enumerate(node.arguments):
            for reference in _references(argument):
                name = graph.parameters.get(reference.name)
                (kernels if node.operation == "linear" and place == 1 else others).add(name)
    return {name for name in kernels - others if name is not None}


def _references(argument: Any) -> list[Ref]:
    if isinstance(argument, Ref):
        return [argument]
    return [each for item in argument for each in _references(item)] if isinstance(argument, list) else []
