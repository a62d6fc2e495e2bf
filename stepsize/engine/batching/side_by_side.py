"""Run a function for several members at once, with the members side by side in an array's last axis.

`jax.vmap` puts the members first. A row of 34 units is then 34 numbers long, too short for the vector units
of a CPU, and a layer's gradient comes out transposed. Here a kernel [in, out] of M members is stored as
[in, M * out]: a batch that all of them share is multiplied with all kernels in one matrix product, and
elementwise operations run over long rows.

The function is traced for one member; its operations are then replayed for all of them, by a batching rule
where the order of axes matters and by `jax.vmap` elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, DebugInfo, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from stepsize.engine.batching.batched_value import (
    MEMBERS,
    Value,
    from_stored,
    shared,
    to_members_first,
    to_stored,
)
from stepsize.engine.batching.batching_rules import RULES

CALLS = ("jit", "closed_call", "core_call", "checkpoint", "custom_jvp_call", "custom_vjp_call")


def side_by_side(function: Callable[..., Any], members: int, like: Any) -> Callable[..., Any]:
    """Return `function(per_member, *common) -> (per_member, common)` for all members at once.

    `per_member` is a tree of arrays that differ between members, and `like` has the shapes of one member's;
    those of all members are stored side by side as described above, numbers as [M]. `common` is shared by
    all members, as argument and as result.

    >>> one = jax.ShapeDtypeStruct((2,), "float32")
    >>> double = side_by_side(lambda x, rate: (x * rate, ()), 3, one)
    >>> double(jax.numpy.arange(6.0), 10.0)[0].tolist()
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    """
    if members == 1:  # called as it is, without a replay: this works for any model

        def alone(per_member: Any, *common: Any) -> Any:
            one = jax.tree.map(lambda array, leaf: array.reshape(leaf.shape), per_member, like)
            member_result, common_result = function(one, *common)
            return replicated(member_result, 1), common_result

        return alone

    def together(per_member: Any, *common: Any) -> Any:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(like, *common)
        pairs = zip(jax.tree.leaves(per_member), jax.tree.leaves(like), strict=True)
        values = [from_stored(array, leaf.shape, members) for array, leaf in pairs]
        values += [shared(array) for array in jax.tree.leaves(common)]
        results = replay(closed.jaxpr, closed.consts, values, members)
        count = len(jax.tree.leaves(shapes[0]))
        if any(value.is_per_member for value in results[count:]):
            raise TypeError("members differ in a result that they should share")
        arrays = [to_stored(value, members) for value in results[:count]]
        arrays += [value.as_array() for value in results[count:]]
        return jax.tree.unflatten(jax.tree.structure(shapes), arrays)

    return together


def replicated(tree: Any, members: int) -> Any:
    """Return the arrays of one member as the arrays of `members` equal members side by side.

    >>> replicated(jax.numpy.array([[1, 2], [3, 4]]), 2).tolist()
    [[1, 2, 1, 2], [3, 4, 3, 4]]
    """
    return jax.tree.map(lambda array: to_stored(shared(array), members), tree)


def split_members(tree: Any, members: int, like: Any) -> Any:
    """Return arrays of all members with an axis [members] in front; `like` has the shapes of one member.

    >>> split_members(jax.numpy.array([1, 2, 1, 2]), 2, jax.ShapeDtypeStruct((2,), int)).tolist()
    [[1, 2], [1, 2]]
    """
    return jax.tree.map(
        lambda array, leaf: to_members_first(from_stored(array, leaf.shape, members)), tree, like
    )


def replay(jaxpr: Jaxpr, consts: Sequence[Any], arguments: Sequence[Value], members: int) -> list[Value]:
    """Carry out the operations of one member for all of them."""
    known: dict[Any, Value] = dict(zip(jaxpr.constvars, map(shared, consts), strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Value:
        return shared(atom.val) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        values = [read(atom) for atom in equation.invars]
        known.update(zip(equation.outvars, _replay_one(equation, values, members), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _replay_one(equation: JaxprEqn, values: list[Value], members: int) -> list[Value]:
    name = equation.primitive.name
    if not any(value.is_per_member for value in values):
        return [shared(array) for array in _evaluate(equation, *(value.as_array() for value in values))]
    if name in CALLS:
        inner = equation.params["jaxpr"] if "jaxpr" in equation.params else equation.params["call_jaxpr"]
        closed = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
        return replay(closed.jaxpr, closed.consts, values, members)
    rule = RULES.get(name)
    if rule is not None:
        return [rule(equation, values, members)]
    arrays = [to_members_first(value) if value.is_per_member else value.as_array() for value in values]
    axes = [0 if value.is_per_member else None for value in values]
    results = jax.vmap(lambda *one: _evaluate(equation, *one), in_axes=axes)(*arrays)
    return [Value(array, (MEMBERS, *range(array.ndim - 1)), array.shape[1:]) for array in results]


def _evaluate(equation: JaxprEqn, *arrays: Any) -> list[Any]:
    """Evaluate one operation on plain arrays."""
    pairs = zip(equation.invars, arrays, strict=True)
    arguments = {atom: array for atom, array in pairs if isinstance(atom, Var)}
    debug_info = DebugInfo(
        "side_by_side", str(equation.primitive), ("",) * len(arguments), ("",) * len(equation.outvars)
    )
    alone = Jaxpr((), list(arguments), equation.outvars, [equation], equation.effects, debug_info)
    return jaxpr_as_fun(ClosedJaxpr(alone, ()))(*arguments.values())
