"""A model trained as one run of a study, with its preprocessing inside, ready to predict and to save."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.checks import shown
from stepsize.engine.client import Engine
from stepsize.errors import ProblemError, StudyError, require
from stepsize.number_format import counted, rounded
from stepsize.problems.loading.number_texts import listed
from stepsize.problems.problem import Problem
from stepsize.study.final_run import WeightTrainer, make_final_run, make_series_run
from stepsize.study.jobs import Job
from stepsize.study.study import Study
from stepsize.trained_model import file
from stepsize.trained_model.reproduction import Outputs, differing_rows, returned
from stepsize.trained_model.row_form import RowForm, from_json, row_form, to_json

ROWS = 4096  # predicted at once
SHOWN_CLASSES = 6
ROUNDING = 1e-3  # of float32, in probabilities
FACTS = (
    "score", "seed", "classes", "name", "kind", "metric", "width", "trained_rows", "table_rows",
)  # fmt: skip # of a trained model, as they are written


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel:
    """A model trained as one run of a study; `save` writes it, and `load_trained` reads it.

    `model` is a Keras model or a PyTorch module that takes rows as `problem.data.x` has them (less
    `problem.data.centres`, in data with numbers such as times that float32 would round). It fills and scales
    them itself; a Keras model returns probabilities or quantities in their own units.

    It was trained on `trained_rows` of the `table_rows` rows. `score` is the run's score by `metric` on its
    validation rows, whose numbers are `validation`, and `classes` are the names of the classes. `rows` says
    which rows it takes, and `problem` is None for a model that was loaded.
    """

    model: Any
    score: float
    seed: int
    classes: tuple[str, ...]
    validation: np.ndarray
    name: str
    kind: str
    metric: str
    width: int
    trained_rows: int
    table_rows: int
    rows: RowForm
    torch: Any = None
    problem: Problem | None = None

    def predict(self, x: Any) -> np.ndarray:
        """Return the class name of each row, or its quantities, or 0 or 1 for each label.

        `x` is a pandas frame with the columns of the table, or the path of a file that has them; or an array
        [rows, ...], or several by the names of the inputs, as `problem.data.x` has them. Bytes are taken for
        pixels where the data held pixels.

        Raises: ProblemError for other columns or shapes, texts that the table does not have, and missing
        values if the model has seen none.
        """
        outputs = self.outputs(x)
        if self.kind == "regression":
            return outputs[:, 0] if outputs.shape[1] == 1 else outputs
        if self.kind == "multilabel":
            return (outputs > 0.5).astype(np.int32)
        return np.array(self.classes)[self._probabilities(outputs).argmax(axis=1)]

    def probabilities(self, x: Any) -> np.ndarray:
        """Return the probability of each class [rows, classes], in the order of `classes`, or of each label.

        Raises: ProblemError for rows that `predict` refuses, if the target is a quantity, or if the model
        returns numbers that are not probabilities, such as the margins of a hinge loss.
        """
        if self.kind == "regression":
            raise ProblemError("the target is a quantity, which has no probabilities; call predict")
        shares = self._probabilities(self.outputs(x))
        is_whole = self.kind == "multilabel" or np.allclose(shares.sum(axis=1), 1, atol=ROUNDING)
        if not is_whole or ((shares < -ROUNDING) | (shares > 1 + ROUNDING)).any():
            raise ProblemError(
                "the model does not return probabilities: end it in a sigmoid or a softmax, or train it with "
                "a loss of logits; `predict` gives its classes, and `outputs` its numbers"
            )
        return shares

    def outputs(self, x: Any) -> np.ndarray:
        """Return what the model returns for rows, as an array [rows, outputs].

        Raises: ProblemError for rows that `predict` refuses, or if an output is not a finite number.
        """
        inputs = self.rows.read(x)
        count = len(next(iter(inputs.values())))
        parts = [
            self._call({name: array[start : start + ROWS] for name, array in inputs.items()})
            for start in range(0, count, ROWS)
        ]
        outputs = np.concatenate(parts) if parts else np.zeros((0, self.width))
        outputs = outputs.reshape(count, -1)
        lost = ~np.isfinite(outputs).all(axis=1)
        if lost.any():
            raise ProblemError(
                f"x, row {int(lost.argmax()) + 1}: the model returns a value that is not a finite number "
                f"({lost.sum():,} of {counted(count, 'row')}); look at the numbers of this row"
            )
        return outputs

    def save(self, path: str | Path) -> Path:
        """Save everything that `predict` needs as one file, which `load_trained` reads; return its path.

        The file is a `.keras` file that Keras loads as well, or for PyTorch a state dict, `.pt`, with the
        columns and the names of the classes added. A model that stepsize saved there is replaced.

        Raises: OutputError for another ending, or if another file would be replaced.
        """
        path = Path(path)
        facts = {name: getattr(self, name) for name in FACTS}
        facts |= {"validation": self.validation.tolist(), "rows": to_json(self.rows)}
        facts["torch"] = None if self.torch is None else asdict(self.torch)
        file.write(path, self.model, self.torch is not None, facts)
        return path

    def _probabilities(self, outputs: np.ndarray) -> np.ndarray:
        is_pair = self.kind == "binary" and outputs.shape[1] == 1
        return np.concatenate([1 - outputs, outputs], axis=1) if is_pair else outputs

    def _call(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        if self.torch is None:
            import keras

            several = {name or "x": array for name, array in inputs.items()}
            outputs = self.model(several if len(several) > 1 else several.popitem()[1], training=False)
            return np.asarray(keras.ops.convert_to_numpy(outputs))
        from stepsize.trained_model.torch_model import call

        return call(self.model, self.torch, inputs)

    def __repr__(self) -> str:
        """Return what it predicts from what, and on which rows it was trained and judged."""
        targets = () if self.rows.columns is None else self.rows.columns.target
        what = ", ".join(map(repr, targets)) or {"regression": "quantities"}.get(self.kind, "classes")
        classes = f" ({listed(self.classes, most=SHOWN_CLASSES)})" if self.classes else ""
        return (
            f"{self.name}: trained on {self.trained_rows:,} of {counted(self.table_rows, 'row')} with "
            f"seed={self.seed}; {self.metric} {rounded(self.score, 3)} on {len(self.validation):,} others\n"
            f"predicts {what}{classes} from {self.rows.names}"
        )


def load_trained(path: str | Path, model: Any = None) -> TrainedModel:
    """Load a model that `TrainedModel.save` wrote, ready to predict.

    `model` is the function or class that makes the module of a PyTorch model; a Keras model needs none.
    Loading executes no code from the file: Keras loads in its safe mode, and PyTorch only weights. Classes of
    your own must be registered with Keras, and their module imported.

    Raises: ProblemError for a file that was not saved so, and for the weights of another module.
    """
    path = Path(path)
    facts = file.read_facts(path)
    torch = facts["torch"]
    if torch is None:
        loaded = file.read_keras(path)
    else:
        require("torch", "torch")
        from stepsize.trained_model.torch_model import TorchForm

        torch = TorchForm(tuple(torch["inputs"]), tuple(torch["flat"]), torch["link"])
        loaded = file.read_torch(path, model, torch, facts["seed"])
    known: dict[str, Any] = {name: facts[name] for name in FACTS}
    known["classes"] = tuple(facts["classes"])
    validation = np.array(facts["validation"], np.int64)
    return TrainedModel(
        model=loaded, validation=validation, rows=from_json(facts["rows"]), torch=torch, **known
    )


def train_model(
    problem: Any,
    study: Study,
    rates: Mapping[str, float | None],
    name: str,
    seed: int,
    engine: WeightTrainer | None = None,
) -> TrainedModel:
    """Train candidate `name` of a finished study on a seed, in `engine` or one of its own; return the model.

    Raises: StudyError for a seed that is not one, a training function, a run that diverges, or a model that
    its weights alone do not make again.
    """
    if not isinstance(problem, Problem):
        raise StudyError(
            "a training function makes its model itself, and a study does not keep it; call your function "
            "with result.plan as its schedule"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise StudyError(f"seed={shown(seed)} must be a whole number of at least 0, such as seed=0")
    candidate = next(each for each in study.candidates if each.name == name)
    job = Job(candidate, rates[name], seed)
    if problem.series is not None:
        final = make_series_run(problem, study, job)
    else:
        with Engine() if engine is None else nullcontext(engine) as trainer:
            final = make_final_run(trainer, problem, study, rates, job)
    if final.run.score is None:
        raise StudyError(
            f"seed={seed}: this run of {name} diverged at update {final.run.diverged_at}; use another seed"
        )
    problem = problem.variant(candidate.settings)
    entries: Mapping[str, int] = {}
    if problem.torch_source is None:
        from stepsize.trained_model.keras_model import rebuild

        model, entries, expected = rebuild(problem, final, candidate)
    else:  # PyTorch itself refuses a number without an entry
        from stepsize.trained_model.torch_model import expected_outputs, torch_form
        from stepsize.trained_model.torch_model import rebuild as rebuild_torch

        model = rebuild_torch(problem, final, seed)
        expected = expected_outputs(final, torch_form(problem))
    trained = trained_model(problem, model, final.run.score, seed, entries)
    _check_reproduces(trained, expected)
    return trained


def _check_reproduces(trained: TrainedModel, expected: Outputs) -> None:
    """Raise StudyError if a rebuilt model returns other values for the validation rows than the run did.

    A model that draws random numbers to predict has no values to compare.
    """
    if trained.torch is None:
        from stepsize.trained_model.keras_model import trials

        place = "weight: add_weight(..., trainable=False)"
    else:
        from stepsize.trained_model.torch_model import trials

        place = "buffer: self.register_buffer(name, tensor)"
    assert trained.problem is not None
    x = trained.problem.data.trained_x
    inputs = x if isinstance(x, Mapping) else {"": x}
    rows = {name: array[trained.validation] for name, array in inputs.items()}
    with trials(trained.model) as model:

        def outputs() -> Outputs:
            return returned(replace(trained, model=model())._call, rows, expected)

        first = outputs()
        count = differing_rows(first, expected)
        if not count or differing_rows(outputs(), first):
            return
    raise StudyError(
        f"seed={trained.seed}: the weights of this run do not make its model again: for {count:,} of "
        f"{counted(len(trained.validation), 'validation row')} it returns other values than the model that "
        f"was scored; what a model keeps from training besides its weights must be in a {place}"
    )


def trained_model(
    problem: Problem, model: Any, score: float, seed: int, entries: Mapping[str, int]
) -> TrainedModel:
    """Return a model that was trained on a seed of a problem, with what predicting needs."""
    data, parts, torch = problem.data, problem.parts(seed), None
    if problem.torch_source is not None:
        from stepsize.trained_model.torch_model import torch_form

        torch = torch_form(problem)
    return TrainedModel(
        model=model,
        score=score,
        seed=seed,
        classes=data.classes,
        validation=parts.valid,
        name=problem.name,
        kind=data.kind,
        metric=problem.scored_by.name,
        width=data.outputs,
        trained_rows=len(parts.train),
        table_rows=data.rows,
        rows=row_form(data, entries),
        torch=torch,
        problem=problem,
    )
