"""The one rule: cases that once contradicted each other, lost runs, looks, and many candidates."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stepsize.errors import StudyError
from stepsize.stats import Decision, TuningError, decide, look_alpha
from stepsize.stats.decision import Comparison

NAMES = "abcdefghijklmnop"


def normal_study(k: int, n: int, lead: float = 0.0, seed: int = 0):
    generator = np.random.default_rng(seed)
    scores = generator.normal(0.9, 0.02, n) + generator.normal(0, 0.01, (k, n))
    scores[1] += lead
    return scores


def plain(scores, margin=0.005, **others) -> Decision:
    return decide(scores, names=NAMES[: len(scores)], baseline="a", margin=margin, **others)


def test_a_clear_winner_and_a_clear_tie():
    won = plain(normal_study(4, 30, lead=0.03))
    assert (won.best_set, won.recommended, won.reason) == (("b",), "b", "only one")
    tied = plain(normal_study(4, 30))
    assert tied.best_set == tuple("abcd")
    assert (tied.recommended, tied.reason, tied.displaced) == ("a", "simplest", ())


def test_five_seeds_of_a_ten_point_gap_call_nobody_the_only_one():
    decision = plain([[0.80, 0.81, 0.79, 0.80, 0.82], [0.90, 0.91, 0.92, 0.90, 0.91]])
    assert decision.best_set == ("a", "b")
    assert not decision.only_one
    assert decision.vs_baseline["b"].word == "not shown"


def test_the_middle_one_displaces_nobody_without_being_shown_to_be_better():
    """a, the simplest, is behind c; b is between and shown against neither: c takes a's place, not b."""
    generator = np.random.default_rng(3)
    scores = 0.9 + generator.normal(0, 0.01, (3, 30))
    scores -= scores.mean(axis=1, keepdims=True)
    scores += np.array([[0.0], [0.005], [0.0098]])
    decision = plain(scores, margin=0.001, simplicity=[0, 1, 2])
    assert decision.best_set == ("b", "c")
    assert decision.word("b", "a") == decision.word("c", "b") == "not shown"
    assert (decision.recommended, decision.reason, decision.displaced) == ("c", "shown better", ("a",))


def test_equally_simple_ones_are_told_apart_by_a_mean_that_leads_by_more_than_the_margin():
    scores = normal_study(3, 8)
    scores += np.array([[0.0], [0.001], [0.004]]) - scores.mean(axis=1, keepdims=True)
    assert plain(scores, margin=0.005).recommended == "a"
    assert plain(scores, margin=0.002).recommended == "c"


def test_a_candidate_without_a_finished_run_is_out_at_any_number_of_seeds():
    scores = normal_study(2, 3)
    scores[1] = np.nan
    decision = plain(scores)
    assert (decision.best_set, decision.reason, decision.only_one) == (("a",), "only finisher", False)
    pair = decision.vs_baseline["b"]
    assert (pair.n, pair.mean, pair.ci95, pair.word, pair.p_better) == (0, None, None, "not shown", 0.0)
    nothing = plain(np.full((2, 30), np.nan))
    assert (nothing.best_set, nothing.recommended, nothing.reason) == ((), None, None)
    assert plain(np.vstack([normal_study(2, 8)[:1], np.full((1, 8), np.nan)])).reason == "only one"


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 6, 8, 10, 12, 15])
@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_of_thirty_runs_some_lost_are_never_a_gain(lost, metric):
    """The finished runs are clearly better, and yet: never better, never recommended."""
    generator = np.random.default_rng(lost)
    baseline = (
        generator.normal(0.85, 0.02, 30) if metric == "accuracy" else -generator.normal(0.305, 0.03, 30)
    )
    candidate = baseline + generator.normal(0.03, 0.005, 30)
    candidate[:lost] = np.nan
    decision = plain([baseline, candidate], simplicity=[1, 0])
    pair = decision.vs_baseline["b"]
    assert (decision.recommended, pair.n) == ("a", 30 - lost)
    assert pair.mean == pytest.approx(0.03, abs=0.003)
    assert pair.word == ("worse" if lost >= 8 else "not shown")
    if lost < 8:
        assert (decision.best_set, decision.reason) == (("a", "b"), "fewest lost")
    else:
        assert (decision.only_one, pair.basis) == (True, "lost runs")
    same = candidate - 0.06
    assert plain([baseline, same]).vs_baseline["b"].word == "worse"


