"""Seeds needed: against scipy's non-central t, and by following the advice in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from stepsize.errors import StudyError
from stepsize.stats import SeedsNeeded, decide, least_seeds, look_alpha, seeds_note
from stepsize.stats.seeds import seeds_needed
from tests.support.finished_studies import gaps


def resolves(n: int, effect: float, looks, comparisons: int) -> bool:
    def beyond(alpha):
        return scipy_stats.nct.sf(scipy_stats.t.isf(alpha / 2, n - 1), n - 1, effect * np.sqrt(n))

    shown = beyond(look_alpha(n, looks, comparisons) / comparisons)
    return bool(shown >= 0.8 and beyond(look_alpha(n, looks)) >= 0.9)


@pytest.mark.parametrize("effect", [0.8, 0.4, 0.2])
@pytest.mark.parametrize("comparisons", [1, 15])
@pytest.mark.parametrize("looks", [[30], [10, 20]])
def test_is_the_smallest_number_that_resolves(effect, comparisons, looks):
    limit = np.sqrt((looks[-1] - 1) / scipy_stats.chi2.isf(0.7, looks[-1] - 1))
    needed = seeds_needed(1.0, effect, looks, comparisons)
    effect /= limit
    if needed.enough:
        assert resolves(looks[-1], effect, looks[:-1], comparisons)
        return
    assert resolves(needed.seeds, effect, looks, comparisons)
    assert needed.seeds == looks[-1] + 1 or not resolves(needed.seeds - 1, effect, looks, comparisons)


@given(st.floats(0.1, 3), st.floats(1.0, 5.0))
@settings(max_examples=30, deadline=None)
def test_more_spread_needs_more_and_the_unit_does_not_matter(effect, factor):
    one, other = seeds_needed(1.0, effect, [20]), seeds_needed(factor, effect, [20])
    assert (one.enough, -one.seeds) >= (other.enough, -other.seeds)
    assert seeds_needed(2.0, 2 * effect, [20]) == one


def test_the_ends():
    assert seeds_needed(0.0, 0.005, [30]) == SeedsNeeded(30, enough=True)
    assert seeds_needed(1.0, 1e-6, [30]) == SeedsNeeded(100_000, capped=True)
    assert not seeds_needed(0.0, 0.005, [5]).enough
    assert [least_seeds(m) for m in (1, 3, 15, 120)] == [6, 8, 10, 13]


def test_with_the_least_seeds_something_can_be_shown_and_with_fewer_nothing():
    for k, comparisons in ((2, 1), (3, 3), (6, 15)):
        n = least_seeds(comparisons)
        scores = 0.9 + 0.05 * np.arange(k)[:, None] + np.random.default_rng(0).normal(0, 1e-4, (k, n))
        names = "abcdef"[:k]
        assert decide(scores, names=names, baseline="a", margin=0.0).behind
        assert not decide(scores[:, 1:], names=names, baseline="a", margin=0.0).behind


@pytest.mark.parametrize("margins_apart", [0.0, 1.0])
@pytest.mark.parametrize(("sd", "k"), [(0.018, 2), (0.03, 2), (0.02, 4)])
def test_following_the_note_resolves_in_four_of_five_studies(margins_apart, sd, k):
    """A first look at 30 seeds, then as many as the note asks for, where the first look left it open."""
    generator = np.random.default_rng(int(1000 * sd) + k)
    margin, resolved, names = 0.01, [], "abcd"[:k]

    def draw(n):
        scores = generator.normal(0, sd / 2**0.5, (k, n))
        scores[0] += margins_apart * margin
        return scores

    for _ in range(700):
        scores = draw(30)
        first = decide(scores, names=names, baseline="b", margin=margin)
        note = seeds_note(first)
        if first.word("a", "b") != "not shown" or note is None or note.enough:
            continue
        scores = np.hstack([scores, draw(note.seeds - 30)])
        second = decide(scores, names=names, baseline="b", margin=margin, earlier=[30])
        resolved.append(second.word("a", "b") != "not shown")
    assert len(resolved) > 50
    assert np.mean(resolved) >= 0.8 - 2 * np.sqrt(0.16 / len(resolved))


def test_the_note_of_a_study():
    generator = np.random.default_rng(5)
    quiet = 0.9 + generator.normal(0, 0.002, (3, 30))
    note = seeds_note(decide(quiet, names="abc", baseline="a", margin=0.01))
    assert note == SeedsNeeded(30, enough=True)
    wild = 0.9 + generator.normal(0, 0.05, (3, 30))
    note = seeds_note(decide(wild, names="abc", baseline="a", margin=0.01))
    assert note.seeds > 300
    assert not note.enough
    won = quiet + np.array([[0.0], [0.05], [0.0]])
    assert seeds_note(decide(won, names="abc", baseline="a", margin=0.01)) is None
    assert seeds_note(decide(wild, names="abc", baseline="a", margin=0.0)) is None
    assert seeds_note(decide(wild[:, :1], names="abc", baseline="a", margin=0.1)) is None
    assert seeds_note(decide(np.full((2, 9), np.nan), names="ab", baseline="a", margin=0.1)) is None


def test_the_note_is_about_the_one_that_needs_the_most():
    """The wild one has the lowest mean, and more seeds than the near one needs leave it open."""
    base = 0.9 + np.random.default_rng(5).normal(0, 0.01, 30)
    near, wild = base + gaps(0.002, 0.002), base + gaps(-0.02, 0.018, draw=8)

    def judged(*scores):
        names = "abc"[: len(scores)]
        return decide(scores, names=names, baseline="a", margin=0.005, simplicity=range(len(scores)))

    of_near, of_wild = (seeds_note(judged(base, each)).seeds for each in (near, wild))
    assert of_wild > 20 * of_near
    assert judged(base, near, wild).best_set == ("a", "b", "c")
    assert seeds_note(judged(base, near, wild)).seeds >= of_wild
    wild[3] = np.nan  # what it takes is not known any more
    assert judged(base, near, wild).best_set == ("a", "b", "c")
    assert of_near <= seeds_note(judged(base, near, wild)).seeds < of_wild
    assert seeds_note(judged(base, wild)) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, 0.1, [30]), "spread=-1.0 must be a finite number"),
        ((float("nan"), 0.1, [30]), "spread=nan must be a finite number"),
        ((1.0, 0.0, [30]), "margin=0.0 must be a positive number"),
        ((1.0, 0.1, []), r"looks=\[\]"),
        ((1.0, 0.1, [30], 0), "comparisons=0"),
        ((1.0, 0.1, [30], 1, 1.0), "power=1.0"),
    ],
)
def test_impossible_questions_are_refused(arguments, message):
    with pytest.raises(StudyError, match=message):
        seeds_needed(*arguments)
