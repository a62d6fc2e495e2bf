"""Tuning scores with seed effects removed: the mean score of every rate, and how certain it is.

Tuning goes in rounds: some rates on some seeds, then others on other seeds. Within a round all rates ran on
the same seeds, so what a seed does to all of them cancels. Rounds share only the shape of the curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stepsize.stats.scores import Floats

MANY_LOST = 0.02  # share of diverged runs above the fewest: a rate that loses more is not chosen
ROUGH = 0.02  # share of the typical drop by which no curve is exact, however steady the scores
PRIOR = 4.0  # seeds that the typical variance, and no correlation, count for beside what the seeds show
NEAR = 0.8  # decades around the best rate in which scores show whether it is too high or too low
FAR = 20.0  # typical differences below the best: scores are cut there, diverged runs lie as far again


class RateMeans(NamedTuple):
    """Rates x = log10(rate) that ran on the same seeds: the mean scores and their covariance."""

    x: Floats
    mean: Floats
    variance: Floats
    covariance: Floats
    seeds: int


def rate_means(x: Floats, scores: Floats) -> list[RateMeans]:
    """Return the rounds of scores [rates, seeds], the steadiest last; nan was not run, -inf diverged."""
    rounds = []
    for pattern, seeds in _patterns(scores):
        block = scores[np.ix_(pattern, seeds)]
        if len(block) > 1 and np.isfinite(block).any():
            rounds.append(_means(x[pattern], _bounded(block)))
    rounds.sort(key=lambda each: float(each.variance.min()), reverse=True)
    return [_no_steadier(each, [other for other in rounds if other is not each]) for each in rounds]


def seed_slopes(x: Floats, scores: Floats, best: float) -> Floats:
    """Return how much more the scores of each seed rise with the log rate near the best one than on average.

    Each seed is compared with the others of its round; nan where a round shows nothing. The rates chosen from
    two schedules' scores err alike as far as these agree.
    """
    slopes = np.full(scores.shape[1], np.nan)
    for pattern, seeds in _patterns(scores):
        near = pattern & (np.abs(x - best) <= NEAR)
        block = scores[np.ix_(pattern, seeds)]
        if near.sum() > 1 and seeds.sum() > 1 and np.isfinite(block).any():
            away = x[near] - x[near].mean()
            slope = away @ _bounded(block)[near[pattern]] / (away @ away)
            slopes[seeds] = slope - slope.mean()
    return slopes


def _patterns(scores: Floats) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rates and the seeds of each round, as masks."""
    made = ~np.isnan(scores)
    for pattern in np.unique(made.T, axis=0):
        yield pattern, (made == pattern[:, None]).all(axis=0)


def _no_steadier(means: RateMeans, others: list[RateMeans]) -> RateMeans:
    """Return the means of a round, each no steadier than those of other rounds at lower rates.

    Above the best rate some runs blow up, and the more the higher the rate. The seeds of a round may show
    none of that by luck.
    """
    least = np.zeros(len(means.x))
    for other in others:
        spread = other.variance * other.seeds * (other.x > other.x[other.mean.argmax()])
        lower = [spread[other.x <= x].max(initial=0.0) for x in means.x]
        least = np.maximum(least, np.array(lower) / means.seeds)
    variance = np.maximum(means.variance, least)
    wider = np.sqrt(variance / means.variance)
    return means._replace(variance=variance, covariance=wider[:, None] * means.covariance * wider)


def steady_rates(scores: Floats) -> int:
    """Return how many of the rates, in rising order, come before those that lose runs.

    Above some rate runs diverge, and the more the higher it is. So the share of lost runs is taken to rise
    with the rate (isotonic regression): a few seeds that show no loss do not make a rate steady if lower
    ones lose runs. A rate is left out, with all above it, if it loses 1 run in 50 more than the lowest one.
    """
    lost, made = np.isneginf(scores).sum(axis=1), (~np.isnan(scores)).sum(axis=1)
    sums, counts = np.cumsum([0, *lost]), np.cumsum([0, *made])
    start, stop = np.triu_indices(len(scores))
    shares = np.full((len(scores), len(scores)), np.inf)  # of the runs between two rates
    shares[start, stop] = (sums[stop + 1] - sums[start]) / (counts[stop + 1] - counts[start])
    least = np.minimum.accumulate(shares[:, ::-1], axis=1)[:, ::-1]
    share = np.triu(least).max(axis=0)
    return int((share <= share[0] + MANY_LOST).sum())


