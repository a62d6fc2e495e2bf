"""Any training code as a problem: a function that trains once and reports a metric after every epoch."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from typing import Any

from stepsize.errors import ProblemError, StudyError, unknown
from stepsize.metric_directions import contradicts, direction, is_share
from stepsize.problems.arguments import positive_whole
from stepsize.problems.code_identity import code_digest, identity_notes
from stepsize.problems.code_objects import versions_of
from stepsize.problems.own_models import with_objects
from stepsize.study.trainable import check_margin
from stepsize.study.user_functions.functions import (
    Function,
    find_function,
    takes_checkpoint,
)


@dataclass(frozen=True, eq=False)
class Training:
    """A function `train(schedule, seed, report)` that trains once, in any framework.

    `schedule(t)` is the rate of update t, counted from 0; `schedule` is a `Plan`, which the adapters accept.
    `seed` is for everything random: split, weights, batches; all candidates are trained on the same seeds.
    After each of `epochs`, the function calls `report(value)` with `metric` on rows that were not trained
    on, optionally with `loss=` and `val_loss=`. Settings of a candidate are passed as keyword arguments.
    Runs are made in separate processes, one per core. A function with a parameter `checkpoint` can save the
    state of a run, and continues from it after a stop (`stepsize.study.user_functions.run_checkpoint`).

    `train` is the function or its path, `package.module:function`; `updates_per_epoch` is its number of
    optimizer updates, which `compare` counts in the first two epochs of one run if it is left out.
    `higher_is_better` is needed only if the name of `metric` does not imply it. `margin`, the smallest
    difference that matters, is by default half a point for shares such as an accuracy, and 1 % of the
    baseline's median for other metrics.

    Raises: ProblemError for a function or numbers that cannot be used.

    >>> def train(schedule, seed, report):
    ...     for epoch in range(3):
    ...         report(0.9 - abs(schedule(epoch) - 0.1))
    >>> Training(train, epochs=3, updates_per_epoch=1).name
    'train'
    """

    train: Function | str
    epochs: int
    updates_per_epoch: int | None = None
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
            if (value := getattr(self, name)) is not None or name == "epochs":
                object.__setattr__(self, name, positive_whole(name, value))
        self._decide_direction()
        if self.margin is not None:
            check_margin(self.margin)
        object.__setattr__(self, "name", self.name or self.function.__name__)

    def _decide_direction(self) -> None:
        if self.higher_is_better is None:
            known = direction(self.metric)
            if known is None:
                raise ProblemError(
                    f"metric={self.metric!r} does not imply which way is better; pass higher_is_better=True "
                    "or higher_is_better=False"
                )
            object.__setattr__(self, "higher_is_better", known == "max")
        elif contradicts(self.metric, "max" if self.higher_is_better else "min"):
            raise ProblemError(
                f"metric={self.metric!r} is better {'low' if self.higher_is_better else 'high'}, so "
                f"higher_is_better={self.higher_is_better} would choose the worst; leave it out"
            )

    @property
    def function(self) -> Function:
        """The function that trains."""
        assert callable(self.train)
        return self.train

    @property
    def is_share(self) -> bool:
        """Whether 1 is perfect in the metric, judging by its name."""
        return is_share(self.metric) and bool(self.higher_is_better)

    @property
    def optimizer_name(self) -> None:
        """None: only the function knows its optimizer."""
        return None

    @property
    def expensive(self) -> bool:
        """True: its runs are trained one by one."""
        return True

    @property
    def watched(self) -> tuple[str, ...]:
        """The series that a metric-driven factor can observe, if the function reports them."""
        return "val_loss", "loss", self.metric, f"val_{self.metric}"

    @property
    def usual_seeds(self) -> None:
        """None: the function makes its own split, so any number of seeds will do."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """What the function uses that is not part of the study's identity."""
        return self._unidentified

    @cached_property
    def _unidentified(self) -> Sequence[str]:
        return identity_notes([self.function])

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with the function's code and the length of a run."""
        identity = (code_digest(self.function), self.epochs, self.updates_per_epoch, self.metric)
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]

    def variant(self, settings: Mapping[str, Any]) -> Training:
        """Return the training itself: the function gets all settings of a candidate."""
        return self

    def variant_facts(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return nothing: only the function knows what its settings change."""
        return {}

    def check_settings(
        self, settings: Mapping[str, Any], error: type[ProblemError] | type[StudyError] = StudyError
    ) -> None:
        """Raise StudyError, or `error`, for settings that the function has no parameter for."""
        parameters = inspect.signature(self.function).parameters
        if callable(with_objects(settings).get("model")):
            raise error(
                f"model={settings['model']!r} is an object, and a training function gets numbers and text as "
                "settings; name the model, and make it in the function"
            )
        reserved = {"checkpoint": None} if takes_checkpoint(self.function) else {}
        if reserved.keys() & settings.keys():
            raise error(
                f"function {self.function.__name__!r} takes its checkpoint as checkpoint=, so no "
                "candidate can set it; rename the setting"
            )
        try:
            inspect.signature(self.function).bind(None, None, None, **settings, **reserved)
        except TypeError as refusal:
            for name in settings:
                if name not in parameters:
                    names = list(parameters)[3:]
                    reason = unknown("setting", name, names) if names else f"it has no parameter {name!r}"
                    raise error(f"function {self.function.__name__!r}: {reason}") from None
            raise error(
                f"function {self.function.__name__!r} must take (schedule, seed, report): {refusal}"
            ) from None

    def check_seeds(self, seeds: Sequence[int]) -> None:
        """Accept any seeds: the function makes its own split."""

    def updates_per_epoch_with(self, settings: Mapping[str, Any]) -> int:
        """Return the optimizer updates of an epoch, the same for all candidates.

        Raises: StudyError if they have not been counted yet.
        """
        if self.updates_per_epoch is None:
            raise StudyError(
                f"updates_per_epoch of {self.name!r} is not known; give for example updates_per_epoch=9"
            )
        return self.updates_per_epoch

    def facts(self, seeds: Sequence[int] = ()) -> dict[str, Any]:
        """Return what the answer reports about the training and its data, as JSON values."""
        updates_per_epoch = self.updates_per_epoch_with({})
        return {
            "repeats_first_run": True,
            "protocol": {
                "epochs": self.epochs,
                "updates_per_epoch": updates_per_epoch,
                "horizon": self.epochs * updates_per_epoch,
                "model": f"function {self.function.__module__}:{self.function.__qualname__}",
                "optimizer": {"name": "chosen by the function"},
                "metric": self.metric,
                "higher_is_better": self.higher_is_better,
                "share": self.is_share,
                "split": "made by the function",
                "split_kind": "own",
                **({} if self.margin is None else {"margin": self.margin}),
            },
            "data": {
                "name": self.name,
                "rows": None,
                "features": None,
                "classes": [],
                "parts": {},
                "groups": None,
                "shares_vary": False,
                "majority_baseline": None,
                "sample_value": None,
                "source": None,
                "notes": list(self.notes),
            },
        }

    def study_keys(self) -> dict[str, Any]:
        """Return the keys of a study file that this object sets, apart from the function."""
        return {"epochs": self.epochs, "updates_per_epoch": self.updates_per_epoch}

    def software(self) -> dict[str, str]:
        """Return the versions of NumPy and of the packages that the function's module imports."""
        return {"numpy": metadata.version("numpy"), **versions_of(self.function)}
