"""Libraries that call a function of their own count: what to write instead of passing them a plan."""

from __future__ import annotations

import sys
from typing import Any

from stepsize.checks import shown, spell
from stepsize.errors import ScheduleError
from stepsize.schedules.curves import Array

TORCH = "torch.optim.lr_scheduler"
PLANS = ("stepsize.schedules.", "stepsize.study.user_functions.")  # the modules of `Plan` and `LivePlan`
FIRST_CALLS = 2  # LambdaLR calls first with 0, MultiplicativeLR with 1


def check_arguments(t: Any, others: tuple[Any, ...]) -> None:
    """Raise ScheduleError for a call that is not `plan(t)`, with what to write in that library."""
    if others:  # keras.callbacks.LearningRateScheduler calls f(epoch, rate), and f(epoch) after a TypeError
        arguments = ", ".join(shown(each) for each in (t, *others))
        raise ScheduleError(
            f"a plan takes one argument, the update, and was called with ({arguments}), as Keras' "
            "LearningRateScheduler does with the epoch and the present rate; write "
            "LearningRateScheduler(plan.at_epoch) to set the rate once an epoch, or "
            "ScheduleCallback(plan) to set it at every update"
        )
    if t is None:  # a Keras optimizer calls f() if its learning_rate is a function
        raise ScheduleError(
            "t=None is not an integer or an array of integers; t counts updates from 0 (a Keras optimizer "
            "passes nothing to a function that is its learning_rate; write KerasSchedule(plan))"
        )


def check_caller(values: Array) -> None:
    """Raise ScheduleError if a scheduler of PyTorch multiplies the plan by a rate that is not 1.

    LambdaLR uses its function times the optimizer's rate. That is the plan's rate if the optimizer's is 1,
    and meant if the plan's peak is 1.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(PLANS):
        frame = frame.f_back
    if frame.f_globals.get("__name__") != TORCH:
        return
    scheduler = frame.f_locals.get("self")
    rates = [float(rate) for rate in getattr(scheduler, "base_lrs", ())]
    name = type(scheduler).__name__
    instead = "write TorchScheduler(optimizer, plan)"
    if name == "MultiplicativeLR":
        raise ScheduleError(f"MultiplicativeLR multiplies the present rate by the plan's; {instead}")
    wrong = next((rate for rate in rates if rate != 1), None)
    peak = float(values.max())
    if wrong is not None and peak != 1:
        raise ScheduleError(
            f"{name} multiplies the plan's rates, up to {spell(peak)}, by the optimizer's lr={spell(wrong)}; "
            f"{instead}, or build the optimizer with lr=1"
        )
