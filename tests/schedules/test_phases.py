"""Phases: which piece of a schedule, or which part of it, rules which updates, and what lengths come to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stepsize as ss
from stepsize.schedules import Schedule
from stepsize.schedules.phases import phases, resolved
from stepsize.units import epochs, run, updates


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (ss.cosine(0.1), [(0, 99)]),
        (ss.one_cycle(0.1), [(0, 29), (30, 99)]),
        (ss.wsd(0.1), [(0, 79), (80, 99)]),
        (ss.warmup(2.5 * updates) >> ss.linear(0.1), [(0, 2), (3, 99)]),
        (ss.warmup(0 * updates) >> ss.linear(0.1), [(0, 99)]),
        (0.5 * (ss.warmup(10 * updates) >> ss.wsd(0.1, decay=0.5 * run)), [(0, 9), (10, 49), (50, 99)]),
        (ss.warmup(10 * updates) >> ss.wsd(0.1, decay=0.1 * run, length=50 * updates) >> ss.constant(0.1),
         [(0, 9), (10, 49), (50, 59), (60, 99)]),
    ],
)  # fmt: skip
def test_phases_follow_one_another(schedule: Schedule, expected: list[tuple[int, int]]) -> None:
    assert [(phase.first, phase.last) for phase in phases(schedule.plan(updates=100))] == expected


def parts(schedule: Schedule, horizon: int = 100) -> list[tuple[str, int, int]]:
    return [(each.part, each.first, each.last) for each in phases(schedule.plan(updates=horizon))]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("multistep(0.1, at=[20*updates, 0.5*run])", [("", 0, 19), ("drop 1", 20, 49), ("drop 2", 50, 99)]),
        ("multistep(0.1, at=[20*updates, 20*updates])", [("", 0, 19), ("drop 2", 20, 99)]),
        ("multistep(0.1, at=[200*updates])", [("", 0, 99)]),
        ("step_decay(0.1, every=40*updates, offset=50*updates)",
         [("", 0, 29), ("drop 1", 30, 69), ("drop 2", 70, 99)]),
        ("exponential(1, factor=0.5, every=0.5*run, staircase=True)", [("", 0, 49), ("drop 1", 50, 99)]),
        ("exponential(1, factor=0.5, every=0.5*run)", [("", 0, 99)]),
        ("natural_exponential(1, rate=1, every=0.5*run, staircase=True)", [("", 0, 49), ("drop 1", 50, 99)]),
        ("natural_exponential(1, rate=1, staircase=True)", [("", 0, 99)]),
        ("piecewise_constant([1, 2, 3], at=[0.2*run, 1*run])", [("value 1", 0, 19), ("value 2", 20, 99)]),
        ("piecewise_interpolated([1, 2, 3], at=[0.2*run, 0.9*run])",
         [("way 1", 0, 19), ("way 2", 20, 89), ("end value holds", 90, 99)]),
        ("triangular(1, up=20*updates)", [("cycle 1", 0, 39), ("cycle 2", 40, 79), ("cycle 3", 80, 99)]),
        ("triangular2(1, up=20*updates, down=60*updates)", [("cycle 1", 0, 79), ("cycle 2", 80, 99)]),
        ("exp_range(1, factor=0.9, up=25*updates)", [("cycle 1", 0, 49), ("cycle 2", 50, 99)]),
        ("sine(1, up=25*updates)", [("cycle 1", 0, 49), ("cycle 2", 50, 99)]),
        ("sawtooth(1, every=50*updates)", [("cycle 1", 0, 49), ("cycle 2", 50, 99)]),
        ("sawtooth(1, every=100*updates)", [("", 0, 99)]),
        ("chebyshev(1, floor=0.1, steps=8, every=10*updates)", [("cycle 1", 0, 79), ("cycle 2", 80, 99)]),
        ("cosine_restarts(1, first=10*updates, growth=3)",
         [("cycle 1", 0, 9), ("cycle 2", 10, 39), ("cycle 3", 40, 99)]),
        ("cosine_restarts(1, first=40*updates, cycles=2)",
         [("cycle 1", 0, 39), ("cycle 2", 40, 79), ("end value holds", 80, 99)]),
        ("repeat(linear(1, length=20*updates), times=2, growth=2)",
         [("cycle 1", 0, 19), ("cycle 2", 20, 59), ("end value holds", 60, 99)]),
        ("one_cycle(1, down=0.3*run)", [("warmup", 0, 29), ("down", 30, 59), ("decay", 60, 99)]),
        ("one_cycle_momentum(0.9)", [("warmup", 0, 29), ("decay", 30, 99)]),
        ("slanted_triangular(1)", [("warmup", 0, 9), ("decay", 10, 99)]),
        ("noam(1, d_model=64, warmup=10*updates)", [("warmup", 0, 8), ("decay", 9, 99)]),
        ("flat_cosine(1)", [("stable", 0, 74), ("decay", 75, 99)]),
        ("linear(1, length=60*updates)", [("", 0, 59), ("end value holds", 60, 99)]),
        ("clip(wsd(1), floor=0.1) * noise(0.1)", [("stable", 0, 79), ("decay", 80, 99)]),
        ("linear(1, length=80*updates) * multistep(1, at=[20*updates], length=80*updates)",
         [("", 0, 19), ("drop 1", 20, 79), ("end value holds", 80, 99)]),
        ("constant(0.1) + wsd(1)", [("stable", 0, 79), ("decay", 80, 99)]),
        ("rescale(warmup(10*updates) >> wsd(1), peak=2)",
         [("", 0, 9), ("stable", 10, 79), ("decay", 80, 99)]),
    ],
)  # fmt: skip
def test_stages_drops_and_cycles_are_phases(spec: str, expected: list[tuple[str, int, int]]) -> None:
    assert parts(ss.parse(spec)) == expected


def test_phases_carry_the_name_of_the_schedule_that_has_them() -> None:
    found = phases((ss.wsd(1).clip(floor=0.1) * ss.plateau()).plan(updates=10))
    assert {phase.piece for phase in found} == {"wsd(1)"}
    found = phases((ss.warmup(2 * updates) >> ss.linear(1)).rescale(2).plan(updates=10))
    assert [phase.piece for phase in found] == ["warmup(2*updates)", "linear(1)"]


def test_the_middle_of_a_long_list_of_phases_is_one() -> None:
    found = parts(ss.cosine_restarts(0.1, first=10 * updates), 200)
    assert found[7:10] == [("cycle 8", 70, 79), ("... 9 more", 80, 169), ("cycle 18", 170, 179)]
    assert len(found) == 12
    assert len(parts(ss.cosine_restarts(0.1, first=10 * updates), 120)) == 12
    assert len(parts(ss.sawtooth(0.1, every=1 * updates), 10**6)) == 12


def test_the_drops_of_every_epoch_are_no_phases_and_a_held_epoch_moves_them() -> None:
    def begins(schedule: Schedule) -> list[int]:
        return [phase.first for phase in phases(schedule.plan(epochs=4, updates_per_epoch=10))]

    assert begins(ss.step_decay(0.1, every=1 * epochs)) == [0]
    assert begins(ss.step_decay(0.1, every=1.5 * epochs)) == [0, 15, 30]
    assert begins(ss.per_epoch(ss.step_decay(0.1, every=1.5 * epochs))) == [0, 20, 30]


def assert_rates_change_where_phases_begin(schedule: Schedule) -> None:
    """Check the phases of a staircase against its rates."""
    plan = schedule.plan(updates=200)
    found = phases(plan)
    assert [phase.first for phase in found[1:]] == (np.flatnonzero(np.diff(plan.values)) + 1).tolist()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.integers(1, 220), min_size=1, max_size=9), st.integers(20, 90), st.integers(0, 200))
def test_rates_of_staircases_change_where_phases_begin(at: list[int], every: int, offset: int) -> None:
    times = [t * updates for t in sorted(at)]
    assert_rates_change_where_phases_begin(ss.multistep(0.1, factor=0.5, at=times))
    values = [float(value) for value in range(1, len(times) + 2)]
    assert_rates_change_where_phases_begin(ss.piecewise_constant(values, at=times))
    assert_rates_change_where_phases_begin(ss.step_decay(0.1, every=every * updates, offset=offset * updates))


def test_the_check_of_staircases_can_fail() -> None:
    with pytest.raises(AssertionError):
        assert_rates_change_where_phases_begin(ss.cosine(0.1))


def test_resolved_lengths_are_named_and_said_once() -> None:
    schedule = ss.warmup(1 * epochs) >> ss.multistep(0.1, at=[2 * epochs, 0.5 * run])
    assert resolved(schedule.plan(epochs=10, updates_per_epoch=3)) == [
        "10 epochs = 30 updates",
        "1 epoch = 3 updates",
        "warmup = 3 updates",
        "at = 6, 15 updates",
    ]
    assert resolved((ss.warmup(7 * updates) >> ss.linear(0.1)).plan(updates=9)) == ["9 updates"]
