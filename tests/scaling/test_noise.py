"""The gradient noise scale in numbers and in words."""

from __future__ import annotations

import pytest

from stepsize.scaling.answer import BendAnswer, LawAnswer
from stepsize.scaling.noise import moments_of, noise_answer

INF, NAN = float("inf"), float("nan")


def law(high=1.2, at=None):
    bend = None if at is None else BendAnswer(at=at, before=1.0, after=0.1)
    return LawAnswer(exponent=0.8, ci95=[0.4, high], bend=bend, rules=[])


def answer(scales, rates="proportional", law=None):
    return noise_answer(moments_of(8), [[(each, 1.0) for each in run] for run in scales], 32, 0.1, rates, law)


SCALES = [(5, 26, 300), (6, 40, 900), (7, 61, 1622)]
START = (
    "The gradient noise scale is about 40 rows in the middle of training (26 to 61 over 3 seeds), 6 at the "
    "start and 900 at the end: well below it, larger batches may "
)


@pytest.mark.parametrize(
    ("rates", "law", "end"),
    [
        ("proportional", None, "take proportionally larger rates."),
        ("same", law(0.6), "keep the rate, because their loss is a sum."),
        ("larger", law(0.6), "take larger rates."),
        ("proportional", law(), "take proportionally larger rates."),
        (
            "proportional",
            law(0.9),
            "take proportionally larger rates. The best rates measured here grow more slowly than that.",
        ),
        (
            "proportional",
            law(at=32),
            "take proportionally larger rates. The law bends at 32, within the range in the middle of "
            "training.",
        ),
        (
            "larger",
            law(at=128),
            "take larger rates. The law bends at 128, above the range in the middle of training.",
        ),
        (
            "larger",
            law(at=8),
            "take larger rates. The law bends at 8, below the range in the middle of training.",
        ),
    ],
)
def test_sentences(rates, law, end):
    assert answer(SCALES, rates, law)["sentence"] == START + end


def test_a_run_that_diverged_does_not_count():
    found = answer([*SCALES, (6, NAN, NAN)])
    assert found["seeds"] == 3
    assert found["moments"][1] == {"moment": "middle", "epoch": 4, "rows": 40, "range": [26, 61]}
    assert answer([SCALES[0], (6, NAN, NAN)]) is None


def test_a_gradient_that_is_lost_in_its_noise_has_no_scale():
    found = noise_answer(
        {"start": 0, "end": 1}, [[(9, 3), (5, 0)], [(9, 3), (5, -1)]], 32, 0.1, "larger", None
    )
    assert found["moments"][1]["range"] == [INF, INF]
    assert found["sentence"].startswith(
        "The gradient noise scale is too large to measure at the end of training (over 2 seeds) and 3 at the "
    )
