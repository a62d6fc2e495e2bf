"""One environment for all tests: Keras on JAX, two CPU devices, no results left in the checkout."""

import importlib.util
import os
import sys
from types import ModuleType

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


@pytest.fixture(scope="session")
def timm_scheduler() -> ModuleType:
    """Return timm.scheduler itself, imported under a bare parent, for timm's own imports torchvision."""
    pytest.importorskip("torch")
    found = importlib.util.find_spec("timm")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("timm is not installed")
    if "timm" not in sys.modules:
        bare = ModuleType("timm")
        bare.__path__, bare.__spec__ = list(found.submodule_search_locations), found
        sys.modules["timm"] = bare
    return importlib.import_module("timm.scheduler")
