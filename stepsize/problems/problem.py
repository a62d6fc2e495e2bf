"""A problem: data, model, optimizer, length and split; and the problems that have a name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.problems.built_in import BUILT_IN, built_in_study, usual_problem
from stepsize.problems.data import Data
from stepsize.problems.loading.catalog import is_source, load
from stepsize.problems.metrics import Metric, metric_of
from stepsize.problems.models.model_transport import identity, is_text, travel_form
from stepsize.problems.splitting.splits import Parts, Split
from stepsize.problems.target_encoding import row_weights

SGD = MappingProxyType({"optimizer": "sgd", "momentum": 0.9})


@dataclass(frozen=True, eq=False)
class Problem:
    """What is trained: `model` on `data`, for `epochs` in batches of `batch_size`, split by `split`.

    `model` is text such as `mlp(34)`, a factory (`package.module:function`, or the function itself), a
    compiled Keras model, or the path of a `.keras` file. `data` is `Data` or whatever `load` takes: a name,
    a path, `(x, y)` ... `settings` are Keras optimizer arguments, with `optimizer` for its name; a compiled
    model keeps its own where `settings` say nothing.

    `metric` is the name of a Keras metric or such an object, by default accuracy, or R2 for quantities;
    `mode` is "max" or "min" where Keras does not say which is better. `class_weight` gives weights in the
    training loss by class. With `from_weights` every run starts from the weights that the model has. `margin`
    is the smallest difference of the metric that matters, by default as `docs/verdict.md` says.

    >>> problem("ionosphere").epochs
    50
    """

    model: Any
    data: Data
    name: str = ""
    epochs: int = 50
    batch_size: int = 32
    split: Split = field(default_factory=Split)
    settings: Mapping[str, Any] | None = None
    metric: Any = None
    mode: str | None = None
    class_weight: Mapping[Any, float] | None = None
    from_weights: bool = False
    margin: float | None = None
    scored_by: Metric = field(init=False)
    _form: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", load(self.data))
        split = Split(self.split) if isinstance(self.split, str) else self.split
        object.__setattr__(self, "split", split.of(self.data))
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ProblemError(f"{name}={value!r} must be a positive whole number")
        if self.settings is None:
            object.__setattr__(self, "settings", dict(SGD) if is_text(self.model) else {})
        object.__setattr__(self, "name", self.name or self.data.name)
        form = travel_form(self.model, self.data.outputs, self.from_weights)
        object.__setattr__(self, "_form", form)
        object.__setattr__(self, "scored_by", metric_of(self.metric, self.mode, self.data.kind))
        self.row_weights()

    def travel_form(self) -> dict[str, Any]:
        """Give the model as plain data, as it was when the problem was made."""
        return self._form

    def row_weights(self) -> np.ndarray | None:
        """Give what each row counts in the training loss; None where all count alike."""
        return row_weights(self.data, self.class_weight)

    @property
    def optimizer(self) -> str | None:
        """The name of the optimizer, in small letters; None where only the training process knows."""
        own = self._form.get("optimizer", [None])[0]
        name = (self.settings or {}).get("optimizer", own or ("sgd" if is_text(self.model) else None))
        return None if name is None else name.lower()

    def parts(self, seed: int, judge: bool = True) -> Parts:
        """Give the training and validation rows of a seed."""
        return self.split.parts(self.data, seed, judge)

    @property
    def updates_per_epoch(self) -> int:
        """Batches of an epoch, the last one as short as it comes."""
        return -(-len(self.parts(0).train) // self.batch_size)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with anything here that changes results."""
        parts = (
            identity(self.travel_form()), self.data.digest, self.epochs, self.batch_size,
            *self.split.identity, dict(self.settings or {}),
        )  # fmt: skip
        if self.metric is not None or self.class_weight is not None:
            parts += (asdict(self.scored_by), {str(k): v for k, v in (self.class_weight or {}).items()})
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


LOADED = ("kind", "groups", "order", "part", "weights", "drop", "prepare")  # what `load` takes, not `Problem`


def problem(
    name: Any, /, *, target: str | None = None, folder: str | None = None, model: Any = None, **changes: Any
) -> Problem:
    """Give the problem called `name`, or the one of a file or other data that `load` takes.

    `folder` holds the IDX files of Fashion-MNIST; `model` and `changes` (fields of `Problem`, and `load`'s
    `kind`, `groups`, `order`, `part`, `weights`, `drop`, `prepare`) replace what the name stands for. A
    `split` given as text, `validation` and `folds` change the usual split; `folds` alone asks for
    cross-validation.

    >>> problem("ionosphere", epochs=10).epochs
    10
    >>> str(problem("ionosphere", folds=5).split)
    '5-fold cross-validation, a repeat for each 5 seeds'
    """
    about = {key: changes.pop(key) for key in LOADED if key in changes}
    if isinstance(name, str) and name in BUILT_IN:
        study, defaults = built_in_study(name), usual_problem(name)
        made = {**defaults, **_with_split(changes, Split(**defaults.get("split", {})))}
        if model is not None and not is_text(model) and "settings" not in changes:
            made.pop("settings", None)  # a compiled model brings its own optimizer
        data = load(study["data"], target, folder=folder, **about)
        return Problem(model or study["model"], data, **{"name": name, **made})
    if isinstance(name, str) and not is_source(name):
        known = [*BUILT_IN, "a path ending in .csv, .tsv, .parquet, .npz"]
        raise ProblemError(unknown("problem", name, known))
    data = load(name, target, folder=folder, **about)
    return Problem(model or "mlp(64)", data, **_with_split(changes, Split()))


def _with_split(changes: Mapping[str, Any], usual: Split) -> dict[str, Any]:
    """Give the changes with one `split` made of the usual one and what they say of it."""
    made = dict(changes)
    split = made.pop("split", "kfold" if "folds" in changes else usual.kind)
    said = {key: made.pop(key) for key in ("validation", "folds") if key in changes}
    usual = replace(usual, kind=split) if isinstance(split, str) else split
    return {**made, "split": replace(usual, **said)}
