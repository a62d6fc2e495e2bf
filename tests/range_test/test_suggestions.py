"""The rules, on curves whose features are known."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.range_test.curve import Curve
from stepsize.range_test.suggestions import half_of_the_fall, longest_fall, suggest


def curve_of(loss, rates=None):
    rates = np.geomspace(1e-5, 10, len(loss)) if rates is None else rates
    return Curve(rates, loss, loss, loss, float(loss[0]), 0.0, 0.0)


def sigmoid(rates, at, width=0.3):
    return 1 / (1 + np.exp(-(np.log10(rates) - np.log10(at)) / width))


@pytest.mark.parametrize("scale", [1.0, 50.0])
@pytest.mark.parametrize("shift", [0.0, -3.0])
@pytest.mark.parametrize("factor", [1.0, 0.03])
def test_rates_move_with_the_curve_and_ignore_its_scale(scale, shift, factor):
    rates = np.geomspace(1e-5, 10, 1201)
    loss = 1 - 0.8 * sigmoid(rates, 0.005) + 4 * sigmoid(rates, 1.0, 0.1)
    plain = suggest(curve_of(loss, rates))
    moved = suggest(curve_of(scale * loss + shift, factor * rates))
    for rule, rate in plain.items():
        assert moved[rule] == pytest.approx(factor * rate, rel=0.02), rule
    assert plain["steepest"] == pytest.approx(0.005, rel=0.02)
    lowest = rates[loss.argmin()]
    assert plain["minimum / 10"] == pytest.approx(lowest / 10)
    assert lowest < 10 * plain["rise / 10"] < 1.0
    assert half_of_the_fall(curve_of(loss, rates)) == pytest.approx(0.005, rel=0.1)


def test_a_steeper_fall_after_the_minimum_does_not_count():
    rates = np.geomspace(1e-5, 10, 1201)
    loss = 1 - 0.5 * sigmoid(rates, 0.001) + 3 * sigmoid(rates, 0.1, 0.05) - 3 * sigmoid(rates, 1.0, 0.02)
    loss = np.maximum(loss, 0.51 + 0 * loss)
    assert suggest(curve_of(loss, rates))["steepest"] == pytest.approx(0.001, rel=0.1)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=9))
def test_the_longest_fall_is_the_longest(values):
    array = np.array(values, float)
    first, last = longest_fall(array)

    def falls(count):
        return any(all(one > other for one, other in pairwise(some)) for some in combinations(values, count))

    length = max(count for count in range(1, len(values) + 1) if falls(count))
    inner = values[first : last + 1]
    assert first <= last
    between = [v for v in inner[1:-1] if inner[0] > v > inner[-1]]
    if first < last:
        assert inner[0] > inner[-1]
        chains = [
            c for c in combinations(between, max(length - 2, 0)) if list(c) == sorted(set(c), reverse=True)
        ]
        assert chains
    else:
        assert length == 1
