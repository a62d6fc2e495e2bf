"""Schedules read from text: Python-call expressions, read as a syntax tree and never evaluated.

The text of a schedule is written in `text_form`.
"""

from __future__ import annotations

import ast
import operator
import warnings
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import InputError, SpecError, unknown
from stepsize.schedules.base import Schedule
from stepsize.schedules.operators import join
from stepsize.schedules.registry import FAMILIES, build
from stepsize.units import Knob, Length, epochs, is_knob_name, lr, run, updates

LONGEST = 2_000
DEEPEST = 50
NAMES: dict[str, Any] = {"epochs": epochs, "updates": updates, "run": run, "lr": lr}
OPERATORS = {
    ast.RShift: join,
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def parse(text: str) -> Schedule:
    """Return the schedule that a spec describes.

    A spec has calls of families, numbers, texts, lists, lengths such as `5*epochs`, the knob `lr` and others
    of any name, `>>`, `+`, `*` and `/`. It is at most 2,000 characters long and 50 levels deep.

    Raises: SpecError, which shows the part that cannot be read.

    >>> parse("warmup(5*epochs) >> cosine(lr, floor=0.01*lr)")
    warmup(5*epochs) >> cosine(lr, floor=0.01*lr)
    >>> parse("cosin(0.1)")
    Traceback (most recent call last):
    stepsize.errors.SpecError: cosin(0.1): unknown schedule 'cosin'; did you mean 'cosine'?
    """
    tree = _tree(text)
    schedule = _Reader(text).value(tree, DEEPEST)
    if not isinstance(schedule, Schedule):
        raise SpecError(f"{shown(text)} is not a schedule; write for example cosine(0.1)")
    return schedule


def _tree(text: Any) -> ast.expr:
    """Return the syntax tree of a text that is short and flat enough to be parsed."""
    if not isinstance(text, str) or not text.strip():
        raise SpecError(f"the spec is {shown(text)}; write a text such as cosine(0.1)")
    if len(text) > LONGEST:
        raise SpecError(f"the spec has {len(text)} characters; write at most {LONGEST}")
    if "\0" in text:
        raise SpecError(f"{shown(text)} has a null byte; write plain text")
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > DEEPEST:
            raise SpecError(
                f"{shown(text)} has more than {DEEPEST} brackets inside each other; write it with fewer"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as the one for "1or 2"
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise SpecError(f"{shown(text)} cannot be read: {error.msg} (character {error.offset})") from None
    except (ValueError, MemoryError, RecursionError):
        raise SpecError(f"{shown(text)} cannot be read; write for example cosine(0.1)") from None


class _Reader:
    """Turn the nodes of a tree into values; unknown nodes are refused."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()

    def value(self, node: ast.expr, depth: int) -> Any:
        if depth == 0:
            raise SpecError(
                f"{self._part(node)} is nested more than {DEEPEST} levels deep; write it with fewer levels"
            )
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | None):
            return node.value
        if isinstance(node, ast.List):
            return [self.value(item, depth - 1) for item in node.elts]
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            operand = self.value(node.operand, depth - 1)
            if is_number(operand):
                return -operand
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return self._chain(node, depth - 1)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._call(node, node.func.id, depth - 1)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FAMILIES:
            around = node.func.attr
            raise SpecError(f"{self._part(node)}: write {around} around it, as in {around}(cosine(0.1), ...)")
        raise SpecError(
            f"{self._part(node)} is not part of a spec; "
            "write calls of schedules, numbers, lengths such as 5*epochs, lists, >>, +, * and /"
        )

    def _name(self, name: str) -> Any:
        if name in FAMILIES:
            raise SpecError(f"{name} is a schedule; write its arguments, as in {name}(...)")
        from difflib import get_close_matches  # imported lazily: few schedules have another free name

        if name in NAMES:
            return NAMES[name]
        if get_close_matches(name, NAMES) or not is_knob_name(name):
            raise SpecError(unknown("name", name, NAMES))
        return Knob(name)

    def _chain(self, node: ast.expr, depth: int) -> Any:
        """Return the value of a >> b >> c, from the left and without going deeper for each."""
        chain: list[ast.BinOp] = []
        while isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            chain.append(node)
            node = node.left
        result = self.value(node, depth)
        for step in reversed(chain):
            result = self._operation(step, result, self.value(step.right, depth))
        return result

    def _operation(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        if not all(is_number(side) or isinstance(side, Length | Knob | Schedule) for side in (left, right)):
            raise SpecError(f"{self._part(node)}: only numbers, lengths, knobs and schedules go together")
        try:
            return OPERATORS[type(node.op)](left, right)
        except InputError as error:
            raise SpecError(f"{self._part(node)}: {error}") from None
        except (ArithmeticError, TypeError):
            raise SpecError(
                f"{self._part(node)} has no value; write for example 0.5*lr or 5*epochs"
            ) from None

    def _call(self, node: ast.Call, name: str, depth: int) -> Any:
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in keywords:
                raise SpecError(f"{self._part(node)}: write each argument once, by its name")
            keywords[keyword.arg] = self.value(keyword.value, depth)
        arguments = [self.value(argument, depth) for argument in node.args]
        try:
            return build(name, arguments, keywords)
        except InputError as error:
            raise SpecError(f"{self._part(node)}: {error}") from None

    def _part(self, node: ast.expr) -> str:
        """Return the text of a node, cut to one short line."""
        part = " ".join((ast.get_source_segment(self.text, node) or self.text).split())
        return part if len(part) <= 60 else part[:57] + "..."
