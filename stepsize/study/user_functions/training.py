"""Any other trainer as a problem: a function that trains once and reports a metric after every epoch."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import ProblemError, StudyError, unknown
from stepsize.metric_directions import direction
from stepsize.study.user_functions.functions import Function, code_digest, find_function, versions_of


@dataclass(frozen=True, eq=False)
class Training:
    """A function `train(schedule, seed, report)` to compare schedules with; any framework, any code.

    `schedule(t)` is the rate for update t, counted from 0; `schedule` is a `Plan` and goes into the
    adapters. `seed` is for everything random: split, weights, batches; candidates meet on the same seeds.
    `report(value)` after each of `epochs` hands over `metric` on rows that were not trained on, and with
    `loss=` and `val_loss=` more curves. Settings of a candidate come as further keyword arguments. Runs are
    made in processes of their own, one a core.

    `train` is the function or its path, `package.module:function`; `updates_per_epoch` are its optimizer
    updates. `higher_is_better` is known for usual names of `metric`; `margin`, the smallest difference that
    matters, is half a point for shares such as an accuracy, and for other metrics 1 % of the baseline's mean.

    Raises: ProblemError for a function or numbers that do not fit.

    >>> def train(schedule, seed, report):
    ...     for epoch in range(3):
    ...         report(0.9 - abs(schedule(epoch) - 0.1))
    >>> Training(train, epochs=3, updates_per_epoch=1).name
    'train'
    """

    train: Function | str
    epochs: int
    updates_per_epoch: int
    metric: str = "accuracy"
    higher_is_better: bool | None = None
    margin: float | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.train, str):
            object.__setattr__(self, "train", find_function(self.train))
        if not inspect.isroutine(self.train):
            raise ProblemError(
                "train must be a function train(schedule, seed, report) or its path, "
                f"'package.module:function'; got {type(self.train).__name__}"
            )
        self.check_settings({}, ProblemError)
        for name in ("epochs", "updates_per_epoch"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ProblemError(f"{name}={shown(value)} must be a positive whole number")
        self._decide_direction()
        if self.margin is not None:
            check_margin(self.margin)
        object.__setattr__(self, "name", self.name or self.function.__name__)

    def _decide_direction(self) -> None:
        if self.higher_is_better is None:
            known = direction(self.metric)
            if known is None:
                raise ProblemError(
                    f"metric {self.metric!r}: say which way is better, higher_is_better=True or False"
                )
            object.__setattr__(self, "higher_is_better", known == "max")

    @property
    def function(self) -> Function:
        """The function that trains."""
        assert callable(self.train)
        return self.train

    @property
    def is_share(self) -> bool:
        """Whether the metric lies between 0 and 1, as its name says."""
        return direction(self.metric) == "max" and bool(self.higher_is_better)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with the function's code and the length of a run."""
        identity = (code_digest(self.function), self.epochs, self.updates_per_epoch, self.metric)
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]

    def check_settings(
        self, settings: Mapping[str, Any], error: type[ProblemError] | type[StudyError] = StudyError
    ) -> None:
        """Refuse settings that the function has no parameter for."""
        parameters = inspect.signature(self.function).parameters
        try:
            inspect.signature(self.function).bind(None, None, None, **settings)
        except TypeError as refusal:
            for name in settings:
                if name not in parameters:
                    own = list(parameters)[3:]
                    said = unknown("setting", name, own) if own else f"it has no parameter {name!r}"
                    raise error(f"function {self.function.__name__!r}: {said}") from None
            raise error(
                f"function {self.function.__name__!r} must take (schedule, seed, report): {refusal}"
            ) from None

    def facts(self) -> dict[str, Any]:
        """Give what the answer says about the training and its data, as JSON values."""
        return {
            "protocol": {
                "epochs": self.epochs,
                "updates_per_epoch": self.updates_per_epoch,
                "horizon": self.epochs * self.updates_per_epoch,
                "model": f"function {self.function.__module__}:{self.function.__qualname__}",
                "optimizer": {"name": "as the function makes it"},
                "metric": self.metric,
                "higher_is_better": self.higher_is_better,
                "share": self.is_share,
                "worst": 0.0 if self.is_share else None,
                "split": "as the function makes it",
                "split_kind": "own",
                **({} if self.margin is None else {"margin": self.margin}),
            },
            "data": {
                "name": self.name,
                "rows": None,
                "features": None,
                "classes": [],
                "parts": {},
                "majority_baseline": None,
                "sample_value": None,
                "source": None,
            },
        }

    def software(self) -> dict[str, str]:
        """Give the versions of the packages that the function's module uses."""
        return versions_of(self.function)


def check_margin(margin: Any) -> None:
    """Raise ProblemError unless `margin` is a positive number."""
    if not is_number(margin) or not 0 < margin < math.inf:
        raise ProblemError(f"margin={shown(margin)} must be a positive number, in units of the metric")