def _bounded(scores: Floats) -> Floats:
    """Return scores that end somewhere below the best: a blow-up is bad, how bad does not matter.

    What a seed does to all of its runs is not a blow-up, so it is taken out first.
    """
    finite = np.isfinite(scores)
    effects = _seed_effects(scores, finite)
    scores = scores - effects
    rows = [row[ok] for row, ok in zip(scores, finite, strict=True) if ok.any()]
    best = sorted(rows, key=lambda row: (np.median(row), len(row)), reverse=True)[:3]
    top = np.median(best[0])
    away = [np.abs(row - np.median(row)) for row in best]
    # Scores near a ceiling are mostly the same; so the mean counts beside the median, and how seeds differ.
    typical = max(
        float(np.median(away[0])),
        float(np.median([each.mean() for each in away])),
        float(top - np.median(best[-1])),
        float(np.quantile(np.abs(effects - np.median(effects)), 0.75)),
    )
    far = FAR * typical or float(np.ptp(scores[finite])) or 1.0
    return np.where(finite, np.maximum(scores, top - far), top - 2 * far)


def _seed_effects(scores: Floats, finite: np.ndarray) -> Floats:
    """Return how far each seed lies from the others: at the median over the three best rates.

    They are taken from those that all seeds finished; if there are none, each seed counts at those of the
    best three that it finished. At other rates some seeds may blow up, which is not an effect of the seed.
    """
    common = np.flatnonzero(finite.all(axis=1))
    if len(common):
        best = common[np.argsort(-np.median(scores[common], axis=1), kind="stable")[:3]]
        middle = np.median(scores[best], axis=0)
        return middle - np.median(middle)
    known = np.flatnonzero(finite.any(axis=1))
    middles = np.array([np.median(scores[rate, finite[rate]]) for rate in known])
    best = np.argsort(-middles, kind="stable")[:3]
    around = np.where(finite[known[best]], scores[known[best]] - middles[best, None], np.nan)
    around[:, np.isnan(around).all(axis=0)] = 0.0
    return np.nanmedian(around, axis=0)


def _means(x: Floats, scores: Floats) -> RateMeans:
    """Return mean and variance of each rate; the effect of a seed is taken mostly from the steadier rates."""
    rates, seeds = scores.shape
    mean = scores.mean(axis=1)
    around = scores - mean[:, None]
    weight = np.ones(rates)
    spread, typical, effect = weight, 0.0, np.zeros(seeds)
    for _ in range(4):
        effect = weight @ around / weight.sum()
        spread = ((around - effect) ** 2).sum(axis=1) / max(seeds - 1, 1) * rates / (rates - 1)
        typical = float(np.sort(spread)[: max(2, rates // 2)].mean())
        if not typical:
            break
        weight = 1 / (spread + typical)
    if seeds == 1:  # no spread is seen: take how far each rate lies off the line of its neighbours
        bends = np.diff(mean, 2) ** 2 / 6
        typical = float(np.median(bends)) if len(bends) else 0.0
    shared = (spread * (seeds - 1) + PRIOR * typical) / (seeds - 1 + PRIOR)
    few = (seeds + 3) / max(seeds - 1, 1)  # a few seeds show too little of what is rare
    shared, typical = few * shared, few * typical
    drops = mean.max() - mean
    floor = max(ROUGH * float(np.median(drops)), 1e-3 * float(drops.max())) ** 2 or 1e-12
    variance = np.maximum(np.maximum(shared, 0.3 * typical) / seeds, floor)
    return RateMeans(x, mean, variance, _covariance(around - effect, variance), seeds)


def _covariance(rest: Floats, variance: Floats) -> Floats:
    """Return the covariance of the means: neighbouring rates often err alike, which few seeds do not show."""
    seeds = rest.shape[1]
    trust = max(seeds - 1, 1) / (seeds - 1 + PRIOR)
    covariance = trust * (rest @ rest.T) / (max(seeds - 1, 1) * seeds)
    np.fill_diagonal(covariance, variance)
    return covariance
