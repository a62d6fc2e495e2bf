"""How far the true curve may lie from one between two walls: a Gaussian process beside every curve.

The mean score over x = log10(rate) is taken to be

    m(x) = h - cost(x) + g(x)

with the cost of two walls (`rate_walls`), a height h that is free in every round, and a deviation g of mean 0
and covariance size^2 exp(-(x - x')^2 / (2 length^2)), as in Rasmussen and Williams, *Gaussian Processes for
Machine Learning*, 2006. Each curve is taken with deviations of several sizes, from next to none to one that
matters, and the scores decide how much each is worth.
"""

from __future__ import annotations

import numpy as np

from stepsize.stats.scores import Floats
from stepsize.stats.tuning.rate_means import RateMeans
from stepsize.stats.tuning.rate_walls import Curves

LENGTH = 0.25  # decades over which a deviation changes
SIZES = np.array([0.05, 0.3, 1.0])  # of deviations, in u
CHANCES = np.array([1.0, 1.0, 0.6])  # of the sizes, before the fit
DRAWS = 512
FREE = 1e4  # u: how far the height of one round may lie from that of another
LEAST_NOISE = 1e-3  # u: beside much larger numbers, less would be lost to rounding
JITTER = 1e-6


class CurvePosterior:
    """The mean curve after the scores of some rounds, and draws from what they leave open.

    Every curve comes once with each size of deviation: arrays are [sizes * curves, ...].
    """

    def __init__(self, rounds: list[RateMeans], curves: Curves) -> None:
        self.curves = curves
        self.x = np.concatenate([each.x for each in rounds])
        copies = len(SIZES)
        self.size = np.repeat(SIZES, len(curves.drops)) * curves.unit
        misfit = np.tile(curves.misfit, (copies, 1)) + (LEAST_NOISE * curves.unit) ** 2
        self.noise = _joined(rounds) + misfit[..., None] * np.eye(len(self.x))
        free = (FREE * curves.unit) ** 2 * _same_round(rounds)
        self.covariance = self.size[:, None, None] ** 2 * _likeness(self.x, self.x) + free + self.noise
        means = np.concatenate([each.mean - each.mean.max() for each in rounds])
        self.gaps = means + np.tile(curves.drops, (copies, 1))
        self.solved = _solve(self.covariance, self.gaps)
        root = np.linalg.cholesky(self.covariance)
        fits = -0.5 * (self.gaps * self.solved).sum(axis=1) - np.log(np.einsum("cii->ci", root)).sum(axis=1)
        fits += np.repeat(np.log(CHANCES), len(curves.drops)) + np.tile(curves.prior, copies)
        weight = np.exp(fits - fits.max())
        self.weight = weight / weight.sum()

    def costs(self, points: Floats) -> Floats:
        """Return the mean curve at log rates, as what it costs."""
        weight = self.weight.reshape(len(SIZES), -1).sum(axis=0)
        deviation = _likeness(points, self.x) @ ((self.weight * self.size**2) @ self.solved)
        return weight @ self.curves.costs(points) - deviation

    def draws(self, points: Floats) -> Floats:
        """Return draws of the curve at log rates, as what it costs: [DRAWS, len(points)].

        A draw of the deviation before the fit is moved by what the scores say of it (Matheron's rule:
        Wilson et al., Efficiently sampling functions from Gaussian process posteriors, ICML 2020). The same
        scores give the same draws.
        """
        generator = np.random.default_rng(0)
        shares = (generator.permutation(DRAWS) + 0.5) / DRAWS
        drawn = np.minimum(np.searchsorted(np.cumsum(self.weight), shares), len(self.weight) - 1)
        places = np.concatenate([points, self.x])
        root = np.linalg.cholesky(_likeness(places, places) + JITTER * np.eye(len(places)))
        size = self.size[drawn, None]
        before = size * (generator.standard_normal((DRAWS, len(places))) @ root.T)
        luck = generator.standard_normal((DRAWS, len(self.x)))
        luck = np.einsum("dij,dj->di", np.linalg.cholesky(self.noise[drawn]), luck)
        gaps = self.gaps[drawn] - before[:, len(points) :] - luck
        moved = size**2 * _solve(self.covariance[drawn], gaps) @ _likeness(self.x, points)
        costs = self.curves.costs(points)[drawn % len(self.curves.drops)]
        return costs - before[:, : len(points)] - moved


def _likeness(x: Floats, other: Floats) -> Floats:
    return np.exp(-0.5 * ((x[:, None] - other) / LENGTH) ** 2)


def _joined(rounds: list[RateMeans]) -> Floats:
    """Return the covariance of the means of all rounds; different rounds have different seeds."""
    from scipy.linalg import block_diag

    return np.asarray(block_diag(*[each.covariance for each in rounds]))


def _same_round(rounds: list[RateMeans]) -> Floats:
    number = np.repeat(np.arange(len(rounds)), [len(each.x) for each in rounds])
    return (number[:, None] == number).astype(float)


def _solve(matrices: Floats, vectors: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrices, vectors[..., None])[..., 0], np.float64)
