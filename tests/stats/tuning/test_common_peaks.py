"""Best rates chosen together: better where schedules follow the law, as good as alone where they do not."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from stepsize.stats.tuning import common_peaks
from stepsize.stats.tuning.calibration import ScoreCurve
from stepsize.stats.tuning.common_peaks import Relative, with_common_peaks
from stepsize.stats.tuning.rate_curve import fit_rate_curve

RATES = np.logspace(-3, 0.5, 9)
MEANS = (1.0, 0.5, 0.5, 0.5, 0.2, 0.3)
ENDS = (1.0, 0.05, 0.01, 0.0, 0.01, 0.3)
LAW = [Relative(mean=mean, end=end) for mean, end in zip(MEANS, ENDS, strict=True)]
STUDIES = 12


def peaks(power=0.6, end=0.3, start=-1.0):
    return start - power * np.log10(MEANS) - end * np.array(ENDS)


def fitted(best, seed, seeds=12, rates=RATES):
    """Return the curves of schedules with these best log rates, tuned on common seeds, and what is true."""
    generator = np.random.default_rng(seed)
    truth = [flat_curve(each) for each in best]
    shared = generator.standard_normal(seeds)
    return [fit_rate_curve(rates, each.draw(generator, rates, shared)) for each in truth], truth


def flat_curve(peak):
    return ScoreCurve(peak=peak, left=0.002, right=0.0012)


def regrets(curves, truth):
    return [
        each.best() - float(each.mean(np.array(curve.rate)))
        for curve, each in zip(curves, truth, strict=True)
    ]


@cache
def studies(kind):
    best = {"law": peaks(), "no law": np.array([-1.0, -0.3, -1.6, -0.9, -1.3, -0.5])}[kind]
    return [fitted(best, seed) for seed in range(STUDIES)]


def test_schedules_that_follow_the_law_are_chosen_better_and_that_is_stated():
    alone, together, stated, stated_alone = [], [], [], []
    for curves, _ in studies("law"):
        joined = with_common_peaks(curves, LAW)
        alone.append(np.log10([each.rate for each in curves]) - peaks())
        together.append(np.log10([each.rate for each in joined]) - peaks())
        stated_alone += [each.regret for each in curves]
        stated += [each.regret for each in joined]
    assert apart(together) < 0.8 * apart(alone)
    assert np.mean(stated) < 0.8 * np.mean(stated_alone)


def apart(errors):
    """Return by how much schedules of one study err otherwise than the others of it."""
    errors = np.array(errors)
    return (errors - errors.mean(axis=1, keepdims=True)).std()


def test_schedules_that_do_not_are_chosen_as_well_as_alone():
    alone, together = [], []
    for curves, truth in studies("no law"):
        alone += regrets(curves, truth)
        together += regrets(with_common_peaks(curves, LAW), truth)
    assert np.mean(together) < 1.2 * np.mean(alone) + 1e-5


@pytest.mark.parametrize("kind", ["law", "no law"])
def test_the_others_move_a_rate_only_within_what_its_own_scores_leave_open(kind):
    for curves, _ in studies(kind):
        for alone, joined in zip(curves, with_common_peaks(curves, LAW), strict=True):
            low, high = np.quantile(alone.draws.interpolated().peaks(), (0.01, 0.99))
            assert low - 0.05 <= np.log10(joined.rate) <= high + 0.05


def test_neither_the_order_nor_a_factor_changes_a_choice():
    curves, _ = studies("law")[0]
    joined = with_common_peaks(curves, LAW)
    order = [3, 0, 5, 1, 4, 2]
    turned = with_common_peaks([curves[k] for k in order], [LAW[k] for k in order])
    assert [each.rate for each in turned] == pytest.approx([joined[k].rate for k in order], rel=1e-6)
    assert [each.regret for each in turned] == pytest.approx([joined[k].regret for k in order], rel=1e-4)
    larger, _ = fitted(peaks(), 0)
    scaled = [fit_rate_curve(100 * RATES, each.draw(*_drawn())) for each in _truth()]
    plain = [fit_rate_curve(RATES, each.draw(*_drawn())) for each in _truth()]
    rates = [each.rate for each in with_common_peaks(scaled, LAW)]
    assert rates == pytest.approx([100 * each.rate for each in with_common_peaks(plain, LAW)], rel=1e-2)
    assert len(larger) == len(curves)


def _truth():
    return [flat_curve(each) for each in peaks()]


def _drawn():
    generator = np.random.default_rng(7)
    return generator, RATES, generator.standard_normal(25)


def test_other_settings_have_a_level_of_their_own():
    best = np.array([-1.5, -1.5, -0.5, -0.5])
    curves, _ = fitted(best, 3)
    joined = with_common_peaks(curves, [Relative(others=k // 2, mean=1.0) for k in range(4)])
    assert np.log10([each.rate for each in joined]) == pytest.approx(best, abs=0.25)
    levels = [curve.rate for curve in joined]
    assert abs(np.log10(levels[0] / levels[1])) < 0.15
    assert abs(np.log10(levels[2] / levels[3])) < 0.15


def test_a_schedule_alone_or_driven_by_a_metric_keeps_its_rate():
    curves, _ = fitted(peaks()[:3], 4)
    (alone,) = with_common_peaks(curves[:1], LAW[:1])
    assert alone.rate == pytest.approx(curves[0].rate, rel=0.08)
    assert alone.regret == pytest.approx(curves[0].regret, rel=0.3)
    driven = with_common_peaks(curves, [LAW[0], LAW[1], Relative(is_planned=False)])
    assert driven[2].rate == pytest.approx(curves[2].rate, rel=0.15)


def test_half_the_highest_rate_needs_twice_the_lr():
    best = np.array([-1.0, -1.0, -1.0, -1.0 + np.log10(2)])
    curves, _ = fitted(best, 5, seeds=60)
    joined = with_common_peaks(curves, [*[Relative(mean=1.0)] * 3, Relative(highest=0.5, mean=1.0)])
    rates = [each.rate for each in joined]
    assert rates[3] / np.mean(rates[:3]) == pytest.approx(2, rel=0.2)


def test_a_curve_without_draws_is_returned():
    curves, _ = fitted(peaks()[:2], 6)
    lost = fit_rate_curve([0.1, 1.0], [[-np.inf] * 3, [-np.inf] * 3])
    joined = with_common_peaks([*curves, lost], [*LAW[:2], LAW[2]])
    assert joined[2] is lost
    assert with_common_peaks([], []) == []


def test_a_few_draws_at_a_second_peak_far_away_stay_few():
    generator = np.random.default_rng(0)
    peaks_drawn = 0.02 * generator.standard_normal(1000)
    peaks_drawn[:20] -= 1.0
    weight = common_peaks._weight(peaks_drawn, middle=0.0, spread=0.02, best=-0.01, sd=0.0199)
    assert weight[:20].sum() < 0.03 * weight.sum()
    assert np.average(peaks_drawn[20:], weights=weight[20:]) == pytest.approx(-0.01, abs=0.003)


def test_a_schedule_with_two_peaks_keeps_the_one_that_its_scores_show():
    """The other one lies where the law expects it; the draws of the curve say so in 15 of 100 cases."""
    curves, _ = fitted(peaks(), 9, seeds=60)
    lawful, far, loss = peaks()[3], peaks()[3] + 0.8, 0.01
    draws = curves[3].draws
    wells = [0.1 * (draws.places - place) ** 2 for place in (lawful, far)]
    is_far = np.arange(len(draws.costs)) % 20 < 17
    costs = np.where(
        is_far[:, None], np.minimum(wells[0] + loss, wells[1]), np.minimum(wells[0], wells[1] + loss)
    )
    luck = 0.05 * np.random.default_rng(0).standard_normal((len(costs), 1))
    costs = [
        np.interp(draws.places + each, draws.places, cost) for each, cost in zip(luck, costs, strict=True)
    ]
    curves[3] = replace(curves[3], draws=replace(draws, costs=np.array(costs)), rate=10**far)
    joined = with_common_peaks(curves, LAW)[3]
    assert np.log10(joined.rate) == pytest.approx(far, abs=0.05)
    assert 0.1 * loss < joined.regret < loss


def test_best_rates_are_those_of_a_normal_regression(monkeypatch):
    """Against the textbook: the mean and covariance of b given y = b + e, from their joint distribution."""
    monkeypatch.setattr(common_peaks, "DEVIATIONS", (0.1,))
    generator = np.random.default_rng(8)
    middle = peaks() + 0.1 * generator.standard_normal(6)
    factor = generator.standard_normal((6, 6))
    noise = 0.005 * factor @ factor.T + 0.01 * np.eye(6)
    best, covariance = common_peaks._best_rates(middle, noise, LAW)
    x = np.column_stack([np.ones(6), -np.log10(MEANS), -np.array(ENDS)])
    prior = np.diag([1 / sd**2 for sd in (common_peaks.ANYWHERE, common_peaks.POWER_SD, common_peaks.END_SD)])
    before = [-0.5, common_peaks.POWER, common_peaks.END]
    inverse = np.linalg.inv(noise + 0.1**2 * np.eye(6))
    fit = np.linalg.solve(x.T @ inverse @ x + prior, x.T @ inverse @ middle + prior @ before)
    law = x @ fit
    kept = 0.1**2 * inverse
    assert best == pytest.approx(law + kept @ (middle - law), abs=1e-3)
    left = (np.eye(6) - kept) @ x
    known = np.linalg.inv(x.T @ inverse @ x + prior)
    assert covariance == pytest.approx(0.1**2 * (np.eye(6) - kept) + left @ known @ left.T, abs=1e-5)
