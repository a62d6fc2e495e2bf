"""What PyTorch would keep of every export for the life of the process, half a megabyte each time, released.

- The `ShapeEnv` of a program tracks fake tensors whose symbolic sizes refer to it from C++, where Python's
  garbage collector does not see the circle.
- The caches of its methods belong to the class, and keep the programs of others alive.
- The loader of `fx` keeps the source of every graph.

Only `torch.compile` and its like use the same caches, and compute again what is missing.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.fx import graph_module
from torch.fx.experimental.symbolic_shapes import ShapeEnv


@contextmanager
def released() -> Iterator[None]:
    """Release what exports in the block have left in PyTorch's caches."""
    sources = graph_module._loader.eval_cache
    before = set(sources)
    try:
        yield
    finally:
        for method in vars(ShapeEnv).values():
            if hasattr(method, "cache_clear"):
                method.cache_clear()
        for name in sources.keys() - before:
            del sources[name]
            linecache.cache.pop(name, None)


def forget_fakes(program: torch.export.ExportedProgram) -> None:
    """Break the circle between a program's fake tensors and their symbols; the program itself is kept."""
    for node in program.graph.nodes:
        environment = getattr(getattr(node.meta.get("val"), "fake_mode", None), "shape_env", None)
        if environment is not None:
            environment.tracked_fakes = None
