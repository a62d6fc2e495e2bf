"""Rewriting: the same function with the operations that XLA is slow at in a loop in other forms.

These are convolutions and poolings, gradients of look-ups, and random bits that are used twice. Only the
engine's own trace is rewritten; Keras and JAX stay as they are. The function is traced, and its operations
are carried out again one by one, in loops and branches too, with the replacements in the place of the slow
ones. It is called after differentiation, so gradients are replaced like everything else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from stepsize.engine.axis_order import Ordered, in_place, in_same_order
from stepsize.engine.look_ups import combined, row_sum, row_sums_in, whole
from stepsize.engine.random_bits import MANY, drawn_once
from stepsize.engine.windows import batch_last, convolutions, poolings

CALLS = {"jit": "jaxpr", "custom_jvp_call": "call_jaxpr"}
RANDOM_BITS = "random_bits"
CONVOLUTION, POOLING_GRADIENT = "conv_general_dilated", "select_and_scatter_add"
WINDOWS = (CONVOLUTION, POOLING_GRADIENT, *poolings.OPERATIONS)


def rewritten(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its slow operations replaced; one that has none is left as it is.

    >>> def halved(x):
    ...     return jax.lax.reduce_window(x, 0.0, jax.lax.add, (2,), (2,), "VALID")
    >>> rewritten(halved)(jax.numpy.arange(4.0)).tolist()
    [1.0, 5.0]
    """

    def replaced(*args: Any) -> Any:
        closed, form = jax.make_jaxpr(function, return_shape=True)(*args)
        results = jaxpr_as_fun(_rewritten(closed))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(form), results)

    return replaced


def slow_operations_in(jaxpr: Jaxpr) -> list[JaxprEqn]:
    """Return the operations that are replaced, those in loops and branches too."""
    return [equation for equation in operations_in(jaxpr) if _is_replaced(equation)]


def operations_in(jaxpr: Jaxpr) -> Iterator[JaxprEqn]:
    """Yield all operations of a function, those in loops and branches too."""
    for equation in jaxpr.eqns:
        yield equation
        for closed in _inner(equation):
            yield from operations_in(closed.jaxpr)


def _is_replaced(equation: JaxprEqn) -> bool:
    name, params = equation.primitive.name, equation.params
    if name == RANDOM_BITS:
        return math.prod(_shape(equation)) >= MANY
    if name not in WINDOWS:
        return False
    if name == CONVOLUTION:
        x, kernel = (cast(Any, operand.aval) for operand in equation.invars)
        return _suits_batch_last(equation) or convolutions.is_rewritten(params, x, kernel, _shape(equation))
    return poolings.is_few_slices(params)


def _convolution(equation: JaxprEqn) -> convolutions.Convolution:
    x, kernel = (cast(Any, operand.aval) for operand in equation.invars)
    return convolutions.read_convolution(equation.params, x, kernel, _shape(equation))


def _suits_batch_last(equation: JaxprEqn) -> bool:
    x, kernel = (cast(Any, operand.aval) for operand in equation.invars)
    return batch_last.suits(_convolution(equation), x.shape, kernel.shape)


def _inner(equation: JaxprEqn) -> list[ClosedJaxpr]:
    """Return the functions that an operation calls: the body of a loop, the branches of a condition."""
    values = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_function)
    return [each for each in values if _is_function(each)]


def _is_function(value: Any) -> bool:
    return isinstance(value, ClosedJaxpr)


def _rewritten(closed: ClosedJaxpr) -> ClosedJaxpr:
    if not slow_operations_in(closed.jaxpr) and not _looks_up(closed.jaxpr):
        return closed

    def replayed(*args: Any) -> list[Any]:
        return [in_place(whole(each)) for each in _replay(closed, args)]

    return jax.make_jaxpr(replayed)(*closed.in_avals)


def _looks_up(jaxpr: Jaxpr) -> bool:
    """Return whether a function, or one that it calls, makes the gradient of a look-up."""
    called = (each.jaxpr for equation in jaxpr.eqns for each in _inner(equation))
    return bool(row_sums_in(jaxpr)) or any(map(_looks_up, called))


def _replay(closed: ClosedJaxpr, args: Sequence[Any]) -> list[Any]:
    """Carry out a function's operations with the replacements; results may be row sums."""
    jaxpr = closed.jaxpr
    row_sums = row_sums_in(jaxpr)
    uses = Counter(each for equation in jaxpr.eqns for each in equation.invars if isinstance(each, Var))
    uses.update(each for each in jaxpr.outvars if isinstance(each, Var))
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    known.update(zip(jaxpr.invars, args, strict=True))
    for equation in jaxpr.eqns:
        operands = [each.val if isinstance(each, Literal) else known[each] for each in equation.invars]
        results = [row_sum(equation, operands)] if equation in row_sums else _results(equation, operands)
        results = [
            whole(value) if uses[variable] > 1 else value
            for variable, value in zip(equation.outvars, results, strict=True)
        ]
        known.update(zip(equation.outvars, results, strict=True))
    return [each.val if isinstance(each, Literal) else known[each] for each in jaxpr.outvars]


def _shape(equation: JaxprEqn) -> tuple[int, ...]:
    """Return the shape of an operation's only result."""
    result: Any = equation.outvars[0].aval
    return result.shape


def _in_order(equation: JaxprEqn, operands: list[Any]) -> Any:
    """Return the result of an operation with its axes in another order; None if it needs its own."""
    name, params = equation.primitive.name, equation.params
    if name == CONVOLUTION and _suits_batch_last(equation):
        return batch_last.convolution(_convolution(equation), operands[0], operands[1])
    if name == POOLING_GRADIENT and isinstance(operands[1], Ordered) and _is_replaced(equation):
        return batch_last.pooling_gradient(params, operands[0], operands[1])
    if name in poolings.OPERATIONS and isinstance(operands[0], Ordered) and _is_replaced(equation):
        return batch_last.pooling(name, params, operands[0], _shape(equation))
    return in_same_order(equation, operands)


def _results(equation: JaxprEqn, operands: list[Any]) -> list[Any]:
    name, params = equation.primitive.name, equation.params
    sum_of_rows = combined(name, operands)
    if sum_of_rows is not None:
        return [sum_of_rows]
    operands = [whole(each) for each in operands]
    has_order = any(isinstance(each, Ordered) for each in operands)
    if name in CALLS and (has_order or _looks_up(params[CALLS[name]].jaxpr)):
        return _replay(params[CALLS[name]], operands)
    if (result := _in_order(equation, operands)) is not None:
        return [result]
    operands = [in_place(each) for each in operands]
    if _is_replaced(equation):
        shape = _shape(equation)
        if name == RANDOM_BITS:
            return [drawn_once(equation.primitive.bind(*operands, **params), operands[0])]
        if name == CONVOLUTION:
            return [convolutions.convolution(params, operands[0], operands[1], shape)]
        if name == POOLING_GRADIENT:
            return [poolings.pooling_gradient(params, operands[0], operands[1])]
        return [poolings.pooling(name, params, operands[0], shape)]
    changed = jax.tree.map(
        lambda each: _rewritten(each) if _is_function(each) else each, params, is_leaf=_is_function
    )
    results = equation.primitive.bind(*operands, **equation.primitive.get_bind_params(changed))
    return results if equation.primitive.multiple_results else [results]