def test_how_large_a_finished_score_is_changes_nothing_of_a_lost_run():
    scores = normal_study(2, 30, lead=0.02)
    scores[1, :3] = np.nan
    one, other = plain(scores).vs_baseline["b"], plain(10 * scores, margin=0.05).vs_baseline["b"]
    assert (one.p, one.word, one.p_better) == (other.p, other.word, other.p_better)


def test_losing_as_many_runs_on_other_seeds_is_not_equivalent():
    scores = np.full((2, 30), 0.9) + np.random.default_rng(0).normal(0, 0.001, 30)
    together, apart = scores.copy(), scores.copy()
    together[:, :2] = np.nan
    apart[0, :2] = apart[1, 2:4] = np.nan
    assert plain(together).word("a", "b") == "equivalent"
    assert plain(apart).word("a", "b") == "not shown"


def test_nothing_is_better_whose_interval_lies_within_the_margin():
    """Whether a difference is too small to matter is decided by an interval that is a little wider."""
    around = np.linspace(-1, 1, 30)
    plain = 0.9 + 0.01 * np.sin(np.arange(30.0))
    other = plain + 0.0035 + around * 0.00069 * 30**0.5 / around.std(ddof=1)
    words = {}
    for margin in (0.0048, 0.005, 0.0052):
        decision = decide([plain, other], names=["a", "b"], baseline="a", margin=margin)
        found = decision.vs_baseline["b"]
        assert found.p_holm < decision.alpha
        assert found.ci95 == pytest.approx((0.00209, 0.00491), abs=1e-5)
        words[margin] = found.word
    assert words == {0.0048: "better", 0.005: "not shown", 0.0052: "equivalent"}


def test_bias_of_tuning_moves_the_estimate_and_leaves_the_mean():
    scores = normal_study(2, 30, lead=0.01)
    pair = plain(scores, tuning=[TuningError(bias=0.01), None]).vs_baseline["b"]
    assert pair.estimate == pytest.approx(pair.mean - 0.01)
    assert sum(pair.ci95) / 2 == pytest.approx(pair.estimate)


def test_what_is_open_and_who_can_be_dropped():
    scores = normal_study(4, 30, lead=0.03)
    scores[2] = scores[1] + np.random.default_rng(1).normal(0, 0.0005, 30)
    decision = plain(scores, simplicity=[0, 1, 2, 1])
    assert decision.best_set == ("b", "c")
    assert (decision.behind, decision.displaced, decision.droppable) == (("a", "d"), ("a",), ("d",))
    assert (decision.open_rivals, decision.is_settled) == ((), True)
    tied = plain(normal_study(3, 8, seed=2))
    assert (tied.open_rivals, tied.is_settled, tied.droppable) == (("b", "c"), False, ())


def until_decided(scores, margin, looks=(30, 60, 120, 240)):
    """Return the decisions of a study that drops who is shown to be behind, until nothing is open."""
    names, decisions, earlier = list(NAMES[: len(scores)]), [], ()
    for seeds in looks:
        rows = [NAMES.index(name) for name in names]
        decision = decide(
            scores[rows, :seeds],
            names=names,
            baseline="a",
            margin=margin,
            earlier=earlier,
            dropped=len(scores) - len(names),
        )
        decisions.append(decision)
        if decision.is_settled:
            break
        names = [name for name in names if name not in decision.droppable]
        earlier = (*earlier, seeds)
    return decisions


