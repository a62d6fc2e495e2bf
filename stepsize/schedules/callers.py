"""Libraries that call a function of their own count: what to write instead of passing them a plan."""

from __future__ import annotations

import math
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from stepsize.checks import shown, spell
from stepsize.errors import ScheduleError
from stepsize.schedules.curves import Array

if TYPE_CHECKING:
    from stepsize.schedules.plan import Plan

TORCH = "torch.optim.lr_scheduler"
KERAS = "keras.src.callbacks.learning_rate_scheduler"
PLANS = ("stepsize.schedules.", "stepsize.study.user_functions.")  # the modules of `Plan` and `LivePlan`
FIRST_CALLS = 3  # LambdaLR calls first with 0, MultiplicativeLR with 1; two updates show what one hides
WRAPPERS = 2  # functions around a plan that are looked through, such as `lambda t: plan(t)`
INSTEAD = "write TorchScheduler(optimizer, plan)"

_steps: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # of optimizers that LambdaLR was built on


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


def check_caller(plan: Plan, table: Array, t: int, before: float | None) -> None:
    """Raise ScheduleError if a scheduler of PyTorch or Keras uses another rate than the plan's.

    It passes `t`, and `before` is the rate that it was given for t - 1. LambdaLR multiplies by the
    optimizer's rate; that is the plan's rate if the optimizer's is 1, and meant if the plan's peak is 1.
    Keras' LearningRateScheduler passes the epoch.
    """
    host = _host()
    if host is None:
        return
    if host.name == TORCH:
        scheduler = host.frame.f_locals.get("self")
        _check_product(table, scheduler, host.is_direct, before)
        if not host.per_epoch:
            _check_pace(scheduler, t)
    elif not host.per_epoch:
        _check_epoch(plan, t, host.frame.f_locals.get("epoch"))


def check_reader(plan: Plan, table: Array) -> None:
    """Raise ScheduleError if a scheduler of PyTorch or Keras calls a function that misuses `plan.values`.

    The function is judged by the rate that it returned for the last count, which the optimizer has now.
    """
    host = _host()
    if host is None:
        return
    if host.name == TORCH:
        _check_read_factors(table, host.frame.f_locals.get("self"))
    else:
        _check_read_epochs(plan, table, host.frame.f_locals)


def warn_past_end(plan: Plan, update: int) -> bool:
    """Warn if LambdaLR or Keras' scheduler makes updates that hardly train; return whether it did.

    LambdaLR asks for one update more than are made. To anyone else, a plan is a function to look at.
    """
    host = _host()
    if host is None or (host.name == TORCH and update == plan.horizon) or not plan.fades:
        return False
    frame, level = sys._getframe(), 1
    while frame is not host.frame and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(past_end(plan, update), UserWarning, stacklevel=level)
    return True


def past_end(plan: Plan, update: int) -> str:
    """Return what to say about an update past the end of a plan that fades."""
    return (
        f"update {update} is past the end of {plan.schedule}, planned for {plan.horizon} updates: "
        f"from here on the rate is {spell(plan.end)}; plan all updates of the run, or stop after "
        f"{plan.horizon}"
    )


class Host(NamedTuple):
    """The scheduler that calls a plan, by its module and frame; `is_direct` if no function is between."""

    name: str
    frame: Any
    is_direct: bool
    per_epoch: bool  # it calls `at_epoch`


def _host() -> Host | None:
    """Return the scheduler of PyTorch or Keras that calls a plan, also by a function around it."""
    frame, per_epoch = sys._getframe(1), False
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(PLANS):
        per_epoch = per_epoch or frame.f_code.co_name == "at_epoch"
        frame = frame.f_back
    for depth in range(1 + WRAPPERS):
        name = frame.f_globals.get("__name__", "")
        if name in (TORCH, KERAS):
            return Host(name, frame, depth == 0, per_epoch)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None


def _check_product(table: Array, scheduler: Any, direct: bool, before: float | None) -> None:
    name, rates = type(scheduler).__name__, [float(rate) for rate in getattr(scheduler, "base_lrs", ())]
    if name == "MultiplicativeLR" and direct:
        raise ScheduleError(f"MultiplicativeLR multiplies the present rate by the plan's; {INSTEAD}")
    peak = float(table.max())
    wrong = [index for index, rate in enumerate(rates) if rate != 1]
    if not direct:  # a function around the plan may divide by the rate, so look at what was used
        groups = scheduler.optimizer.param_groups if name == "LambdaLR" and before else []
        wrong = [index for index in wrong if groups and _is_product(groups[index], rates[index], before)]
    if wrong and peak != 1:
        raise ScheduleError(
            f"{name} multiplies the plan's rates, up to {spell(peak)}, by the optimizer's "
            f"lr={spell(rates[wrong[0]])}; {INSTEAD}, or build the optimizer with lr=1"
        )


