"""timm without the image libraries that its top module imports."""

import importlib
import importlib.util
import sys
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def timm_scheduler():
    """Return timm.scheduler itself, imported under a bare parent, for timm's own imports torchvision."""
    found = importlib.util.find_spec("timm")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("timm is not installed")
    if "timm" not in sys.modules:
        bare = ModuleType("timm")
        bare.__path__, bare.__spec__ = list(found.submodule_search_locations), found
        sys.modules["timm"] = bare
    return importlib.import_module("timm.scheduler")
