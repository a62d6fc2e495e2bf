"""Measure all contenders in turn, round after round."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from figures import KERAS, OURS, SKLEARN, TORCH
from processes import contend, run

APART = 1_000  # between the first seeds of two rounds, so that every round has seeds of its own


class Amounts(NamedTuple):
    """How much is measured in a round: runs or seeds of each contender; and the seeds of growing studies."""

    rounds: int = 3
    torch: int = 20
    sklearn: int = 20
    keras: int = 5
    seeds: int = 60
    fashion: int = 2
    epochs: int = 3
    starts: int = 7
    updates: int = 1_000_000
    scale: tuple[tuple[int, int], ...] = ((10, 5), (100, 5), (1_000, 2), (10_000, 1))  # seeds, how often


QUICK = Amounts(1, 2, 2, 1, 2, 1, 2, 2, 100_000, ((1, 1), (10, 1)))


def measure(amounts: Amounts, folder: Path) -> dict[str, Any]:
    """Measure everything; `folder` holds the files of Fashion-MNIST."""
    ionosphere: dict[str, list[Any]] = {TORCH: [], SKLEARN: [], KERAS: [], OURS: []}
    fashion: dict[str, list[Any]] | str = {TORCH: [], KERAS: [], OURS: []}
    if not folder.is_dir():
        fashion = f"skipped: {folder} is not there; install Debian's package dataset-fashion-mnist"
    sgemm, cold, starts = [], [], []
    for number in range(amounts.rounds):
        first = number * APART
        say(f"round {number + 1} of {amounts.rounds}")
        sgemm.append(contend("sgemm.py"))
        for peer, script, runs in (
            (TORCH, "ionosphere_torch.py", [first, amounts.torch]),
            (SKLEARN, "ionosphere_sklearn.py", [first, amounts.sklearn]),
            (KERAS, "ionosphere_keras.py", [first, amounts.keras]),
            (OURS, "ours.py", ["ionosphere", first, amounts.seeds]),
        ):
            ionosphere[peer].append(in_fresh_cache(script, *runs))
        sgemm.append(contend("sgemm.py"))
        size = [first, amounts.fashion, amounts.epochs, folder]
        for peer, script, runs in (
            (TORCH, "fashion_torch.py", size),
            (KERAS, "fashion_keras.py", size),
            (OURS, "ours.py", ["fashion", *size]),
        ):
            if isinstance(fashion, dict):
                fashion[peer].append(in_fresh_cache(script, *runs))
        sgemm.append(contend("sgemm.py"))
        cold.append(cold_study())
        starts.append(contend("starts.py", amounts.starts))
    say(f"{amounts.updates:,} values of a plan")
    plans = contend("plans.py", amounts.updates)
    return {
        "ionosphere": ionosphere, "fashion": fashion, "sgemm": sgemm, "cold": cold, "starts": starts,
        "plans": plans, "scale": growing(amounts),
    }  # fmt: skip


def growing(amounts: Amounts) -> list[list[Any]]:
    """Measure studies of growing size, in turn; small ones more often, where a start weighs more."""
    sizes: list[list[Any]] = [[] for _ in amounts.scale]
    for number in range(max(times for _, times in amounts.scale)):
        for (seeds, times), found in zip(amounts.scale, sizes, strict=True):
            if number < times:
                output = in_fresh_cache("ours.py", "scale", 0, seeds)
                found.append({key: value for key, value in output.items() if key != "val_accuracy"})
    return sizes


def in_fresh_cache(script: str, *arguments: Any) -> dict[str, Any]:
    """Run a contender that finds no compiled programs of an earlier one."""
    say(f"  {script} {' '.join(map(str, arguments))}")
    with tempfile.TemporaryDirectory() as cache:
        return contend(script, *arguments, XDG_CACHE_HOME=cache)


def cold_study() -> dict[str, Any]:
    """Run `stepsize compare ionosphere` with nothing compiled and nothing trained before.

    The time to the first trained networks is that until the first call's runs are in the store.
    """
    say("  stepsize compare ionosphere")
    first: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, begin = folder / "store.sqlite", time.perf_counter()

        def look() -> None:
            if not first and holds_runs(store):
                first.append(time.perf_counter() - begin)

        command = [sys.executable, "-m", "stepsize", "compare", "ionosphere", "--quiet", "--json"]
        places = ["--store", str(store), "--report", str(folder / "report.html")]
        output = run([*command, *places], {"XDG_CACHE_HOME": str(folder / "cache")}, look)
    kept = {key: output[key] for key in ("cost", "wall_seconds", "peak_mib")}
    return {**kept, "first_runs_seconds": first[0] if first else None}


def holds_runs(store: Path) -> bool:
    """Say whether a store holds a run yet."""
    try:
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as opened:
            return bool(opened.execute("SELECT 1 FROM run LIMIT 1").fetchall())
    except sqlite3.Error:  # it is not there yet
        return False


def say(text: str) -> None:
    """Show how far the measuring is."""
    print(text, file=sys.stderr)
