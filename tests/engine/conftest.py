"""Two ways to compile: as for users, and quickly where a test compares formulas."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def quick_compilation() -> Iterator[None]:
    """Compile without optimizations, in less time, what is compared with Keras' own `fit` or formulas.

    Programs as users get them are compared in the same ways in test_population.py.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
