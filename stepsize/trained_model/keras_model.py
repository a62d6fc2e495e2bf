"""A Keras model with the weights of a run, which fills, scales and links by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from stepsize.engine.keras.initial_weights import is_generator_state
from stepsize.engine.task import Task
from stepsize.errors import require_keras
from stepsize.problems.models.keras_models import Built, DataShape, build
from stepsize.problems.models.model_checks import embeddings_of
from stepsize.problems.problem import Problem
from stepsize.study.candidate_settings import optimizer_arguments
from stepsize.study.candidates import Candidate
from stepsize.study.final_run import FinalRun


def rebuild(
    problem: Problem, final: FinalRun, candidate: Candidate
) -> tuple[Any, dict[str, int], Sequence[np.ndarray]]:
    """Return the Keras model of a candidate's run, in the caller's Keras, and the entries of embeddings.

    These are by input. The third value is what the model returns for the validation rows if it is that of the
    run.
    """
    require_keras()
    task = final.task
    assert task is not None
    shape = DataShape(task.x, task.kind, task.classes, task.outputs, task.one_hot)
    python, numpy = random.getstate(), np.random.get_state()
    built = _built(task, shape, problem, candidate)  # seeds both
    random.setstate(python)
    np.random.set_state(numpy)
    built.model.optimizer.learning_rate = float(final.run.curves[3, -1])  # of the last update
    others = [each for each in built.model.non_trainable_variables if not is_generator_state(each)]
    for variable, value in zip([*built.model.trainable_variables, *others], final.weights, strict=True):
        variable.assign(value)
    entries: dict[str, int] = {}
    for layer, name in embeddings_of(built.model, problem.data.inputs):
        entries[name] = min(layer.input_dim, entries.get(name, layer.input_dim))
    link = _link(built, problem)
    expected = [np.asarray(_finished(each, problem, final, link)) for each in final.outputs]
    return _with_preprocessing(built, problem, final, link), entries, expected


def _built(task: Task, shape: DataShape, problem: Problem, candidate: Candidate) -> Built:
    """Return the model with the optimizer of the candidate: other runs of its task may have other settings.

    A scheduled momentum is that of the last update.
    """
    settings = optimizer_arguments(problem.settings, candidate.settings)
    built = build(task.model, settings, shape, task.metric)
    if candidate.momentum is None:
        return built
    updates = problem.updates_per_epoch_with(candidate.settings)
    last = candidate.momentum.plan(epochs=problem.epochs, updates_per_epoch=updates).values[-1]
    name = "beta_1" if hasattr(built.model.optimizer, "beta_1") else "momentum"
    return build(task.model, {**settings, name: float(last)}, shape, task.metric)


@contextmanager
def trials(model: Any) -> Iterator[Callable[[], Any]]:
    """Return what gives a model for a trial; afterwards its variables and random states are as before."""
    import keras

    python, numpy = random.getstate(), np.random.get_state()
    kept = [(each, np.array(keras.ops.convert_to_numpy(each))) for each in model.variables]
    try:
        yield lambda: model
    finally:
        for variable, value in kept:
            variable.assign(value)
        random.setstate(python)
        np.random.set_state(numpy)


def _with_preprocessing(built: Built, problem: Problem, final: FinalRun, link: str | None) -> Any:
    """Return a model around the trained one, if anything happens before or after it."""
    import keras

    if not any(final.prepared.values()) and final.target is None and link is None:
        return built.model
    inputs, ready = {}, {}
    for name, array in problem.data.inputs.items():
        row, prepared = built.row_shapes[name], final.prepared[name]
        x: Any = keras.Input(row, dtype=_dtype(array), name=name or "x")
        inputs[name] = x
        if prepared is not None:
            fill, shift, scale = (None if each is None else each.reshape(row) for each in prepared)
            if fill is not None:
                x = keras.ops.where(keras.ops.isnan(x), fill, x)
            x = (x - shift) / scale
        ready[name] = x
    single = len(ready) == 1
    outputs = built.model(next(iter(ready.values())) if single else ready)
    (outputs,) = keras.tree.flatten(outputs)
    outputs = _finished(outputs, problem, final, link)
    return keras.Model(next(iter(inputs.values())) if single else inputs, outputs)


def _finished(outputs: Any, problem: Problem, final: FinalRun, link: str | None) -> Any:
    """Return outputs of the model that was trained as quantities in their own units, or as probabilities."""
    import keras

    if final.target is not None:
        shift, scale = final.target
        outputs = outputs * scale + (shift + _origin(problem)).astype("float32")
    return outputs if link is None else getattr(keras.ops, link)(outputs)


def _origin(problem: Problem) -> Any:
    """Return what the targets of the training process are counted from: their mean, or 0."""
    offset = problem.data.y - problem.trained_y
    return offset.reshape(len(offset), -1).mean(axis=0)


def _dtype(array: Any) -> str:
    return "int32" if array.dtype.kind in "iu" else "float32"


def _link(built: Built, problem: Problem) -> str | None:
    """Return what turns the outputs into probabilities: sigmoid, softmax, or nothing."""
    if problem.data.kind == "regression" or not getattr(built.model.loss, "from_logits", False):
        return built.scorer.link
    return "softmax" if built.width > 1 and problem.data.kind != "multilabel" else "sigmoid"
