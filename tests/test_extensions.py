"""The checklists of CONTRIBUTING.md: an extension that is not complete fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepsize import dialects

ROOT = Path(__file__).parents[1]
SHARED = {"__init__", "building_blocks", "epochs", "torch_cycles", "torch_momentum", "torch_parts"}
DIALECTS = sorted({path.stem for path in (ROOT / "stepsize" / "dialects").glob("*.py")} - SHARED)


def missing_steps(name: str) -> list[str]:
    """Return the steps of the checklist for a dialect that are not done."""
    reader = f"from_{name}"
    done = {
        f"export {reader} in stepsize/dialects/__init__.py": reader in dialects.__all__,
        f"write tests/dialects/test_{name}.py": (ROOT / "tests" / "dialects" / f"test_{name}.py").exists(),
        f"show {reader} in docs/dialects.md": reader in (ROOT / "docs" / "dialects.md").read_text("utf-8"),
    }
    return [step for step, is_done in done.items() if not is_done]


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_is_complete(name: str) -> None:
    assert missing_steps(name) == []


def test_a_dialect_without_anything_is_seen() -> None:
    assert len(missing_steps("fastai")) == 3
