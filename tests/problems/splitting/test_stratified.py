"""Our stratified draw is scikit-learn's, row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from stepsize.problems.problem import problem
from stepsize.problems.splitting.stratified import draw_stratified


def sklearns(rows, labels, held, seed):
    return train_test_split(rows, test_size=held, random_state=seed, stratify=labels)


@given(st.data(), st.lists(st.integers(2, 60), min_size=2, max_size=8), st.integers(0, 2_000_000))
@settings(max_examples=150, deadline=None)
def test_the_rows_are_those_of_scikit_learn(data, counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(seed).permutation(labels)
    held = data.draw(st.integers(len(counts), len(labels) - len(counts)))
    rows = 3 * np.arange(len(labels)) + 1
    both = zip(draw_stratified(rows, labels, held, seed), sklearns(rows, labels, held, seed), strict=True)
    for ours, theirs in both:
        np.testing.assert_array_equal(ours, theirs)


def test_the_comparison_can_fail():
    rows, labels = np.arange(40), np.arange(40) % 2
    ours, theirs = draw_stratified(rows, labels, 10, 0)[0], sklearns(rows, labels, 10, 1)[0]
    assert ours.tolist() != theirs.tolist()


@pytest.mark.parametrize("name", ["ionosphere", "iris", "digits"])
@pytest.mark.parametrize("seed", [0, 7, 1_000_003])
def test_the_parts_of_a_built_in_problem_are_as_ever(name, seed):
    chosen = problem(name)
    y = chosen.data.y
    parts = chosen.parts(seed)
    train, valid = sklearns(np.arange(len(y)), y, len(parts.valid), seed)
    np.testing.assert_array_equal(parts.train, train)
    np.testing.assert_array_equal(parts.valid, np.sort(valid))
