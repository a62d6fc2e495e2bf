"""Schedules out of schedules, wrapped ones, and the rules of other libraries: exported, run and compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import stepsize.dialects  # noqa: F401  (its families)
from stepsize.errors import ScheduleError
from stepsize.export import export
from stepsize.schedules import parse, rex
from tests.support.draws import LAW, joins, planned, sums, wrapped
from tests.support.exported_code import TARGETS, assert_same_rates, run

SPECS = [
    "warmup(5*epochs) >> cosine(0.1, floor=0.001)",
    "warmup(5*epochs, start=0.01, shape=\"log\", closed=True) >> constant(1, length=40*updates) >> rex(1)",
    "warmup(3*updates) >> warmup(4*updates, start=0.3) >> linear(0.5)",
    "constant(0.4, length=10.5*updates) >> step_decay(0.2, every=7.5*updates)",
    "0.5 * linear(0.1) * exp_range(2, factor=0.99, floor=1, up=20*updates) * noise(0.1, seed=3)",
    "constant(0.1) + (warmup(10*updates) >> linear(0.4)) + cosine(0.2, length=50*updates)",
    "repeat(warmup(5*updates) >> cosine(0.1, length=15*updates), growth=1.5, factor=0.7)",
    "repeat(linear(0.1, length=7.5*updates), times=3)",
    "clip(one_cycle(0.1), floor=0.01, peak=0.08)",
    "per_epoch(warmup(2*epochs) >> inverse_time(0.1, rate=0.1, every=1*epochs, compounding=True))",
    "rescale(noam(1, d_model=64, warmup=20*updates, offset=0*updates), peak=0.3)",
    "resumed(linear(0.1), at=50*updates, planned=100*updates, policy=\"stretch\", scale=0.5)",
    "resumed(linear(0.1), then=cosine(0.2), at=50*updates, planned=80*updates, policy=\"rebase\")",
    "resumed(cosine(0.1), then=linear(0.2), at=50*updates, planned=80*updates, policy=\"branch\")",
    "resumed(cosine(0.1), then=linear(0.2), at=50*updates, planned=50*updates, policy=\"restart\")",
    "tanh(0.1, length=30*updates) + tanh(0.2, length=30*updates)",
    "cut(linear(0.4, length=8*updates), length=3*updates, end=0.1)",
    "geometric(0.1, factor=1.1, every=2*updates, staircase=True)",
    "keras_polynomial(0.1, end=0.01, power=2, decay_steps=7*updates)",
    'power_curve(0.1, end=0.5, power=2, shape="cosine", length=9*updates)',
    "torch_cosine(0.1, t_max=9*updates, eta_min=0.01, offset=1*updates)",
    "torch_cosine(0.1, t_max=9*updates)",
    "torch_one_cycle(0.1, pct_start=0.25, three_phase=True, length=20*updates)",
    "transformers_restarts(0.1, cycles=3, length=100*updates)",
    "warmup(10*updates) >> transformers_restarts(0.1, cycles=3)",
    "warmup(1*run) >> transformers_restarts(0.1)",
    "warmup(1*run) >> polynomial(0.1, power=2)",
]  # fmt: skip


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("spec", SPECS)
def test_compositions_run_in_every_target(spec: str, to: str) -> None:
    assert_same_rates(parse(spec).plan(updates=100, updates_per_epoch=10), to)


@pytest.mark.parametrize("drawn", [joins, sums, wrapped], ids=["joins", "sums", "wrapped"])
def test_random_compositions_run_as_plain_code(drawn: Any) -> None:
    @settings(LAW, max_examples=100)
    @given(drawn)
    def check(schedule: Any) -> None:
        assume("custom(" not in repr(schedule))
        assert_same_rates(planned(schedule), "plain")

    check()


@settings(LAW, max_examples=12)
@given(joins, st.sampled_from(TARGETS))
def test_random_joins_run_in_every_target(schedule: Any, to: str) -> None:
    assume("custom(" not in repr(schedule))
    assert_same_rates(planned(schedule), to)


@pytest.mark.parametrize("to", TARGETS)
def test_the_comparison_can_fail(to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = parse("cosine(0.1)").plan(updates=100)
    wrong = export(parse("cosine(0.1, closed=True)").plan(updates=100), to)
    assert_same_rates(right, to)
    monkeypatch.setattr("tests.support.exported_code.export", lambda plan, to: wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_rates(right, to)


def test_a_wrong_formula_is_never_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rex, "code", lambda *_: ["return t / 100"])
    with pytest.raises(ScheduleError, match=r"gives 0\.0 at update 0 instead of 0\.1; use an adapter"):
        export(parse("rex(0.1)").plan(updates=100), "plain")


@pytest.mark.parametrize("to", TARGETS)
def test_what_holds_after_the_run(to: str) -> None:
    schedule = parse("rex(0.1, floor=0.01)")
    if to in ("plain", "torch", "transformers"):
        rate = run(export(schedule.plan(updates=20), to))["learning_rate"]
        again = run(export(schedule.plan(updates=20, after="repeat"), to))["learning_rate"]
        ends = run(export(schedule.plan(updates=20, after="error"), to))["learning_rate"]
        with pytest.raises(ValueError, match="update 20 is past the end of the run of 20 updates"):
            ends(20)
    else:
        rate = run(export(schedule.plan(updates=20), to))["schedule"]
        again = run(export(schedule.plan(updates=20, after="repeat"), to))["schedule"]
        with pytest.raises(ScheduleError, match="a compiled schedule cannot raise an error"):
            export(schedule.plan(updates=20, after="error"), to)
    assert float(rate(20)) == float(rate(1000)) == pytest.approx(0.01)
    np.testing.assert_allclose([again(t) for t in range(20, 40)], schedule.plan(updates=20).values, 1e-6)


def test_a_long_run_is_checked_at_some_of_its_updates() -> None:
    code = export(parse("warmup(0.1*run) >> cosine(0.1)").plan(updates=10**6), "plain")
    assert run(code)["learning_rate"](100_000) == 0.1
