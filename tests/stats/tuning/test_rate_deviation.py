"""Deviations from two walls: the arithmetic of the posterior, and curves that two walls do not describe."""

import numpy as np
import pytest

from stepsize.stats.tuning.rate_curve import fit_rate_curve
from stepsize.stats.tuning.rate_deviation import LENGTH, CurvePosterior
from stepsize.stats.tuning.rate_means import rate_means
from stepsize.stats.tuning.rate_walls import likely_curves

RATES = np.logspace(-3, 0.5, 8)
POINTS = np.linspace(-3.5, 1.0, 40)


def scores_of(mean, seeds=40, noise=0.02, seed=0):
    """Return scores [rates, seeds] with an effect of each seed and noise."""
    generator = np.random.default_rng(seed)
    return (
        mean(np.log10(RATES))[:, None]
        + 0.02 * generator.standard_normal(seeds)
        + noise * (generator.standard_normal((len(RATES), seeds)))
    )


def two_steps(x):
    """Return a plateau, a rise to a peak at -0.6, a slow fall, and a cliff: what a table of moons shows."""
    return 0.86 + 0.04 / (1 + np.exp(-8 * (x + 1.0))) - 0.006 * np.maximum(x + 0.6, 0) - 0.2 * (x > 0.25)


def posterior_of(scores):
    rounds = rate_means(np.log10(RATES), scores)
    return CurvePosterior(rounds, likely_curves(rounds, np.log10(RATES[0]), np.log10(RATES[-1])))


def test_draws_have_the_mean_of_the_posterior():
    posterior = posterior_of(scores_of(two_steps))
    draws, costs = posterior.draws(POINTS), posterior.costs(POINTS)
    error = draws.std(axis=0) / len(draws) ** 0.5
    assert (np.abs(draws.mean(axis=0) - costs) < 5 * error + 1e-9).all()
    assert np.array_equal(draws, posterior.draws(POINTS))


def test_one_curve_is_a_gaussian_process_in_closed_form():
    """Against the textbook: mean k'(K + N)^-1 e, with the height of the round taken out by least squares."""
    posterior = posterior_of(scores_of(two_steps))
    at = int(posterior.weight.argmax())
    posterior.weight = np.eye(len(posterior.weight))[at]
    x, size = posterior.x, posterior.size[at]
    covariance = size**2 * np.exp(-0.5 * ((x[:, None] - x) / LENGTH) ** 2) + posterior.noise[at]
    inverse, ones = np.linalg.inv(covariance), np.ones(len(x))
    error = posterior.gaps[at] - ones @ inverse @ posterior.gaps[at] / (ones @ inverse @ ones)
    across = size**2 * np.exp(-0.5 * ((POINTS[:, None] - x) / LENGTH) ** 2)
    wall = posterior.curves.costs(POINTS)[at % len(posterior.curves.drops)]
    assert posterior.costs(POINTS) == pytest.approx(wall - across @ inverse @ error, abs=1e-6)


def test_a_curve_with_two_steps_is_followed_and_what_is_left_open_is_said():
    losses, stated, spread = [], [], []
    best = two_steps(np.linspace(-3, 0.5, 701)).max()
    for seed in range(20):
        curve = fit_rate_curve(RATES, scores_of(two_steps, seed=seed))
        losses.append(best - two_steps(np.log10(curve.rate)))
        stated.append(curve.regret)
        spread.append(curve.regret_sd)
    assert np.mean(losses) < 0.003
    covered = np.abs(np.array(losses) - stated) < 2 * np.array(spread)
    assert covered.mean() >= 0.8
