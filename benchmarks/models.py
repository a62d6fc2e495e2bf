"""A run of every kind of model in a population, beside Keras' `fit` on JAX and a loop in PyTorch.

    python benchmarks/models.py --output benchmarks/models

The contenders train the same network on the same rows, in batches of the same size, judged after every
epoch, each alone on the machine in a process of its own, in turn. Times are of training and judging;
compiling stands apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from contenders.model_kinds import KINDS
from machine import machine, versions
from processes import contend

OURS, KERAS, TORCH = "stepsize", "Keras on JAX, fit", "PyTorch loop"
SCRIPTS = {OURS: "models_ours.py", KERAS: "models_keras.py", TORCH: "models_torch.py"}
PEER_RUNS = 3  # of each peer in a round
APART = 1_000  # between the first seeds of two rounds


def measure(names: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Return what each contender printed, for each kind of model and in each round."""
    rows = []
    for name in names:
        for number in range(rounds):
            for peer, script in SCRIPTS.items():
                runs = KINDS[name].runs if peer == OURS else PEER_RUNS
                print(f"{name}: {peer}", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory() as cache:
                    output = contend(script, name, number * APART, runs, XDG_CACHE_HOME=cache)
                rows.append({"kind": name, "round": number, **output})
    return rows


def markdown(rows: list[dict[str, Any]], where: str) -> str:
    """Return the table: seconds of a run, ratios, and accuracies, which equal work makes alike."""
    lines = [
        "| model | runs of a population | seconds of a run | Keras | PyTorch | Keras / ours | PyTorch / ours "
        "| accuracy: ours, Keras, PyTorch | compiling, s: ours, Keras |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for name in dict.fromkeys(row["kind"] for row in rows):
        mine = {peer: [row for row in rows if (row["kind"], row["peer"]) == (name, peer)] for peer in SCRIPTS}
        seconds = {peer: median(row["seconds"] / row["runs"] for row in each) for peer, each in mine.items()}
        scores = ", ".join(accuracy(each) for each in mine.values())
        compiling = ", ".join(f"{compile_seconds(mine[peer]):.1f}" for peer in (OURS, KERAS))
        lines.append(
            f"| {name} | {mine[OURS][0]['runs']} | {seconds[OURS]:.3g} | {seconds[KERAS]:.3g} "
            f"| {seconds[TORCH]:.3g} | {seconds[KERAS] / seconds[OURS]:.2f} "
            f"| {seconds[TORCH] / seconds[OURS]:.2f} | {scores} | {compiling} |"
        )
    return f"{where}\n\n" + "\n".join(lines) + "\n"


def accuracy(rows: list[dict[str, Any]]) -> str:
    """Return the mean accuracy of all rounds and its standard deviation over the runs, in percent."""
    scores = [100 * score for row in rows for score in row["val_accuracy"]]
    return f"{fmean(scores):.1f} ± {stdev(scores) if len(scores) > 1 else 0:.1f}"


def compile_seconds(rows: list[dict[str, Any]]) -> float:
    """Return the seconds of compiling for one model; `fit` compiles each anew."""
    peers = rows[0]["runs"] if rows[0]["peer"] == KERAS else 1
    return median(row["compile_seconds"] / peers for row in rows)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=list(KINDS), metavar="KIND", help="some of the models")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="where to write PATH.md and PATH.json")
    options = parser.parse_args()
    rows = measure(options.only, options.rounds)
    results = {"machine": machine(), "versions": versions(), "date": time.strftime("%Y-%m-%d"), "rows": rows}
    text = markdown(rows, f"{results['machine']['processor']}, {results['date']}, {options.rounds} rounds.")
    print(text)
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        options.output.with_suffix(".md").write_text(f"# Every kind of model beside its peers\n\n{text}")


if __name__ == "__main__":
    main()
