"""The rules by which a metric drives a schedule: factors whose multiplier is only known while training."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from dataclasses import KW_ONLY
from typing import Annotated, Any, TypeVar

from stepsize.checks import is_number, shown
from stepsize.errors import ScheduleError, SpecError
from stepsize.metric_directions import direction
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions, refusal
from stepsize.schedules.curves import Array
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import (
    Count,
    Flag,
    Growth,
    Name,
    NonNegative,
    Positive,
    Share,
    ShareOrZero,
    one_of,
    optional,
)
from stepsize.schedules.plateau_rule import PlateauRule, PlateauState, init, observe

VERSION = 1
Mode = Annotated[str | None, optional(one_of("min", "max"))]
Self = TypeVar("Self", bound="Driven")


class Driven(Family):
    """A family that a metric drives: it has a rule, and a state that changes with each metric observed."""

    metric: Any

    @property
    def metric_factor(self: Self) -> Self:
        return self

    def curve(self, t: Array, clock: Clock) -> Array:
        raise ScheduleError(f"{self} cannot stand alone; write constant(0.1) * {self}")

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        raise refusal(self, "its multiplier is known only while training")

    @abstractmethod
    def rule(self) -> PlateauRule:
        """Return the rule as numbers, for `plateau_rule.init` and `plateau_rule.observe`."""

    def init(self) -> PlateauState:
        """Return the state before the first metric."""
        return init(self.rule())

    def observe(self, state: PlateauState, metric: Any) -> PlateauState:
        """Return the state after one more metric."""
        return observe(self.rule(), state, metric)

    def multiplier(self, state: PlateauState) -> Any:
        """Return the multiplier of the schedule."""
        return state.scale

    def state_to_json(self, state: PlateauState) -> str:
        """Return a state, with its rule, as a JSON document for `state_from_json`.

        >>> rule = plateau(factor=0.5, patience=1)
        >>> text = rule.state_to_json(rule.observe(rule.init(), 0.8))
        >>> rule.state_from_json(text).best
        0.8
        """
        numbers = {name: float(part) for name, part in state._asdict().items()}
        best = numbers["best"] if math.isfinite(numbers["best"]) else None
        return json.dumps({"stepsize_metric_state": VERSION, "rule": repr(self), **numbers, "best": best})

    def state_from_json(self, text: str) -> PlateauState:
        """Return the state of a JSON document.

        Raises: SpecError if the text is not such a document, or the state of another rule.
        """
        try:
            document = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise SpecError(f"the state is not a JSON document: {error}") from None
        if not isinstance(document, dict) or document.get("stepsize_metric_state") != VERSION:
            raise SpecError(
                f"{shown(document)} is not a state that this version reads; write what state_to_json "
                f"returned, with stepsize_metric_state={VERSION}"
            )
        if document.get("rule") != repr(self):
            raise SpecError(
                f"the state belongs to {document.get('rule')}, not to {self}; load it with the rule it had"
            )
        if document.get("best") is None:
            document["best"] = math.inf
        numbers: list[Any] = [document.get(name) for name in PlateauState._fields]
        if not all(is_number(each) and not math.isnan(each) for each in numbers):
            raise SpecError(
                f"the state lacks a number among {', '.join(PlateauState._fields)}; "
                "write what state_to_json returned"
            )
        return PlateauState(*map(float, numbers))


def _sign(factor: plateau | two_way) -> float:
    return 1.0 if (factor.mode or direction(factor.metric)) == "min" else -1.0


def _require_direction(factor: plateau | two_way) -> None:
    if factor.mode is None and direction(factor.metric) is None:
        raise ScheduleError(
            f'metric="{factor.metric}" does not say whether lower is better; write mode="min" or mode="max"'
        )


@family
class plateau(Driven):
    """Multiply by `factor` when `metric` has stopped improving, as a factor of another schedule.

    The multiplier m starts at 1 and is cut to max(m * factor, floor) after more than `patience` checks
    without an improvement of `threshold` (a share of the best value, or absolute with `relative=False`).
    After a cut, `cooldown` checks are not counted. `mode` is "min" or "max"; for usual metrics it follows
    from the name. The share is of |best|; `signed=True` takes the best with its sign, as PyTorch and optax
    do, and so counts slightly worse as better where the metric is negative.

    PyTorch's patience p and cooldown c are ours; Keras' p is our max(p, 1) - 1 and its c our max(c - 1, 0),
    with `relative=False`; optax' p is our p - 1; fastai's factor is a divisor.

    Source: the rule of PyTorch's ReduceLROnPlateau.

    >>> rule = plateau(factor=0.5, patience=1)
    >>> state = rule.init()
    >>> for loss in (1.0, 0.8, 0.9, 0.9):
    ...     state = rule.observe(state, loss)
    >>> float(rule.multiplier(state))
    0.5
    """

    _: KW_ONLY
    factor: Share = 0.1
    patience: Count = 10
    cooldown: Count = 0
    threshold: NonNegative = 1e-4
    relative: Flag = True
    signed: Flag = False
    floor: ShareOrZero = 0.0
    metric: Name = "val_loss"
    mode: Mode = None

    def validate(self) -> None:
        _require_direction(self)
        if self.signed and not self.relative:
            raise ScheduleError("signed=True needs a relative threshold; leave relative=False out")

    def rule(self) -> PlateauRule:
        """Return the rule as numbers, for `plateau_rule.init` and `plateau_rule.observe`."""
        return PlateauRule(
            self.factor,
            float(self.patience),
            float(self.cooldown),
            self.threshold,
            2.0 if self.signed else float(self.relative),
            _sign(self),
            self.floor,
        )


@family
class on_threshold(Driven):
    """Multiply by `factor` when `metric` changes by less than `threshold` from one check to the next.

    The change counts in both directions, absolute or as a share of the last value with `relative=True`. The
    multiplier m is cut to max(m * factor, floor) after more than `patience` such checks in a row; after a
    cut, `cooldown` checks are not counted.

    Source: our own; `plateau` compares with the best value, this with the last one.

    >>> rule = on_threshold(factor=0.5, threshold=0.01)
    >>> state = rule.init()
    >>> for loss in (1.0, 0.8, 0.795, 0.7):
    ...     state = rule.observe(state, loss)
    >>> float(rule.multiplier(state))
    0.5
    """

    _: KW_ONLY
    factor: Share = 0.5
    threshold: Positive = 1e-3
    relative: Flag = False
    patience: Count = 0
    cooldown: Count = 0
    floor: ShareOrZero = 0.0
    metric: Name = "loss"

    def rule(self) -> PlateauRule:
        """Return the rule as numbers, for `plateau_rule.init` and `plateau_rule.observe`."""
        return PlateauRule(
            self.factor,
            float(self.patience),
            float(self.cooldown),
            self.threshold,
            float(self.relative),
            1.0,
            self.floor,
            by_change=1.0,
        )


@family
class two_way(Driven):
    """Multiply by `factor` while `metric` does not improve, and by `growth` while it does.

    More than `patience` checks in a row without an improvement of `threshold` cut the multiplier m to
    max(m * factor, floor); more than `patience` with one raise it to min(m * growth, ceiling): by default the
    planned rate itself. `threshold`, `relative`, `cooldown`, `metric` and `mode` are those of `plateau`.

    Source: the idea of transformers' GreedyLR.

    >>> rule = two_way(factor=0.5, growth=1.5)
    >>> state, seen = rule.init(), []
    >>> for loss in (1.0, 1.2, 0.9, 0.8):
    ...     state = rule.observe(state, loss)
    ...     seen.append(float(rule.multiplier(state)))
    >>> seen
    [1.0, 0.5, 0.75, 1.0]
    """

    _: KW_ONLY
    factor: Share = 0.5
    growth: Growth = 1.05
    patience: Count = 0
    cooldown: Count = 0
    threshold: NonNegative = 1e-4
    relative: Flag = True
    floor: ShareOrZero = 0.0
    ceiling: Growth = 1.0
    metric: Name = "val_loss"
    mode: Mode = None

    def validate(self) -> None:
        _require_direction(self)

    def rule(self) -> PlateauRule:
        """Return the rule as numbers, for `plateau_rule.init` and `plateau_rule.observe`."""
        return PlateauRule(
            self.factor,
            float(self.patience),
            float(self.cooldown),
            self.threshold,
            float(self.relative),
            _sign(self),
            self.floor,
            self.growth,
            self.ceiling,
        )
