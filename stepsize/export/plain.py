"""A plan as one Python function, and the check that its values are those of the plan."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.export.module import Module
from stepsize.export.plateau import refusal
from stepsize.schedules import Plan, constant
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions, indented
from stepsize.schedules.operators import planned_part

NEEDED = {
    "math": ("ceil", "cos", "exp", "floor", "log1p", "pi", "sin", "sqrt", "tanh"),
    "bisect": ("bisect",),
    "itertools": ("accumulate",),
}
USE = "for each update, counted from 0: set the optimizer's rate to learning_rate(update)"
CHECKED = 100_000  # updates that are compared at most, evenly over the plan


def module(plan: Plan) -> Module:
    """Return the file of a plan."""
    if plan.metric_factor is not None:
        raise refusal(plan, "plain", f"{plan.metric_factor} moves with a metric", "plain.PlainSchedule")
    code = function(plan)
    return Module(USE, imports(code), code)


def function(plan: Plan) -> str:
    """Return the function `learning_rate(update)` and what it needs, without its imports.

    Raises: ScheduleError if a part of the schedule has no formula to write down.
    """
    schedule = planned_part(plan.schedule)
    clock = Clock(plan.horizon, plan.horizon, plan.updates_per_epoch)
    functions = Functions()
    if isinstance(schedule, constant):
        body = [f"return {schedule.value}"]
    else:
        with np.errstate(all="ignore"):  # as in the plan, whose values are finite
            body = [_time(plan), *schedule.body(clock, plan.horizon, functions)]
    if plan.after == "error":
        refuse = (
            f'raise ValueError(f"update {{update}} is past the end of the run of {plan.horizon} updates")'
        )
        body = [f"if update >= {plan.horizon}:", f"    {refuse}", *body]
    head = ["def learning_rate(update):", '    """Return the rate of an update, counted from 0."""']
    code = functions.text() + "\n".join([*head, *indented(body)])
    _check(plan, code)
    return code


def _time(plan: Plan) -> str:
    if plan.after == "repeat":
        return f"t = update % {plan.horizon}  # the run again and again"
    return f"t = min(update, {plan.horizon})  # then the end value holds"


def imports(code: str, *libraries: str) -> str:
    """Return the import lines for the names that a code uses, and for `libraries`.

    >>> imports("rate = 0.1 * cos(pi * u)")
    'from math import cos, pi'
    """
    used = set(re.findall(r"\w+", re.sub("#.*", "", code)))
    lines = [
        f"from {module} import {', '.join(needed)}"
        for module, names in NEEDED.items()
        if (needed := sorted(used.intersection(names)))
    ]
    others = [*libraries, "import numpy as np"] if "np" in used else libraries
    plain, named = (sorted(line for line in others if line.startswith(word)) for word in ("import", "from"))
    return "\n\n".join("\n".join(group) for group in (sorted(lines), [*plain, *named]) if group)


def _check(plan: Plan, code: str) -> None:
    """Run the function and compare its values with the plan's, all of them unless the run is very long."""
    namespace: dict[str, Any] = {}
    exec(f"{imports(code)}\n{code}", namespace)
    times = np.unique(np.linspace(0, plan.horizon - 1, min(plan.horizon, CHECKED)).astype(int))
    rates = np.array([namespace["learning_rate"](t) for t in times.tolist()])
    expected = plan.values[times]
    near = np.isclose(rates, expected, rtol=1e-9, atol=1e-12 * expected.max())
    if not near.all():
        t = times[np.argmin(near)]
        raise ScheduleError(
            f"{plan.schedule} cannot be exported: its formula in plain Python gives "
            f"{rates[np.argmin(near)]} at update {t} instead of {plan.values[t]}; use an adapter instead"
        )
