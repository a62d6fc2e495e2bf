"""Schedules out of schedules: one after another, one times another, and one plus another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from stepsize.checks import finite_number, shown, spell
from stepsize.errors import ScheduleError
from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array
from stepsize.schedules.families.warmup_stable_decay import warmup
from stepsize.schedules.text_form import operation_text
from stepsize.units import Knob


@dataclass(frozen=True, repr=False, eq=False)
class Join(Schedule):
    """Schedules one after another; each has its own time from 0, and the last one has the rest of the run.

    >>> from stepsize.schedules import constant, linear
    >>> from stepsize.units import updates
    >>> (constant(0.4, length=2 * updates) >> linear(0.2)).plan(updates=4).values
    array([0.4, 0.4, 0.2, 0.1])
    """

    operator = ">>"
    pieces: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        for piece in self.pieces:
            if piece.metric_factor is not None:
                raise ScheduleError(
                    f"{piece} is driven by a metric over the whole run and cannot be joined; "
                    f"write (a >> b) * {piece.metric_factor}"
                )
        for piece in self.pieces[:-1]:
            if not piece.sized:
                raise ScheduleError(
                    f"{piece} has no end before >>; write its length=, such as length=5*epochs"
                )

    def evaluate(self, t: Array, clock: Clock) -> Array:
        starts = self._starts(clock)
        if starts[-1] > clock.horizon:
            self._raise_too_long(clock, starts[-1])
        values = np.empty_like(t)
        for index, (start, end) in enumerate(pairwise([*starts, np.inf])):
            inside = (t >= start) & (t < end)
            values[inside] = self._piece(index, t[inside] - start, starts, clock)
        return values

    def body(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        """Return one branch for each piece that has updates."""
        lines: list[str] = []
        for index, (start, end) in enumerate(pairwise([*self._starts(clock), clock.horizon])):
            final = index + 1 == len(self.pieces)
            if start >= end and not final:
                continue
            piece, local = self.pieces[index], replace(clock, horizon=end - start)
            time = f"t - {spell(start)}" if start else "t"
            if isinstance(piece, warmup):
                target = float(self.evaluate(np.array([end]), clock)[0])
                value = out.define(piece, piece.code_towards(target, local), time)
            else:
                value = piece.expression(time, local, reach - start if final else end - start, out)
            lines += [f"return {value}"] if final else [f"if t < {spell(end)}:", f"    return {value}"]
        return lines

    def _starts(self, clock: Clock) -> list[float]:
        """Return the update at which each piece begins."""
        durations = [piece.duration(clock) or 0.0 for piece in self.pieces[:-1]]
        return list(accumulate(durations, initial=0.0))

    def _piece(self, index: int, t: Array, starts: list[float], clock: Clock) -> Array:
        """Return the values of one piece at its local times; a warmup climbs to the first value after it."""
        piece = self.pieces[index]
        end = clock.horizon if index + 1 == len(self.pieces) else starts[index + 1]
        local = replace(clock, horizon=end - starts[index])
        if not isinstance(piece, warmup):
            return piece.evaluate(t, local)
        target = self._piece(index + 1, np.zeros(1), starts, clock)
        return piece.towards(float(target[0]), t, local)

    def _raise_too_long(self, clock: Clock, total: float) -> None:
        first = self.pieces[0]
        if isinstance(first, warmup):
            clock.part("warmup", first.length)
        before = operation_text(">>", self.pieces[:-1])
        raise ScheduleError(
            f"{before} lasts {total:g} updates, longer than the run of {clock.horizon:g}; "
            "shorten it or plan more updates"
        )

    def with_fields(self, **changes: Any) -> Schedule:
        return join(*changes["pieces"])

    def duration(self, clock: Clock) -> float | None:
        last = self.pieces[-1].duration(clock)
        return None if last is None else self._starts(clock)[-1] + last

    @property
    def sized(self) -> bool:
        return self.pieces[-1].sized

    @property
    def incomplete(self) -> bool:
        return self.pieces[-1].incomplete

    def __repr__(self) -> str:
        return operation_text(">>", self.pieces)


@dataclass(frozen=True, repr=False, eq=False)
class Product(Schedule):
    """A number times schedules, all on the same clock.

    A factor that a metric drives counts as 1 here: its multiplier is only known while training.

    >>> from stepsize.schedules import constant, linear
    >>> (0.5 * linear(0.4)).plan(updates=4).values
    array([0.2 , 0.15, 0.1 , 0.05])
    """

    operator = "*"
    scale: float | Knob
    factors: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.scale, Knob) and finite_number("factor", self.scale) == 0:
            raise ScheduleError("0 times a schedule is always 0; write a factor above 0")
        for factor in self.factors:
            if factor.incomplete:
                raise ScheduleError(f"{factor} ends in a warmup before *; write ({factor} >> schedule) * ...")
        driven = [factor for factor in self.factors if factor.metric_factor is not None]
        if len(driven) > 1:
            raise ScheduleError(f"{driven[0]} and {driven[1]} both follow a metric; keep one of them")

    def evaluate(self, t: Array, clock: Clock) -> Array:
        planned = [factor.evaluate(t, clock) for factor in self.factors if factor.metric_factor is None]
        if not planned:
            return self.metric_factor.evaluate(t, clock)  # this raises the right error
        return reduce(np.multiply, planned, np.full_like(t, self.scale))

    def body(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        assert isinstance(self.scale, float)  # a plan has no knobs
        factors = [factor.expression("t", clock, reach, out) for factor in self.factors]
        return ["return " + " * ".join(factors if self.scale == 1 else [spell(self.scale), *factors])]

    def with_fields(self, **changes: Any) -> Schedule:
        return product(changes["scale"], *changes["factors"])

    def duration(self, clock: Clock) -> float | None:
        return _shared_duration(self, self.factors, clock)

    @property
    def sized(self) -> bool:
        return any(factor.sized for factor in self.factors)

    @property
    def metric_factor(self) -> Any:
        return next(
            (factor.metric_factor for factor in self.factors if factor.metric_factor is not None), None
        )

    def __repr__(self) -> str:
        return operation_text("*", self.factors if self.scale == 1 else [self.scale, *self.factors])


@dataclass(frozen=True, repr=False, eq=False)
class Sum(Schedule):
    """Schedules added up, all on the same clock.

    >>> from stepsize.schedules import constant, linear
    >>> (constant(0.1) + linear(0.4)).plan(updates=4).values
    array([0.5, 0.4, 0.3, 0.2])
    """

    operator = "+"
    terms: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        for term in self.terms:
            if term.incomplete:
                raise ScheduleError(f"{term} ends in a warmup before +; write ({term} >> schedule) + ...")
            if term.metric_factor is not None:
                raise ScheduleError(
                    f"{term} is driven by a metric and cannot be added; write (a + b) * {term.metric_factor}"
                )

    def evaluate(self, t: Array, clock: Clock) -> Array:
        return reduce(np.add, [term.evaluate(t, clock) for term in self.terms])

    def body(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return ["return " + " + ".join(term.expression("t", clock, reach, out) for term in self.terms)]

    def with_fields(self, **changes: Any) -> Schedule:
        return total(*changes["terms"])

    def duration(self, clock: Clock) -> float | None:
        return _shared_duration(self, self.terms, clock)

    @property
    def sized(self) -> bool:
        return any(term.sized for term in self.terms)

    def __repr__(self) -> str:
        return operation_text("+", self.terms)


def _shared_duration(schedule: Schedule, parts: tuple[Schedule, ...], clock: Clock) -> float | None:
    durations = {part.duration(clock) for part in parts} - {None}
    if len(durations) > 1:
        raise ScheduleError(f"{schedule}: its parts have different lengths; write the same length= on each")
    return durations.pop() if durations else None


def join(*schedules: Any) -> Schedule:
    """Return schedules one after another as one flat join."""
    pieces: list[Schedule] = []
    for schedule in schedules:
        if not isinstance(schedule, Schedule):
            raise ScheduleError(
                f">> joins schedules, and {shown(schedule)} is not one; write constant(0.1) for a number"
            )
        pieces += schedule.pieces if isinstance(schedule, Join) else (schedule,)
    return pieces[0] if len(pieces) == 1 else Join(tuple(pieces))


def total(*schedules: Any) -> Schedule:
    """Return the sum of schedules as one flat sum."""
    terms: list[Schedule] = []
    for schedule in schedules:
        if not isinstance(schedule, Schedule):
            raise ScheduleError(
                f"+ adds schedules, and {shown(schedule)} is not one; write constant(0.1) for a number"
            )
        terms += schedule.terms if isinstance(schedule, Sum) else (schedule,)
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def product(*operands: Any) -> Schedule:
    """Return the product of schedules and numbers as one flat product, its numbers in front."""
    scale: Any = 1.0
    factors: list[Schedule] = []
    for operand in operands:
        if isinstance(operand, Product):
            scale = _times(scale, operand.scale)
            factors += operand.factors
        elif isinstance(operand, Schedule):
            factors.append(operand)
        else:
            scale = _times(scale, operand)
    if not factors:
        raise ScheduleError("a product needs a schedule; write for example 0.5 * cosine(0.1)")
    return factors[0] if len(factors) == 1 and scale == 1 else Product(scale, tuple(factors))


def planned_part(schedule: Schedule) -> Schedule:
    """Return the schedule without the factor that a metric drives.

    >>> from stepsize.schedules import cosine, plateau
    >>> planned_part(0.5 * cosine(0.1) * plateau(factor=0.5))
    0.5 * cosine(0.1)
    """
    if not isinstance(schedule, Product) or schedule.metric_factor is None:
        return schedule
    return product(schedule.scale, *(each for each in schedule.factors if each.metric_factor is None))


def _times(left: float | Knob, right: Any) -> float | Knob:
    if isinstance(left, Knob) and isinstance(right, Knob) and left.names & right.names:
        raise ScheduleError(f"{left} * {right}: a product can have a knob only once; write it once")
    return left * (right if isinstance(right, Knob) else finite_number("factor", right))
