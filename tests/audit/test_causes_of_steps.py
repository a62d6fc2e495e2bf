"""The causes in the counting of updates, under plans of a few rates, whose stretches hide when they differ.

Every cause is the plan at other updates, so that trying all of them tells which ones explain the rates.
"""

import re

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

import stepsize as ss
from stepsize.audit import Audit
from stepsize.dialects import from_torch
from stepsize.units import epochs, updates

LONGEST = 60
ROUNDING = {"rtol": 1e-6, "atol": 1e-10}


@st.composite
def plans(draw):
    """A plan of a few rates, or one with a long stretch of one rate."""
    every, factor = draw(st.integers(2, 15)), draw(st.sampled_from([0.1, 0.5]))
    ends = sorted(draw(st.sets(st.integers(1, 30), min_size=2, max_size=4)))
    levels = st.lists(st.sampled_from([0.1, 0.05, 0.01]), min_size=len(ends) + 1, max_size=len(ends) + 1)
    steps = ss.piecewise_constant(draw(levels), at=[end * updates for end in ends])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    schedule = draw(
        st.sampled_from(
            [
                ss.step_decay(0.1, factor=factor, every=every * updates),
                ss.step_decay(0.1, factor=factor, every=1 * epochs),
                ss.wsd(0.1),
                ss.warmup(4 * updates) >> ss.wsd(0.1, decay=6 * updates),
                steps,
                from_torch(lr_scheduler.StepLR(optimizer, every, factor)),
                from_torch(lr_scheduler.MultiStepLR(optimizer, ends, factor)),
            ]
        )
    )
    return schedule.plan(updates=draw(st.integers(20, LONGEST)), updates_per_epoch=draw(st.integers(3, 12)))


def rates(plan, t):
    """The plan's rates, NaN past its end."""
    return np.where(t > plan.horizon, np.nan, plan(np.minimum(t, plan.horizon)))


def ways(plan, t, first=0):
    """Every way to count: the name of its cause, the updates of the plan, and its fitted numbers.

    A jump and a restart are tried at every update; of these `first`, the first difference, is not fitted.
    """
    epoch = plan.updates_per_epoch
    yield "no step", 0 * t, 0
    yield "off by one", t + 1, 0
    yield "late", np.maximum(t - 1, 0), 0
    yield "double step", 2 * t, 0
    yield "update for epoch", epoch * t, 0
    for k in range(2, LONGEST + 1):
        fitted = int(k != epoch)
        yield "late", np.maximum(t - k, 0), fitted
        yield "early", t + k, fitted
        yield "epoch for update", t // k, fitted
        yield "held", t // k * k, fitted
        yield "micro-batches", (t + 1) * k - 1, 1
        if k not in (2, epoch):
            yield "several steps", t * k, 1
    for place in t[1:].tolist():
        yield "missed step", t - (t >= place), 0
        if place > 1:
            yield "restart", t - place * (t >= place), int(place not in (first, epoch))
    for place in t.tolist():
        for size in range(1 if place else 2, 9):  # one update ahead from the start is off by one
            yield "skipped update", t + size * (t >= place), int(size > 1)


def explaining(plan, applied):
    """The causes that explain every rate, and the fewest fitted numbers with which each does."""
    t, found = np.arange(len(applied)), {}
    differ = ~np.isclose(applied, plan(t), **ROUNDING)
    for name, other, fitted in ways(plan, t, first=int(np.argmax(differ))):
        known = np.isfinite(rates(plan, other))
        agree = np.isclose(applied[known], rates(plan, other)[known], **ROUNDING).all()
        if agree and (differ & known).sum() > fitted:
            found[name] = min(fitted, found.get(name, fitted))
    return found


@st.composite
def runs(draw):
    """A plan, and the rates of a run that counts in one of the ways."""
    plan = draw(plans())
    t = np.arange(draw(st.integers(5, plan.horizon)))
    every = [way for way in ways(plan, t) if way[1].max() <= plan.horizon]
    name = draw(st.sampled_from(sorted({name for name, _, _ in every})))
    return plan, rates(plan, draw(st.sampled_from([other for cause, other, _ in every if cause == name])))


@settings(max_examples=40)
@given(runs())
def test_all_causes_that_explain_the_rates_with_the_fewest_numbers_are_named_and_no_others(run):
    plan, applied = run
    audit = Audit(plan)
    for rate in applied:
        audit.record(rate)
    expected = explaining(plan, applied)
    fewest = min((cause.fitted for cause in audit.causes), default=np.inf)
    once = {cause.name for cause in audit.causes if not re.match(r"at update \d+,", cause.sentence)}
    assert once & {name for name, _, _ in ways(plan, np.arange(9))} == {
        name for name, fitted in expected.items() if fitted <= fewest
    }
