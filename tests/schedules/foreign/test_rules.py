"""What holds for the families of the dialects, and how they meet the rest of the package."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import stepsize.dialects  # noqa: F401
from stepsize.dialects.building_blocks import sequence
from stepsize.errors import ScheduleError, SpecError
from stepsize.schedules import FAMILIES, Schedule, constant, cosine, from_json, linear, parse
from stepsize.schedules.clock import Clock
from stepsize.schedules.foreign.shared import cut
from stepsize.schedules.foreign.timm import _floor_of_log
from stepsize.schedules.foreign.torch import CHUNK, _recursion
from stepsize.schedules.plan import PASS
from stepsize.units import updates

EXAMPLES = {
    "cut": "cut(linear(0.4, length=8*updates), length=3*updates, end=0.1)",
    "geometric": "geometric(0.1, factor=1.1, every=2*updates, staircase=True)",
    "keras_polynomial": "keras_polynomial(0.1, end=0.01, power=2, decay_steps=7*updates)",
    "keras_restarts": "keras_restarts(0.1, first_decay_steps=5*updates, t_mul=1.2, alpha=0.1)",
    "power_curve": 'power_curve(0.1, end=0.5, power=2, shape="cosine", length=9*updates)',
    "timm_cosine": "timm_cosine(0.1, warmup_t=3*updates, t_initial=9*updates, cycle_mul=2, cycle_limit=3)",
    "timm_multistep": "timm_multistep(0.1, decay_t=[3*updates, 6*updates], decay_rate=0.5)",
    "timm_poly": "timm_poly(0.1, t_initial=9*updates, k_decay=2)",
    "timm_step": "timm_step(0.1, decay_t=4*updates, decay_rate=0.5)",
    "timm_tanh": "timm_tanh(0.1, warmup_t=2*updates, t_initial=9*updates, lb=-6)",
    "timm_wsd": 'timm_wsd(0.1, t_initial=9*updates, decay_t=3*updates, decay_fn="exp")',
    "torch_chained": "torch_chained([torch_cosine(1, t_max=9*updates), linear(1, length=5*updates)], base=1)",
    "torch_cosine": "torch_cosine(0.1, t_max=9*updates, eta_min=0.01, offset=1*updates)",
    "torch_epochs": "torch_epochs(cosine(0.1, length=7.5*updates))",
    "torch_momentum": "torch_momentum(triangular2(0.1, up=4*updates), high=0.9)",
    "torch_one_cycle": "torch_one_cycle(0.1, pct_start=0.25, three_phase=True, length=20*updates)",
    "transformers_restarts": "transformers_restarts(0.1, cycles=3, length=20*updates)",
}


def test_every_family_of_the_dialects_has_an_example() -> None:
    ours = {
        name for name, kind in FAMILIES.items() if kind.__module__.startswith("stepsize.schedules.foreign.")
    }
    assert ours == set(EXAMPLES)


@pytest.mark.parametrize("spec", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_is_a_schedule_like_any_other(spec: str) -> None:
    schedule = parse(spec)
    assert repr(schedule) == spec
    for copy in (from_json(schedule.to_json()), pickle.loads(pickle.dumps(schedule))):
        assert copy == schedule
        assert hash(copy) == hash(schedule)
    plan = schedule.plan(updates=30, updates_per_epoch=3)
    assert np.ptp(plan.values) > 0
    assert [plan(t) for t in range(31)] == plan(np.arange(31)).tolist()
    joined = (constant(0.2, length=4 * updates) >> schedule).plan(updates=34, updates_per_epoch=3)
    np.testing.assert_allclose(joined.values[4:], plan.values)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cut(warmup(5*updates), length=2*updates)", "warmup"),
        ("cut(0.1, length=2*updates)", "0.1 is not a schedule"),
        ("torch_chained(0.1, base=0.1)", "stages=0.1 is not a list of schedules"),
        ("torch_one_cycle(0.1, pct_start=2)", "pct_start=2.0 is above 1; write a share of the run"),
        ("timm_step(0.1, decay_t=0.5*run)", "write all its lengths in epochs, or all in updates"),
        ("timm_step(0.1, decay_t=3*epochs, warmup_t=5*updates)", "all in updates"),
        ("torch_cosin(0.1, t_max=9*updates)", "did you mean 'torch_cosine'"),
    ],
)
def test_bad_specs_say_what_to_write(spec: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse(spec)


def test_a_phase_without_length_is_refused_as_pytorch_does() -> None:
    schedule = parse("torch_one_cycle(0.1, pct_start=0.1)")
    with pytest.raises(ScheduleError, match="has an empty phase"):
        schedule.plan(updates=10)


def test_a_sequence_uses_cut_only_where_it_must() -> None:
    def joined(first: Schedule, size: int) -> str:
        return repr(sequence([first, cosine(0.1, length=9 * updates)], [size], lambda piece: piece))

    assert joined(linear(0.1, length=5 * updates), 5).startswith("linear(0.1, length=5*updates) >> ")
    assert joined(linear(0.1, length=5 * updates), 4).startswith(
        "cut(linear(0.1, length=5*updates), length=4*upda"
    )
    assert joined(constant(0.1), 4).startswith("constant(0.1, length=4*updates) >> ")
    assert joined(constant(0.1), 0) == "cosine(0.1, length=9*updates)"
    climbs: Any = parse("warmup(5*updates) >> constant(0.1)")
    assert joined(climbs, 5).startswith("warmup(5*updates) >> cosine")
    assert joined(climbs, 7).startswith("warmup(5*updates) >> constant(0.1, length=2*updates) >> cosine")
    assert joined(2 * climbs, 5).startswith("cut(2 * (warmup(5*updates) >> constant(0.1)), length=5*updates)")
    with pytest.raises(ScheduleError, match="are not in rising order"):
        sequence([constant(1), constant(2), constant(3)], [5, 4], lambda piece: piece)


def test_no_framework_is_loaded_before_its_objects_come() -> None:
    heavy = ["jax", "keras", "torch", "transformers", "timm", "optax", "scipy", "tensorflow"]
    code = f"import sys, stepsize.dialects; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_cut_ends_where_the_other_schedule_is() -> None:
    assert cut(linear(0.4, length=4 * updates), length=2 * updates).plan(updates=4).values.tolist() == (
        pytest.approx([0.4, 0.3, 0.2, 0.2])
    )


LONG = [
    "keras_restarts(0.1, first_decay_steps=900*updates, t_mul=1.5, m_mul=0.9)",
    "timm_cosine(0.1, t_initial=30*epochs, warmup_t=5*epochs, cycle_mul=1.5, cycle_decay=0.9, cycle_limit=4)",
    "timm_poly(0.1, t_initial=700*updates, cycle_mul=2, cycle_limit=5)",
    "timm_step(0.1, decay_t=333.3*updates, decay_rate=0.9)",
    "torch_chained([torch_cosine(1, t_max=40000*updates), linear(1, floor=0.5, length=900*updates)], base=1)",
    "transformers_restarts(0.1, cycles=7)",
]


@pytest.mark.parametrize("spec", LONG)
def test_passes_make_no_difference(spec: str) -> None:
    plan = parse(spec).plan(updates=2 * PASS + 7, updates_per_epoch=1000)
    clock = Clock(plan.horizon, plan.horizon, plan.updates_per_epoch)
    whole = plan.schedule.evaluate(np.arange(plan.horizon + 1, dtype=np.float64), clock)
    assert np.array_equal(plan.values, whole[:-1])


@pytest.mark.parametrize("count", [1, CHUNK, 7 * CHUNK + 5])
def test_a_recursion_in_chunks_is_that_of_a_loop(count: int) -> None:
    draw = np.random.default_rng(0)
    factor = draw.uniform(0.9, 1.1, count) * (draw.uniform(size=count) > 0.01)
    addend = draw.uniform(0, 0.1, count)
    rate, rates = 0.5, []
    for scale, shift in zip(factor, addend, strict=True):
        rate = scale * rate + shift
        rates.append(rate)
    np.testing.assert_allclose(_recursion(factor, addend, 0.5), rates, rtol=1e-12)


@pytest.mark.parametrize("base", [1.1, 1.5, 2.0, 3.0, 10.0])
def test_the_floor_of_a_log_is_that_of_python(base: float) -> None:
    """At a power of the base the last digit decides, and there timm misses some restarts."""
    powers = base ** np.arange(60)
    values = np.concatenate(
        [powers, np.nextafter(powers, 0)[1:], np.nextafter(powers, np.inf), powers * 1.05]
    )
    expected = [math.floor(math.log(value, base)) for value in values]
    assert _floor_of_log(values, base).tolist() == expected
