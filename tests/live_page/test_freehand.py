"""A stroke becomes the schedule that it looks like."""

import math

import numpy as np
import pytest

from stepsize.errors import ScheduleError
from stepsize.live_page.freehand import nearest
from stepsize.schedules import parse

EPOCHS = 50


def stroke(spec, noise=0.0):
    """Return a schedule as a hand would draw it: 80 points with a tremor, not quite to both ends."""
    values = parse(spec).plan(epochs=EPOCHS, updates_per_epoch=9).values
    at = np.linspace(3, 446, 80).astype(int)
    tremor = noise * values.max() * np.random.default_rng(0).normal(size=len(at))
    return list(zip((at / 9).tolist(), np.maximum(values[at] + tremor, 0).tolist(), strict=True))


@pytest.mark.parametrize(
    ("spec", "family"),
    [
        ("constant(0.1)", "constant("),
        ("linear(0.3)", "linear("),
        ("cosine(0.2)", "cosine("),
        ("exponential(0.2, floor=0.002)", "exponential("),
        ("step_decay(0.1, every=0.25*run)", "step_decay("),
        ("wsd(0.4, decay=0.3*run)", "wsd("),
        ("warmup(0.2*run) >> constant(0.1)", "warmup(0.2*run) >> constant("),
        ("warmup(0.2*run) >> cosine(0.1)", "warmup(0.2*run) >> cosine("),
        ("warmup(0.1*run) >> wsd(0.05, decay=0.4*run)", "warmup(0.1*run) >> wsd("),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_family_is_recognised(spec, family, noise):
    fitted = nearest(stroke(spec, noise), EPOCHS)
    near = fitted.plan(epochs=EPOCHS, updates_per_epoch=9).values
    meant = parse(spec).plan(epochs=EPOCHS, updates_per_epoch=9).values
    assert np.sqrt(np.mean((near - meant) ** 2)) < 0.08 * meant.max()
    if not noise:
        assert str(fitted).startswith(family)


@pytest.mark.parametrize("points", [[], [(0, 1)], [(0, 0)] * 9, [(0, math.nan)] * 9, [1, 2, 3, 4], "abcd"])
def test_what_is_not_a_stroke_is_refused(points):
    with pytest.raises(ScheduleError, match="stroke"):
        nearest(points, EPOCHS)
