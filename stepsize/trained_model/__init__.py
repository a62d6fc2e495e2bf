"""A model trained as one run of a study, with its preprocessing inside, ready to predict and to save."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.checks import shown
from stepsize.engine.client import Engine
from stepsize.errors import OutputError, ProblemError, StudyError
from stepsize.problems.preprocessing import are_divided
from stepsize.problems.problem import Problem
from stepsize.study.final_run import WeightTrainer, make_final_run
from stepsize.study.jobs import Job
from stepsize.study.study import Study

ROWS = 4096  # predicted at once


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model trained as one run of a study.

    `model` is a Keras model or a PyTorch module that takes rows as `problem.data.x` has them (less
    `problem.data.centres`, in data with numbers such as times that float32 would round). It fills and scales
    them itself; a Keras model returns probabilities or quantities in their own units. `score` is the run's
    score on its validation rows, whose numbers are `validation`, and `classes` are the names of the classes.
    """

    model: Any
    score: float
    seed: int
    classes: tuple[str, ...]
    validation: np.ndarray = field(repr=False)
    problem: Problem = field(repr=False)

    def predict(self, x: Any) -> np.ndarray:
        """Return the class name of each row, or its quantities, or 0 or 1 for each label.

        `x` is a pandas frame with the columns of the table; or an array [rows, ...], or several by the names
        of the inputs, as `problem.data.x` has them. Bytes are taken for pixels where the data held pixels.

        Raises: ProblemError for rows of another shape, and for missing values if the model has seen none.
        """
        outputs, kind = self.outputs(x), self.problem.data.kind
        if kind == "regression":
            return outputs[:, 0] if outputs.shape[1] == 1 else outputs
        if kind == "multilabel":
            return (outputs > 0.5).astype(np.int32)
        return np.array(self.classes)[self.probabilities(x).argmax(axis=1)]

    def probabilities(self, x: Any) -> np.ndarray:
        """Return the probability of each class [rows, classes], or of each label.

        Raises: ProblemError for rows of another shape, or if the target is a quantity.
        """
        if self.problem.data.kind == "regression":
            raise ProblemError("the target is a quantity, which has no probabilities; call predict")
        outputs = self.outputs(x)
        is_pair = self.problem.data.kind == "binary" and outputs.shape[1] == 1
        return np.concatenate([1 - outputs, outputs], axis=1) if is_pair else outputs

    def outputs(self, x: Any) -> np.ndarray:
        """Return what the model returns for rows, as an array [rows, outputs].

        Raises: ProblemError for rows of another shape.
        """
        inputs = self._inputs(x)
        count = len(next(iter(inputs.values())))
        parts = [
            self._call({name: array[start : start + ROWS] for name, array in inputs.items()})
            for start in range(0, count, ROWS)
        ]
        outputs = np.concatenate(parts) if parts else np.zeros((0, self.problem.data.outputs))
        return outputs.reshape(count, -1)

    def save(self, path: str | Path) -> Path:
        """Save the model with its preprocessing: a `.keras` file, or the state dict of a PyTorch module.

        Raises: OutputError if the file exists, or has another ending.
        """
        path = Path(path)
        is_torch = self.problem.torch_source is not None
        endings = (".pt", ".pth") if is_torch else (".keras",)
        if path.suffix not in endings:
            raise OutputError(f"path={str(path)!r} must end in {' or '.join(endings)}")
        if path.exists():
            raise OutputError(f"path={str(path)!r} exists; choose another file, or move it away")
        if is_torch:
            import torch

            torch.save(self.model.state_dict(), path)
        else:
            self.model.save(path)
        return path

    def _inputs(self, x: Any) -> dict[str, np.ndarray]:
        """Return rows by the names of the inputs, checked, less the centres of the data."""
        data = self.problem.data
        if data.columns is not None and hasattr(x, "columns"):
            x = data.columns.encode(x)
        given = dict(x) if isinstance(x, Mapping) else {"": x}
        if set(given) != set(data.inputs):
            names = ", ".join(data.inputs) or "one array"
            raise ProblemError(f"x has the inputs {sorted(given)}, but the model was trained with {names}")
        inputs = {}
        for name, known in data.inputs.items():
            array = np.asarray(given[name])
            if array.ndim != known.ndim or array.shape[1:] != known.shape[1:]:
                raise ProblemError(
                    f"x has rows of shape {array.shape[1:]}, but the model was trained on rows of shape "
                    f"{known.shape[1:]}; pass an array [rows, {', '.join(map(str, known.shape[1:]))}]"
                )
            inputs[name] = self._row_values(name, array, known.dtype.kind in "iu")
        return inputs

    def _row_values(self, name: str, array: np.ndarray, whole: bool) -> np.ndarray:
        """Return the rows of an input as the training process had them; bytes of pixels are divided."""
        data = self.problem.data
        try:
            values = array.astype(np.float64)
        except (TypeError, ValueError):
            raise ProblemError(f"x holds {array.dtype} values, and the model takes numbers") from None
        if whole:
            _check(values == np.floor(values), "is not a whole number, and the model takes whole numbers")
            return values.astype(np.int32)
        if array.dtype == np.uint8 and array.ndim > 2 and are_divided(data):
            values = values / 255
        known = np.isfinite(values) | (np.isnan(values) & (name in data.missing))
        _check(known, "is missing or not finite, and the model was trained without such values")
        return (values - data.centres.get(name, 0)).astype(np.float32)

    def _call(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        if self.problem.torch_source is None:
            import keras

            several = {name or "x": array for name, array in inputs.items()}
            outputs = self.model(several if len(several) > 1 else several.popitem()[1], training=False)
            return np.asarray(keras.ops.convert_to_numpy(outputs))
        from stepsize.trained_model.torch_model import call

        return call(self.model, self.problem, inputs)


def _check(good: np.ndarray, problem: str) -> None:
    """Raise ProblemError, with the first row, unless all values [rows, ...] are good."""
    if not good.all():
        row = int(good.reshape(len(good), -1).all(axis=1).argmin())
        raise ProblemError(f"x, row {row + 1}: a value {problem}; correct it, or remove the row")


def train_model(
    problem: Any,
    study: Study,
    rates: Mapping[str, float | None],
    name: str,
    seed: int,
    engine: WeightTrainer | None = None,
) -> TrainedModel:
    """Train candidate `name` of a finished study on a seed, in `engine` or one of its own; return the model.

    Raises: StudyError for a seed that is not one, a training function, or a run that diverges.
    """
    if not isinstance(problem, Problem):
        raise StudyError(
            "a training function makes its model itself, and a study does not keep it; call your function "
            "with result.plan as its schedule"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise StudyError(f"seed={shown(seed)} must be a whole number of at least 0, such as seed=0")
    candidate = next(each for each in study.candidates if each.name == name)
    with Engine() if engine is None else nullcontext(engine) as trainer:
        final = make_final_run(trainer, problem, study, rates, Job(candidate, rates[name], seed))
    if final.run.score is None:
        raise StudyError(
            f"seed={seed}: this run of {name} diverged at update {final.run.diverged_at}; use another seed"
        )
    problem = problem.variant(candidate.settings)
    if problem.torch_source is None:
        from stepsize.trained_model.keras_model import rebuild
    else:
        from stepsize.trained_model.torch_model import rebuild
    return TrainedModel(
        rebuild(problem, final, seed),
        final.run.score,
        seed,
        problem.data.classes,
        problem.parts(seed).valid,
        problem,
    )
