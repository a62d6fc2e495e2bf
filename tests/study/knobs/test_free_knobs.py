"""Free names of candidates and their ranges: what is searched, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest

from stepsize.errors import MissingExtra, StudyError
from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.knobs.free_knobs import axes_of, examples
from stepsize.study.knobs.knob_ranges import read_ranges
from stepsize.study.study import make_study
from stepsize.study.tuning import Tuning

FREE = Candidate("warmup(w*run) >> cosine(lr, floor=f*lr)", momentum="m")
KNOBS = {"w": [0, 0.3], "f": [0.001, 1, "log"], "m": [0, 0.9]}


@pytest.fixture(scope="module")
def iris():
    return problem("iris")


@pytest.mark.parametrize(
    ("candidate", "knobs", "said"),
    [
        (
            Candidate("cosine(lr, floor=f*lr)"),
            {},
            "f is free and has no range; write a number in its place, or give its range, such as knobs=",
        ),
        (FREE, {"f": [0.1, 1], "m": [0, 0.9]}, "w is free and has no range"),
        (
            Candidate("constant(lr)", momentum="m"),
            {},
            r"momentum='m' is a free name without a range; .*knobs=",
        ),
        (Candidate("constant(lr)", weight_decay="wd"), {}, "weight_decay='wd' is a free name"),
        (Candidate("constant(lr)", batch_size="b"), {}, "batch_size='b' is a free name"),
        (FREE, {**KNOBS, "x": [0, 1]}, "no candidate has the free name 'x'"),
        (
            Candidate("constant(lr)"),
            {"lr": [0.1, 1]},
            "lr has a range only beside other knobs; write tuning=",
        ),
        (FREE, {**KNOBS, "w": [0.3]}, r"w=\[0.3\] is not a range; write w=\[low, high\]"),
        (FREE, {**KNOBS, "w": "0-1"}, "is not a range"),
        (FREE, {**KNOBS, "w": [0, 1, "lin"]}, "is not a range"),
        (FREE, {**KNOBS, "w": [0.3, 0.1]}, "must go from a lower to a higher finite number of at least 0"),
        (FREE, {**KNOBS, "f": [0, 1, "log"]}, "finite number above 0"),
        (FREE, {**KNOBS, "run": [0, 1]}, "'run' cannot name a knob"),
        (FREE, [1], r"knobs=\[1\] is not a table"),
        (
            Candidate("repeat(cosine(0.1, length=5*epochs), times=n)"),
            {"n": [2, 4]},
            r"at n=2.74: .*times=2.74 is not a whole number",
        ),
        (FREE, {**KNOBS, "f": [0.5, 2]}, r"at f=2.*floor=.*is above peak.*; narrow a range in knobs"),
        (
            Candidate("constant(lr)", batch_size="b"),
            {"b": [5, 7]},
            r"b=\[5.0, 7.0\] has fewer than two powers of 2",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(iris, candidate: Candidate, knobs: Any, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        make_study(iris, [candidate], 6, knobs=knobs)


def test_too_few_tuning_seeds_are_refused(iris) -> None:
    few = Tuning.of((0.01, 0.1), 0, 3, 4)
    with pytest.raises(
        StudyError, match=r"needs 8 tuning seeds, and tuning has 7; write for example tuning="
    ):
        make_study(iris, [FREE], 6, knobs=KNOBS, tuning=few)


def test_its_corners_are_candidates_of_their_own() -> None:
    ranges = read_ranges({**KNOBS, "lr": [0.01, 1, "log"]})
    corners = examples(FREE, ranges)
    assert len({each.key(None) for each in corners}) == 2**4
    assert all(each.name == FREE.name and not each.schedule.knobs for each in corners)
    assert examples(Candidate("cosine(lr)"), ranges) == (Candidate("cosine(lr)"),)


def test_a_batch_size_is_a_power_of_two() -> None:
    (axis,) = axes_of(Candidate("cosine(0.1)", batch_size="b"), read_ranges({"b": [10, 70]}))
    assert axis.only == (16, 32, 64)


def test_more_knobs_are_less_simple() -> None:
    assert FREE.simplicity(3) > FREE.simplicity(0)


def test_one_sentence_says_what_to_install(iris, monkeypatch) -> None:
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "optuna" else pytest.__spec__
    )
    with pytest.raises(MissingExtra, match=r'optuna is not installed: pip install "stepsize\[knobs\]"'):
        make_study(iris, [FREE], 6, knobs=KNOBS)
