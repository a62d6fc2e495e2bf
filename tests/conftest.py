"""One environment for all tests: Keras on JAX, two CPU devices, no results left in the checkout."""

import os

import hypothesis
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
os.environ["COLUMNS"] = "100"

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch, request):
    """Run every test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
