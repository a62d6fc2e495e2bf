"""Models as the training process rebuilds them, and the shapes of the data that they are built for."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.models.model_transport import travel_form

IRIS = DataShape(np.zeros((6, 4), np.float32), "multiclass", 3, 3)


def data_shape(shape: tuple[int, ...], kind: str = "binary", outputs: int = 1, classes: int = 2) -> DataShape:
    """Return the shape of data with rows of `shape`."""
    return DataShape(np.zeros((6, *shape), np.float32), kind, classes, outputs)


def rebuilt(model: Any, shape: DataShape = IRIS, settings: Any = None, **options: Any) -> Any:
    """Return the model after the way to the training process."""
    return build(travel_form(model, shape.outputs, **options), settings or {}, shape)
