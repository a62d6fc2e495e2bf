"""The registry: every family is public, timed, and has its place in the order of simplicity."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepsize
from stepsize.schedules import FAMILIES
from stepsize.study.candidates import SIMPLICITY

BENCHMARKS = Path(stepsize.__file__).parents[1] / "benchmarks"
OURS = {
    name
    for name, kind in FAMILIES.items()
    if kind.__module__.startswith("stepsize.schedules.")
    and not kind.__module__.startswith("stepsize.schedules.foreign.")
}

# Families without a rank of their own in SIMPLICITY: the last place, or the rank of the schedule they modify.
UNRANKED = {
    *("chebyshev", "custom", "exp_range", "hyperbolic", "k_decay", "linear_cosine", "natural_exponential"),
    *("noam", "one_cycle_momentum", "piecewise_constant", "piecewise_interpolated", "power_law", "rex"),
    *("sawtooth", "sigmoid", "sine", "slanted_triangular", "tanh", "triangular", "triangular2"),
    *("clip", "noise", "on_threshold", "per_epoch", "plateau", "repeat", "rescale", "resumed", "two_way"),
    "warmup",
}


def test_every_family_is_a_public_name() -> None:
    public = {name for name in stepsize.__all__ if name in FAMILIES}
    assert public == OURS
    for name in OURS:
        assert getattr(stepsize, name) is FAMILIES[name]
        assert name in stepsize.schedules.__all__


def test_every_family_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    cases = importlib.import_module("schedule_cases").CASES
    timed = {name for case in cases for name in re.findall(r"(\w+)\(", case.spec)}
    assert timed >= OURS


def test_every_family_has_a_place_in_the_order_of_simplicity() -> None:
    assert set(SIMPLICITY) <= OURS
    assert set(SIMPLICITY) | UNRANKED == OURS
    assert not set(SIMPLICITY) & UNRANKED


def test_families_of_other_libraries_are_registered_when_one_is_asked_for() -> None:
    code = (
        "import sys, stepsize as ss; ss.parse('cosine(0.1)'); loaded = lambda: 'stepsize.schedules.foreign' "
        "in sys.modules; before = loaded(); ss.parse('torch_cosine(0.1, t_max=9*updates)'); "
        "print(before, loaded(), 'stepsize.dialects' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
