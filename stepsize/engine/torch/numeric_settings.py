"""The numeric settings of PyTorch's optimizers that are inputs of a compiled program, not constants in it."""

from __future__ import annotations

INPUTS = ("momentum", "weight_decay")


def is_input(name: str, value: float) -> bool:
    """Return whether a number of a setting can be an input, because it does not change the update's rule.

    A momentum of 0 changes the rule: PyTorch then ignores the dampening.

    >>> is_input("momentum", 0.9), is_input("momentum", 0.0), is_input("eps", 1e-8)
    (True, False, False)
    """
    return name in INPUTS and (name != "momentum" or value > 0)
