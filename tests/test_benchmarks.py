"""The benchmark of peers: its formulas, its page, and its contenders at work."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import stepsize as ss
from stepsize.study.stores.store import Run, Store

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def script(name: str, folder: Path = BENCHMARKS) -> ModuleType:
    """Load a script of the benchmarks as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        return importlib.import_module(name)


accuracy, figures, gpu, machine, measure, processes, table, work = map(
    script, ("accuracy", "figures", "gpu", "machine", "measure", "processes", "table", "work")
)
WIDTHS = (784, 512, 10)


@pytest.mark.parametrize("module", [accuracy, work], ids=lambda module: module.__name__)
def test_the_examples_run(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted > 0
    assert done.failed == 0


def test_the_operations_of_a_row_counted_by_hand() -> None:
    first, last = 784 * 512 * 2, 512 * 10 * 2
    assert work.forward(WIDTHS) == first + last
    weights, inputs = first + last, last  # the first layer's input needs no gradient
    assert work.training(WIDTHS) == first + last + weights + inputs
    assert work.epoch(WIDTHS, 6, 2) == 6 * work.training(WIDTHS) + 2 * work.forward(WIDTHS)


def operations(function: Any, *args: Any) -> float:
    """Give the operations that XLA counts in a compiled function."""
    return jax.jit(function).lower(*args).compile().cost_analysis()["flops"]


def predict(weights: Any, x: jax.Array) -> jax.Array:
    return jnp.maximum(x @ weights[0], 0) @ weights[1]


def loss(weights: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    return ((predict(weights, x) - y) ** 2).mean()


def test_the_operations_are_those_that_xla_counts() -> None:
    rows = 32
    weights = [jnp.ones((784, 512)), jnp.ones((512, 10))]
    x, y = jnp.ones((rows, 784)), jnp.ones((rows, 10))
    # Everything but matrix products is about one percent.
    assert operations(predict, weights, x) == pytest.approx(rows * work.forward(WIDTHS), rel=0.02)
    gradient = operations(jax.grad(loss), weights, x, y)
    assert gradient == pytest.approx(rows * work.training(WIDTHS), rel=0.02)
    whole = operations(jax.grad(loss, argnums=(0, 1)), weights, x, y)  # with the first layer's input
    assert whole != pytest.approx(rows * work.training(WIDTHS), rel=0.02)


def report(seconds: float, runs: int, score: float, **more: Any) -> dict[str, Any]:
    """Give what a contender would say."""
    said = {"runs": runs, "epochs": 50, "seconds": seconds, "compile_seconds": 1.0, "peak_mib": 500.0}
    return {**said, "wall_seconds": seconds + 3.0, "val_accuracy": [score, score - 0.01], **more}


def results(**changes: Any) -> dict[str, Any]:
    """Give results of two rounds that are easy to calculate with."""
    ionosphere = {
        figures.TORCH: [report(1.0, 10, 0.99), report(3.0, 10, 0.99)],
        figures.SKLEARN: [report(0.5, 10, 0.99), report(0.5, 10, 0.99)],
        figures.KERAS: [report(4.0, 5, 0.99), report(4.0, 5, 0.99)],
        figures.OURS: [report(0.96, 960, 0.99), report(0.96, 960, 0.99)],
    }
    fashion = {
        figures.TORCH: [report(8.0, 2, 0.87, epochs=2)] * 2,
        figures.KERAS: [report(6.0, 2, 0.87, epochs=2)] * 2,
        figures.OURS: [report(6.0, 6, 0.87, epochs=2)] * 2,
    }
    measured = {
        "ionosphere": ionosphere,
        "fashion": fashion,
        "sgemm": [{"gflops": {"NumPy": [300.0, 500.0, 400.0], "JAX": [200.0]}}],
        "cold": [{"wall_seconds": 12.0, "cost": {"runs": 1_360}, "first_runs_seconds": 6.0}],
        "starts": [{"stepsize": [0.2], "numpy": [0.1], "help": [0.25]}],
        "plans": {"updates": 10**6, "leads": {"cosine(0.1)": 200.0, "noise(0.2)": 120.0}},
        "scale": [[report(0.1, 100, 0.99)], [report(1.1, 1_000, 0.99, wall_seconds=4.15)]],
    }
    about = {"date": "2026-11-22", "machine": machine.machine(), "versions": machine.versions()}
    return {**about, "rounds": 2, "quick": False, "measured": {**measured, **changes}}


def test_the_rows_follow_from_what_was_measured() -> None:
    rows = {(row.work.partition(",")[0], row.peer): row for row in figures.rows(results()["measured"])}
    torch = rows["Ionosphere", figures.TORCH]  # a median of 0.2 s beside 0.001 s
    assert (torch.figure, torch.reached, torch.more) == ("200x faster", True, "by round 100, 300")
    sklearn = rows["Ionosphere", figures.SKLEARN]
    assert (sklearn.figure, sklearn.reached) == ("50x faster", False)
    keras = rows["Ionosphere", figures.KERAS]  # compiling is part of every fit
    assert (keras.figure, keras.reached) == ("1,000x faster", False)
    assert keras.more.endswith("without its compiling 800x")
    best = rows["Fashion-MNIST network", "best of PyTorch loop and Keras on JAX"]
    assert (best.figure, best.reached) == ("3.00x faster", True)
    share = rows["Fashion-MNIST network", "share of the machine's own sgemm rate"]
    assert (share.figure, share.more) == ("53 %", "213 of 400 GFLOP/s")
    assert rows["`import stepsize`", "`import numpy`"].figure == "2.00x"
    assert rows["`import stepsize`", "`import numpy`"].reached is False
    plans = rows["1", "PyTorch's scheduler stepping"]
    assert (plans.figure, plans.reached) == ("120x faster", True)
    scale = rows["cost of a run in studies of 100 to 1", ""]  # 0.05 s of store and report beside 1.1 s
    assert (scale.figure, scale.reached, scale.more) == ("within 15 %", True, "ms a run: 1.00, 1.15")


def test_the_page_says_who_differs_and_what_was_skipped() -> None:
    page = table.markdown(results())
    assert "Equal work: all accuracies differ from ours by no more" in page
    assert "| 1,000 | 1.10 | 1.15 | 500 |" in page
    slower = results()
    slower["measured"]["ionosphere"][figures.SKLEARN] = [report(0.5, 10, 0.93)] * 2
    assert "scikit-learn MLPClassifier reached 92.50" in table.markdown(slower)
    skipped = table.markdown(results(fashion="skipped: no files"))
    assert skipped.count("| ≥ 3x | – | skipped: no files |") == 1


def test_a_single_run_has_no_spread_to_judge_by() -> None:
    one, many = accuracy.accuracy([0.9]), accuracy.accuracy([0.8, 0.81])
    assert accuracy.alike(one, many, judged=100) is None


HOLDER = """
import json, subprocess, sys, time
inner = "import time; held = bytearray(b'x') * (100 << 20); time.sleep(1)"
outer = subprocess.Popen([sys.executable, "-c", inner])
held = bytearray(b"x") * (60 << 20)
outer.wait()
print(json.dumps({"said": 1}))
"""


def test_memory_is_that_of_all_processes_together() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc here")
    done = processes.run([sys.executable, "-c", HOLDER], {})
    assert done["said"] == 1
    assert 160 < done["peak_mib"] < 260
    assert done["wall_seconds"] >= 1
    assert done["messages"] == ""


def test_a_contender_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(processes.Failed, match=r"ended with 1: .*no such thing"):
        processes.run([sys.executable, "-c", "raise SystemExit('no such thing')"], {})


def test_the_contenders_see_the_rows_of_our_problem() -> None:
    problem = ss.problem("lesson-ionosphere")
    rows = script("data", BENCHMARKS / "contenders").ionosphere()
    train, valid = problem.parts(0)
    np.testing.assert_array_equal(rows.x, problem.data.x[train])
    np.testing.assert_array_equal(rows.x_valid, problem.data.x[valid])
    np.testing.assert_array_equal(rows.y_valid, problem.data.y[valid])
    task = figures.TASKS["ionosphere"]
    assert (task.trained, task.judged) == (len(rows.x), len(rows.x_valid))


def test_the_first_networks_are_seen_in_the_store(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    assert not measure.holds_runs(path)
    with Store(path) as store:
        assert not measure.holds_runs(path)
        store.add("f", [Run("constant(0.1)", 0, None, None, np.zeros((4, 2), np.float32))])
        assert measure.holds_runs(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "runs"),
    [("ionosphere_torch.py", 1), ("ionosphere_sklearn.py", 2), ("ionosphere_keras.py", 1), ("ours.py", 1)],
)
def test_contenders_learn_the_same_and_write_nothing_else(
    name: str, runs: int, capfd: pytest.CaptureFixture[str]
) -> None:
    which = ["ionosphere"] if name == "ours.py" else []
    done = processes.contend(name, *which, 0, runs)
    assert done["runs"] == (16 if which else runs)
    assert len(done["val_accuracy"]) == runs
    assert min(done["val_accuracy"]) >= 0.95
    assert 0 < done["seconds"] < done["wall_seconds"]
    assert capfd.readouterr().err == ""


def test_the_benchmark_of_a_gpu_says_why_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    command = [sys.executable, str(BENCHMARKS / "gpu.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "skipped: JAX finds no GPU here (devices: cpu); install jax[cuda]\n"
    assert done.stderr == ""


def test_the_page_of_a_gpu_holds_it_against_the_processor() -> None:
    on_gpu = [report(0.24, 960, 0.99, layout="one call")] * 3
    on_cpu = [report(0.96, 960, 0.99, layout="two cores")] * 3
    page = gpu.markdown({"960 runs of Ionosphere": {"cuda": on_gpu, "cpu": on_cpu}}, "a large one")
    assert "| 960 runs of Ionosphere | a large one | 0.25 | 4.00x | 1.0 |" in page
    assert "| 960 runs of Ionosphere | processor | 1 | 1.00x | 1.0 |" in page
    alone = gpu.markdown({"60 runs of Fashion-MNIST": {"cuda": on_gpu}}, "a large one")
    assert "| a large one | 0.005 | – |" in alone
