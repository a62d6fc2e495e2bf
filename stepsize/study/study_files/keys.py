"""The keys of a study: those of a study file, which `compare` takes as keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from stepsize.checks import shown
from stepsize.errors import StudyError, unknown


class StudyKeys(TypedDict, total=False):
    """What is trained, how it is judged and what is compared; every key is optional, and None is its default.

    A study file has these keys too, except `validation`, `folds` and `rows`, which it writes into `split`.
    """

    name: str | None
    """The name of the study, its store and its report."""
    about: str | None
    """What the study is about, in one sentence."""
    target: str | int | None
    """The column to predict, by name or number (-1 is the last); several columns are separated by commas."""
    header: bool | None
    """Whether the first row of a text file holds the names of the columns, if not recognised correctly."""
    kind: str | None
    """`"binary"`, `"multiclass"`, `"multilabel"` or `"regression"`, if it is not recognised correctly."""
    groups: Any
    """The column (or array) that names groups of rows which must stay together in a split."""
    order: Any
    """The column (or array) with the time of a row; the latest rows are used for validation."""
    part: Any
    """The column (or array) that assigns rows to train, valid and test."""
    weights: Any
    """The column (or array) with the weight of each row in the training loss."""
    drop: str | int | Sequence[str | int] | None
    """Columns to leave out, by name or number."""
    prepare: bool | None
    """Whether missing numbers are filled and numbers scaled; by default only for a model given as text."""
    folder: str | None
    """The folder with the IDX files of Fashion-MNIST."""
    split: Any
    """The kind of split as text, a table with `kind`, `validation`, `folds` and `rows`, or a `Split`."""
    validation: float | None
    """The share of the rows that is used for validation."""
    rows: float | None
    """The number of training rows to use, or a share of them below 1; by default all."""
    folds: int | None
    """The number of folds of a cross-validation; the number of seeds must be a multiple of it."""
    model: Any
    """Text such as `mlp(64)`, a factory or its path, a compiled Keras model, or a `.keras` file.

    Several are a list."""
    loss: Any
    """The loss of a PyTorch model: a function of outputs and targets, or its name, `"CrossEntropyLoss"`."""
    optimizer: Any
    """The optimizer: its `name` and its arguments, as in `{"name": "sgd", "momentum": 0.9}`; or PyTorch's.

    Several are a list."""
    epochs: int | None
    """Epochs of every run."""
    batch_size: int | None
    """Rows of a batch."""
    metric: Any
    """The metric that judges a run: its Keras name, or a Keras metric."""
    mode: str | None
    """`"max"` or `"min"`: which direction of the metric is better, if Keras does not define it."""
    class_weight: Mapping[Any, float] | Literal["balanced"] | None
    """Weights in the training loss by class, or `"balanced"`."""
    from_weights: bool | None
    """Whether every run starts from the weights that the model has."""
    updates_per_epoch: int | None
    """Optimizer updates of an epoch, for a training function."""
    candidates: Sequence[Any] | None
    """The schedules, if they are not given as `schedules`; an entry may be a table with settings, or the name
    of a built-in study, which stands for all candidates of that study."""
    baseline: str | None
    """The name of the candidate that the others are compared with; by default the first `constant`."""
    margin: float | None
    """The smallest difference of the metric that matters."""
    until: str | None
    """`"decided"`: add seeds until every question is decided or the `budget` is spent."""
    budget: str | int | None
    """The most that such a study may cost: a time (`"60s"`, `"10m"`, `"2h"`) or a number of runs."""
    tuning: Mapping[str, Any] | None
    """How a free `lr` is chosen: `rates`, `rounds` and `seeds` of the coarse search, `fine_seeds` of the
    fine one, and `extra_rounds`, how many rounds with more seeds may follow both."""
    knobs: Mapping[str, Any] | None
    """The ranges of other free names: `{"w": [0, 0.3], "f": [0.001, 1, "log"]}`."""


PROTOCOL_KEYS = (
    "about",
    "candidates",
    "baseline",
    "margin",
    "tuning",
    "knobs",
    "until",
    "budget",
)  # of a study, whatever is trained
SPLIT_KEYS = ("split", "validation", "folds", "rows")
FUNCTION_KEYS = ("train", "name", "epochs", "updates_per_epoch", "metric", "mode", "margin")
OPTIMIZER_ARGUMENTS = ("momentum", "nesterov", "weight_decay", "beta_1", "beta_2", "clipnorm", "clipvalue")
TABLES = {  # the keys of the tables, with an example of each table
    "split": (("kind", "validation", "folds", "rows"), '{"kind": "stratified"}'),
    "tuning": (("rates", "rounds", "seeds", "fine_seeds", "extra_rounds"), '{"rounds": 2}'),
    "optimizer": (None, '{"name": "adam"}'),
}


def check_keys(keys: Mapping[str, Any]) -> None:
    """Raise StudyError for a key that no study has."""
    known = [*StudyKeys.__annotations__, "seeds"]
    for key in keys:
        if key in OPTIMIZER_ARGUMENTS:
            raise StudyError(
                f"{key}={shown(keys[key])} belongs to the optimizer; write for example optimizer="
                f'{{"name": "sgd", "{key}": {shown(keys[key])}}}, or Candidate("constant(lr)", {key}='
                f"{shown(keys[key])}) for one candidate"
            )
        if key not in known:
            raise StudyError(unknown("argument", key, known))


def check_table(name: str, table: Any) -> None:
    """Raise StudyError unless `table` is a mapping with keys that the table `name` of a study can have."""
    known, example = TABLES[name]
    if not isinstance(table, Mapping):
        raise StudyError(f"{name}={shown(table)} is not a table; write for example {name}={example}")
    for key in table:
        if known is not None and key not in known:
            raise StudyError(unknown(f"key in {name}", str(key), known))
