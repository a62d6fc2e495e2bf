"""Keras `fit` on its three backends: every update gets the planned rate."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import stepsize as ss
from tests.support import keras_host

SCHEDULE = ss.warmup(2 * ss.updates) >> ss.cosine(0.3, floor=0.01)
MICRO_BATCHES = 24


@pytest.fixture(scope="module", params=["jax", "torch", "tensorflow"])
def host(request, keras_processes, tmp_path_factory):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    results = keras_processes.call(request.param, "keras_host", "hosts", tmp_path_factory.mktemp("host"))
    assert results["backend"] == request.param
    return results


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
def test_updates_past_the_end_are_reported_once_by_the_fit_that_makes_them(host):
    assert host["past_the_end"] == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.slow
def test_a_killed_process_goes_on_from_what_it_had_saved(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = keras_host.train(whole)
    assert killed_after(11, killed) == -signal.SIGKILL
    resumed = keras_host.train(killed)
    assert (expected["begun"], resumed["begun"]) == (0, 8)
    assert resumed["weights"] == expected["weights"]
    assert resumed["history"] == expected["history"][8:]


def killed_after(batches, folder):
    """Train in a process that is killed after so many batches; return its exit status."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(ss.__file__).parents[1])}
    command = [sys.executable, keras_host.__file__, str(folder), str(batches)]
    return subprocess.run(command, env=environment, capture_output=True).returncode
