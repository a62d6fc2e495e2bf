"""The settings with which candidates train, and in which of them two candidates differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stepsize.study.trained_settings import (
    AS_COMPILED,
    UNKNOWN_OPTIMIZERS,
    trained_settings,
    usual_values,
    with_momentum,
    with_steady_momentum,
)
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.formatting import settings_text

IN_WORDS = {AS_COMPILED: "the compiled optimizer", UNKNOWN_OPTIMIZERS[1]: "the optimizer of the function"}
OF_A_CANDIDATE = ("model", "epochs", "batch_size", "prepare")  # not arguments of an optimizer


@dataclass(frozen=True)
class Compared:
    """The settings of a candidate: `own`, as they were given, and `trained`, all with which it trains.

    `usual` are values that its optimizer has where no other is given.
    """

    own: Mapping[str, Any]
    trained: Mapping[str, Any]
    usual: Mapping[str, Any]

    @property
    def optimizer(self) -> str:
        """The name of the optimizer in lower case."""
        return str(self.trained.get("optimizer")).lower()

    @cached_property
    def key(self) -> str:
        """Equal for candidates that train with the same settings."""
        named = self.by_momentum
        values = {name: named.value(name) for name in named.trained}
        others = {
            key: value for key, value in values.items() if value != _off(named.usual.get(key), named.usual)
        }
        return json.dumps({**others, "optimizer": self.optimizer}, sort_keys=True, default=str)

    @cached_property
    def by_momentum(self) -> Compared:
        """The same, with `momentum` for what Adam and its relatives have instead."""
        if not self.usual:  # of an optimizer that is not known, or of a training function
            return self
        return Compared(*(with_momentum(each) for each in (self.own, self.trained, self.usual)))

    @property
    def replaces(self) -> bool:
        """Whether a momentum is set of an optimizer that has none by this name, such as Adam."""
        return "momentum" in self.trained and "momentum" not in self.usual

    def value(self, name: str) -> Any:
        """Return a setting as it trains, None for one that is off or not known."""
        return _off(self.trained.get(name, self.usual.get(name)), self.usual)


def _off(value: Any, usual: Mapping[str, Any]) -> Any:
    """Return None for a switch that is off, where an optimizer is known: its switches are off by default."""
    return None if value is False and usual else value


def compared(answer: Answer, candidate: CandidateAnswer, own: Mapping[str, Any]) -> Compared:
    """Return the settings of a candidate, which has `own` as they were given."""
    protocol, data = {**answer["study"]["protocol"], **candidate["protocol"]}, answer["data"]
    trained = trained_settings(protocol, own)
    if data["kind"] is None:  # a training function may call anything model or epochs
        return Compared(own, trained, {})
    shared: dict[str, Any] = {key: protocol[key] for key in ("batch_size", "model", "epochs")}
    shared["prepare"] = "inputs" in candidate["protocol"].get("scaled", data["scaled"])
    steady = with_steady_momentum(protocol, trained)
    return Compared(own, {**shared, **steady}, usual_values(protocol, trained))


def differing(ours: Compared, theirs: Compared) -> dict[str, Any]:
    """Return the settings in which a candidate differs from another one, with the values of the first.

    Of an optimizer that the other one does not have, only its name and what was given are among them. Where a
    momentum is set in place of `beta_1`, or of the first of `betas`, it has the name `momentum` for both.
    """
    if ours.replaces or theirs.replaces:
        ours, theirs = ours.by_momentum, theirs.by_momentum
    is_same = ours.optimizer == theirs.optimizer
    keys = {**ours.own, **theirs.own}
    if is_same:
        keys |= {key: None for key in (*ours.trained, *theirs.trained) if key not in OF_A_CANDIDATE}
    settings = {}
    for key in keys:
        if key == "optimizer":
            continue
        if ours.value(key) != theirs.value(key) and (is_same or key in ours.trained):
            value = ours.trained.get(key, ours.usual.get(key))
            settings[key] = "default" if value is None else value
    return settings if is_same else {**settings, "optimizer": ours.trained.get("optimizer")}


def differing_text(settings: Mapping[str, Any]) -> str:
    """Write the settings in which two candidates differ, with words for an optimizer that has no name here.

    >>> differing_text({"momentum": 0.5, "optimizer": "as compiled"})
    'momentum=0.5, the compiled optimizer'
    """
    words = IN_WORDS.get(str(settings.get("optimizer")))
    if words is None:
        return settings_text(settings)
    others = {key: value for key, value in settings.items() if key != "optimizer"}
    return ", ".join(filter(None, (settings_text(others), words)))
