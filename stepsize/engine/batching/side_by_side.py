"""Run a function for several members at once, members next to each other in an array's last axis.

`jax.vmap` puts the members first. A row of 34 units is then 34 numbers long, too short for the vector units
of a processor, and a layer's gradient comes out transposed. Here a kernel [in, out] of M members is kept as
[in, M * out]: a batch that all of them share meets them in one matrix product, and what is done number by
number runs over long rows.

The function is traced for one member; its operations are then replayed for all of them, by a rule of
`rules` where the order of axes matters, by `jax.vmap` elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, DebugInfo, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from stepsize.engine.batching.batched_value import MEMBERS, Value, first, shared, stored, taken_apart
from stepsize.engine.batching.batching_rules import RULES

CALLS = ("jit", "closed_call", "core_call", "checkpoint", "custom_jvp_call", "custom_vjp_call")


def side_by_side(function: Callable[..., Any], members: int, like: Any) -> Callable[..., Any]:
    """Give `function(own, *common) -> (own, common)` for all members at once.

    `like` has the shapes of one member's `own`, a tree of arrays; those of all members are kept together as
    the module says, numbers as [M]. `common` is shared by all members, on the way in and out.

    >>> one = jax.ShapeDtypeStruct((2,), "float32")
    >>> double = side_by_side(lambda own, rate: (own * rate, ()), 3, one)
    >>> double(jax.numpy.arange(6.0), 10.0)[0].tolist()
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    """
    if members == 1:  # not even a replay: any model can do this

        def alone(own: Any, *common: Any) -> Any:
            one = jax.tree.map(lambda array, form: array.reshape(form.shape), own, like)
            own, common_out = function(one, *common)
            return replicated(own, 1), common_out

        return alone

    def together(own: Any, *common: Any) -> Any:
        closed, form = jax.make_jaxpr(function, return_shape=True)(like, *common)
        arrays, forms = jax.tree.leaves(own), jax.tree.leaves(like)
        values = [taken_apart(array, one.shape, members) for array, one in zip(arrays, forms, strict=True)]
        values += [shared(array) for array in jax.tree.leaves(common)]
        results = replay(closed.jaxpr, closed.consts, values, members)
        count = len(jax.tree.leaves(form[0]))
        if any(value.is_members for value in results[count:]):
            raise TypeError("members differ in what they share")
        arrays = [stored(value, members) for value in results[:count]]
        arrays += [value.whole() for value in results[count:]]
        return jax.tree.unflatten(jax.tree.structure(form), arrays)

    return together


def replicated(tree: Any, members: int) -> Any:
    """Give arrays that all members have alike as arrays of all members.

    >>> replicated(jax.numpy.array([[1, 2], [3, 4]]), 2).tolist()
    [[1, 2, 1, 2], [3, 4, 3, 4]]
    """
    return jax.tree.map(lambda array: stored(shared(array), members), tree)


def apiece(tree: Any, members: int, like: Any) -> Any:
    """Give arrays of all members with an axis [members] in front.

    >>> apiece(jax.numpy.array([1, 2, 1, 2]), 2, jax.ShapeDtypeStruct((2,), int)).tolist()
    [[1, 2], [1, 2]]
    """
    return jax.tree.map(lambda array, one: first(taken_apart(array, one.shape, members)), tree, like)


def replay(jaxpr: Jaxpr, consts: Sequence[Any], arguments: Sequence[Value], members: int) -> list[Value]:
    """Carry the operations of one member out for all of them."""
    known: dict[Any, Value] = dict(zip(jaxpr.constvars, map(shared, consts), strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Value:
        return shared(atom.val) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        values = [read(atom) for atom in equation.invars]
        known.update(zip(equation.outvars, _replayed(equation, values, members), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _replayed(equation: JaxprEqn, values: list[Value], members: int) -> list[Value]:
    name = equation.primitive.name
    if not any(value.is_members for value in values):
        return [shared(array) for array in _carried_out(equation, *(value.whole() for value in values))]
    if name in CALLS:
        inner = equation.params["jaxpr"] if "jaxpr" in equation.params else equation.params["call_jaxpr"]
        closed = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
        return replay(closed.jaxpr, closed.consts, values, members)
    rule = RULES.get(name)
    if rule is not None:
        return [rule(equation, values, members)]
    arrays = [first(value) if value.is_members else value.whole() for value in values]
    over = [0 if value.is_members else None for value in values]
    results = jax.vmap(lambda *one: _carried_out(equation, *one), in_axes=over)(*arrays)
    return [Value(array, (MEMBERS, *range(array.ndim - 1)), array.shape[1:]) for array in results]


def _carried_out(equation: JaxprEqn, *arrays: Any) -> list[Any]:
    """Carry an operation out as it stands."""
    given = {
        atom: array for atom, array in zip(equation.invars, arrays, strict=True) if isinstance(atom, Var)
    }
    said = DebugInfo(
        "side_by_side", str(equation.primitive), ("",) * len(given), ("",) * len(equation.outvars)
    )
    alone = Jaxpr((), list(given), equation.outvars, [equation], equation.effects, said)
    return jaxpr_as_fun(ClosedJaxpr(alone, ()))(*given.values())
