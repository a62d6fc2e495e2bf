"""A plan as a schedule of Keras: its own class where that is exact, else a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from zlib import crc32

from stepsize.checks import spell
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
from stepsize.export.plateau import keras_plateau, refusal
from stepsize.schedules import Join, Plan, constant, cosine, warmup
from stepsize.schedules.clock import Clock

USE = """optimizer = keras.optimizers.SGD(learning_rate=schedule)"""
ON_METRIC = USE.replace("schedule", "rate") + "\nmodel.fit(..., callbacks=[callback])"
TABLE = '''
RATES = np.array([learning_rate(update) for update in range({count})], "float32")


# A saved model finds this class by its name, so that of another schedule has another one.
@keras.saving.register_keras_serializable(package="exported")
class {name}(keras.optimizers.schedules.LearningRateSchedule):
    """Look up the rate of each step: computed in float32, it would be less exact."""

    def __call__(self, step):
        index = {index}
        return keras.ops.take(keras.ops.convert_to_tensor(RATES), index)

    def get_config(self):
        return {{}}


schedule = {name}()'''


def module(plan: Plan) -> Module:
    """Return the file of a plan."""
    if plan.metric_factor is not None:
        rate, arguments, known = keras_plateau(plan)
        callback = laid_out(f"keras.callbacks.ReduceLROnPlateau({arguments})", "")
        return Module(ON_METRIC + known, "import keras", f"rate = {rate}\ncallback = {callback}")
    with suppress(Unfit):
        return _of_call(_call(plan))
    return _of_function(plan)


def check_accumulation(plan: Plan, optimizer: Mapping[str, Any]) -> None:
    """Raise ScheduleError if an optimizer accumulates gradients, unless the rate is constant.

    Keras then passes the batches to a schedule, not the updates.
    """
    steps = optimizer.get("gradient_accumulation_steps")
    if steps not in (None, 1) and plan.metric_factor is None and (plan.values != plan.end).any():
        reason = f"with gradient_accumulation_steps={steps} Keras counts batches, not updates"
        raise refusal(plan, "keras", reason, f"keras.KerasSchedule(plan, accumulate={steps})")


def _of_call(call: str) -> Module:
    name = call.partition("(")[0].removeprefix("keras.optimizers.schedules.") if "(" in call else ""
    return Module(USE, "import keras", f"schedule = {laid_out(call, '')}", name)


def _of_function(plan: Plan) -> Module:
    code = function(plan)
    if plan.after == "error":
        reason = 'a compiled schedule cannot raise an error; plan with after="hold"'
        raise refusal(plan, "keras", reason, "keras.KerasSchedule")
    step = 'keras.ops.cast(step, "int32")'
    count, index = plan.horizon + 1, f"keras.ops.minimum({step}, {plan.horizon})"
    if plan.after == "repeat":
        count, index = plan.horizon, f"keras.ops.mod({step}, {plan.horizon})"
    name = f"LearningRate_{crc32(f'{code}{index}'.encode()):08x}"
    code = f"{code}\n\n{TABLE.format(count=count, index=index, name=name)}"
    return Module(USE, imports(code, "import keras"), code)


def _call(plan: Plan) -> str:
    """Return the call of a class, or the rate itself if it is constant."""
    schedule, clock = whole_run(plan)
    if isinstance(schedule, Join):
        first, *rest = schedule.pieces
        require_exact(isinstance(first, warmup) and len(rest) == 1 and isinstance(rest[0], cosine))
        return _warmup_cosine(schedule.pieces[0], rest[0], plan)
    if isinstance(schedule, constant):
        return str(schedule.value)
    if type(schedule).__name__ not in CALLS:
        raise Unfit
    call = CALLS[type(schedule).__name__](schedule, piece(schedule, clock))
    return f"keras.optimizers.schedules.{call}" if "(" in call else call


def _warmup_cosine(climb: Any, falls: Any, plan: Plan) -> str:
    """Return the call of CosineDecay, the one class with a warmup."""
    clock = Clock(plan.horizon, plan.horizon, plan.updates_per_epoch)
    steps = integer(clock.updates("warmup", climb.length))
    require_exact(climb.shape == "linear" and not climb.closed and steps > 0)
    at = piece(falls, replace(clock, horizon=clock.horizon - steps))
    return "keras.optimizers.schedules." + (
        f"CosineDecay(initial_learning_rate={decimal(climb.start)}, decay_steps={at.phase}, "
        f"{_alpha(falls)}, warmup_target={decimal(falls.peak)}, warmup_steps={steps})"
    )


def _cosine(s: Any, at: Piece) -> str:
    return f"CosineDecay({decimal(s.peak)}, decay_steps={at.phase}, {_alpha(s)})"


def _linear(s: Any, at: Piece) -> str:
    return f"PolynomialDecay({decimal(s.peak)}, decay_steps={at.phase}, end_learning_rate={decimal(s.floor)})"


def _polynomial(s: Any, at: Piece) -> str:
    require_exact(s.power.is_integer() and s.power <= FEW)  # else a rounding error below 0 becomes NaN
    end = f"end_learning_rate={decimal(s.floor)}, power={decimal(s.power)}"
    return f"PolynomialDecay({decimal(s.peak)}, decay_steps={at.phase}, {end})"


def _exponential(s: Any, at: Piece) -> str:
    if s.staircase:
        return _regular_stairs(s, at)
    if s.floor is not None:
        require_exact(at.phase >= at.last)  # it would keep falling
        factor = decimal(s.floor / s.peak)
        return f"ExponentialDecay({decimal(s.peak)}, decay_steps={at.phase}, decay_rate={factor})"
    at.require_unbounded()
    every = integer(at.clock.period("every", s.every))
    require_exact(at.last <= FEW * every)
    return f"ExponentialDecay({decimal(s.peak)}, decay_steps={every}, decay_rate={decimal(s.factor)})"


def _inverse_time(s: Any, at: Piece) -> str:
    require_exact(not s.staircase)
    at.require_unbounded()
    every = integer(at.clock.period("every", s.every))
    return f"InverseTimeDecay({decimal(s.peak)}, decay_steps={every}, decay_rate={decimal(s.rate)})"


def _step_decay(s: Any, at: Piece) -> str:
    require_exact(s.offset is None and s.floor == 0)
    return _regular_stairs(s, at)


def _multistep(s: Any, at: Piece) -> str:
    return _stairs(at, at.clock.times("at", s.at), _powers(s, len(s.at)))


def _piecewise_constant(s: Any, at: Piece) -> str:
    return _stairs(at, at.clock.times("at", s.at), [str(value) for value in s.values])


def _regular_stairs(s: Any, at: Piece) -> str:
    """Return drops at regular times; a compiled staircase=True can be late."""
    times = regular_times(s, at)
    require_exact(bool(times) or at.clock.period("every", s.every) > at.clock.horizon)
    return _stairs(at, times, _powers(s, len(times)))


def _stairs(at: Piece, times: list[float], rates: list[str]) -> str:
    """Return a class whose boundaries are the last steps before its drops; without any, the rate."""
    at.require_unbounded()
    if not times:
        return rates[0]  # the class cannot be called without boundaries
    boundaries = [integer(time) - 1 for time in times]
    return f"PiecewiseConstantDecay(boundaries={boundaries}, values=[{', '.join(rates)}])"


def _powers(s: Any, drops: int) -> list[str]:
    """Return the rates after each drop."""
    return [
        decimal(s.peak),
        *(f"{decimal(s.peak)} * {decimal(s.factor)}**{count + 1}" for count in range(drops)),
    ]


def _keras_restarts(s: Any, at: Piece) -> str:
    first = spell(at.clock.period("first_decay_steps", s.first_decay_steps))
    cycle = f"t_mul={decimal(s.t_mul)}, m_mul={decimal(s.m_mul)}, alpha={decimal(s.alpha)}"
    return f"CosineDecayRestarts({decimal(s.peak)}, first_decay_steps={first}, {cycle})"


def _alpha(s: Any) -> str:
    """Return the floor as a share of the peak."""
    return f"alpha={decimal(s.floor / s.peak)}"


CALLS: dict[str, Callable[[Any, Piece], str]] = {
    "cosine": _cosine,
    "exponential": _exponential,
    "inverse_time": _inverse_time,
    "keras_restarts": _keras_restarts,
    "linear": _linear,
    "multistep": _multistep,
    "piecewise_constant": _piecewise_constant,
    "polynomial": _polynomial,
    "step_decay": _step_decay,
}
