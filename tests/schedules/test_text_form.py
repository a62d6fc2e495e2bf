"""The text of a schedule: how each kind of value is written, and where brackets stand."""

from __future__ import annotations

import ast
from typing import Any

import pytest

import stepsize.schedules as ss
from stepsize.schedules import Schedule
from stepsize.schedules.text_form import OPERATORS, operation_text, value_text
from stepsize.units import epochs, lr, run, updates


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (2.0, "2"),
        (1e-5, "1e-05"),
        (3, "3"),
        (True, "True"),
        (None, "None"),
        ("1-sqrt", '"1-sqrt"'),
        (5 * epochs, "5*epochs"),
        (0.75 * run, "0.75*run"),
        (lr, "lr"),
        (lr / 4, "0.25*lr"),
        ((), "[]"),
        ((0.4, lr), "[0.4, lr]"),
        (ss.cosine(0.1), "cosine(0.1)"),
        ((ss.cosine(0.1), ss.linear(1)), "[cosine(0.1), linear(1)]"),
    ],
)
def test_values(value: Any, text: str) -> None:
    assert value_text(value) == text


climb = ss.warmup(5 * epochs) >> ss.cosine(0.1)
both = ss.cosine(0.1) + ss.linear(0.2)
scaled = 0.5 * ss.cosine(0.1)


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (ss.cosine(peak=0.1, floor=0, closed=False), "cosine(0.1)"),
        (ss.cosine(0.1, floor=0.01, length=5 * epochs), "cosine(0.1, floor=0.01, length=5*epochs)"),
        (climb, "warmup(5*epochs) >> cosine(0.1)"),
        (ss.warmup(9 * updates) >> both, "warmup(9*updates) >> cosine(0.1) + linear(0.2)"),
        (ss.warmup(9 * updates) >> scaled, "warmup(9*updates) >> 0.5 * cosine(0.1)"),
        (climb + ss.linear(0.2), "(warmup(5*epochs) >> cosine(0.1)) + linear(0.2)"),
        (scaled + ss.linear(0.2), "0.5 * cosine(0.1) + linear(0.2)"),
        (0.5 * climb, "0.5 * (warmup(5*epochs) >> cosine(0.1))"),
        (lr * both, "lr * (cosine(0.1) + linear(0.2))"),
        (both * ss.linear(1), "(cosine(0.1) + linear(0.2)) * linear(1)"),
        (0.5 * climb * ss.plateau(), "0.5 * (warmup(5*epochs) >> cosine(0.1)) * plateau()"),
        (climb.clip(floor=0.01), "clip(warmup(5*epochs) >> cosine(0.1), floor=0.01)"),
    ],
)
def test_schedules(schedule: Schedule, text: str) -> None:
    assert repr(schedule) == str(schedule) == text
    assert ss.parse(text) == schedule


@pytest.mark.parametrize("outer", OPERATORS)
@pytest.mark.parametrize("inner", OPERATORS)
def test_brackets_stand_where_python_needs_them(outer: str, inner: str) -> None:
    part = {"*": scaled, "+": both, ">>": climb}[inner]
    text = operation_text(outer, [part, ss.linear(1)])
    tree = ast.parse(text, mode="eval").body
    assert isinstance(tree, ast.BinOp)
    assert ast.unparse(tree.left) == ast.unparse(ast.parse(repr(part), mode="eval"))
    assert ("(" + repr(part) + ")" in text) == (OPERATORS.index(inner) > OPERATORS.index(outer))
