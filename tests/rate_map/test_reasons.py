"""What a map of rates says of the rates beside the best one, and over what its scores are means."""

import numpy as np
import pytest

from stepsize.finding import plan_maps
from stepsize.problems.problem import problem
from stepsize.rate_map.reasons import Others
from stepsize.rate_map.rounds import finished_maps
from tests.rate_map.test_rounds import answer, trained


def folded(repeats, rates=(0.01, 0.1)):
    return plan_maps(problem("iris", folds=5), 5 * repeats, rates=list(rates))


def found(study, score):
    return answer(study, trained(study, score)[0])


def luck(seed):
    return 0.001 * float(np.random.default_rng(seed).standard_normal())


class TestCrossValidation:
    @staticmethod
    def falling(rate, seed, settings):
        return 0.9 - 0.2 * (rate < 0.05) + luck(seed)

    def test_too_few_repeats_show_nothing_however_many_folds_there_are(self):
        two = found(folded(2), self.falling)
        assert "over 2 repeats); every other one scored worse by more than" in two["sentence"]
        assert "but fewer than 6 repeats cannot show a difference" in two["sentence"]
        assert any(note.startswith("Fewer than 6 repeats cannot show") for note in two["notes"])
        assert two["notes"][0].startswith("Each rate has 10 runs (2 repeats) with the same seeds")

    def test_six_repeats_show_a_difference(self):
        six = found(folded(6), self.falling)
        assert "over 6 repeats); every other one is shown to be worse by more than" in six["sentence"]
        assert not any(note.startswith("Fewer") for note in six["notes"])

    def test_a_repeat_that_lost_a_run_is_not_in_the_mean(self):
        def score(rate, seed, settings):
            return None if rate > 0.05 and seed % 10 == 0 else 0.5 + 0.4 * (rate > 0.05) * (seed % 10 > 4)

        best = found(
            folded(2, (0.1, 1.0)), lambda rate, seed, s: None if rate > 0.5 else score(rate, seed, s)
        )
        row = best["rates"][0]
        assert (row["mean"], row["replicates"], row["diverged"]) == (pytest.approx(0.9), 1, 1)
        assert (
            "over the 1 of 2 repeats that finished whole); every other one lost more runs" in best["sentence"]
        )

    def test_no_mean_is_made_up_where_every_repeat_lost_a_run(self):
        study = folded(2, (0.01, 0.1, 1.0))
        lost = found(study, lambda rate, seed, s: None if rate > 0.5 or seed % 5 == 0 else 0.7 + rate)
        assert lost["best"] is not None
        assert "(no repeat finished whole);" in lost["sentence"]
        assert "no repeat finished whole" in lost["rates"][0]["reason"]
        assert {row["mean"] for row in lost["rates"]} == {None}

    def test_how_far_a_rate_is_behind_is_the_difference_of_the_means_beside_it(self):
        def score(rate, seed, settings):
            if seed % 10 == 0:
                return None
            return (0.9 if rate > 0.05 else 0.8) if seed % 10 > 4 else 0.1

        rows = found(folded(2), score)["rates"]
        assert [row["mean"] for row in rows] == pytest.approx([0.8, 0.9])
        assert rows[0]["reason"].startswith("10 points below the best")

    def test_the_margin_is_that_of_repeats(self):
        """The folds differ and the repeats do not, so that a hundredth of the score is the margin."""
        study = plan_maps(problem("diabetes", folds=5, metric="mse"), 30, rates=[0.01, 0.1])
        runs, _ = trained(study, lambda rate, seed, settings: 0.5 + 0.3 * (seed % 5 - 2))
        (each,) = finished_maps(study, runs)
        assert each.margin(runs) == pytest.approx(0.005)


def test_a_rate_that_only_lost_runs_is_not_said_to_score_worse():
    study = plan_maps(problem("iris"), 8, rates=[0.01, 0.1, 1.0])

    def score(rate, seed, settings):
        if rate > 0.5:
            return None if seed % 4 == 0 else 0.95
        return (0.9 if rate > 0.05 else 0.7) + luck(seed)

    sentence = found(study, score)["sentence"]
    assert "every other one is shown to be worse by more than 2.6 points or lost more runs." in sentence
    alone = plan_maps(problem("iris"), 8, rates=[0.1, 1.0])
    assert found(alone, score)["sentence"].endswith("over 8 seeds); every other one lost more runs.")


@pytest.mark.parametrize(
    ("others", "runs", "words"),
    [
        (Others(2, 0, 2, "1 point", None), 6, "every other one is shown to be worse by more than 1 point"),
        (Others(3, 0, 2, "1 point", None), 6, "2 of the 3 others are shown to be worse by more than 1 point"),
        (Others(3, 1, 0, "1 point", None), 6, "1 of the 3 others lost more runs"),
        (
            Others(2, 1, 1, "1 point", 5),
            25,
            "every other one scored worse by more than 1 point or lost more runs, but fewer than 6 repeats "
            "cannot show a difference",
        ),
    ],
)
def test_the_others_in_words(others, runs, words):
    assert others.in_words(runs) == words
