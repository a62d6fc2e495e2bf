"""A long plan is evaluated in passes: the values are those of a single one, whatever the family."""

from __future__ import annotations

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.schedules.clock import Clock
from stepsize.schedules.plan import PASS
from stepsize.units import epochs, run, updates

UPDATES = 3 * PASS + 7
EVERY = 1000 * updates


@pytest.mark.parametrize(
    "schedule",
    [
        ss.cosine(0.1),
        ss.linear(0.1, closed=True),
        ss.warmup(0.1 * run) >> ss.step_decay(0.1, every=0.2 * run, length=0.5 * run) >> ss.constant(1),
        ss.one_cycle(0.1, down=0.3 * run, closed=True),
        ss.inverse_time(0.1, rate=1e-9, compounding=True),
        ss.constant(0.1) * ss.noise(0.2, seed=3),
        ss.rescale(ss.warmup(0.9 * run) >> ss.linear(0.1), peak=0.3),
        ss.per_epoch(ss.cosine(0.1)),
        ss.cosine_restarts(0.1, first=EVERY, growth=1.5, factor=0.9),
        ss.repeat(ss.linear(0.1, length=EVERY)) + ss.triangular2(0.1, up=EVERY),
        ss.sine(0.1, up=EVERY, cycle_factor=0.9, update_factor=0.9999),
        ss.sawtooth(0.1, every=7 * updates, cycle_factor=0.999),
        ss.cosine_restarts(0.1, first=33.3 * updates, cycles=900),
        ss.chebyshev(0.1, floor=0.01, every=EVERY),
        ss.chebyshev(0.1, floor=0.01, steps=2 * PASS),
        ss.hyperbolic(0.1),
        ss.resumed(
            ss.cosine(0.1),
            then=ss.linear(1),
            at=10**5 * updates,
            planned=2 * 10**5 * updates,
            policy="branch",
        ),
        ss.multistep(0.1, at=[3 * epochs, 0.5 * run]) * ss.plateau(),
    ],
    ids=str,
)
def test_passes_make_no_difference(schedule: ss.Schedule) -> None:
    plan = schedule.plan(updates=UPDATES, updates_per_epoch=1000)
    clock = Clock(UPDATES, UPDATES, plan.updates_per_epoch)
    whole = schedule.evaluate(np.arange(UPDATES + 1, dtype=np.float64), clock)
    assert np.array_equal(plan.values, whole[:-1])
    assert plan(UPDATES) == whole[-1]
