"""The arithmetic of training a dense network, by one formula for all contenders.

A product of a row and a matrix of `a` by `b` weights takes 2ab operations. Training a row takes it three
times for each layer: forward, for the gradient of the weights, and for the gradient of the layer's input,
which the first layer does not need. Judging a row takes it once. Only matrix products count: losses,
activations, dropout and the optimizer's update are not in it, nor is what a contender computes in vain.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod


def forward(widths: Sequence[int]) -> int:
    """Give the operations of predicting one row, for a network such as (784, 512, 10).

    >>> forward((784, 512, 10))
    813056
    """
    return sum(2 * prod(layer) for layer in pairwise(widths))


def training(widths: Sequence[int]) -> int:
    """Give the operations of one row in an update.

    >>> training((3, 2))
    24
    """
    return 3 * forward(widths) - forward(widths[:2])


def epoch(widths: Sequence[int], trained: int, judged: int) -> int:
    """Give the operations of an epoch: rows to train on, and rows to judge on at its end.

    >>> epoch((784, 512, 10), 60_000, 10_000)
    106311680000
    """
    return trained * training(widths) + judged * forward(widths)
