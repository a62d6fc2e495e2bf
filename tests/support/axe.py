"""axe-core, which looks for what stands in the way of people: a package brings its script."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("axe_playwright_python", "axe_core_python")  # the newer axe first
SERIOUS = ("serious", "critical")


def axe() -> str:
    """Return the script of axe-core, which a package has or the variable AXE_CORE names."""
    path = os.environ.get("AXE_CORE")
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = path or next((str(each) for each in Path(folder).rglob("axe.min.js")), None)
    if path is None:
        pytest.skip("axe-core is not installed: pip install axe-core-python, or set AXE_CORE to axe.min.js")
    return Path(path).read_text("utf-8")


def violations(page: Any) -> list[list[str]]:
    """Return what axe finds on a page of a browser: the impact, the rule and the first element of each."""
    if not page.run("Boolean(globalThis.axe)"):
        page.run(f"{axe()}; true")
    return page.run(
        "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map("
        "each => [each.impact, each.id, each.nodes[0].html]))"
    )
