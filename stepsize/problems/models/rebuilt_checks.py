"""Checks that a compiled Keras model is the same once it is rebuilt from its config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError
from stepsize.problems.data import Data
from stepsize.problems.differences import (
    Difference,
    compared,
    differences,
    is_keras,
    is_plain,
    refusal,
)
from stepsize.problems.models.kept_weights import layers_of, weights_of
from stepsize.problems.target_encoding import encode, takes_class_numbers

ROWS = 4  # of a sample
WAY_OUT = "pass the model as a function of a module, model='package.module:function'"
TOLERANCE = 1e-3  # of the results of two backends, relative to the largest


class Sample(NamedTuple):
    """A few rows, and what a model computes from them: its outputs, its loss and constrained weights.

    The weights are made up, so that all models of a kind have the same.
    """

    x: Any
    y: np.ndarray
    results: np.ndarray


def check_attributes(model: Any, twin: Any) -> None:
    """Raise ProblemError for what the layers and weights of a model hold, but not those of its twin."""
    for difference in _all_differences(model, twin):
        raise refusal("the model", difference, WAY_OUT)


def missing_arguments(loss: Any, rebuilt: Any) -> list[list[Any]]:
    """Return what Keras' own code reads and the config of a loss lacks, such as the delta of `Huber`.

    The form is `[number of the loss, {name: value}]` for each loss that lacks something.

    Raises: ProblemError for attributes of the user's own class that its config lacks.
    """
    missing = []
    for i, (one, other) in enumerate(zip(_losses(loss), _losses(rebuilt), strict=True)):
        if not hasattr(one, "get_config"):
            continue
        found = {}
        for difference in differences(one, other):
            name = difference.attribute.partition("[")[0]
            held = vars(one).get(name)
            if difference.owner is not one or not is_plain(held) or not (is_keras(one) or name == "_dtype"):
                raise refusal("the model", difference, WAY_OUT)
            found[name] = dict(held) if isinstance(held, Mapping) else held
        if found:
            missing.append([i, found])
    return missing


def set_arguments(loss: Any, missing: Sequence[Sequence[Any]]) -> None:
    """Set in a rebuilt loss what its config lacks."""
    losses = _losses(loss)
    for i, values in missing:
        for name, value in values.items():
            setattr(losses[i], name, value)


def sample_of(model: Any, data: Data) -> Sample | None:
    """Return a sample of a compiled model on rows of the data; None if it takes no such rows, or draws."""
    if not model.built:
        return None
    rows = data.x if isinstance(data.x, Mapping) else {"": data.x}
    x: Any = {name: np.asarray(each[:ROWS]) for name, each in rows.items()}
    x = {name: each.astype(np.float32) if each.dtype == np.float64 else each for name, each in x.items()}
    x = x if isinstance(data.x, Mapping) else x[""]
    try:
        width = _results(model, x, None).size // len(data.y[:ROWS])
        y = encode(data.y[:ROWS], data.kind, len(data.classes), width, _takes_numbers(model, data))
        results = _results(model, x, y)
        draws = not _is_near(results, _results(model, x, y, seed=1))
    except Exception:  # the model does not fit the data, which is said where it is built for them
        return None
    return None if draws else Sample(x, y, results)


def check_sample(model: Any, sample: Sequence[Any]) -> None:
    """Raise ProblemError if a rebuilt, compiled model computes something else from a sample."""
    x, y, expected = sample
    try:
        results = _results(model, x, y)
    except Exception:  # as it does in the first update, which says why
        return
    if not _is_near(results, expected):
        k = int(np.argmax(~np.isclose(results, expected, rtol=TOLERANCE, equal_nan=True)))
        raise ProblemError(
            "the model computes something else when it is rebuilt from its config: at equal weights, its "
            f"outputs, loss or constraints give {expected[k]:.6g}, and {results[k]:.6g} when rebuilt, as if "
            "it used a variable of a module, or an attribute of a class, that was changed after the import; "
            f"{WAY_OUT}, which sets it"
        )


def _all_differences(model: Any, twin: Any) -> Iterator[Difference]:
    seen: set[int] = set()
    for layer, other in zip(layers_of(model), layers_of(twin), strict=False):
        if type(layer) is not type(other):  # layers that only one of them has made yet
            return
        if is_keras(layer) or not hasattr(layer, "adapt"):  # what that learns may be in its config otherwise
            found = differences(layer, other, seen)
            yield from (each for each in found if not _is_unbuilt(each, layer, other))
        for weight, origin in zip(weights_of(layer), weights_of(other), strict=False):
            for kind in ("constraint", "regularizer"):
                value, rebuilt = getattr(weight, kind, None), getattr(origin, kind, None)
                yield from compared(layer, f"{weight.name}.{kind}", value, rebuilt, seen)


def _is_unbuilt(difference: Difference, layer: Any, twin: Any) -> bool:
    """Return whether an attribute is one that a layer sets when it is built, and only one of them is."""
    return layer.built != twin.built and (difference.rebuilt is None or not is_plain(difference.rebuilt))


def _losses(loss: Any) -> list[Any]:
    """Return the losses in a loss, a list of them, or a dict by output."""
    if isinstance(loss, Mapping):
        return list(loss.values())
    return list(loss) if isinstance(loss, list | tuple) else [loss]


def _takes_numbers(model: Any, data: Data) -> bool:
    return takes_class_numbers(_losses(model.loss)[0], data.one_hot)


def _results(model: Any, x: Any, y: np.ndarray | None, seed: int = 0) -> np.ndarray:
    """Return the outputs of a model at made-up weights; with `y`, its loss and constrained weights too."""
    import keras

    values = {id(each): _made_up(each, seed) for each in model.variables}
    with keras.StatelessScope(state_mapping=[(each, values[id(each)]) for each in model.variables]):
        outputs: Any = model(x, training=False)
        results = [outputs]
        if y is not None:
            results.append(model.compute_loss(x=x, y=y, y_pred=outputs, training=False))
            constrained = [each for each in model.variables if getattr(each, "constraint", None) is not None]
            results += [keras.ops.sum(each.constraint(values[id(each)])) for each in constrained]
    return np.concatenate([np.ravel(np.asarray(keras.ops.convert_to_numpy(each))) for each in results])


def _made_up(variable: Any, seed: int) -> Any:
    import keras

    if "float" not in str(variable.dtype):
        state = variable.name == "seed_generator_state"
        return keras.ops.full(variable.shape, seed, variable.dtype) if state else variable.value
    numbers = 0.3 + 0.2 * np.sin(np.arange(int(np.prod(variable.shape)), dtype=np.float64))
    return keras.ops.convert_to_tensor(numbers.reshape(variable.shape), dtype=variable.dtype)


def _is_near(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    return bool(np.isclose(one, other, rtol=TOLERANCE, atol=1e-6, equal_nan=True).all())
