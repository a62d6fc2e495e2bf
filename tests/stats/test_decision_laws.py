"""The one rule: its laws, by Hypothesis, over grainy scores with leads, ties and lost runs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.stats import Decision, TuningError, decide

ROWS = 116
NAMES = "abcdefghijklmnop"


@st.composite
def studies(draw, least=1, most=24, lost=True):
    """Draw scores [candidates, seeds] on a few rows, with leads and lost runs, and ranks of simplicity."""
    k, n = draw(st.integers(1, 6)), draw(st.integers(least, most))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    leads = np.array(draw(st.lists(st.sampled_from([0, 0, 1, 2, 4, 12]), min_size=k, max_size=k)))
    spread = draw(st.sampled_from([0.0, 0.6, 3.0]))
    rights = 90 + leads[:, None] + generator.normal(0, 2, n) + spread * generator.normal(size=(k, n))
    scores = np.clip(np.rint(rights), 0, ROWS) / ROWS
    if lost and draw(st.booleans()):
        shares = np.array(draw(st.lists(st.sampled_from([0, 0, 0.1, 0.5, 1]), min_size=k, max_size=k)))
        scores[generator.random((k, n)) < shares[:, None]] = np.nan
    return scores, draw(st.lists(st.integers(0, 2), min_size=k, max_size=k))


margins = st.sampled_from([0.0, 0.5 / ROWS, 1 / ROWS, 3 / ROWS])


def judged(study, margin: float = 1 / ROWS, names=NAMES, **others) -> Decision:
    scores, simplicity = study
    k = len(scores)
    return decide(
        scores,
        names=names[:k],
        baseline="a",
        margin=margin,
        simplicity=simplicity,
        sample_value=1 / ROWS,
        **others,
    )


def lost_runs(study) -> dict[str, int]:
    return dict(zip(NAMES, np.isnan(study[0]).sum(axis=1).tolist(), strict=False))


@given(studies(most=5), margins)
@settings(max_examples=80)
def test_with_fewer_than_six_seeds_nothing_is_shown_and_who_finished_a_run_stays(study, margin):
    decision = judged(study, margin)
    finishers = [name for name, lost in lost_runs(study).items() if lost < study[0].shape[1]]
    assert list(decision.best_set) == finishers
    assert not decision.only_one
    assert {pair.word for pair in decision.vs_baseline.values()} <= {"not shown"}


@given(studies(), margins)
@settings(max_examples=120)
def test_the_only_one_is_shown_to_be_better_than_every_other(study, margin):
    decision = judged(study, margin)
    others = [name for name in decision.names if name != decision.recommended]
    if decision.only_one:
        assert decision.best_set == (decision.recommended,)
        assert others
        assert all(decision.word(decision.recommended, other) == "better" for other in others)


@given(studies(), margins)
@settings(max_examples=120)
def test_who_is_left_out_is_shown_to_be_behind_and_who_stays_is_not(study, margin):
    decision = judged(study, margin)
    finishers = [name for name, lost in lost_runs(study).items() if lost < study[0].shape[1]]
    for name in decision.names:
        beaten = any(decision.word(other, name) == "better" for other in finishers if other != name)
        assert (name in decision.best_set) == (name in finishers and not beaten)
    assert (decision.recommended is None) == (not finishers)
    if finishers:
        assert decision.recommended in decision.best_set


@given(studies(), margins)
@settings(max_examples=120)
def test_a_simpler_candidate_gives_way_only_to_one_that_is_shown_to_be_better(study, margin):
    decision, lost = judged(study, margin), lost_runs(study)
    if decision.recommended is None:
        return
    rank = dict(zip(decision.names, study[1], strict=True))
    fewest = min(lost[name] for name in decision.best_set)
    rivals = [name for name in decision.names if lost[name] <= fewest]
    simplest = min(rank[name] for name in rivals)
    if rank[decision.recommended] > simplest:
        chain = [*decision.displaced, decision.recommended]
        assert rank[chain[0]] == simplest
        for behind, ahead in pairwise(chain):
            assert decision.word(ahead, behind) == "better"
    for (
        name
    ) in rivals:  # of the best set, nobody simpler is passed over who is also shown to beat the displaced
        if name in decision.best_set and rank[name] < rank[decision.recommended]:
            assert decision.word(name, decision.displaced[-1]) != "better"


@given(studies(), margins)
@settings(max_examples=120)
def test_who_lost_more_runs_is_never_better_equivalent_or_recommended(study, margin):
    decision, lost = judged(study, margin), lost_runs(study)
    for name in decision.names:
        for rival in decision.names:
            if lost[name] > lost[rival]:
                assert decision.word(name, rival) in ("worse", "not shown")
    if decision.recommended is not None:
        assert lost[decision.recommended] == min(lost[name] for name in decision.best_set)


@given(studies(lost=False), margins)
@settings(max_examples=60)
def test_an_equivalent_candidate_is_left_out_by_nobody_it_is_equivalent_to(study, margin):
    decision = judged(study, margin)
    for name in decision.names:
        for rival in decision.names:
            if name != rival and decision.word(name, rival) == "equivalent":
                assert decision.word(rival, name) == "equivalent"
                low, high = decision.between(name, rival).ci95
                assert -margin - 1e-6 <= low <= high <= margin + 1e-6
    everywhere_equal = all(
        decision.word(name, rival) == "equivalent"
        for name in decision.names
        for rival in decision.names
        if name != rival
    )
    if everywhere_equal:
        assert decision.best_set == decision.names


@given(studies(), margins)
@settings(max_examples=60)
def test_a_word_never_contradicts_its_interval(study, margin):
    decision = judged(study, margin)
    for name in decision.names:
        for rival in decision.names:
            if name == rival:
                continue
            pair = decision.between(name, rival)
            if pair.word == "better" and pair.basis == "scores":
                assert pair.ci95[0] > 0
            if pair.word == "worse" and pair.basis == "scores":
                assert pair.ci95[1] < 0
            assert pair.p <= pair.p_holm <= 1
            mirror = decision.between(rival, name)
            assert mirror.word == {"better": "worse", "worse": "better"}.get(pair.word, pair.word)
            assert (mirror.p, mirror.p_holm) == (pair.p, pair.p_holm)
            assert mirror.p_better == pytest.approx(1 - pair.p_better)


@given(studies(), margins, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_of_candidates_changes_nothing(study, margin, random):
    scores, simplicity = study
    order = random.sample(range(len(scores)), len(scores))
    one = judged(study, margin)
    other = judged((scores[order], [simplicity[i] for i in order]), margin, names=[NAMES[i] for i in order])
    assert set(one.best_set) == set(other.best_set)
    assert (one.recommended, one.reason, one.displaced) == (other.recommended, other.reason, other.displaced)
    assert one.vs_baseline == {name: other.vs_baseline[name] for name in one.vs_baseline}


@given(studies(), margins, st.integers(-60, 60))
@settings(max_examples=60)
def test_adding_a_constant_changes_nothing(study, margin, rows):
    scores, simplicity = study
    one, other = judged(study, margin), judged((scores + rows / ROWS, simplicity), margin)
    assert one.best_set == other.best_set
    assert (one.recommended, one.reason) == (other.recommended, other.reason)
    words = {name: pair.word for name, pair in one.vs_baseline.items()}
    assert words == {name: pair.word for name, pair in other.vs_baseline.items()}


@given(studies(least=6), margins)
@settings(max_examples=60)
def test_doubt_about_the_rates_shows_no_more_than_certainty(study, margin):
    certain = judged(study, margin)
    unsure = judged(study, margin, tuning=[TuningError(variance=0.01**2)] * len(study[0]))
    assert set(certain.best_set) <= set(unsure.best_set)
    for name, pair in unsure.vs_baseline.items():
        assert pair.p >= certain.vs_baseline[name].p * (1 - 1e-9)
