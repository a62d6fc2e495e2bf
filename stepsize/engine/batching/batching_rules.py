"""Batching rules: how an operation of one member is computed for all, where the order of axes matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jax.extend.core import JaxprEqn

from stepsize.engine.batching.batched_value import MEMBERS, Value, squeeze, to_members_first
from stepsize.engine.batching.combining import add_up, combine, reduced, result_type
from stepsize.engine.batching.products import dot_general

Rule = Callable[[JaxprEqn, list[Value], int], Value]

# fmt: off
ELEMENTWISE = (
    "abs", "add", "add_any", "and", "atan2", "cbrt", "ceil", "clamp", "convert_element_type", "copy",
    "cos", "div", "eq", "erf", "erf_inv", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow",
    "is_finite", "le", "log", "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "nextafter",
    "not", "or", "pow", "reduce_precision", "rem", "round", "rsqrt", "select_n", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "sign", "sin", "sqrt", "square", "stop_gradient",
    "sub", "tan", "tanh", "xor",
)
REDUCTIONS = (
    "argmax", "argmin", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod",
    "reduce_sum", "reduce_xor",
)
# fmt: on
NO_SCALARS = ("add_any", "clamp", "select_n")  # do not accept a scalar beside arrays


# -- elementwise ---------------------------------------------------------------------------------------


def elementwise(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Combine the numbers at the same place of every operand."""
    primitive = equation.primitive

    def operation(*arrays: Any) -> Any:
        return primitive.bind(*arrays, **equation.params)

    shape = result_type(equation).shape
    return combine(operation, values, shape, members, allow_scalars=primitive.name not in NO_SCALARS)


# -- axes ----------------------------------------------------------------------------------------------


def reduction(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Reduce axes of one member."""

    def operation(array: Any, axes: tuple[int, ...]) -> Any:
        return equation.primitive.bind(array, **{**equation.params, "axes": axes})

    is_sum = equation.primitive.name == "reduce_sum"
    return reduced(add_up if is_sum else operation, values[0], equation.params["axes"], members)


def broadcast_in_dim(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Rename the axes; the new ones are left out."""
    return squeeze(values[0]).rename_axes(equation.params["broadcast_dimensions"], equation.params["shape"])


def transpose(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Rename the axes."""
    return _permute(values[0], equation.params["permutation"])


def _permute(value: Value, places: tuple[int, ...]) -> Value:
    return value.rename_axes([places.index(i) for i in range(len(places))], [value.shape[i] for i in places])


def reshape(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Rename the axes if only axes of length 1 are added or removed; else reshape with members first."""
    (value,), shape = values, result_type(equation).shape
    if equation.params.get("dimensions") is not None and equation.primitive.name == "reshape":
        value = _permute(value, equation.params["dimensions"])
    before = [i for i, n in enumerate(value.shape) if n != 1]
    after = [i for i, n in enumerate(shape) if n != 1]
    if [value.shape[i] for i in before] != [shape[i] for i in after]:
        return Value(to_members_first(value).reshape(members, *shape), (MEMBERS, *range(len(shape))), shape)
    names = dict(zip(before, after, strict=True))
    return value.rename_axes([names.get(i) for i in range(len(value.shape))], shape)


RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(REDUCTIONS, reduction),
    "broadcast_in_dim": broadcast_in_dim,
    "transpose": transpose,
    "reshape": reshape,
    "squeeze": reshape,
    "dot_general": dot_general,
}
