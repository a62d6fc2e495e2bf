"""Every word on made-up curves of many shapes, and on none that show something else."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.rate_map.curve_words import RateRuns, behaviour, word_of

EPOCHS, RUNS = 40, 8
T = np.arange(1, EPOCHS + 1)
GOOD = (0.05, 0.2)

# How the loss of a run falls from 1 towards 0 if it has trained for `t` times as long as needed.
SHAPES = {
    "exponential": lambda t: np.exp(-4 * t),
    "power": lambda t: 1 / (1 + 12 * t),
    "late start": lambda t: 1 / (1 + np.exp(9 * (t - 0.45))),
    "steps": lambda t: np.clip(1 - np.floor(6 * t) / 6, 0.02, 1),
    "line": lambda t: np.clip(1 - t, 0.02, 1),
    "slow tail": lambda t: 0.6 * np.exp(-9 * t) + 0.4 * np.exp(-1.5 * t),
}
NOISES = {"steady": 0.0, "noisy": 0.01}
FAMILIES = [(shape, noise) for shape in SHAPES for noise in NOISES]


def runs_at(rate, loss, valid=None, *, noise=0.0, spread=0.01, diverged=()):
    """Return runs whose scores follow the validation loss, with noise between epochs and over seeds."""
    generator = np.random.default_rng(round(1e6 * rate))
    jitter = noise * generator.standard_normal((RUNS, EPOCHS))
    offset = spread * generator.standard_normal((RUNS, 1))
    train = loss + jitter
    checked = (loss if valid is None else valid) + jitter + offset
    return RateRuns(rate, train, checked, 1 - checked, diverged)


def family(shape, noise):
    """Return the lowest rate's and the best rate's runs, and a function for the others."""

    def at(rate, **more):
        return runs_at(rate, SHAPES[shape](T / EPOCHS * rate / 0.1), noise=NOISES[noise], **more)

    return at(0.0001), at(0.1), at


def word(runs, lowest, best):
    return word_of(runs, best, lowest, GOOD)[0]


@pytest.mark.parametrize(("shape", "noise"), FAMILIES)
class TestFamilies:
    def test_rates_below(self, shape, noise):
        lowest, best, at = family(shape, noise)
        words = [word(at(rate), lowest, best) for rate in (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.04)]
        assert words[0] == "too small"
        assert set(words) <= {"too small", "slow"}
        assert words == sorted(words, key=["too small", "slow"].index)

    def test_good_and_best(self, shape, noise):
        lowest, best, at = family(shape, noise)
        assert word(best, lowest, best) == "best"
        assert [word(at(rate), lowest, best) for rate in (0.05, 0.15, 0.2)] == ["good"] * 3

    def test_a_loss_that_stays_where_it_began_is_too_large(self, shape, noise):
        lowest, best, _ = family(shape, noise)
        for level in (0.97, 1.0, 1.3):
            runs = runs_at(1.0, np.full(EPOCHS, level), noise=NOISES[noise])
            assert word(runs, lowest, best) == "too large"

    def test_a_loss_that_settles_higher_is_too_large(self, shape, noise):
        lowest, best, _ = family(shape, noise)
        runs = runs_at(1.0, 0.5 + 0.5 * np.exp(-T), noise=NOISES[noise])
        assert word(runs, lowest, best) == "too large"

    def test_swings_between_epochs_are_unstable(self, shape, noise):
        lowest, best, _ = family(shape, noise)
        runs = runs_at(1.0, SHAPES[shape](T / EPOCHS) + 0.15 * (T % 2), noise=NOISES[noise])
        assert word(runs, lowest, best) == "unstable"

    def test_scores_that_spread_over_seeds_are_unstable(self, shape, noise):
        lowest, best, at = family(shape, noise)
        assert word(at(1.0, spread=0.1), lowest, best) == "unstable"

    def test_a_validation_loss_that_rises_overfits(self, shape, noise):
        lowest, best, _ = family(shape, noise)
        valid = np.where(T < 10, 1 - T / 12, 0.25 + 0.02 * (T - 10))
        runs = runs_at(1.0, SHAPES[shape](T / EPOCHS * 3), valid, noise=NOISES[noise])
        found, seen = word_of(runs, best, lowest, GOOD)
        assert found == "overfits"
        assert 8 <= seen.overfits_after <= 11

    def test_one_run_that_diverges_is_enough(self, shape, noise):
        lowest, best, at = family(shape, noise)
        for rate in (0.01, 0.1, 1.0):
            assert word(at(rate, diverged=[120]), lowest, best) == "diverges"


@pytest.mark.parametrize("shape", ["exponential", "power", "slow tail"])
def test_twice_the_epochs_would_bring_about_what_is_said(shape):
    lowest, best, at = family(shape, "steady")
    for rate in (0.02, 0.03, 0.05):
        seen = behaviour(at(rate), best, lowest)
        truth = behaviour(at(2 * rate), best, lowest).way - seen.way  # half the rate takes twice the epochs
        assert seen.doubled == pytest.approx(truth, abs=0.2)


def test_a_short_run_has_a_word_too():
    def runs(rate, losses):
        curve = np.repeat([losses], 3, axis=0).astype(float)
        return RateRuns(rate, curve, curve, 1 - curve, ())

    lowest, best = runs(0.001, [1.0]), runs(0.1, [0.5])
    assert word(runs(0.01, [0.9]), lowest, best) == "too small"
    assert word(runs(1.0, [2.0]), lowest, best) == "too large"
