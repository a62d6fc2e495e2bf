"""How many seeds it takes: about all others that may be the best, and "more than" at the cap alone."""

import pytest

from stepsize.problems.problem import problem
from stepsize.study.study import make_study
from stepsize.verdict.seeds_notes import needed_text
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, answer_with_gaps, finish, gaps, noise

OTHERS = "between the recommended candidate and the others that may be the best"


def seeds_note(answer):
    (note,) = (each for each in answer["notes"] if OTHERS in each)
    return note


def test_it_is_about_the_one_that_takes_the_most_seeds():
    near, wild = gaps(0.002, 0.002), gaps(-0.02, 0.011, draw=8)
    few = answer_with_gaps({"cosine(0.1)": near, "linear(0.1)": near})["verdict"]["seeds_needed"]
    answer = answer_with_gaps({"cosine(0.1)": near, "linear(0.1)": wild})
    assert answer["verdict"]["best_set"] == ["constant(0.1)", "cosine(0.1)", "linear(0.1)"]
    assert answer["verdict"]["seeds_needed"] > 20 * few
    assert not answer["verdict"]["seeds_enough"]
    assert seeds_note(answer).startswith("To show a difference of 0.005")


def test_enough_for_one_is_not_enough_for_all():
    """cosine(0.1) alone has enough, and the highest mean of those that cannot be told apart."""
    near, wild = gaps(0.0025, 0.00124), gaps(-0.02, 0.011, draw=8)
    assert answer_with_gaps({"cosine(0.1)": near})["verdict"]["seeds_enough"]
    answer = answer_with_gaps({"cosine(0.1)": near, "linear(0.1)": wild})
    assert not answer["verdict"]["seeds_enough"]
    assert "seeds are enough" not in seeds_note(answer)


def test_where_all_are_equivalent_no_more_are_needed():
    answer = answer_with_gaps({"cosine(0.1)": gaps(0.0018, 0.0014)})
    assert answer["candidates"][1]["vs_baseline"]["verdict"] == "equivalent"
    assert answer["verdict"]["seeds_needed"] == 30
    assert answer["verdict"]["seeds_enough"]
    assert seeds_note(answer) == (
        f"More seeds are not needed: differences {OTHERS} are shown to be within 0.005."
    )


def test_enough_seeds_that_showed_nothing_promise_no_more_than_that():
    answer = answer_with_gaps({"cosine(0.1)": gaps(0.0025, 0.00124)})
    assert answer["candidates"][1]["vs_baseline"]["verdict"] == "not shown"
    assert answer["verdict"]["seeds_enough"]
    assert seeds_note(answer) == (
        f"30 seeds are enough to show a difference of 0.005 {OTHERS}, and none was shown; a smaller one "
        "takes more seeds."
    )


def test_a_baseline_outside_the_best_set_may_be_all_that_is_open():
    others = {"linear(0.1)": gaps(0.001, 1e-5), "cosine(0.1)": gaps(-0.00332, 0.0016)}
    answer = answer_with_gaps(others, baseline="cosine(0.1)")
    assert answer["verdict"]["best_set"] == ["constant(0.1)", "linear(0.1)"]
    assert answer["candidates"][0]["vs_baseline"]["verdict"] == "not shown"
    assert seeds_note(answer) == (
        f"Differences {OTHERS} are shown to be within 0.005; more seeds could only tell the recommended "
        "candidate from the baseline."
    )


def test_those_that_lost_runs_alone_are_left_out_and_it_says_so():
    others = {"cosine(0.1)": gaps(0.0, 0.004), "linear(0.1)": gaps(0.0, 0.02, draw=8)}
    needed = answer_with_gaps(others)["verdict"]["seeds_needed"]
    answer = answer_with_gaps(others, lost={"linear(0.1)": (3,)})
    assert answer["verdict"]["seeds_needed"] < needed / 10
    assert f"{OTHERS} and finished on the same seeds takes about" in seeds_note(answer)


@pytest.mark.parametrize("folds", [5, None])
def test_more_than_is_said_at_the_cap_alone(folds):
    """Five folds count as one repeat, so the cap of 100,000 repeats is 500,000 runs."""

    def answer_at(margin):
        chosen = problem("iris", folds=folds) if folds else problem("iris")
        study = make_study(chosen, ["constant(0.1)", "cosine(0.1)"], 60, margin=margin)
        score = lambda name, seed: 0.8 + noise(seed + 1000 * len(name), 0.01)  # noqa: E731
        return summarise_study(study, finish(study, score), COST)

    answer = answer_at(0.00013 if folds else 0.0003)
    needed = answer["verdict"]["seeds_needed"]
    assert (needed > 100_000) == (folds == 5)
    assert f"takes about {needed:,} seeds" in seeds_note(answer)
    assert needed_text(answer) == f"{needed:,}"
    answer = answer_at(1e-6)
    assert f"takes more than {100_000 * (folds or 1):,} seeds" in seeds_note(answer)
    assert needed_text(answer) == f"more than {100_000 * (folds or 1):,}"
