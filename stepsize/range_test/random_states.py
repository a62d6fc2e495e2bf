"""The random states of Python and NumPy, which a user's data and model may draw from."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def random_states() -> tuple[Any, Any]:
    """Return the random states of Python and of NumPy's global generator."""
    return random.getstate(), np.random.get_state()


def set_random_states(states: tuple[Any, Any]) -> None:
    """Set both random states."""
    random.setstate(states[0])
    np.random.set_state(states[1])


def seed_random_states(seed: int) -> None:
    """Set both random states from a seed."""
    random.seed(seed)
    np.random.seed(seed)
