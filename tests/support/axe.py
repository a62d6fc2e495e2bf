"""axe-core, which looks for what stands in the way of people: a package brings its script."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "axe_playwright_python"
SERIOUS = ("serious", "critical")


def axe() -> str:
    """Return the script of axe-core, which a package has or the variable AXE_CORE names."""
    path, spec = os.environ.get("AXE_CORE"), importlib.util.find_spec(PACKAGE)
    if path is None and (spec is None or spec.origin is None):
        pytest.skip(f"axe-core is not installed: pip install --no-deps {PACKAGE.replace('_', '-')}")
    return Path(path or Path(spec.origin).with_name("axe.min.js")).read_text("utf-8")


def violations(page: Any) -> list[list[str]]:
    """Return what axe finds on a page of a browser: the impact, the rule and the first element of each."""
    if not page.run("Boolean(globalThis.axe)"):
        page.run(f"{axe()}; true")
    return page.run(
        "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map("
        "each => [each.impact, each.id, each.nodes[0].html]))"
    )
