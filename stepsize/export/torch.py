"""A plan as a scheduler of PyTorch: its own class if that has these rates in this run, else LambdaLR."""

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
    laid_out,
    piece,
    quoted,
    require_exact,
    whole_run,
)
from stepsize.export.plain import function, imports
from stepsize.export.plateau import torch_plateau
from stepsize.schedules import Plan

LIBRARY = "torch.optim.lr_scheduler"
USE = """optimizer = torch.optim.SGD(model.parameters(), lr=BASE_RATE)
scheduler = make_scheduler(optimizer)
then scheduler.step() after every optimizer.step()"""
ON_METRIC = USE.replace("step() after every optimizer.step()", "step({metric}) once there is a new {metric}")


def module(plan: Plan) -> Module:
    """Return the file of a plan."""
    if plan.metric_factor is not None:
        rate, arguments, known = torch_plateau(plan, "torch")
        use = ON_METRIC.format(metric=plan.metric_factor.metric) + known
        return replace(of_call(rate, f"ReduceLROnPlateau({arguments})", LIBRARY, use), call="")
    with suppress(Unfit):
        return of_call(*_call(plan), LIBRARY, USE)
    return of_function(plan, USE)


def multiplying_module(plan: Plan) -> Module:
    """Return the file of a plan for groups whose rates differ: classes such as OneCycleLR set them all."""
    return module(plan) if plan.metric_factor is not None else of_function(plan, USE)


Call = tuple[float, str]


def _call(plan: Plan) -> Call:
    """Return the rate of the optimizer, and the call of a scheduler that begins there."""
    schedule, clock = whole_run(plan)
    if type(schedule).__name__ not in CALLS:
        raise Unfit
    return CALLS[type(schedule).__name__](schedule, piece(schedule, clock))


def of_call(base: float, call: str, library: str, use: str) -> Module:
    """Return a file around the call of a scheduler; `optimizer` is its first argument."""
    code = [
        f"BASE_RATE = {base}",
        "\n",
        "def make_scheduler(optimizer):",
        '    """Return the scheduler of an optimizer that was made with lr=BASE_RATE."""',
        f"    return {laid_out(call)}",
    ]
    name = call.partition("(")[0]
    return Module(use, f"from {library} import {name}", "\n".join(code), name)


def of_function(plan: Plan, use: str) -> Module:
    """Return a file around the formula."""
    code = function(plan)
    lambda_lr = "from torch.optim.lr_scheduler import LambdaLR"
    lines = [
        code,
        "\n",
        "BASE_RATE = 1.0  # LambdaLR multiplies it by the rates",
        "\n",
        "def make_scheduler(optimizer):",
        '    """Return the scheduler of an optimizer that was made with lr=BASE_RATE."""',
        "    return LambdaLR(optimizer, learning_rate)",
    ]
    return Module(use, imports(code, lambda_lr), "\n".join(lines))


def _constant(s: Any, at: Piece) -> Call:
    return s.value, "ConstantLR(optimizer, factor=1.0)"


def _linear(s: Any, at: Piece) -> Call:
    end = spell(s.floor / s.peak)
    return s.peak, f"LinearLR(optimizer, start_factor=1.0, end_factor={end}, total_iters={at.phase})"


def _polynomial(s: Any, at: Piece) -> Call:
    require_exact(s.floor == 0)
    return s.peak, f"PolynomialLR(optimizer, total_iters={at.phase}, power={spell(s.power)})"


def _cosine(s: Any, at: Piece) -> Call:
    require_exact(at.phase >= at.last)  # else it would rise again
    return s.peak, f"CosineAnnealingLR(optimizer, T_max={at.phase}, eta_min={spell(s.floor)})"


def _exponential(s: Any, at: Piece) -> Call:
    if s.floor is not None:
        require_exact(at.phase >= at.last)
        return (
            s.peak,
            f"ExponentialLR(optimizer, gamma=({spell(s.floor)} / {spell(s.peak)}) ** (1 / {at.phase}))",
        )
    at.require_unbounded()
    every = at.clock.period("every", s.every)
    if s.staircase:
        return s.peak, f"StepLR(optimizer, step_size={integer(every)}, gamma={spell(s.factor)})"
    gamma = spell(s.factor) if every == 1 else f"{spell(s.factor)} ** (1 / {spell(every)})"
    return s.peak, f"ExponentialLR(optimizer, gamma={gamma})"


def _step_decay(s: Any, at: Piece) -> Call:
    at.require_unbounded()
    require_exact(s.offset is None and s.floor == 0)
    every = integer(at.clock.period("every", s.every))
    return s.peak, f"StepLR(optimizer, step_size={every}, gamma={spell(s.factor)})"


def _multistep(s: Any, at: Piece) -> Call:
    at.require_unbounded()
    times = [integer(time) for time in at.clock.times("at", s.at)]
    return s.peak, f"MultiStepLR(optimizer, milestones={times}, gamma={spell(s.factor)})"


def _one_cycle(s: Any, at: Piece) -> Call:
    rise, total = integer(at.clock.part("warmup", s.warmup)), integer(at.lasts)
    start = s.peak / 25 if s.start is None else s.start
    floor = start / 10_000 if s.floor is None else s.floor
    require_exact(s.closed and total > at.last and 0 < rise < total - 1 and floor > 0)
    require_exact(s.down is None or (at.clock.part("down", s.down) == rise and 2 * rise < total - 1))
    strategy = "cos" if s.shape == "cosine" else "linear"
    return s.peak, (  # its phases end one update early
        f"OneCycleLR(optimizer, max_lr=BASE_RATE, total_steps={total}, pct_start={rise + 1} / {total}, "
        f"anneal_strategy={quoted(strategy)}, div_factor={spell(s.peak / start)}, "
        f"final_div_factor={spell(start / floor)}, three_phase={s.down is not None}, cycle_momentum=False)"
    )


def _cosine_restarts(s: Any, at: Piece) -> Call:
    at.require_unbounded()
    require_exact(s.factor == 1 and s.cycles is None)
    first, growth = integer(at.clock.period("first", s.first)), integer(s.growth)
    call = f"CosineAnnealingWarmRestarts(optimizer, T_0={first}, T_mult={growth}, eta_min={spell(s.floor)})"
    return s.peak, call


def _cyclic(s: Any, at: Piece) -> Call:
    at.require_unbounded()
    up = integer(at.clock.period("up", s.up))
    down = up if s.down is None else integer(at.clock.period("down", s.down))
    mode = type(s).__name__
    gamma = f", gamma={spell(s.factor)}" if mode == "exp_range" else ""
    return s.peak, (
        f"CyclicLR(optimizer, base_lr={spell(s.floor)}, max_lr=BASE_RATE, step_size_up={up}, "
        f"step_size_down={down}, mode={quoted(mode)}{gamma}, cycle_momentum=False)"
    )


def _torch_cosine(s: Any, at: Piece) -> Call:
    require_exact(s.offset is None)
    t_max = integer(at.clock.period("t_max", s.t_max))
    return s.peak, f"CosineAnnealingLR(optimizer, T_max={t_max}, eta_min={spell(s.eta_min)})"


CALLS: dict[str, Callable[[Any, Piece], Call]] = {
    "constant": _constant,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "exp_range": _cyclic,
    "exponential": _exponential,
    "linear": _linear,
    "multistep": _multistep,
    "one_cycle": _one_cycle,
    "polynomial": _polynomial,
    "step_decay": _step_decay,
    "torch_cosine": _torch_cosine,
    "triangular": _cyclic,
    "triangular2": _cyclic,
}
