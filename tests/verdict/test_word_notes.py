"""The notes on words that the difference and the interval beside them do not explain."""

import numpy as np
import pytest
from scipy import stats

from stepsize.stats import decide
from stepsize.verdict.word_notes import word_notes
from tests.support.answers import recorded_answer
from tests.support.finished_studies import answer_of, answer_with_gaps, gaps, noise

ALTHOUGH = "Not shown, although the interval does not contain 0: "
WITHIN = "Not shown, although the interval lies within the margin: "


def near_miss(size, lost):
    """Return an answer with a candidate that is ahead, with so much noise of its own; some seeds diverge."""

    def score(name, seed):
        if name == "linear(0.1)" and seed in lost:
            return None
        lead = {"linear(0.1)": 0.02, "cosine(0.1)": 0.0005}.get(name, 0.0)
        return 0.9 + lead + noise(seed) + noise(seed + 1000 * len(name), size)

    return answer_of(["constant(0.1)", "linear(0.1)", "cosine(0.1)"], score)


@pytest.mark.parametrize(("size", "lost"), [(0.025, ()), (0.005, (1, 4))])
def test_why_a_difference_is_not_shown(size, lost):
    answer = near_miss(size, lost)
    linear = answer["candidates"][1]["vs_baseline"]
    assert linear["verdict"] == "not shown"
    assert linear["ci95"][0] > 0
    (note,) = (note for note in answer["notes"] if note.startswith(ALTHOUGH + "linear(0.1). "))
    reason = note.removeprefix(ALTHOUGH + "linear(0.1). ")
    if lost:
        assert reason == (
            "The interval leaves out the runs that diverged, "
            "and the test ranks them below every finished one."
        )
    else:
        assert reason == "With 3 comparisons, p (Holm) must be at most 0.035; more seeds will tell."


def between_two_margins(lead, seeds=30, level=0.965):
    """Return a margin between the ends of the 95 % interval of a lead, with error 1e-3, and a wider one."""
    return lead + sum(1e-3 * stats.t.ppf((1 + each) / 2, seeds - 1) for each in (0.95, level)) / 2


@pytest.mark.parametrize("lead", [0.004, 0.001])
def test_an_interval_within_the_margin_of_which_a_wider_one_is_not(lead):
    """p (Holm) is far below 0.035 for the larger lead, and the interval contains 0 for the smaller one."""
    answer = answer_with_gaps({"cosine(0.1)": gaps(lead, 1e-3)}, between_two_margins(lead))
    versus = answer["candidates"][1]["vs_baseline"]
    assert versus["verdict"] == "not shown"
    assert (versus["p_holm"] < 0.01) == (lead == 0.004)
    assert (
        f"{WITHIN}cosine(0.1). To be equivalent at this look, the 96.5 % interval must lie within it, too, "
        "and it reaches beyond."
    ) in answer["notes"]
    assert not any("more seeds will tell" in note for note in answer["notes"])


def test_a_later_look_names_its_own_interval():
    answer = recorded_answer()
    names = [each["name"] for each in answer["candidates"][:2]]
    base = 0.8 + np.random.default_rng(3).normal(0, 0.01, 60)
    scores, margin = [base, base + gaps(0.004, 1e-3, 60)], between_two_margins(0.004, 60, 0.98)
    decision = decide(scores, names=names, baseline=names[0], margin=margin, earlier=[30])
    (note,) = word_notes(answer, decision)
    assert note.startswith(WITHIN + names[1])
    assert "the 98.7 % interval must lie within it, too" in note


def test_a_word_against_its_difference_is_explained():
    leads = {"constant(0.5)": 0.02, "cosine(0.1)": 0.001, "linear(0.1)": 0.0}

    def score(name, seed):
        if name == "constant(0.5)" and seed % 3 == 0:
            return None
        return 0.8 + leads[name] + noise(seed, 0.02) + noise(seed + 1000 * len(name), 0.002)

    explained = (
        "Better or worse by the runs that diverged, not by the difference: cosine(0.1) and linear(0.1). The "
        "difference leaves these runs out, and the test ranks them below every finished one."
    )
    assert explained in answer_of(list(leads), score, 60)["notes"]
    leads["constant(0.5)"] = -0.02  # the difference says the same
    assert not any("not by the difference" in note for note in answer_of(list(leads), score, 60)["notes"])


@pytest.mark.parametrize("losers", [["constant(0.1)", "cosine(0.1)"], ["constant(0.1)"]])
def test_runs_that_both_lost_or_the_other_lost_are_no_reason(losers):
    """The one that is ahead lost as many runs, or fewer: p is too large."""
    others = {"cosine(0.1)": gaps(0.012, 0.005), "linear(0.1)": gaps(0.0, 0.001)}
    notes = answer_with_gaps(others, lost={name: (1,) for name in losers})["notes"]
    (note,) = (note for note in notes if note.startswith(ALTHOUGH + "cosine(0.1). "))
    assert note.endswith("must be at most 0.035; more seeds will tell.")
