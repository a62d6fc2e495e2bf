"""Candidates whose schedules are the same in a short run are named."""

import pytest

from stepsize.problems.problem import problem
from stepsize.study.study import make_study
from stepsize.verdict import equal_schedules


def notes_of(*candidates, epochs=3):
    return list(equal_schedules.notes(make_study(problem("iris", epochs=epochs), list(candidates), 6)))


def test_a_step_that_is_never_reached_and_a_warmup_of_no_update_are_named():
    late, short = "multistep(0.1, at=[30*epochs])", "warmup(0.01*epochs) >> constant(0.1)"
    (note,) = notes_of("constant(0.1)", late, short)
    assert note == (
        f"In a run of 3 epochs, constant(0.1), {late} and {short} have the same rate at every update, so "
        "they are one and the same schedule."
    )
    assert not notes_of("constant(0.1)", late, epochs=40)


def test_free_rates_are_compared_at_the_same_rate():
    (note,) = notes_of("constant(lr)", "multistep(lr, at=[30*epochs])", "cosine(lr)")
    assert "have the same rate at every update at the same lr, so they" in note


@pytest.mark.parametrize(
    "candidates",
    [
        ("constant(0.1)", "constant(0.2)", "cosine(0.1)"),
        ("constant(0.1)", "constant(0.1) * plateau(factor=0.5)"),
        ("constant(lr)", "cosine(lr, floor=0.001)", "linear(lr, floor=0.001)"),
        ("clip(constant(lr), peak=0.02)", "clip(cosine(lr), peak=0.05)", "clip(constant(lr), peak=20)"),
    ],
)
def test_others_are_not(candidates):
    assert not notes_of(*candidates)
