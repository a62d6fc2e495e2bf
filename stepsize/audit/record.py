"""The record of an audit: for every update the planned rate and the one that the optimizer used."""

from __future__ import annotations

import csv
import operator
from array import array
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stepsize.adapters import PlainSchedule
from stepsize.adapters.state import Place, write_state
from stepsize.audit.causes import causes, sentence
from stepsize.audit.evidence import Cause, Evidence, differ, peak
from stepsize.checks import shown
from stepsize.errors import AuditError, OutputError, ScheduleError, StateError
from stepsize.schedules import Plan
from stepsize.schedules.curves import Array
from stepsize.schedules.picture import Curve, curves


class Row(NamedTuple):
    """One update, counted from 0, with the rate planned for it and the rate applied."""

    update: int
    planned: float
    applied: float


def check_replaceable(path: Path, header: str) -> None:
    """Raise OutputError if a file exists that does not begin with the header of an audit."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        first = file.readline(len(header) + 2).strip()
    if first not in (b"", header.encode()):
        raise OutputError(
            f"path={str(path)!r} exists, and is not an audit written by stepsize; choose another file, or "
            "move it away"
        )


class Audit:
    """Compare the rate that every completed update used with the plan's.

    `record` takes one rate per update, read back from the optimizer. The rates may differ by `tolerance`, as
    a share of them: 1e-6 allows for float32; write 1e-4 for the curves that Keras and optax compute in
    float32. `strict=True` raises at the first difference. `start` is the update at which a resumed run
    continues, or the state that an adapter's `state_dict()` returned.

    Raises: ScheduleError if `plan` is not a plan, or `tolerance` is not above 0 and below 1.

    >>> from stepsize.schedules import linear
    >>> audit = Audit(linear(1).plan(updates=8))
    >>> for rate in [1, 0.75, 0.5, 0.25]:
    ...     audit.record(rate)
    >>> audit.first_difference
    Row(update=1, planned=0.875, applied=0.75)
    >>> audit.causes[0].name
    'double step'
    """

    def __init__(self, plan: Plan, *, strict: bool = False, tolerance: float = 1e-6, start: Any = 0) -> None:
        self._schedule = PlainSchedule(plan)
        if start != 0:
            self._schedule.load_state_dict(_state(plan, start))
        if not isinstance(tolerance, float) or not 0 < tolerance < 1:
            raise ScheduleError(
                f"tolerance={shown(tolerance)} is not a share; write for example tolerance=1e-6"
            )
        self._strict, self._tolerance, self._peak = strict, tolerance, peak(plan)
        self._start = self._schedule.update
        self._planned, self._applied = array("d"), array("d")
        self._first: Row | None = None
        self._observed = False
        self.notes: list[str] = []  # worth knowing, but not differences

    @property
    def plan(self) -> Plan:
        """The plan it compares with."""
        return self._schedule.plan

    @property
    def update(self) -> int:
        """The updates completed so far."""
        return self._schedule.update

    def record(self, rate: Any, multiplier: float = 1.0) -> None:
        """Record the rate of one more update; `multiplier` is the planned factor of its parameter group.

        Raises: AuditError under strict=True at the first difference; ScheduleError if `rate` is not a
        number, or the update is past a plan with after="error".
        """
        try:
            applied = float(rate)
        except (TypeError, ValueError):
            raise ScheduleError(f"rate={shown(rate)} is not a number; record for example 0.1") from None
        row = Row(self.update, self._schedule.rate * multiplier, applied)
        self._schedule.count()
        self._planned.append(row.planned)
        self._applied.append(row.applied)
        if abs(row.planned - row.applied) <= self._tolerance * row.planned:
            return  # the usual case, so before anything that costs more
        if self._first is None and differ(row.planned, row.applied, self._tolerance, self._peak):
            self._first = row
            if self._strict:
                raise AuditError(self.summary())

    def observe(self, metric: float) -> None:
        """Observe one more value of the metric that the plan's factor, such as `plateau`, follows."""
        self._schedule.observe(metric)
        self._observed = True

    @property
    def planned(self) -> Array:
        """The planned rate of every update so far."""
        return np.array(self._planned)

    @property
    def applied(self) -> Array:
        """The applied rate of every update so far."""
        return np.array(self._applied)

    @property
    def rows(self) -> list[Row]:
        """Every update so far."""
        updates = range(self._start, self.update)
        return [Row(*row) for row in zip(updates, self._planned, self._applied, strict=True)]

    @property
    def first_difference(self) -> Row | None:
        """The first update with another rate than planned, or None."""
        return self._first

    @property
    def differences(self) -> int:
        """The updates with another rate than planned."""
        return int(np.sum(differ(self.planned, self.applied, self._tolerance, self._peak)))

    @property
    def causes(self) -> list[Cause]:
        """The causes that explain every rate so far; several while the rates cannot tell them apart."""
        if self._first is None:
            return []
        updates = np.arange(self._start, self.update)
        return causes(Evidence(self.plan, updates, self.planned, self.applied, self._tolerance))

    @property
    def cause(self) -> str | None:
        """The likely cause of the differences as a sentence, or None if there are none."""
        return None if self._first is None else sentence(self.causes)

    def summary(self) -> str:
        """Return the result so far, in one or two sentences.

        >>> from stepsize.schedules import linear
        >>> audit = Audit(linear(0.4).plan(updates=2))
        >>> audit.record(0.4), audit.record(0.2)
        (None, None)
        >>> audit.summary()
        'All 2 planned updates used the rate of linear(0.4).'
        """
        seen, row, horizon = len(self._applied), self._first, self.plan.horizon
        if not seen:
            result = "No update was recorded: attach the audit to the optimizer that makes the updates."
        elif row is None:
            over = min(self.update - horizon, seen)
            which = (
                "planned updates"
                if seen == horizon and over == 0
                else (
                    f"recorded updates, {over} of them past the {horizon} planned ones,"
                    if over > 0
                    else f"recorded updates, of {horizon} planned,"
                )
            )
            result = f"All {seen} {which} used the rate of {self.plan.schedule}."
            if over > 0 and self.plan.after == "hold":
                result += f" Past its end it is {self.plan.end:g}."
        else:
            result = (
                f"Update {row.update} used the rate {row.applied:.6g} instead of {row.planned:.6g}; "
                f"{self.differences} of {seen} updates differ. Likely cause: {self.cause}."
            )
        return " ".join([result, *self._unobserved(), *self.notes])

    def _unobserved(self) -> list[str]:
        """Return a sentence if the plan follows a metric, and none was observed in more than an epoch."""
        factor, epoch = self.plan.metric_factor, self.plan.updates_per_epoch or self.plan.horizon // 2
        if factor is None or self._observed or self._start or len(self._applied) <= epoch:
            return []
        return [f"{factor} counts as 1, because no metric was observed: call audit.observe(value)."]

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write every update so far, with the columns update, planned and applied.

        Raises: OutputError for a file that is not an audit, which is never replaced.
        """
        check_replaceable(Path(path), ",".join(Row._fields))
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Row._fields)
            writer.writerows(self.rows)

    def __repr__(self) -> str:
        return f"<Audit: {self.summary()}>"

    def _repr_svg_(self) -> str | None:
        if not self._applied:
            return None
        per_epoch = self.plan.updates_per_epoch
        drawn = [
            Curve(f"planned: {self.plan.schedule}", self.planned, per_epoch),
            Curve("applied", np.nan_to_num(self.applied, posinf=0.0, neginf=0.0), per_epoch),
        ]
        since = f", from update {self._start} on" if self._start else ""
        return curves(drawn, f"learning rate, planned and applied{since}")


def check_audit(audit: Any) -> None:
    """Raise ScheduleError unless `audit` is an audit."""
    if not isinstance(audit, Audit):
        raise ScheduleError(f"audit={shown(audit)} is not an audit; write Audit(plan)")


def _state(plan: Plan, start: Any) -> Any:
    """Return the state of a run at `start`."""
    if not hasattr(start, "__index__"):
        return start
    start = operator.index(start)
    if start < 0:
        raise StateError(f"start={start} is not a count of updates; write an integer from 0")
    factor = plan.metric_factor
    return write_state(Place(plan, start, None if factor is None else factor.init()))
