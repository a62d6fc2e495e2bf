"""The page of exports, what is refused, texts that could become code, and training with what came out."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import stepsize.dialects
from stepsize.errors import ScheduleError
from stepsize.export import TARGETS, export
from stepsize.schedules import FAMILIES, constant, parse, plateau
from stepsize.schedules.families.metric_driven import Driven
from stepsize.schedules.family import Family
from stepsize.units import run as whole_run
from tests.schedules.foreign.test_rules import EXAMPLES as FOREIGN
from tests.support.exported_code import run
from tests.support.keras_process import KerasProcesses

DOCS = Path(stepsize.__file__).parents[1] / "docs"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that writes the page."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_export")


def test_the_page_is_up_to_date(page: ModuleType) -> None:
    assert (DOCS / "export.md").read_text(encoding="utf-8") == page.page()


WITHOUT_FORMULA = {
    *("custom", "keras_restarts", "torch_chained"),
    *("timm_cosine", "timm_multistep", "timm_poly", "timm_step", "timm_tanh", "timm_wsd"),
}


def test_every_family_has_a_formula_or_a_reason(page: ModuleType) -> None:
    specs = {**page.EXAMPLES, **FOREIGN}
    assert set(specs) == set(FAMILIES)
    for name, spec in specs.items():
        plan = parse(spec).plan(epochs=50, updates_per_epoch=20)
        if name in WITHOUT_FORMULA or issubclass(FAMILIES[name], Driven):
            with pytest.raises(ScheduleError, match=r"cannot be exported( to plain)?: \w+"):
                export(plan, "plain")
        else:
            assert "def learning_rate(update)" in export(plan, "plain"), name


def test_a_family_that_forgets_its_code_cannot_be_made() -> None:
    class half(Family):
        def curve(self, t: Any, clock: Any) -> Any:
            return t

    with pytest.raises(TypeError, match=r"abstract method '?code"):
        half()  # type: ignore[abstract]


@pytest.mark.parametrize(
    ("spec", "to", "reason"),
    [
        (
            '0.1 * custom("wavy_export")',
            "keras",
            "its function is code of your own; use that function itself",
        ),
        ("torch_chained([linear(0.1)], base=0.1)", "torch", "changes the rate that the others left"),
        ("timm_step(0.1, decay_t=9*updates)", "plain", "a scheduler of timm; construct that one"),
        ("keras_restarts(0.1, first_decay_steps=9*updates)", "optax", 'export it with to="keras'),
        ("warmup(5*updates) >> keras_restarts(0.1, first_decay_steps=9*updates)", "keras", "write cosine_re"),
    ],
)
def test_what_has_no_formula_is_refused_with_the_reason(spec: str, to: str, reason: str) -> None:
    stepsize.register("wavy_export", lambda t, horizon: 1 + t)
    with pytest.raises(ScheduleError, match=f"cannot be exported: .*{reason}"):
        export(parse(spec).plan(updates=100), to)


@pytest.mark.parametrize(
    ("plan", "to", "message"),
    [
        (constant(0.1), "torch", "is not a plan; write for example"),
        (constant(0.1).plan(updates=9), "pytorch", "unknown target 'pytorch'; did you mean 'torch'"),
        (constant(0.1).plan(updates=9), None, "unknown target 'None'"),
        (constant(0.1).plan(updates=9), ["torch"], "unknown target"),
    ],
)
def test_wrong_objects_are_named(plan: Any, to: Any, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        export(plan, to)


@pytest.mark.parametrize("metric", ["loss, mode=1", "a); import os; f(b", "#", "{x}", "ünï"])
@pytest.mark.parametrize("to", ["torch", "keras", "transformers"])
def test_a_name_stays_a_text(metric: str, to: str) -> None:
    rule = plateau(metric=metric, mode="min", relative=False, threshold=0.25)
    code = export((constant(0.1) * rule).plan(updates=9), to)
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert len(imports) == 1
    texts = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    assert (metric in texts) == (to == "keras")


@pytest.mark.parametrize("to", TARGETS)
def test_a_spec_of_many_parts_stays_in_its_comments(to: str) -> None:
    spec = " + ".join(f"cosine({peak}, length=0.5*run)" for peak in range(1, 20))
    code = export(parse(spec).plan(updates=100), to)
    assert max(map(len, code.splitlines())) < 600
    assert code.splitlines()[1].startswith("#     ")
    compile(code, "exported.py", "exec")


def test_no_library_is_loaded_to_export() -> None:
    heavy = ["jax", "keras", "torch", "transformers", "optax", "tensorflow"]
    command = (
        "import sys; from stepsize.export import export; from stepsize.schedules import parse; "
        "plan = parse('warmup(5*updates) >> rex(0.1)').plan(updates=9); "
        f"[export(plan, to) for to in {list(TARGETS)}]; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_keras_trains_with_the_exported_rates(backend: str, keras_processes: KerasProcesses) -> None:
    pytest.importorskip(backend)
    plan = parse("warmup(3*updates) >> rex(0.1)").plan(updates=9)
    name, rates = keras_processes.call(backend, "exported_training", "rates", export(plan, "keras"))
    assert name == backend
    np.testing.assert_allclose(rates, plan.values, rtol=1e-6)


def test_a_saved_schedule_of_keras_is_not_taken_for_another() -> None:
    keras = pytest.importorskip("keras")
    first, second = (parse(spec).plan(updates=9) for spec in ("rex(0.1)", "tanh(5)"))
    optimizer = keras.optimizers.SGD(run(export(first, "keras"))["schedule"])
    run(export(second, "keras"))
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    rates = [float(restored._learning_rate(update)) for update in range(9)]
    np.testing.assert_allclose(rates, first.values, rtol=1e-6)


def test_optax_trains_with_the_exported_rates() -> None:
    import jax
    import jax.numpy as jnp
    import optax

    plan = parse("warmup(3*updates) >> rex(0.1)").plan(updates=9)
    optimizer = optax.sgd(run(export(plan, "optax"))["schedule"])
    weights = jnp.zeros(1)
    state = optimizer.init(weights)
    update = jax.jit(optimizer.update)
    moved = []
    for _ in range(9):
        change, state = update(jnp.ones(1), state, weights)
        moved.append(-float(change[0]))
    np.testing.assert_allclose(moved, plan.values, rtol=1e-6)


def test_lengths_are_resolved_in_the_code() -> None:
    schedule = parse("warmup(2*epochs) >> rex(0.1, length=0.5*run)")
    code = export(schedule.plan(epochs=20, updates_per_epoch=9), "plain")
    assert "t / 18" in code
    assert f"t / {(0.5 * whole_run).resolve(180):g}" in code
