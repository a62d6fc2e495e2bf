"""The random states of Python, NumPy and PyTorch, which a user's data and model may use."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np


def random_states() -> tuple[Any, ...]:
    """Return the random states of Python, of NumPy's global generator, and of PyTorch if it is loaded."""
    torch = sys.modules.get("torch")
    if torch is None:
        return random.getstate(), np.random.get_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda


def set_random_states(states: tuple[Any, ...]) -> None:
    """Set the random states that `random_states` returned."""
    random.setstate(states[0])
    np.random.set_state(states[1])
    if len(states) > 2:
        torch = sys.modules["torch"]
        torch.set_rng_state(states[2])
        if states[3] is not None:
            torch.cuda.set_rng_state_all(states[3])


def seed_random_states(seed: int) -> None:
    """Set the random states from a seed."""
    random.seed(seed)
    np.random.seed(seed)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)
