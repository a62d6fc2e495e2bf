"""Gradients of look-ups in a table: rows that are added where an optimizer adds them.

The gradient of a look-up is an array of zeros to which the rows of a batch are added. SGD multiplies it by
the rate and adds it to the momentum, or to the table itself. These are passes over a whole table, of which a
batch changes a few rows. Added to the momentum at once, the rows save a third of an update.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var

ADDITION = "scatter-add"


class Rows(NamedTuple):
    """The rows of one look-up: `operation` adds them to a table at `indices`."""

    operation: JaxprEqn
    indices: Any
    values: Any

    def added_to(self, table: Any) -> Any:
        """Return a table with the rows added to it."""
        return self.operation.primitive.bind(table, self.indices, self.values, **self.operation.params)


class RowSum(NamedTuple):
    """Zeros to which the rows of look-ups are added, before they meet another array."""

    look_ups: tuple[Rows, ...]

    @property
    def table(self) -> Any:
        """Return the shape and the type of the sum."""
        return self.look_ups[0].operation.outvars[0].aval

    def array(self) -> Array:
        """Return the sum as an array."""
        return self.added_to(jnp.zeros(self.table.shape, self.table.dtype))

    def added_to(self, table: Any) -> Any:
        """Return a table with the rows added to it."""
        return reduce(lambda total, rows: rows.added_to(total), self.look_ups, table)

    def times(self, factor: Any) -> RowSum:
        """Return the sum of the rows multiplied by a number."""
        return RowSum(tuple(rows._replace(values=rows.values * factor) for rows in self.look_ups))


def row_sum(operation: JaxprEqn, operands: Sequence[Any]) -> RowSum:
    """Return the sum that an operation of `row_sums_in` makes."""
    return RowSum((Rows(operation, *operands[1:]),))


def row_sums_in(jaxpr: Jaxpr) -> list[JaxprEqn]:
    """Return the operations of a function that add rows to zeros, without those in functions it calls."""
    zeros = {
        equation.outvars[0]
        for equation in jaxpr.eqns
        if equation.primitive.name == "broadcast_in_dim" and _is_zero(equation.invars[0])
    }
    return [
        equation
        for equation in jaxpr.eqns
        if equation.primitive.name == ADDITION and equation.invars[0] in zeros
    ]


def _is_zero(operand: Var | Literal) -> bool:
    return isinstance(operand, Literal) and operand.val == 0


def combined(name: str, operands: Sequence[Any]) -> Any:
    """Return the result of an operation of a row sum and another value; None if it needs the whole array."""
    match name, operands:
        case "neg", [RowSum() as rows]:
            return rows.times(-1)
        case "mul", [RowSum() as rows, factor] | [factor, RowSum() as rows] if _shape(factor) == ():
            return rows.times(factor)
        case "add" | "add_any", [RowSum() as rows, RowSum() as others]:
            return RowSum(rows.look_ups + others.look_ups)
        case "add" | "add_any", [RowSum() as rows, table] | [table, RowSum() as rows]:
            return rows.added_to(table) if _shape(table) == _shape(rows) else None
        case "sub", [table, RowSum() as rows]:
            return rows.times(-1).added_to(whole(table)) if _shape(table) == _shape(rows) else None
    return None


def _shape(value: Any) -> tuple[int, ...]:
    return value.table.shape if isinstance(value, RowSum) else jnp.shape(value)


def whole(value: Any) -> Any:
    """Return a value, a row sum as an array."""
    return value.array() if isinstance(value, RowSum) else value
