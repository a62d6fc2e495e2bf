"""Populations trained in the test's own process, and the same runs made by Keras' own `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from stepsize.engine.batch_order import batch_order
from stepsize.engine.planner import Layout
from stepsize.engine.population import Population
from stepsize.engine.task import Block, Task
from stepsize.problems.target_encoding import encode
from stepsize.schedules import Plan, parse
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule
from tests.support.quick_compilation import quick_compilation


def plan_of(task: Task, spec: str) -> Plan:
    """Return the plan of a schedule over a task's run."""
    return parse(spec).plan(epochs=task.epochs, updates_per_epoch=task.updates_per_epoch)


def make_block(task: Task, seed: int, specs: Sequence[str], **changes: Any) -> Block:
    """Return one run per schedule: the first `train_rows` rows train, the others are for validation."""
    plans = [plan_of(task, spec) for spec in specs]
    factors = [plan.schedule.metric_factor for plan in plans]
    rules = [factor.rule() if factor else NEUTRAL for factor in factors]
    block = Block(
        seed=np.uint32(seed),
        order=batch_order(np.arange(task.train_rows), seed, task.epochs),
        valid=np.arange(task.train_rows, len(task.y), dtype=np.int32),
        prepared={},
        target=None,
        rates=np.stack([plan.values.astype(np.float32) for plan in plans]),
        rules=PlateauRule(*np.array(rules, np.float32).T),
        watch=np.zeros(len(specs), np.int32),
    )
    return block._replace(**changes)


def make_population(
    task: Task, members: int, blocks: int = 1, segment: int | None = None, devices: int = 1
) -> Population:
    """Return a compiled population of `blocks` seeds with `members` runs each."""
    population = Population(task)
    population.compile(Layout(devices, blocks, members, segment or task.epochs, "as the test says"))
    return population


class RateTable(keras.optimizers.schedules.LearningRateSchedule):
    """The rates of a plan, update by update, for Keras."""

    def __init__(self, rates: np.ndarray) -> None:
        self.rates = keras.ops.convert_to_tensor(rates, "float32")

    def __call__(self, step: Any) -> Any:
        return keras.ops.take(self.rates, keras.ops.cast(step, "int32"))


class Fit(NamedTuple):
    """What `fit` leaves behind: losses and metric by epoch, and the final weights."""

    train_loss: np.ndarray
    valid_loss: np.ndarray
    metric: np.ndarray
    weights: list[np.ndarray]


@quick_compilation()
def fit(model: Any, population: Population, seed: int, spec: str, metric: Any = None) -> Fit:
    """Train a compiled model by `fit` from the population's start: its weights, batches, masks and rates."""
    task, built = population.task, population.member.built
    _start_as(model, population, seed)
    config = {**model.optimizer.get_config(), "learning_rate": 0.1}
    model.compile(
        type(model.optimizer).from_config(config), model.loss, metrics=None if metric is None else [metric]
    )
    model.optimizer.learning_rate = RateTable(plan_of(task, spec).values)
    y = encode(task.y, task.kind, task.classes, built.width, built.loss_numbers)
    valid = slice(task.train_rows, None)
    history = []
    for rows in batch_order(np.arange(task.train_rows), seed, task.epochs):
        logs = model.fit(
            _rows(task.x, rows),
            y[rows],
            sample_weight=None if task.weights is None else task.weights[rows],
            batch_size=task.batch_size,
            shuffle=False,
            verbose=0,
            validation_data=(_rows(task.x, valid), y[valid]),
            validation_batch_size=len(y[valid]),
        ).history
        score = [values[0] for name, values in logs.items() if name.startswith("val_") and name != "val_loss"]
        history.append((logs["loss"][0], logs["val_loss"][0], *(score or [np.nan])))
    return Fit(*np.array(history).T, [np.asarray(weight) for weight in model.trainable_variables])


def _start_as(model: Any, population: Population, seed: int) -> None:
    """Give a model the weights that a seed starts with; one without an input is built by its first call."""
    if not model.built:
        model(_rows(population.task.x, slice(2)))
    weights, others = population.member.initial(seed)
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    for variable, value in zip(variables, [*weights, *others], strict=True):
        variable.assign(value)


def _rows(x: Any, rows: Any) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], x)
