"""Figures over many replayed studies of one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from replay.population import Population
from replay.studies import PAIRS, Replay
from replay.tables import SCHEDULES

SMALL = 0.25  # of the margin: a smaller lead that way makes "better" a false word


@dataclass(frozen=True)
class Figures:
    """Shares in percent, `regret` in units of the score.

    `spread` is the 90th over the 10th percentile of chosen rates, `changes` how often a pair's word differs
    between two studies.
    """

    studies: int
    runs: float
    regret: float
    regret_p90: float
    spread: float
    false_words: float
    coverage: float
    width: float
    changes: float


def differences(population: Population) -> np.ndarray:
    """Return the true difference of every pair at best rates."""
    best = [population.mean(k, population.best(k)) for k in range(len(SCHEDULES))]
    return np.array([best[i] - best[j] for i, j in PAIRS])


def is_false(replays: Sequence[Replay], population: Population) -> np.ndarray:
    """Return, for each study, whether any of its words is false."""
    truth, small = differences(population), SMALL * population.margin
    words = np.array([each.words for each in replays])
    is_wrong = ((words == "better") & (truth < small)) | ((words == "worse") & (truth > -small))
    return is_wrong.any(axis=1)


def figures(replays: Sequence[Replay], population: Population) -> Figures:
    """Return the figures of many studies of one question at one number of seeds."""
    rates = np.array([each.rates for each in replays])
    best = [population.mean(k, population.best(k)) for k in range(len(SCHEDULES))]
    regret = np.array([[best[k] - population.mean(k, rate) for k, rate in enumerate(row)] for row in rates])
    low, high = np.array([each.low for each in replays]), np.array([each.high for each in replays])
    truth = differences(population)
    decades = np.quantile(np.log10(rates), 0.9, axis=0) - np.quantile(np.log10(rates), 0.1, axis=0)
    return Figures(
        studies=len(replays),
        runs=float(np.mean([each.runs for each in replays])),
        regret=float(regret.mean()),
        regret_p90=float(np.quantile(regret, 0.9)),
        spread=float(10 ** decades.mean()),
        false_words=100 * float(is_false(replays, population).mean()),
        coverage=100 * float(((low <= truth + 1e-12) & (truth - 1e-12 <= high)).mean()),
        width=float((high - low).mean() / 2),
        changes=100 * _changes(np.array([each.words for each in replays])),
    )


def _changes(words: np.ndarray) -> float:
    """Return how often a pair's word differs between two of the studies."""
    count = len(words)
    same = [sum(int((column == word).sum()) ** 2 for word in set(column)) for column in words.T]
    return float(np.mean([(1 - each / count**2) * count / (count - 1) for each in same]))
