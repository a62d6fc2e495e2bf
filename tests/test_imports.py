"""Imports: the package loads NumPy only, and its parts know each other in one direction."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stepsize

PACKAGE = Path(stepsize.__file__).parent

# Each part may import those named in the rows above it that it lists, and nothing else of the package.
ALLOWED = {
    "errors": set(),
    "checks": {"errors"},
    "units": {"errors", "checks"},
    "process": {"errors"},
    "schedules": {"errors", "checks", "units"},
    "dialects": {"errors", "checks", "units", "schedules"},
    "adapters": {"errors", "checks", "units", "schedules"},
    "audit": {"errors", "checks", "units", "schedules", "adapters"},
    "export": {"errors", "checks", "units", "schedules"},
    "stats": {"errors"},
    "problems": {"errors"},
    "engine": {"errors", "process", "schedules", "problems"},
    "study": {"errors", "checks", "units", "process", "schedules", "problems", "engine", "stats"},
    "verdict": {"errors", "schedules", "stats", "study", "report"},
    "report": {"errors", "schedules", "stats", "study"},
    "comparison": {"errors", "schedules", "problems", "engine", "study", "verdict", "report"},
    "cli": {"errors", "schedules", "export", "problems", "engine", "study", "report", "comparison"},
}


def loaded_by(statement):
    """Give the top-level modules that a statement loads in a fresh interpreter."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def foreign(modules):
    """Give those of `modules` that are neither ours nor of the standard library."""
    return {m for m in modules if m not in sys.stdlib_module_names and m not in {"stepsize", "__editable__"}}


def test_importing_stepsize_loads_numpy_only():
    assert foreign(loaded_by("import stepsize")) <= {"numpy"}


def test_the_check_above_can_fail():
    assert "sklearn" in foreign(loaded_by("import stepsize, sklearn"))


def test_schedules_need_numpy_only():
    planning = "import stepsize as ss; (ss.warmup(5 * ss.updates) >> ss.cosine(0.1)).plan(updates=9)"
    assert foreign(loaded_by(planning)) <= {"numpy"}


def test_schedules_are_loaded_when_one_is_used():
    parts = "print(*sorted(name for name in sys.modules if name.count('.') == 1 and 'stepsize.' in name))"
    code = f"import sys, stepsize; {parts}; stepsize.cosine; {parts}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = done.stdout.splitlines()
    assert before.split() == ["stepsize.checks", "stepsize.errors", "stepsize.units"]
    assert after.split() == ["stepsize.checks", "stepsize.errors", "stepsize.schedules", "stepsize.units"]


def test_an_editor_offers_every_public_name():
    code = "import stepsize; print(*dir(stepsize))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(stepsize.__all__) <= set(done.stdout.split())


def test_every_public_name_exists():
    assert stepsize.__all__ == sorted(stepsize.__all__)
    for name in stepsize.__all__:
        assert getattr(stepsize, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'compar'"):
        stepsize.compar  # noqa: B018


def imports_of(path):
    """Give the parts of the package that a file imports, type-checking imports included."""
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                above = path.relative_to(PACKAGE).parent.parts[
                    : len(path.relative_to(PACKAGE).parent.parts) - node.level + 1
                ]
                module = ".".join(["stepsize", *above, *((node.module or "").split("."))]).rstrip(".")
            else:
                module = node.module or ""
            names = [module] if module != "stepsize" else [f"stepsize.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            pieces = name.split(".")
            if pieces[0] == "stepsize" and len(pieces) > 1 and pieces[1] != part:
                yield pieces[1]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part in ("__init__", "__main__"):
        return
    assert set(imports_of(path)) <= ALLOWED[part]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 300