def _is_product(group: dict[str, Any], rate: float, before: Any) -> bool:
    return _are_close(group["lr"], rate * before)


def _check_pace(scheduler: Any, t: int) -> None:
    """Raise ScheduleError if several updates use the rate of update 0, as when step() ends an epoch."""
    optimizer = getattr(scheduler, "optimizer", None)
    if t == 0:
        _start_count(optimizer)
    elif t == 1 and (counted := _steps.pop(optimizer, None)):
        handle, steps = counted
        handle.remove()
        if steps["made"] > 1:
            raise ScheduleError(_pace(steps["made"], scheduler, t))


def _pace(updates: int, scheduler: Any, t: int) -> str:
    return (
        f"{updates} updates were made before {type(scheduler).__name__} asked for update {t}, "
        "but a plan has a rate for each of them; call scheduler.step() after every optimizer.step(), "
        f"{INSTEAD}, or pass plan.at_epoch to set the rate once an epoch"
    )


def _start_count(optimizer: Any) -> None:
    """Count the steps of an optimizer, unless it wraps one and has no hooks of its own."""
    steps = {"made": 0}

    def count(optimizer: Any, args: Any, kwargs: Any) -> None:
        steps["made"] += 1

    with suppress(AttributeError, TypeError):
        if optimizer not in _steps:
            hook = sys.modules["torch"].compiler.disable(count)  # else a compiled step compiles each time
            _steps[optimizer] = optimizer.register_step_post_hook(hook), steps


def _check_epoch(plan: Plan, t: int, epoch: Any) -> None:
    if t == epoch and t > 0 and (plan.updates_per_epoch or 1) > 1:
        raise ScheduleError(
            f"Keras' LearningRateScheduler asked in epoch {epoch} for update {t}, which is one of the first "
            f"{plan.updates_per_epoch}, those of epoch 0; write LearningRateScheduler(plan.at_epoch)"
        )


def _check_read_epochs(plan: Plan, table: Array, names: dict[str, Any]) -> None:
    """Raise ScheduleError if Keras' LearningRateScheduler took the epoch for the update."""
    callback, epoch, held = names.get("self"), names.get("epoch"), names.get("learning_rate")
    steps = plan.updates_per_epoch or (getattr(callback, "params", None) or {}).get("steps") or 1
    if not isinstance(epoch, int) or held is None or epoch < 2:
        return  # both readings of plan.values begin alike
    used, planned = (float(table[min(t, plan.horizon)]) for t in (epoch - 1, (epoch - 1) * steps))
    if _are_close(held, used) and not _are_close(used, planned):
        raise ScheduleError(
            f"epoch {epoch - 1} was trained at plan.values[{epoch - 1}], and its first update is "
            f"{(epoch - 1) * steps}; write LearningRateScheduler(plan.at_epoch)"
        )


def _check_read_factors(table: Array, scheduler: Any) -> None:
    """Raise ScheduleError if LambdaLR multiplies the rates, or uses those of updates once an epoch."""
    optimizer, t = getattr(scheduler, "optimizer", None), getattr(scheduler, "last_epoch", -1)
    if t == 0:
        _start_count(optimizer)
    elif 0 < t < FIRST_CALLS and t < len(table):
        before = float(table[t - 1])
        _check_product(table, scheduler, False, before)
        if t > 1 and (counted := _steps.pop(optimizer, None)):
            handle, steps = counted
            handle.remove()
            each, rates = steps["made"] // t, [group["lr"] for group in scheduler.optimizer.param_groups]
            is_used = any(_are_close(rate, before) for rate in rates)
            if each > 1 and is_used and not _are_close(before, table[min(each, len(table) - 1)]):
                raise ScheduleError(_pace(steps["made"], scheduler, t))


def _are_close(rate: Any, other: Any) -> bool:
    return math.isclose(float(rate), float(other), rel_tol=1e-6)
