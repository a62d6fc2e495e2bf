"""The arguments of a training function: the schedule of its run, and `report`, called after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stepsize.checks import is_number, shown
from stepsize.errors import ScheduleError, StudyError
from stepsize.metric_directions import lowest_share
from stepsize.schedules import Plan, Schedule
from stepsize.study.user_functions.update_count import UpdateCount


class Diverged(BaseException):
    """Ends a run that reported a non-finite number; not an Exception, so that user code does not catch it."""


class Counted(BaseException):
    """Ends a run whose updates have been counted."""


class LivePlan(Plan):
    """The plan of one run, including a factor that follows a metric, such as `plateau`.

    `plan(t)` is the rate that update `t` uses. Such a factor observes the numbers passed to `report`, so its
    rates are not known in advance and `values` raises ScheduleError. `count` counts what is asked for.

    >>> from stepsize.schedules import constant, plateau
    >>> plan = LivePlan(constant(0.1) * plateau(factor=0.5, patience=0), epochs=3, updates_per_epoch=4)
    >>> plan(0)
    0.1
    >>> for loss in (1.0, 2.0):
    ...     plan.observe(loss)
    >>> plan(8)
    0.05
    """

    count: UpdateCount
    _state: Any

    def __init__(self, schedule: Schedule, epochs: int, updates_per_epoch: int) -> None:
        super().__init__(schedule, epochs * updates_per_epoch, updates_per_epoch)
        factor = schedule.metric_factor
        state = None if factor is None else factor.init()
        self.__dict__.update(count=UpdateCount(self.horizon), _state=state)

    @property
    def metric_factor(self) -> Any:
        """None: `report` drives the factor, so an adapter must not."""
        return None

    @property
    def values(self) -> Any:
        """One value per update, float64 and read-only."""
        if self._state is not None:
            raise ScheduleError(
                f"the rates of {self.schedule} follow the metric and are not known in advance; "
                "call schedule(t) before each update"
            )
        self.count.read_all()
        return super().values

    @property
    def is_asked(self) -> bool:
        """Whether any rate was asked for."""
        return self.count.reads_ahead or self.count.calls > 0

    @property
    def is_constant(self) -> bool:
        """Whether all rates are the same, whatever updates are asked for; a metric may still change them."""
        return bool((self._table == self._table[0]).all())

    def __call__(self, t: Any = None, *others: Any) -> Any:
        """Return the rate that update `t` uses."""
        t = np.asarray(t).item() if np.ndim(t) == 0 else t
        rate = self.rate(t, *others)
        self.count.ask(t)
        return rate

    def rate(self, t: Any, *others: Any) -> Any:
        """Return the rate of update `t` without counting it."""
        planned = super().__call__(t, *others)
        return planned if self._state is None else planned * float(self._state.scale)

    def observe(self, metric: float) -> None:
        """Pass one more value to the metric-driven factor."""
        self.__dict__["_state"] = self.schedule.metric_factor.observe(self._state, metric)

    def state(self) -> dict[str, Any]:
        """Return what has changed since the start of the run, as values for JSON."""
        factor = self.schedule.metric_factor
        text = None if factor is None else factor.state_to_json(self._state)
        return {"factor": text, "updates": self.count.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of the same run."""
        factor = self.schedule.metric_factor
        if factor is not None:
            self.__dict__["_state"] = factor.state_from_json(state["factor"])
        self.count.restore(state["updates"])


