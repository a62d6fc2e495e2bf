"""Compilation in half the time, for what is compared with formulas; the programs of users take longer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from jax._src import compiler
from jax._src.interpreters import mlir

OPTIONS = [("xla_cpu_use_fusion_emitters", False), ("xla_cpu_parallel_codegen_split_count", 1)]
_options = compiler.get_compile_options


def _quick_options(*arguments: Any, **settings: Any) -> Any:
    options = _options(*arguments, **settings)
    options.env_option_overrides = [*options.env_option_overrides, *OPTIONS]
    return options


class _Kept(threading.local):
    """Of each thread, what its programs are written in, and how many more will be."""

    context: Any = None
    left = 0


_kept, _new_context, PROGRAMS = _Kept(), mlir.make_ir_context, 100


def _kept_context() -> Any:
    """Return what JAX would make for each of its programs, which takes as long as a small one."""
    if not _kept.left:
        _kept.context, _kept.left = _new_context(), PROGRAMS
    _kept.left -= 1
    return _kept.context


def keep_contexts() -> None:
    """Let JAX write many programs of this process, one after another, in one context."""
    mlir.make_ir_context = _kept_context


def compile_quickly(quick: bool) -> None:
    """Let JAX compile without optimizations in this process, or as it does for users."""
    compiler.get_compile_options = _quick_options if quick else _options
    jax.config.update("jax_disable_most_optimizations", quick)


@contextmanager
def quick_compilation() -> Iterator[None]:
    """Let JAX compile without optimizations inside the block."""
    before = jax.config.read("jax_disable_most_optimizations")
    compile_quickly(True)
    try:
        yield
    finally:
        compile_quickly(before)
