"""The public names of the package, and what importing it loads."""

import subprocess
import sys

import pytest

import stepsize


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
    assert after.split() == [
        f"stepsize.{name}" for name in ["checks", "errors", "metric_directions", "schedules", "units"]
    ]


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
