"""Holm's adjustment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.errors import StudyError
from stepsize.stats import holm

ps = st.lists(st.floats(0, 1), max_size=12)


def test_holm_of_a_worked_family():
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([]).tolist() == []
    assert holm([0.3]).tolist() == [0.3]


@given(ps)
def test_keeps_order_and_lies_between_p_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1.0, p * len(p_values))
        assert all(q <= r for s, r in zip(p_values, adjusted, strict=True) if p <= s)


@given(ps.filter(bool), st.data())
def test_grows_with_every_p(p_values, data):
    at = data.draw(st.integers(0, len(p_values) - 1))
    raised = list(p_values)
    raised[at] = data.draw(st.floats(p_values[at], 1))
    assert (holm(p_values) <= holm(raised)).all()


@given(ps)
def test_rejects_what_the_step_down_rule_rejects(p_values):
    ordered = sorted(p_values)
    rejected = 0
    while rejected < len(ordered) and ordered[rejected] * (len(ordered) - rejected) <= 0.05:
        rejected += 1
    assert (holm(p_values) <= 0.05).sum() == rejected


@given(ps, st.integers(0, 5))
def test_members_that_are_not_listed_count_as_not_shown(p_values, more):
    whole = holm([*p_values, *[1.0] * more])
    assert holm(p_values, len(p_values) + more).tolist() == whole[: len(p_values)].tolist()


@pytest.mark.parametrize("wrong", [[0.1, 1.1], [-0.1], [float("nan")], [[0.1]]])
def test_refuses_what_is_not_a_probability(wrong):
    with pytest.raises(StudyError, match="must be a list of probabilities"):
        holm(wrong)


def test_refuses_a_family_smaller_than_the_list():
    with pytest.raises(StudyError, match="comparisons=1 must be at least the number of p values, 2"):
        holm([0.1, 0.2], comparisons=1)
