"""A plan as a schedule of optax: its own functions where those are exact, else a table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from stepsize.export.module import (
    FEW,
    Module,
    Piece,
    Unfit,
    decimal,
    integer,
    laid_out,
    piece,
    regular_times,
    require_exact,
    whole_run,
)
from stepsize.export.plain import function, imports
from stepsize.export.plateau import refusal
from stepsize.schedules import Join, Plan, Schedule, warmup
from stepsize.schedules.clock import Clock

USE = "optimizer = optax.sgd(schedule)"
TABLE = '''
RATES = np.array([learning_rate(update) for update in range({count})], "float32")


def schedule(count):
    """Look up the rate of an update: computed in float32, it would be less exact."""
    return jnp.asarray(RATES)[{index}]'''


def module(plan: Plan) -> Module:
    """Return the file of a plan."""
    if plan.metric_factor is not None:
        reason = "its reduce_on_plateau counts updates, not the checks of a metric"
        raise refusal(plan, "optax", reason, "optax.scale_by_metric")
    with suppress(Unfit):
        schedule, clock = whole_run(plan)
        call = _call(schedule, clock, clock.horizon - 1)
        name = call.partition("(")[0].removeprefix("optax.")
        return Module(USE, "import optax", f"schedule = {call}", name)
    return _of_function(plan)


def _of_function(plan: Plan) -> Module:
    code = function(plan)
    if plan.after == "error":
        reason = 'a compiled schedule cannot raise an error; plan with after="hold"'
        raise refusal(plan, "optax", reason, "optax.optax_schedule")
    count, index = plan.horizon + 1, f"jnp.minimum(count, {plan.horizon})"
    if plan.after == "repeat":
        count, index = plan.horizon, f"count % {plan.horizon}"
    code = f"{code}\n\n{TABLE.format(count=count, index=index)}"
    return Module(USE, imports(code, "import jax.numpy as jnp"), code)


def _call(schedule: Schedule, clock: Clock, last: float, indent: str = "") -> str:
    """Return the call for a schedule whose latest update in the run is `last`."""
    if isinstance(schedule, Join):
        return _join(schedule, clock, last)
    if type(schedule).__name__ not in CALLS:
        raise Unfit
    call = CALLS[type(schedule).__name__](schedule, replace(piece(schedule, clock), last=last))
    return "optax." + laid_out(call, indent)


def _join(schedule: Join, clock: Clock, last: float) -> str:
    """Return the call for schedules one after another, each of which counts its updates from 0."""
    lengths = [integer(each.duration(clock) or 0) for each in schedule.pieces[:-1]]
    require_exact(min(lengths) > 0)
    starts = list(accumulate(lengths, initial=0))
    require_exact(starts[-1] <= last)
    calls: list[str] = []
    for each, (start, end) in zip(schedule.pieces, pairwise([*starts, clock.horizon]), strict=True):
        local = replace(clock, horizon=float(end - start))
        if isinstance(each, warmup):
            require_exact(each.shape == "linear" and not each.closed)
            goal = decimal(float(schedule.evaluate(np.array([float(end)]), clock)[0]))
            calls.append(
                f"optax.linear_schedule({decimal(each.start)}, {goal}, transition_steps={end - start})"
            )
        else:
            final = each is schedule.pieces[-1]
            calls.append(_call(each, local, last - start if final else end - start - 1, "    " * 2))
    lines = [f"        {call}," for call in calls]
    return "\n".join(
        ["optax.join_schedules(", "    [", *lines, "    ],", f"    boundaries={starts[1:]},", ")"]
    )


def _constant(s: Any, at: Piece) -> str:
    return f"constant_schedule({decimal(s.value)})"


def _cosine(s: Any, at: Piece) -> str:
    return (
        f"cosine_decay_schedule({decimal(s.peak)}, decay_steps={at.phase}, alpha={decimal(s.floor / s.peak)})"
    )


def _linear(s: Any, at: Piece) -> str:
    return f"linear_schedule({decimal(s.peak)}, {decimal(s.floor)}, transition_steps={at.phase})"


def _polynomial(s: Any, at: Piece) -> str:
    require_exact(s.power.is_integer() and s.power <= FEW)  # else a rounding error below 0 becomes NaN
    more = f"power={decimal(s.power)}, transition_steps={at.phase}"
    return f"polynomial_schedule({decimal(s.peak)}, {decimal(s.floor)}, {more})"


def _exponential(s: Any, at: Piece) -> str:
    if s.staircase:
        return _stairs(s, at, regular_times(s, at))
    if s.floor is not None:
        require_exact(at.phase >= at.last)  # it would keep falling
        factor = decimal(s.floor / s.peak)
        return f"exponential_decay({decimal(s.peak)}, transition_steps={at.phase}, decay_rate={factor})"
    at.require_unbounded()
    every = integer(at.clock.period("every", s.every))
    require_exact(at.last <= FEW * every)
    return f"exponential_decay({decimal(s.peak)}, transition_steps={every}, decay_rate={decimal(s.factor)})"


def _step_decay(s: Any, at: Piece) -> str:
    require_exact(s.offset is None and s.floor == 0)
    return _stairs(s, at, regular_times(s, at))


def _multistep(s: Any, at: Piece) -> str:
    return _stairs(s, at, at.clock.times("at", s.at))


def _stairs(s: Any, at: Piece, times: list[float]) -> str:
    """Return drops at these times; a compiled staircase=True can be late."""
    at.require_unbounded()
    require_exact(len(set(times)) == len(times) <= FEW)
    if not times:
        return f"constant_schedule({decimal(s.peak)})"
    factors = ", ".join(f"{integer(time)}: {decimal(s.factor)}" for time in times)
    return f"piecewise_constant_schedule({decimal(s.peak)}, {{{factors}}})"


CALLS: dict[str, Callable[[Any, Piece], str]] = {
    "constant": _constant,
    "cosine": _cosine,
    "exponential": _exponential,
    "linear": _linear,
    "multistep": _multistep,
    "polynomial": _polynomial,
    "step_decay": _step_decay,
}
