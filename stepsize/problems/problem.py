"""A problem: data, model, optimizer, length and split; and the problems that have a name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from stepsize.errors import ProblemError, unknown
from stepsize.problems.data import NAMES, Data, load
from stepsize.problems.models import is_text, nameless, travel_form
from stepsize.problems.splits import Parts, Split

SGD = MappingProxyType({"optimizer": "sgd", "momentum": 0.9})


@dataclass(frozen=True, eq=False)
class Problem:
    """What is trained: `model` on `data`, for `epochs` in batches of `batch_size`, split by `split`.

    `model` is text such as `mlp(34)`, a factory `package.module:function`, or a compiled Keras model.
    `data` is `Data` or a name that `load` knows. `settings` are Keras optimizer arguments, with
    `optimizer` for its name; a compiled model keeps its own where `settings` say nothing.

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

    def __post_init__(self) -> None:
        if isinstance(self.data, str):
            object.__setattr__(self, "data", load(self.data))
        if not isinstance(self.data, Data):
            raise ProblemError(
                f"data must be stepsize Data or one of {', '.join(NAMES)}; got {type(self.data).__name__}"
            )
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ProblemError(f"{name}={value!r} must be a positive whole number")
        if self.settings is None:
            object.__setattr__(self, "settings", dict(SGD) if is_text(self.model) else {})
        object.__setattr__(self, "name", self.name or self.data.name)
        self.travel_form()

    def travel_form(self) -> dict[str, Any]:
        """Give the model as plain data."""
        return travel_form(self.model, len(self.data.classes))

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
            nameless(self.travel_form()), self.data.digest, self.epochs, self.batch_size,
            self.split.kind, self.split.validation, dict(self.settings or {}),
        )  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


IONOSPHERE_MODEL = 'mlp(34, initializer="random_normal")'
LESSON_MOMENTUM = MappingProxyType({"optimizer": "sgd", "momentum": 0.8})

# For each name: the data, the model, and what else differs from `Problem`'s defaults.
BUILT_IN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ionosphere": (
        "ionosphere",
        IONOSPHERE_MODEL,
        {"batch_size": 28, "split": Split("stratified", 0.33), "settings": LESSON_MOMENTUM},
    ),
    "breast-cancer": ("breast-cancer", "mlp(32)", {}),
    "digits": ("digits", "mlp(64)", {"epochs": 30}),
    "iris": ("iris", "mlp(16)", {"batch_size": 16}),
    "wine": ("wine", "mlp(16)", {"batch_size": 16}),
    "fashion-mnist": (
        "fashion-mnist",
        "mlp(512, dropout=0.2)",
        {"epochs": 5, "split": Split("stratified", 1 / 6)},
    ),
    "lesson-ionosphere": (
        "ionosphere",
        IONOSPHERE_MODEL,
        {"batch_size": 28, "split": Split("lesson", 0.33), "settings": {"optimizer": "sgd", "momentum": 0.0}},
    ),
    "lesson-fashion-mnist": ("fashion-mnist", "mlp(512, dropout=0.2)", {"epochs": 5, "split": Split("test")}),
}


def problem(
    name: str, *, target: str | None = None, folder: str | None = None, model: Any = None, **changes: Any
) -> Problem:
    """Give the problem called `name`, or the one of a CSV file and its `target` column.

    `folder` holds the IDX files of Fashion-MNIST; `model` and `changes` (fields of `Problem`) replace
    what the name stands for; a `split` given as text keeps the share of validation rows.

    >>> problem("ionosphere", epochs=10).epochs
    10
    """
    if name in BUILT_IN:
        data, default_model, defaults = BUILT_IN[name]
        made = {**defaults, **_with_split(changes, defaults.get("split", Split()))}
        if model is not None and not is_text(model) and "settings" not in changes:
            made.pop("settings", None)  # a compiled model brings its own optimizer
        return Problem(model or default_model, load(data, folder=folder), name, **made)
    if name.lower().endswith(".csv"):
        data = load(name, target)
        return Problem(model or "mlp(64)", data, **_with_split(changes, Split()))
    known = [*BUILT_IN, "a path ending in .csv"]
    raise ProblemError(unknown("problem", name, known))


def _with_split(changes: Mapping[str, Any], usual: Split) -> dict[str, Any]:
    split = changes.get("split")
    return {**changes, "split": replace(usual, kind=split)} if isinstance(split, str) else dict(changes)
