"""Keras `fit` on its three backends, each in a process of its own: every update gets the planned rate."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import stepsize as ss

SCRIPT = Path(__file__).parents[1] / "support" / "keras_host.py"
SCHEDULE = ss.warmup(2 * ss.updates) >> ss.cosine(0.3, floor=0.01)
MICRO_BATCHES = 24


def run(backend, *arguments, check=True):
    """Run the script in a fresh interpreter and give what it printed."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(Path(ss.__file__).parents[1]),
    }
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=check)


@pytest.fixture(scope="module", params=["jax", "torch", "tensorflow"])
def host(request, tmp_path_factory):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    found = json.loads(run(request.param, "hosts", tmp_path_factory.mktemp("host")).stdout.splitlines()[-1])
    assert found["backend"] == request.param
    return found


def assert_followed(rates, plan):
    """Fail unless the rates are the plan's, in float32, at every update."""
    expected = plan.values.astype(np.float32)
    np.testing.assert_array_equal(np.float32(rates[: plan.horizon]), expected)


def plan_of(accumulate):
    return SCHEDULE.plan(updates=MICRO_BATCHES // accumulate)


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 4])  # 4 does not divide the 6 batches of an epoch
def test_a_compiled_schedule_gives_every_update_its_rate(host, accumulate):
    assert_followed(host["schedule"][str(accumulate)]["rates"], plan_of(accumulate))


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_callback_gives_every_update_its_rate_and_records_it(host, accumulate):
    found, plan = host["callback"][str(accumulate)], plan_of(accumulate)
    assert_followed(found["rates"], plan)
    assert_followed(found["recorded"], plan)
    assert found["updates"] == list(range(plan.horizon))
    last_of_epoch = [6 * epoch // accumulate - 1 for epoch in range(1, 5)]
    assert found["logged"] == [found["recorded"][update] for update in last_of_epoch]


@pytest.mark.slow
def test_bfloat16_parameters_leave_the_rate_in_float32(host):
    for found in host["bfloat16"]:
        assert_followed(found["rates"], plan_of(1))


def test_the_comparison_above_can_fail():
    plan = plan_of(1)
    with pytest.raises(AssertionError):
        assert_followed(np.nextafter(plan.values.astype(np.float32), np.float32(1)), plan)


@pytest.mark.slow
def test_a_model_that_is_saved_and_loaded_goes_on_as_if_nothing_had_happened(host):
    saved = host["saved"]
    assert saved["iterations"] == [24, 24]
    assert saved["plan"] == {
        "schedule": str(SCHEDULE),
        "updates": 24,
        "updates_per_epoch": None,
        "after": "hold",
        "accumulate": 1,
    }
    assert saved["whole"] == saved["loaded"]


@pytest.mark.slow
def test_the_look_up_counts_with_integers(host):
    found = host["looked_up"]
    assert found["hold"] == [1.0, 0.25, 0.0, 0.0, 0.0, 0.0]
    assert found["repeat"] == [1.0, 0.25, 1.0, 0.75, 0.75, 0.25]
    assert found["by_three"] == [1.0, 0.75, 0.75, 0.25, 0.75, 0.5]
    assert found["kinds"] == [0.25, 0.25, 0.25]
    assert found["array"] == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert found["dtype"] == "float32"


@pytest.mark.slow
def test_updates_past_the_end_are_reported_where_code_is_not_compiled(host):
    assert host["past_the_end"] == ([1, 0] if host["backend"] == "torch" else [0, 1])


@pytest.mark.slow
def test_a_killed_process_goes_on_from_what_it_had_saved(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = json.loads(run("jax", "train", whole).stdout)
    assert run("jax", "train", killed, 11, check=False).returncode == -signal.SIGKILL
    found = json.loads(run("jax", "train", killed).stdout)
    assert (expected["begun"], found["begun"]) == (0, 8)
    assert found["weights"] == expected["weights"]
    assert found["history"] == expected["history"][8:]
