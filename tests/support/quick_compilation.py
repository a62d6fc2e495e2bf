"""Compilation in half the time, for programs that are compared with formulas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from jax._src import compiler

OPTIONS = [("xla_cpu_use_fusion_emitters", False), ("xla_cpu_parallel_codegen_split_count", 1)]


@contextmanager
def quick_compilation() -> Iterator[None]:
    """Let JAX compile without optimizations inside the block."""
    before = compiler.get_compile_options, jax.config.read("jax_disable_most_optimizations")

    def quick(*arguments: Any, **settings: Any) -> Any:
        options = before[0](*arguments, **settings)
        options.env_option_overrides = [*options.env_option_overrides, *OPTIONS]
        return options

    compiler.get_compile_options = quick
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        compiler.get_compile_options = before[0]
        jax.config.update("jax_disable_most_optimizations", before[1])
