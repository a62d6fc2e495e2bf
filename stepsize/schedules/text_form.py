"""Schedules written as text: the spec that `repr` and `str` of a schedule return, and `parser` reads back.

A family is written as its call, and a join, product or sum as its parts with `>>`, `*` or `+` between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from stepsize.checks import spell

OPERATORS = ("*", "+", ">>")
"""Those that bind tightest come first, as in Python."""


def call_text(family: Any) -> str:
    """Write a family as its call; an argument that is passed by name is left out if it has its default.

    >>> from stepsize.schedules import cosine
    >>> from stepsize.units import epochs
    >>> call_text(cosine(0.1, floor=0, length=5 * epochs))
    'cosine(0.1, length=5*epochs)'
    """
    arguments = []
    for field in fields(family):
        value = getattr(family, field.name)
        if not field.kw_only:
            arguments.append(value_text(value))
        elif value != field.default:
            arguments.append(f"{field.name}={value_text(value)}")
    return f"{type(family).__name__}({', '.join(arguments)})"


def operation_text(operator: str, parts: Sequence[Any]) -> str:
    """Write numbers and schedules with an operator between them; a part that binds less gets brackets.

    >>> from stepsize.schedules import cosine, linear, warmup
    >>> from stepsize.units import epochs
    >>> operation_text("*", [0.5, warmup(5 * epochs) >> cosine(0.1)])
    '0.5 * (warmup(5*epochs) >> cosine(0.1))'
    >>> operation_text(">>", [warmup(5 * epochs), cosine(0.1) + linear(0.1)])
    'warmup(5*epochs) >> cosine(0.1) + linear(0.1)'
    """
    looser = OPERATORS[OPERATORS.index(operator) + 1 :]
    texts = [(value_text(part), getattr(part, "operator", None) in looser) for part in parts]
    return f" {operator} ".join(f"({text})" if brackets else text for text, brackets in texts)


def value_text(value: Any) -> str:
    """Write the value of an argument; a length and a knob write themselves, in `stepsize.units`.

    >>> from stepsize.units import epochs, lr, run
    >>> value_text(0.10), value_text("val_loss"), value_text(0.5 * lr)
    ('0.1', '"val_loss"', '0.5*lr')
    >>> value_text((30 * epochs, 0.75 * run))
    '[30*epochs, 0.75*run]'
    """
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    return spell(value) if isinstance(value, float) else repr(value)
