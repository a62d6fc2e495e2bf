"""A plan as code of another library, which needs nothing of this package.

Where the library has a schedule of its own with the same rates, the code calls it; else it is the formula in
plain Python (`plain`) in the form that the library takes. Each family writes its own formula (`Family.code`),
and every export is run and compared with the plan. Each target is a module; none imports its library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepsize.checks import shown
from stepsize.errors import ScheduleError, unknown
from stepsize.export import keras, optax, plain, torch, transformers
from stepsize.export.module import Module
from stepsize.export.optimizers import LIBRARIES, OptimizerCode, optimizer_code
from stepsize.export.parameter_groups import are_scaled
from stepsize.schedules import Plan

TARGETS: dict[str, Callable[[Plan], Module]] = {
    "keras": keras.module,
    "optax": optax.module,
    "plain": plain.module,
    "torch": torch.module,
    "transformers": transformers.module,
}

SCALED: dict[str, Callable[[Plan], Module]] = {
    "torch": torch.multiplying_module,
    "transformers": transformers.multiplying_module,
}
"""Modules whose rates are multiples of the group's own, for groups whose rates differ."""


def export(
    plan: Plan, to: str, optimizer: Mapping[str, Any] | None = None, library: str | None = None
) -> str:
    """Return Python code with the rates of a plan, for "keras", "torch", "optax", "transformers" or "plain".

    The rates are those of the plan, rounded to float32 by Keras and optax. Past the end of
    the run, a schedule of the library sets rates that are not those of the plan.

    With an `optimizer`, its `name` and settings, the code makes that optimizer, and needs only a `model`.
    `library`, "keras" or "torch", is the one whose names the settings have, by default the target's own; a
    comment says what the target lacks. The `groups` of a PyTorch optimizer have the names of their
    `parameters`, the `multiplier` of their rate, and their own `settings`.

    Raises: ScheduleError for an unknown target, and for a plan that it cannot express, with the reason.

    >>> from stepsize.schedules import cosine
    >>> print(export(cosine(0.1).plan(updates=450), to="torch"))
    # cosine(0.1)
    # The run has 450 updates (steps of the optimizer), counted from 0.
    # Past its end, CosineAnnealingLR sets rates that are not part of this schedule.
    #
    # Use:
    #     optimizer = torch.optim.SGD(model.parameters(), lr=BASE_RATE)
    #     scheduler = make_scheduler(optimizer)
    #     then scheduler.step() after every optimizer.step()
    <BLANKLINE>
    from torch.optim.lr_scheduler import CosineAnnealingLR
    <BLANKLINE>
    BASE_RATE = 0.1
    <BLANKLINE>
    <BLANKLINE>
    def make_scheduler(optimizer):
        \"""Return the scheduler of an optimizer that was made with lr=BASE_RATE.\"""
        return CosineAnnealingLR(optimizer, T_max=450, eta_min=0)
    <BLANKLINE>
    """
    if not isinstance(plan, Plan):
        raise ScheduleError(
            f"plan={shown(plan)} is not a plan; write for example cosine(0.1).plan(updates=450)"
        )
    if not isinstance(to, str) or to not in TARGETS:
        raise ScheduleError(unknown("target", to if isinstance(to, str) else shown(to), sorted(TARGETS)))
    groups = (optimizer or {}).get("groups") or ()
    module = SCALED[to](plan) if to in SCALED and are_scaled(groups) else TARGETS[to](plan)
    if optimizer is not None and to == "keras" and library in (None, "keras"):
        keras.check_accumulation(plan, optimizer)
    if optimizer is not None and to in LIBRARIES:
        name = str(optimizer["name"])
        others = ("name", "learning_rate", "groups")
        settings = {key: value for key, value in optimizer.items() if key not in others}

        def make(start: str) -> OptimizerCode:
            return optimizer_code(name, settings, to, start, library, groups)

        module = module.with_optimizer(LIBRARIES[to], make)
    return module.text(plan)