class Report:
    """The `report` of one run: called after each epoch with the metric on rows that were not trained on.

    `on_epoch` is called with the number of epochs reported so far.
    """

    def __init__(
        self, plan: LivePlan, epochs: int, metric: str, share: bool, on_epoch: Callable[[int], None]
    ) -> None:
        self.curves = np.full((4, epochs), np.nan)  # in float64, as the function reports them
        self._counts = np.full((2, epochs), np.nan, np.float32)
        self.count = 0
        self.is_diverged = False
        self._plan, self._metric, self._share, self._on_epoch = plan, metric, share, on_epoch

    def __call__(self, value: float, *, loss: float | None = None, val_loss: float | None = None) -> None:
        """Report the metric of one epoch, and optionally its training and validation losses.

        A number that is not finite ends the run as diverged.
        """
        if self.is_diverged:  # the function has caught what ended its run
            raise Diverged
        epochs = self.curves.shape[1]
        if self.count == epochs:
            raise StudyError(f"report was called more than once an epoch; the run has epochs={epochs}")
        if not self._plan.is_asked:
            raise StudyError(
                "the function reported an epoch without using schedule; set the rate before each update t, "
                "as in group['lr'] = schedule(t)"
            )
        losses = {name: each for name, each in (("loss", loss), ("val_loss", val_loss)) if each is not None}
        numbers = {name: _number(name, each) for name, each in {**losses, self._metric: value}.items()}
        if self._share and math.isfinite(numbers[self._metric]):
            self._check_share(numbers[self._metric])
        per_epoch = self._plan.updates_per_epoch or 1
        last = float(self._plan.rate((self.count + 1) * per_epoch - 1))
        row = (numbers.get("loss", np.nan), numbers.get("val_loss", np.nan), numbers[self._metric], last)
        self.curves[:, self.count] = row
        self.count += 1
        self._check_updates(per_epoch)
        self._on_epoch(self.count)
        if not all(map(math.isfinite, numbers.values())):
            self.is_diverged = True
            raise Diverged
        self._observe({**numbers, f"val_{self._metric}": numbers[self._metric]})

    def state(self) -> dict[str, Any]:
        """Return what was reported so far, and the state of the schedule, as values for JSON."""
        numbers = {"curves": self.curves[:, : self.count], "counts": self._counts[:, : self.count]}
        lists = {name: values.tolist() for name, values in numbers.items()}
        return {"count": self.count, **lists, "plan": self._plan.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of the same run."""
        self.count = state["count"]
        self.curves[:, : self.count] = state["curves"]
        self._counts[:, : self.count] = state["counts"]
        self._plan.restore(state["plan"])

    @property
    def counts(self) -> np.ndarray:
        """The curves with the updates made so far, and with those asked for, in place of the losses."""
        return np.concatenate([self._counts, self.curves[2:]])

    def _check_share(self, value: float) -> None:
        """Raise StudyError for a percentage, and for a negative number of a metric that has none."""
        lowest = lowest_share(self._metric)
        if value > 1 or value < lowest:
            where = "at most 1" if lowest < 0 else "from 0 to 1"
            raise StudyError(f"{self._metric}={value:g} is not a share; report a number {where}")

    def _check_updates(self, per_epoch: int) -> None:
        """Raise StudyError if the function shows other updates than the schedule is planned for."""
        count = self._plan.count
        count.end_epoch()
        self._counts[:, self.count - 1] = np.nan if count.updates is None else count.updates, count.asked
        asks_again = self._plan.schedule.metric_factor is None or count.calls >= self.count
        if self.count < min(2, self.curves.shape[1]) or (self._plan.is_constant and asks_again):
            return
        if mismatch := count.mismatch(per_epoch):
            raise StudyError(mismatch)

    def check_complete(self) -> None:
        """Raise StudyError if the run ended before its last epoch."""
        if self.count < self.curves.shape[1]:
            raise StudyError(
                f"the function reported {self.count} of {self.curves.shape[1]} epochs; call report(value) "
                "after each epoch"
            )

    def _observe(self, numbers: dict[str, float]) -> None:
        factor = self._plan.schedule.metric_factor
        if factor is None:
            return
        if factor.metric not in numbers:
            raise StudyError(
                f"{factor} follows {factor.metric!r}; report it too, as in report(value, val_loss=...)"
            )
        self._plan.observe(numbers[factor.metric])


def _number(name: str, value: Any) -> float:
    value = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    if not is_number(value):
        raise StudyError(f"report: {name}={shown(value)} is not a number")
    return float(value)
