"""Which runs a map makes: both ends, the rates around the best, and nothing that depends on time."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.finding import plan_maps
from stepsize.problems.problem import problem
from stepsize.rate_map.rounds import HIGHEST, LOWEST, count_runs, finished_maps, map_rounds
from stepsize.rate_map.summary import summarise_rates
from stepsize.study.stores.store import Run

EPOCHS = 50


@pytest.fixture(scope="module")
def ionosphere():
    return problem("ionosphere")


def hill(peak, width=0.5, top=0.9):
    """Return scores that fall off on both sides of a rate, and diverge far above it."""

    def score(rate, seed, settings):
        if rate > 1000 * peak:
            return None
        luck = 0.005 * np.random.default_rng([seed, round(1e9 * rate)]).standard_normal()
        return float(top - 0.1 * (np.log10(rate / peak) / width) ** 2 + luck)

    return score


def made(job, score):
    value = score(job.rate, job.seed, job.candidate.settings)
    curves = np.zeros((4, EPOCHS), np.float32)
    curves[0] = curves[1] = np.linspace(1, 0.5, EPOCHS)
    curves[2] = value or 0
    if value is None:
        curves[:3] = np.nan
    return Run(job.name, job.seed, job.rate, 7 if value is None else None, curves)


def trained(study, score, runs=None, stop_after=None):
    """Return all runs that the map asks for, or the first ones."""
    runs, stages = dict(runs or {}), []
    for stage in map_rounds(study, runs):
        stages.append(stage.name)
        for job in stage.jobs:
            if stop_after is not None and len(runs) >= stop_after:
                return runs, stages
            runs.setdefault(job.key, made(job, score))
    return runs, stages


def answer(study, runs):
    return summarise_rates(study, runs, {}, "stepsize compare ionosphere")


def test_a_cross_validation_shows_a_worse_rate_by_its_repeats():
    """Ten folds that agree are two repeats, which show nothing."""
    folded = problem("ionosphere", split="kfold", folds=5)
    study = plan_maps(folded, 10, rates=[0.01, 0.1])

    def score(rate, seed, settings):
        return 0.9 - (0.02 if seed // 5 % 2 else 0.01) * (rate < 0.05)

    runs, _ = trained(study, score)
    (found,) = finished_maps(study, runs)
    assert found.good(runs) == (0.01, 0.1)


def test_given_rates_at_which_runs_diverge_are_not_among_the_good_ones(ionosphere):
    study = plan_maps(ionosphere, 8, rates=[0.003, 0.01, 0.6, 1000])

    def score(rate, seed, settings):
        return None if rate > 100 or (rate > 0.5 and seed % 8) else 0.9

    runs, _ = trained(study, score)
    (found,) = finished_maps(study, runs)
    assert found.good(runs) == (0.003, 0.01)


@pytest.mark.parametrize("peak", [1e-5, 0.001, 0.1, 3.0, 40.0])
def test_both_ends_are_found_wherever_the_best_rate_lies(ionosphere, peak):
    study = plan_maps(ionosphere, 10)
    runs, _ = trained(study, hill(peak))
    found = answer(study, runs)
    assert found["status"] == "ok"
    assert found["best"]["rate"] == pytest.approx(peak, rel=0.5)
    low, high = found["best"]["range"]
    assert low <= peak <= high
    rates = [row["rate"] for row in found["rates"]]
    assert rates == sorted(set(rates))
    assert rates[0] < low
    assert rates[-1] > high
    assert found["rates"][rates.index(found["best"]["rate"])]["word"] == "best"
    assert {row["n"] for row in found["rates"]} == {10}


def test_a_stopped_map_asks_for_what_is_missing_and_nothing_else(ionosphere):
    study = plan_maps(ionosphere, 10)
    whole, stages = trained(study, hill(5.0))
    for stop in range(0, len(whole), 23):
        some, _ = trained(study, hill(5.0), stop_after=stop)
        assert len(some) == stop
        resumed, again = trained(study, hill(5.0), some)
        assert resumed.keys() == whole.keys()
        assert again == stages
    assert count_runs(study, whole) == len(whole)


def test_rates_that_all_diverge(ionosphere):
    study = plan_maps(ionosphere, seeds=2)
    runs, _ = trained(study, lambda rate, seed, settings: None)
    found = answer(study, runs)
    assert found["status"] == "all_diverged"
    assert found["best"] is None
    assert found["rates"][0]["rate"] < 1e-6
    assert {row["word"] for row in found["rates"]} == {"diverges"}
    assert "clipnorm=1" in found["sentence"]


def test_a_rate_that_makes_no_difference(ionosphere):
    study = plan_maps(ionosphere, 10)
    runs, _ = trained(study, lambda rate, seed, settings: 0.7 + 0.001 * (seed % 3))
    found = answer(study, runs)
    assert found["status"] == "flat"
    rates = [row["rate"] for row in found["rates"]]
    assert LOWEST <= rates[0] < 1e-6
    assert 100 < rates[-1] <= HIGHEST
    assert found["sentence"].startswith("No difference is shown between the rates tried (1e-8 to 1e3)")


def test_scores_that_rise_up_to_the_highest_rate(ionosphere):
    study = plan_maps(ionosphere, 10)
    runs, _ = trained(study, lambda rate, seed, settings: 0.5 + 0.05 * np.log10(rate / 1e-3))
    found = answer(study, runs)
    assert found["status"] == "open_above"
    assert "rates above" in found["sentence"]


def test_some_runs_that_diverge_end_the_map(ionosphere):
    study = plan_maps(ionosphere, 10)

    def score(rate, seed, settings):
        return None if rate > 0.2 and seed % 3 == 0 else 0.6 + 0.1 * np.log10(rate / 1e-3)

    runs, _ = trained(study, score)
    found = answer(study, runs)
    assert found["status"] == "ok"
    assert found["best"]["rate"] <= 0.2
    words = {row["rate"]: row["word"] for row in found["rates"]}
    assert words[0.316] == words[1.0] == "diverges"
    reason = next(row["reason"] for row in found["rates"] if row["rate"] == 1.0)
    assert reason == "3 of 10 runs diverged, the first at update 7 (epoch 1)"


def test_given_rates_are_all_that_is_tried(ionosphere):
    study = plan_maps(ionosphere, rates=[0.01, 0.1, 1.0], seeds=10)
    runs, _ = trained(study, hill(0.15))
    assert len(runs) == 30
    found = answer(study, runs)
    assert [row["rate"] for row in found["rates"]] == [0.01, 0.1, 1.0]
    assert found["best"]["rate"] == 0.1
    assert found["best"]["range"] == [0.1, 0.1]
    assert found["sentence"].startswith("Of the rates given, use lr=0.1 (")
    assert found["sentence"].endswith("every other one is shown to be worse by more than 0.86 points.")


def test_few_seeds_show_nothing(ionosphere):
    study = plan_maps(ionosphere, rates=[0.01, 0.1, 1.0], seeds=5)
    found = answer(study, trained(study, hill(0.15))[0])
    assert "scored worse by more than 0.86 points, but fewer than 6 seeds cannot" in found["sentence"]


def test_each_setting_has_a_map_of_its_own(ionosphere):
    def score(rate, seed, settings):
        return hill(0.01 if settings.get("momentum") else 0.1)(rate, seed, settings)

    settings = [{}, {"momentum": 0.95}]
    both = plan_maps(ionosphere, settings=settings, seeds=10)
    runs, _ = trained(both, score)
    plain, momentum = answer(both, runs)["maps"]
    assert plain["best"]["rate"] == pytest.approx(0.1, rel=0.4)
    assert momentum["best"]["rate"] == pytest.approx(0.01, rel=0.4)
    assert "with momentum=0.95" in momentum["sentence"]
    for each, alone in zip(settings, (plain, momentum), strict=True):
        study = plan_maps(ionosphere, settings=[each], seeds=10)
        (single,) = answer(study, trained(study, score)[0])["maps"]
        assert single == alone


def test_a_loss_is_better_low():
    study = plan_maps(problem("iris", metric="categorical_crossentropy"), 10)
    runs, _ = trained(study, lambda *job: -hill(0.1, top=-0.2)(*job))
    found = answer(study, runs)
    assert found["best"]["rate"] == pytest.approx(0.1, rel=0.5)
    assert "above the best" in found["rates"][0]["reason"]
    assert len(finished_maps(study, runs)) == 1


def test_a_score_alone_is_enough(ionosphere):
    study = plan_maps(ionosphere, 10)
    runs, _ = trained(study, hill(0.1))
    for key, run in runs.items():
        curves = run.curves.copy()
        curves[:2] = np.nan
        curves[2] *= np.linspace(0.8, 1, EPOCHS)
        runs[key] = Run(*key, run.rate, run.diverged_at, curves)
    found = answer(study, runs)
    words = [row["word"] for row in found["rates"]]
    assert words[0] in ("too small", "slow")
    assert words[-1] in ("too large", "unstable")
    assert not any("loss" in row["reason"] for row in found["rates"])


def test_rates_that_score_lower_on_every_seed_are_not_good(ionosphere):
    """Paired runs show a loss that the interval of a mean hides."""

    def score(rate, seed, settings):
        luck = 0.05 * np.random.default_rng(seed).standard_normal()
        return 0.8 + luck - (0.02 if rate > 0.2 else 0.0) - 0.2 * max(0.0, -np.log10(rate / 0.01))

    study = plan_maps(ionosphere, 10)
    found = answer(study, trained(study, score)[0])
    assert found["best"]["range"][1] < 0.32
    assert {row["word"] for row in found["rates"] if row["rate"] > 0.32} <= {"unstable", "too large"}


def test_runs_lost_at_every_rate_are_named_beside_the_best_one(ionosphere):
    def score(rate, seed, settings):
        return None if seed % 5 == 0 else hill(0.1)(rate, seed, settings)

    study = plan_maps(ionosphere, 10)
    found = answer(study, trained(study, score)[0])
    assert found["best"]["rate"] == pytest.approx(0.1, rel=1)
    assert found["sentence"].endswith("2 of its 10 runs diverged.")
    assert [row["word"] for row in found["rates"]].count("best") == 1


def test_the_repeats_of_a_cross_validation_count():
    study = plan_maps(problem("ionosphere", folds=3), seeds=12)
    assert study.tuning.seeds[0] % 3 == 0
    found = answer(study, trained(study, hill(0.1))[0])
    narrow = answer(plan := plan_maps(problem("ionosphere"), seeds=12), trained(plan, hill(0.1))[0])
    width, other = (np.ptp(each["rates"][3]["ci95"]) for each in (found, narrow))
    assert width != other


def test_the_epoch_of_a_divergence_is_that_of_the_batch_size():
    study = plan_maps(problem("ionosphere"), 2, settings=[{"batch_size": 4}], rates=[0.1, 30.0])
    runs, _ = trained(study, lambda rate, seed, settings: None if rate > 1 else 0.9)
    assert answer(study, runs)["rates"][1]["reason"] == "all 2 runs diverged, the first at update 7 (epoch 1)"


@pytest.mark.parametrize(("update", "epoch", "losses"), [(19, 3, 2), (449, 50, 50), (460, 50, 50)])
def test_the_epoch_of_a_divergence_is_that_of_its_curves(ionosphere, update, epoch, losses):
    """The folds of a cross-validation may have 8 or 9 updates, and a run may lose its last score alone."""
    study = plan_maps(ionosphere, 2, rates=[0.1, 30.0])
    runs, _ = trained(study, lambda rate, seed, settings: None if rate > 1 else 0.9)
    for key, run in runs.items():
        if run.score is None:
            run.curves[:2, :losses] = 1.0
            runs[key] = Run(*key, run.rate, update, run.curves)
    reason = f"all 2 runs diverged, the first at update {update} (epoch {epoch})"
    assert answer(study, runs)["rates"][1]["reason"] == reason


def test_an_end_that_the_last_rates_open_again_is_widened(ionosphere):
    """The end of the good rates lies at the lowest rate of the grid, so that it hangs on every fit."""

    def score(rate, seed, settings):
        luck = 0.02 * np.random.default_rng([seed, round(1e9 * rate), 97]).standard_normal()
        return float(0.9 - 0.1 * (np.log10(rate / 0.00776247) / 3) ** 2 + luck)

    study = plan_maps(ionosphere, 10)
    runs, stages = trained(study, score)
    assert stages == [
        "mapping rates",
        "mapping rates around the best",
        "training at the best rate",
        "mapping rates beyond the ends",
        "training at the best rate",
    ]
    assert answer(study, runs)["status"] == "ok"
