"""The smoothed curve: no lag, no bias at its ends, sweeps of different lengths."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.range_test.curve import make_curve, smoothed, window
from stepsize.range_test.sweeps import Sweep, ramp_of_rates


def test_smoothing_neither_lags_nor_bends_at_the_ends():
    line = 3 - 0.01 * np.arange(300)
    assert np.allclose(smoothed(line, 7.0), line)


def test_a_step_in_the_loss_stays_where_it_is():
    loss = np.where(np.arange(401) < 200, 1.0, 0.0)
    assert smoothed(loss, 10.0)[199:201].mean() == pytest.approx(0.5)


def test_smoothing_equals_weighted_least_squares():
    generator = np.random.default_rng(1)
    losses, width = generator.standard_normal(60), 3.0
    for at in (0, 1, 30, 59):
        away = np.arange(60) - at
        weights = np.exp(-0.5 * (away / width) ** 2) * (np.abs(away) <= 12)
        _, level = np.polyfit(away, losses, 1, w=np.sqrt(weights))
        assert smoothed(losses, width)[at] == pytest.approx(level)


def test_the_window_is_as_wide_in_decades_whatever_the_number_of_updates():
    for updates in (400, 4000):
        rates = ramp_of_rates(1e-6, 10, updates)
        width = window(rates, "exponential")
        assert width * np.log10(rates[1] / rates[0]) == pytest.approx(0.15)


def test_the_curve_is_as_long_as_at_least_half_of_the_sweeps():
    rates = ramp_of_rates(1e-3, 1, 100)
    sweeps = [Sweep(np.full(length, float(length)), "diverged") for length in (60, 80, 100)]
    curve = make_curve(rates, sweeps)
    assert len(curve.rates) == len(curve.loss) == 80
    ends = [(curve.loss[at], curve.low[at], curve.high[at]) for at in (0, -1)]
    assert np.allclose(ends, [(80, 60, 100), (100, 80, 100)])  # a sweep that ended has the highest loss


def test_the_error_falls_with_the_number_of_sweeps():
    generator = np.random.default_rng(2)
    rates = ramp_of_rates(1e-5, 1, 500)
    sweeps = [Sweep(generator.standard_normal(500), "complete") for _ in range(16)]
    one, many = make_curve(rates, sweeps[:1]), make_curve(rates, sweeps)
    assert many.error == pytest.approx(one.error / 4, rel=0.1)
    singles = [make_curve(rates, [sweep]).loss[50:-50] for sweep in sweeps]
    assert one.error == pytest.approx(np.std(singles), rel=0.1)
