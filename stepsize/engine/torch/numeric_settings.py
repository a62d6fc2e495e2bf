"""The numeric settings of PyTorch's optimizers that are inputs of a compiled program, not constants in it."""

from __future__ import annotations

INPUTS = ("momentum", "weight_decay")


def is_input(name: str, value: float) -> bool:
    """Return whether an update computes with a number as with others of that setting.

    A momentum of 0 is a rule of its own: PyTorch then ignores the dampening.

    >>> is_input("momentum", 0.9), is_input("momentum", 0.0), is_input("eps", 1e-8)
    (True, False, False)
    """
    return name in INPUTS and (name != "momentum" or value > 0)
