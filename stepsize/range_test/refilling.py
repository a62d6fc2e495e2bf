"""Containers get back what they held: the same objects, in the same container."""

from __future__ import annotations

from collections import deque
from typing import Any


def refill_mapping(mapping: dict[Any, Any], before: dict[Any, Any]) -> None:
    """Give a mapping the values that it had, if it has others."""
    if len(mapping) != len(before) or any(mapping.get(key, before) is not before[key] for key in before):
        mapping.clear()
        mapping.update(before)


def refill_sequence(sequence: list[Any] | deque[Any], before: list[Any]) -> None:
    """Give a sequence the items that it had, if it has others."""
    if len(sequence) != len(before) or any(a is not b for a, b in zip(sequence, before, strict=True)):
        sequence.clear()
        sequence.extend(before)


def refill_set(values: set[Any], before: set[Any]) -> None:
    """Give a set the values that it had."""
    values.clear()
    values.update(before)
