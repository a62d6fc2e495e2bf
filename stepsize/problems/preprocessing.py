"""Filling and scaling, fitted on the training rows of a seed by a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import require
from stepsize.problems.data import Data
from stepsize.problems.loading.arrays import DEEP_DIVIDED, DIVIDED, KEPT
from stepsize.problems.precision import narrowed


class Prepared(NamedTuple):
    """How an input is filled and scaled: float32 arrays of the shape of one row.

    A row, less the `centres` of the data, becomes (filled - shift) / scale, where `filled` is the row with
    `fill` in place of missing numbers. `fill` is None if no row of the whole input lacks a number, so that
    all seeds prepare alike.
    """

    fill: np.ndarray | None
    shift: np.ndarray
    scale: np.ndarray


def prepare(data: Data, rows: np.ndarray) -> dict[str, Prepared | None]:
    """Fit the pipeline of each input on the training `rows`; None for an input that stays as it is.

    Whole numbers stay as they are, and so does everything if `data.prepare` is false. A column without a
    single value in `rows` is filled with 0; one that is constant there is not scaled.

    >>> from stepsize.problems.data import from_arrays
    >>> x = np.array([[1.0], [np.nan], [3.0], [8.0]])
    >>> fit = prepare(from_arrays("toy", x, [0, 1, 0, 1], "made up"), np.array([0, 1, 2]))[""]
    >>> float(fit.fill[0]), float(fit.shift[0]), round(float(fit.scale[0]), 4)
    (2.0, 2.0, 0.8165)
    """
    return {
        name: _fit(array[rows] - data.centres.get(name, 0), name in data.missing)
        if data.prepare and array.dtype.kind == "f"
        else None
        for name, array in data.inputs.items()
    }


def _fit(x: np.ndarray, missing: bool) -> Prepared:
    require("train", "sklearn")
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    shape = x.shape[1:]
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    pipeline = make_pipeline(*([imputer] if missing else []), StandardScaler())
    pipeline.fit(x.reshape(len(x), -1).astype(np.float64))
    scaler: Any = pipeline[-1]

    def row(values: np.ndarray) -> np.ndarray:
        return np.asarray(values, np.float32).reshape(shape)

    scale = np.where(scaler.scale_ < np.finfo(np.float32).tiny, 1.0, scaler.scale_)  # it would round to 0
    return Prepared(row(np.asarray(imputer.statistics_)) if missing else None, row(scaler.mean_), row(scale))


def largest_pixel(data: Data) -> int | None:
    """Return the number that the pixels of an input were divided by; None if there are no such pixels."""
    largest = {DIVIDED: 255, DEEP_DIVIDED: 65_535}
    return next((largest[text] for text in largest if any(text in note for note in data.notes)), None)


def is_scaled(data: Data) -> bool:
    """Return whether the model gets other numbers than the source of the data holds."""
    floats = any(array.dtype.kind == "f" for array in data.inputs.values())
    return (data.prepare and floats) or largest_pixel(data) is not None


def scale_whole_numbers(data: Data) -> Data:
    """Return data whose whole numbers are scaled like other numbers, for a model without embeddings.

    >>> from stepsize.problems.loading.catalog import load
    >>> scale_whole_numbers(load((np.arange(8)[:, None], [0, 1] * 4))).prepare
    True
    """
    if not any(array.dtype.kind in "iu" for array in data.inputs.values()):
        return data
    inputs = {
        name: narrowed(array.astype(np.float64)) if array.dtype.kind in "iu" else array
        for name, array in data.inputs.items()
    }
    notes = tuple(note for note in data.notes if KEPT not in note)
    x = inputs if isinstance(data.x, Mapping) else inputs[""]
    return replace(data, x=x, prepare=True, notes=notes)


def preparation_notes(data: Data) -> list[str]:
    """Return notes on what is done to the inputs, for the report."""
    if not data.prepare or not any(array.dtype.kind == "f" for array in data.inputs.values()):
        return []
    return [f"fitted on the training rows of each seed: {_pipeline(data)}"]


def scaling_advice(data: Data, scales_target: bool) -> str:
    """Return how to scale numbers for a model that is trained elsewhere at the rates of a study.

    >>> from stepsize.problems.loading.catalog import load
    >>> scaling_advice(load((np.eye(4), [0, 1, 0, 1])), scales_target=False)
    'to use these rates elsewhere, scale as follows: inputs by StandardScaler(), fitted on the training rows'
    """
    steps = []
    if largest := largest_pixel(data):
        steps.append(f"pixels by 1/{largest}")
    if preparation_notes(data):
        steps.append(f"inputs by {_pipeline(data)}, fitted on the training rows")
    if scales_target:
        steps.append("the target by its mean and standard deviation in the training rows")
    return f"to use these rates elsewhere, scale as follows: {'; '.join(steps)}"


def _pipeline(data: Data) -> str:
    return ", ".join(["SimpleImputer(strategy='median')"] * bool(data.missing) + ["StandardScaler()"])
