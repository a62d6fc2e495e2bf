"""Whether two contenders did equal work: their accuracies, and whether they differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev
from typing import NamedTuple


class Accuracy(NamedTuple):
    """Mean and spread of the validation accuracy of `n` runs."""

    mean: float
    sd: float
    n: int

    def __str__(self) -> str:
        return f"{100 * self.mean:.2f} ± {100 * self.sd:.2f} % (n = {self.n})"


def accuracy(scores: Sequence[float]) -> Accuracy:
    """Summarise runs.

    >>> print(accuracy([0.5, 0.75]))
    62.50 ± 17.68 % (n = 2)
    """
    return Accuracy(mean(scores), stdev(scores) if len(scores) > 1 else 0.0, len(scores))


def alike(one: Accuracy, other: Accuracy, judged: int) -> bool | None:
    """Say whether means differ by no more than three standard errors and one of the `judged` rows.

    None where one of them has a single run, so that its spread is not known.

    >>> alike(Accuracy(0.90, 0.01, 25), Accuracy(0.91, 0.01, 25), judged=100)
    True
    >>> alike(Accuracy(0.90, 0.01, 25), Accuracy(0.92, 0.01, 25), judged=100)
    False
    """
    if min(one.n, other.n) < 2:
        return None
    error = sqrt(one.sd**2 / one.n + other.sd**2 / other.n)
    return abs(one.mean - other.mean) <= 3 * error + 1 / judged
