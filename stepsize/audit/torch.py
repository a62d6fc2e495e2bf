"""An audit of a PyTorch optimizer, whatever schedules it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from stepsize.audit.record import Audit, check_audit
from stepsize.checks import shown
from stepsize.errors import ScheduleError, require

require("torch", "torch")

from torch.compiler import disable  # noqa: E402

from stepsize.adapters.torch_optimizers import wrapped  # noqa: E402


def watch(optimizer: Any, audit: Audit, group: int | None = None, multiplier: float = 1.0) -> ExitStack:
    """Record the rate of one parameter group at every update, as the update is about to use it.

    Updates that mixed precision skips do not count, nor do micro-batches. A group whose rate is the plan's
    times a number needs that `multiplier`, and its own audit. Without `group` all groups must have one rate;
    if they part later, the audit's notes say where. Attach anything that changes rates in a
    hook of the optimizer, as `TorchScheduler` does, before this. The watch ends with its `with` block, or
    with `.close()`.

    Raises: ScheduleError if `optimizer` is not one, lacks the group, or has several rates; AuditError from
    `optimizer.step()` before the first update that differs, under a strict audit.

    >>> import torch
    >>> from stepsize.schedules import linear
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    >>> audit = Audit(linear(0.5).plan(updates=4))
    >>> with watch(optimizer, audit):
    ...     optimizer.step(), optimizer.step()
    (None, None)
    >>> audit.first_difference
    Row(update=1, planned=0.375, applied=0.5)
    """
    check_audit(audit)
    optimizer = wrapped(optimizer)[-1]  # Accelerate and others wrap the optimizer that makes the updates
    groups = len(optimizer.param_groups)
    if group is not None and group not in range(groups):
        raise ScheduleError(f"group={shown(group)}: the optimizer has the groups 0 to {groups - 1}")
    if group is None and (apart := _apart(optimizer)):
        raise ScheduleError(f"{apart}; write watch(optimizer, audit, group=0), and an audit for each group")
    one_rate = group is None and groups > 1
    updating = False  # a subclass that calls its parent's step() begins twice

    def begin(optimizer: Any, args: Any, kwargs: Any) -> None:
        nonlocal updating, one_rate
        if not updating and not getattr(optimizer, "found_inf", None):  # a fused update skips itself
            updating = True
            if one_rate and (apart := _apart(optimizer)):
                one_rate = False
                audit.notes.append(f"From update {audit.update} on, {apart}, and only group 0 was audited.")
            audit.record(optimizer.param_groups[group or 0]["lr"], multiplier)

    def end(optimizer: Any, args: Any, kwargs: Any) -> None:
        nonlocal updating
        updating = False

    watching = ExitStack()
    for register, hook in (
        (optimizer.register_step_pre_hook, begin),
        (optimizer.register_step_post_hook, end),
    ):
        watching.callback(register(disable(hook)).remove)  # left out of compiled code, which would recompile
    return watching


def _apart(optimizer: Any) -> str:
    """Return which group has another rate than group 0, as text; empty if none has."""
    first, *others = (float(group["lr"]) for group in optimizer.param_groups)
    return next(
        (
            f"the optimizer's group {index} has the rate {rate:g} and group 0 {first:g}"
            for index, rate in enumerate(others, 1)
            if rate != first
        ),
        "",
    )
