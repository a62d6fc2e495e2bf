"""Schedules that a metric drives: other libraries have them for a constant rate only."""

from __future__ import annotations

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.export.module import quoted
from stepsize.metric_directions import direction
from stepsize.schedules import Plan, constant, plateau
from stepsize.schedules.operators import planned_part

NEVER_NEGATIVE = (
    "\n(its threshold is a share of the best {metric} with its sign: for one that is never negative)"
)

FIRST_NAN = (
    "\n(if the first {metric} is NaN, it sees no improvement ever after and keeps cutting; the plan does not)"
)


def refusal(plan: Plan, target: str, reason: str, adapter: str) -> ScheduleError:
    """Return the error of a plan that a target cannot express, with the reason and the adapter that can."""
    return ScheduleError(
        f"{plan.schedule} cannot be exported to {target}: {reason}; use stepsize.adapters.{adapter}"
    )


def torch_plateau(plan: Plan, target: str) -> tuple[float, str, str]:
    """Return the rate, the arguments of PyTorch's ReduceLROnPlateau, and a note on them.

    Raises: ScheduleError if its rule is not the same.
    """
    rate, rule = _on_constant(plan, target, "torch.TorchScheduler")
    kind = "rel" if rule.relative else "abs"
    arguments = (
        f"optimizer, mode={quoted(_mode(rule))}, factor={spell(rule.factor)}, patience={rule.patience}, "
        f"threshold={spell(rule.threshold)}, threshold_mode={quoted(kind)}, cooldown={rule.cooldown}, "
        f"min_lr={spell(rule.floor * rate)}, eps=0"
    )
    signed = rule.signed or not rule.relative or rule.threshold == 0
    return rate, arguments, "" if signed else NEVER_NEGATIVE.format(metric=rule.metric)


def keras_plateau(plan: Plan) -> tuple[float, str, str]:
    """Return the rate, the arguments of Keras' ReduceLROnPlateau, and a note on them.

    Raises: ScheduleError if its rule is not the same.
    """
    rate, rule = _on_constant(plan, "keras", "keras.ScheduleCallback")
    if rule.relative and rule.threshold > 0:
        reason = "Keras' threshold is absolute: write relative=False, or threshold=0"
        raise refusal(plan, "keras", reason, "keras.ScheduleCallback")
    cooldown = rule.cooldown + 1 if rule.cooldown else 0  # Keras also counts the check of the cut
    arguments = (
        f"monitor={quoted(rule.metric)}, mode={quoted(_mode(rule))}, factor={spell(rule.factor)}, "
        f"patience={rule.patience + 1}, min_delta={spell(rule.threshold)}, cooldown={cooldown}, "
        f"min_lr={spell(rule.floor * rate)}"
    )
    return rate, arguments, FIRST_NAN.format(metric=rule.metric)


def _on_constant(plan: Plan, target: str, adapter: str) -> tuple[float, plateau]:
    """Return the rate and the rule of constant(rate) * plateau(...)."""
    planned, rule = planned_part(plan.schedule), plan.metric_factor
    if not isinstance(rule, plateau):
        raise refusal(plan, target, f"no other library has {type(rule).__name__}", adapter)
    if not isinstance(planned, constant):
        reason = "ReduceLROnPlateau and a schedule would write the same rate"
        raise refusal(plan, target, reason, adapter)
    assert isinstance(planned.value, float)  # a plan has no knobs
    return planned.value, rule


def _mode(rule: plateau) -> str:
    return rule.mode or direction(rule.metric) or "min"
