"""A plan for the Trainer of transformers: one of its own schedules if that has these rates, else LambdaLR."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from stepsize.checks import spell
from stepsize.export.module import (
    Module,
    Piece,
    Unfit,
    integer,
    piece,
    quoted,
    require_exact,
    whole_run,
)
from stepsize.export.plateau import torch_plateau
from stepsize.export.torch import of_call, of_function
from stepsize.schedules import Join, Plan, Schedule, warmup
from stepsize.schedules.clock import Clock

LIBRARY = "transformers.optimization"
USE = """optimizer = torch.optim.AdamW(model.parameters(), lr=BASE_RATE)
trainer = Trainer(..., optimizers=(optimizer, make_scheduler(optimizer)))"""
ON_METRIC = """
with TrainingArguments(lr_scheduler_type="reduce_lr_on_plateau", metric_for_best_model="{metric}")"""


def module(plan: Plan) -> Module:
    """Return the file of a plan."""
    if plan.metric_factor is not None:
        rate, arguments, known = torch_plateau(plan, "transformers")
        use = USE + ON_METRIC.format(metric=plan.metric_factor.metric) + known
        call = f"get_reduce_on_plateau_schedule({arguments})"
        return replace(of_call(rate, call, LIBRARY, use), call="")
    with suppress(Unfit):
        return of_call(*_call(plan), LIBRARY, USE)
    return of_function(plan, USE)


def multiplying_module(plan: Plan) -> Module:
    """Return the file of a plan for groups whose rates differ."""
    return module(plan) if plan.metric_factor is not None else of_function(plan, USE)


Call = tuple[float, str]


def _call(plan: Plan) -> Call:
    """Return the call for a schedule, or for one after a straight warmup from 0."""
    schedule, clock = whole_run(plan)
    climbs = 0
    if isinstance(schedule, Join):
        first, *rest = schedule.pieces
        require_exact(len(rest) == 1)
        climbs, schedule = _climbs(first, clock), rest[0]
    if type(schedule).__name__ not in CALLS:
        raise Unfit
    left = replace(clock, horizon=clock.horizon - climbs)
    return CALLS[type(schedule).__name__](schedule, piece(schedule, left), climbs)


def _climbs(schedule: Schedule, clock: Clock) -> int:
    """Return the updates of a warmup that is straight and from 0."""
    if not isinstance(schedule, warmup) or schedule != warmup(schedule.length):
        raise Unfit
    return integer(clock.updates("warmup", schedule.length))


def _total(at: Piece, climbs: int) -> int:
    """Return the training steps, the warmup included, of a schedule that falls to the end of the run."""
    require_exact(at.phase >= at.last)
    return climbs + at.phase


def _constant(s: Any, at: Piece, climbs: int) -> Call:
    if climbs == 0:
        return s.value, "get_constant_schedule(optimizer)"
    return s.value, f"get_constant_schedule_with_warmup(optimizer, num_warmup_steps={climbs})"


def _linear(s: Any, at: Piece, climbs: int) -> Call:
    require_exact(s.floor == 0)
    return s.peak, f"get_linear_schedule_with_warmup(optimizer, {_steps(at, climbs)})"


def _cosine(s: Any, at: Piece, climbs: int) -> Call:
    steps = _steps(at, climbs)
    if s.floor == 0:
        return s.peak, f"get_cosine_schedule_with_warmup(optimizer, {steps})"
    return s.peak, (
        f"get_cosine_with_min_lr_schedule_with_warmup(optimizer, {steps}, min_lr={spell(s.floor)})"
    )


def _polynomial(s: Any, at: Piece, climbs: int) -> Call:
    require_exact(s.floor < s.peak and at.phase > 0)  # else it divides by zero
    more = f"lr_end={spell(s.floor)}, power={spell(s.power)}"
    return s.peak, f"get_polynomial_decay_schedule_with_warmup(optimizer, {_steps(at, climbs)}, {more})"


def _inverse_sqrt(s: Any, at: Piece, climbs: int) -> Call:
    at.require_unbounded()
    timescale = integer(at.clock.period("timescale", s.timescale))
    steps = f"num_warmup_steps={climbs}, timescale={timescale}"
    return s.peak, f"get_inverse_sqrt_schedule(optimizer, {steps})"


def _wsd(s: Any, at: Piece, climbs: int) -> Call:
    require_exact(s.shape in ("linear", "cosine", "1-sqrt") and s.floor == 0 and not s.closed)
    decay = integer(at.clock.part("decay", s.decay))
    call = f"num_warmup_steps={climbs}, num_decay_steps={decay}, num_training_steps={climbs + at.phase}"
    return s.peak, f"get_wsd_schedule(optimizer, {call}, decay_type={quoted(s.shape)})"


def _restarts(s: Any, at: Piece, climbs: int) -> Call:
    cycles = f"num_cycles={spell(s.cycles)}"
    name = "get_cosine_with_hard_restarts_schedule_with_warmup"
    return s.peak, f"{name}(optimizer, {_steps(at, climbs)}, {cycles})"


def _steps(at: Piece, climbs: int) -> str:
    return f"num_warmup_steps={climbs}, num_training_steps={_total(at, climbs)}"


CALLS: dict[str, Callable[[Any, Piece, int], Call]] = {
    "constant": _constant,
    "cosine": _cosine,
    "inverse_sqrt": _inverse_sqrt,
    "linear": _linear,
    "polynomial": _polynomial,
    "transformers_restarts": _restarts,
    "wsd": _wsd,
}
