"""The notebooks of the documentation: their code runs, and what it showed is saved with them.

Cells with the tag `slow` are run by `scripts/notebooks` alone.
"""

from __future__ import annotations

import ast
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
NEEDS = {"pytorch": "torch", "hugging-face": "transformers"}


def code_cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; return the value of its last line, if that is an expression, as a notebook does."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_code_runs(path: Path, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.stem in NEEDS:
        pytest.importorskip(NEEDS[path.stem])
    for module in ("comparison", "finding", "trained_model"):
        monkeypatch.setattr(f"stepsize.{module}.Engine", lambda: nullcontext(engine))
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in code_cells(path):
        if "slow" in cell["metadata"].get("tags", ()):
            continue
        value = run_cell("".join(cell["source"]), names)
        shown = {kind for output in cell["outputs"] for kind in output.get("data", {})}
        assert (value is not None) == bool(shown), cell["source"]
        assert getattr(value, "_repr_html_", lambda: "")() is not None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_shows_is_saved_and_in_order(path: Path) -> None:
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert any("text/html" in output.get("data", {}) for output in outputs) or path.stem == "hugging-face"
