"""Which updates optimizers have made, for whoever counts those of a run: adapters register a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping

READERS: dict[str, Callable[[], Mapping[int, int]]] = {}
"""By the name of a library, a function that returns the completed updates of its optimizers, by a number."""