@pytest.mark.slow
def test_going_on_until_it_is_decided_is_seldom_wrong_and_spares_runs():
    generator = np.random.default_rng(0)
    false, ends, right, found = [], [], [], []
    for _ in range(200):
        equal = generator.normal(0, 0.01, (5, 240))
        decisions = until_decided(equal, margin=0.004)
        false.append(any(decision.behind for decision in decisions))
        ends.append(decisions[-1].seeds)
        led = equal + 0.012 * (np.arange(5) == 2)[:, None]
        last = until_decided(led, margin=0.004)[-1]
        right.append(last.recommended == "c")
        found.append(last.seeds)
    assert np.mean(false) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(ends) < 240
    assert np.mean(found) < 60
    assert np.mean(right) > 0.98


def test_a_look_uses_its_alpha_and_dropped_candidates_still_count():
    scores = normal_study(3, 60, lead=0.01)
    first, second = plain(scores), plain(scores, earlier=[30])
    assert first.alpha == look_alpha(60, (), 3)
    assert second.alpha == look_alpha(60, [30], 3) < first.alpha
    assert second.looks == (30, 60)
    alone = decide(scores[:2], names="ab", baseline="a", margin=0.0, dropped=1)
    assert alone.comparisons == first.comparisons == 3
    assert alone.vs_baseline["b"].p_holm == 3 * alone.vs_baseline["b"].p


def test_one_of_many_candidates_is_found():
    generator = np.random.default_rng(0)
    scores = generator.normal(0.9, 0.02, 30) + generator.normal(0, 0.01, (600, 30))
    scores[17] += 0.05
    names = [f"c{i}" for i in range(600)]
    decision = decide(scores, names=names, baseline="c0", margin=0.005)
    assert (decision.recommended, len(decision.vs_baseline)) == ("c17", 599)
    assert decision.only_one


def test_one_candidate_has_no_rival():
    decision = decide([[0.9, 0.8]], names=["a"], baseline="a", margin=0.01)
    assert (decision.best_set, decision.recommended, decision.reason) == (("a",), "a", "no rival")
    assert (decision.vs_baseline, decision.is_settled) == ({}, True)


def test_a_decision_cannot_be_changed():
    decision = plain(normal_study(2, 8))
    with pytest.raises(dataclasses.FrozenInstanceError):
        decision.recommended = "b"
    assert isinstance(decision.between("a", "b"), Comparison)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"names": "aa"}, "must be 2 different names"),
        ({"names": "abc"}, "must be 2 different names"),
        ({"baseline": "z"}, "baseline='z' is not a candidate; use one of"),
        ({"margin": -1.0}, "margin=-1.0 must be a finite number, 0 or more"),
        ({"margin": float("nan")}, "margin=nan must be a finite number"),
        ({"simplicity": [1]}, "simplicity has 1 ranks for 2 candidates"),
        ({"tuning": [None]}, "tuning has 1 entries for 2 candidates"),
        ({"dropped": -1}, "dropped=-1 must be 0 or more"),
        ({"sample_value": 0.0}, "sample_value=0.0 must be a positive number"),
        ({"scores": [[1.0, np.inf]] * 2}, "scores holds 2 values not finite"),
        ({"scores": [1.0, 2.0]}, r"scores has shape \(2,\); it must be \[candidates, n_seeds\]"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    usual = {"scores": [[0.9, 0.8]] * 2, "names": "ab", "baseline": "a", "margin": 0.01}
    with pytest.raises(StudyError, match=message):
        decide(**{**usual, **wrong})


def test_a_comparison_needs_two_candidates():
    decision = plain(normal_study(2, 8))
    with pytest.raises(StudyError, match="'a' cannot be compared with itself"):
        decision.between("a", "a")
    with pytest.raises(StudyError, match="'z' is not a candidate of this decision"):
        decision.word("a", "z")


@pytest.mark.parametrize("wrong", [{"variance": -1.0}, {"bias": np.nan}, {"df": 0.0}])
def test_a_tuning_error_is_made_of_numbers(wrong):
    with pytest.raises(StudyError, match="the variance must be finite"):
        TuningError(**wrong)
