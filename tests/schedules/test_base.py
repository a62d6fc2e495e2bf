"""What all schedules share: checked parameters, knobs, values."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError, SpecError
from stepsize.schedules import FAMILIES
from stepsize.schedules.families.metric_driven import Driven
from stepsize.units import epochs, lr, run


def test_defaults_are_left_out_and_integers_are_floats() -> None:
    assert repr(ss.cosine(1, floor=0, closed=False)) == "cosine(1)"
    assert repr(ss.cosine(np.float32(0.5), length=2 * epochs)) == "cosine(0.5, length=2*epochs)"
    assert repr(ss.wsd(0.1, decay=0.2 * run, shape="1-sqrt")) == 'wsd(0.1, shape="1-sqrt")'
    assert (
        repr(ss.multistep(1e-5, at=(30 * epochs, 0.75 * run))) == "multistep(1e-05, at=[30*epochs, 0.75*run])"
    )
    assert repr(ss.plateau(patience=5.0, relative=False)) == "plateau(patience=5, relative=False)"  # type: ignore[arg-type]


def test_schedules_are_values() -> None:
    assert ss.cosine(1) == ss.cosine(1.0) != ss.linear(1)
    assert ss.multistep(1, at=[1 * run]) == ss.multistep(1, at=(1 * run,))
    assert len({ss.cosine(1), ss.cosine(1.0, floor=0), ss.cosine(2)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        ss.cosine(1).peak = 2  # type: ignore[misc]


def test_only_the_first_parameter_goes_without_a_name() -> None:
    for name, family in FAMILIES.items():
        free = [field.name for field in dataclasses.fields(family) if not field.kw_only]
        assert len(free) == (0 if issubclass(family, Driven) else 1), name


def test_the_page_of_schedules_names_every_family() -> None:
    page = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
    for name, family in FAMILIES.items():
        assert name in page or family.__module__.startswith("stepsize.schedules.foreign."), name


def test_knobs_are_found_everywhere_and_bound() -> None:
    schedule = (
        2 * lr * (ss.warmup(1 * epochs, start=0.1 * lr) >> ss.cosine(lr, floor=0.01 * lr)) * ss.plateau()
    )
    assert schedule.knobs == {"lr"}
    bound = schedule.bind(lr=0.5)
    assert bound.knobs == frozenset()
    assert repr(bound) == "(warmup(1*epochs, start=0.05) >> cosine(0.5, floor=0.005)) * plateau()"
    assert ss.cosine(1).knobs == frozenset()
    assert ss.cosine(1).bind() == ss.cosine(1)


@pytest.mark.parametrize(
    ("schedule", "values", "said"),
    [
        (ss.cosine(lr), {"lt": 1}, r"cosine\(lr\): unknown knob 'lt'; use one of: lr"),
        (ss.cosine(1), {"lr": 1}, "it has no knob 'lr'"),
        (ss.cosine(lr), {"lr": "a"}, "lr='a' is not a number"),
        (ss.cosine(lr), {"lr": -1}, "lr=-1 is not allowed"),
        (ss.cosine(lr), {"lr": 0}, "peak=0.0 is not allowed; write a finite number above 0"),
        (ss.cosine(lr, floor=0.1), {"lr": 0.01}, "floor=0.1 is above peak=0.01"),
    ],
)
def test_bad_bindings_are_refused(schedule: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        schedule.bind(**values)


def test_only_numpy_is_loaded() -> None:
    heavy = ["jax", "keras", "torch", "scipy", "pandas", "jinja2", "altair", "tensorflow", "optax"]
    code = f"import sys, stepsize.schedules; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cosine(0.1, length=1e308*run)", r"length=1e\+308\*run is more updates than can be counted"),
        ("warmup(1e308*epochs) >> cosine(0.1)", r"1e\+308\*epochs is more updates than can be counted"),
        (f"tanh(0.1, lower=-1{'0' * 400})", r"lower=.* is not a finite number"),
        ("noise(0.1, every=1e-7*updates)", r"every=1e-07\*updates is less than an update"),
    ],
)
def test_numbers_beyond_all_bounds_are_refused(spec, message):
    with pytest.raises((ScheduleError, SpecError), match=message):
        ss.parse(spec).plan(epochs=20, updates_per_epoch=9)
