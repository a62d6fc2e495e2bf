"""Is a range test right? What finders of learning rates suggest, beside the map of rates.

    python benchmarks/range_tests.py --python OTHER/bin/python --output benchmarks/range_tests

The truth is the map of `stepsize.find`: the best constant rate, trained to the end, and the range of good
ones. The finders are ours, fastai's and torch-lr-finder's; `--python` is an environment that has the last
two, PyTorch and NumPy. All of them test the same network in PyTorch on the same rows, from ten initial
weights. Fashion-MNIST takes part if its files are there (`--fashion FOLDER`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from contenders.data import fashion as fashion_rows
from contenders.data import ionosphere as ionosphere_rows
from machine import machine, versions
from peers import FASHION

import stepsize as ss

SEEDS, COUNTS = 10, (100, 200, 450, 700, 1000)
USUAL = {"stepsize": 700, "fastai": 100, "torch-lr-finder": 100}  # updates, each finder's default
OPTIMIZERS = {"sgd": {"momentum": 0.0}, "momentum": {"momentum": 0.9}, "adam": {"optimizer": "adam"}}
SCHEDULES = ("constant(lr)", "linear(lr)", "cosine(lr)", "one_cycle(lr)")
FINDERS = Path(__file__).parent / "contenders" / "rate_finders.py"

Row = dict[str, Any]


def tables(fashion: Path) -> Iterator[tuple[str, Any, Any, list[int], int]]:
    """Yield name, inputs, targets, widths of the hidden layers and epochs of every problem."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
    from sklearn.preprocessing import scale

    parts = ionosphere_rows()
    x, y = np.concatenate([parts.x, parts.x_valid]), np.concatenate([parts.y, parts.y_valid])
    yield "ionosphere", x.astype(np.float32), np.unique(y, return_inverse=True)[1], [34], 40
    for name, source, widths in (
        ("wine", load_wine, []),
        ("breast-cancer", load_breast_cancer, []),
        ("digits", load_digits, [64]),
    ):
        x, y = source(return_X_y=True)
        yield name, scale(x).astype(np.float32), y, widths, 40
    x, y = load_diabetes(return_X_y=True)
    yield "diabetes", scale(x).astype(np.float32), scale(y).astype(np.float32), [32], 40
    if fashion.is_dir():
        images = fashion_rows(fashion)
        yield "fashion-mnist", images.x[:10_000], images.y[:10_000], [300, 100], 5


def measure(folder: Path, python: str, fashion: Path) -> tuple[list[Row], list[Row]]:
    """Return what every finder suggests for every problem and optimizer, and the best peaks of schedules."""
    rows, peaks = [], []
    for name, x, y, widths, epochs in tables(fashion):
        is_class = y.dtype.kind in "iu"
        outputs = len(np.unique(y)) if is_class else 1
        path = folder / f"{name}.npz"
        np.savez(path, x=x, y=y, widths=[x.shape[1], *widths, outputs], batch_size=32)
        text = f"mlp({', '.join(map(str, widths))})" if widths else "logistic"
        labels = np.array([f"class {value}" for value in y]) if is_class else y
        problem = ss.problem((x, labels), name=name, model=text, epochs=epochs, batch_size=32)
        seeds, store = 20 if epochs > 5 else 6, folder / f"{name}.sqlite"
        maps = ss.find(problem, settings=list(OPTIMIZERS.values()), seeds=seeds, store=store, quiet=True)
        for (optimizer, settings), answer in zip(OPTIMIZERS.items(), maps.answer["maps"], strict=True):
            setting = {"problem": name, "optimizer": optimizer, "truth": answer["best"]}
            for finder, updates in dict.fromkeys(
                [*USUAL.items(), *(("stepsize", count) for count in COUNTS)]
            ):
                print(name, optimizer, finder, updates, file=sys.stderr, flush=True)
                found = run(python, finder, path, optimizer, updates)
                rows.append({**setting, "finder": finder, "updates": updates, **found})
            candidates = [ss.Candidate(schedule, **settings) for schedule in SCHEDULES]
            study = ss.compare(problem, candidates, seeds=5, store=store, quiet=True)
            lrs = [candidate["lr"] for candidate in study.answer["candidates"]]
            peaks.append({**setting, "peaks": dict(zip(SCHEDULES, lrs, strict=True))})
    return rows, peaks


def run(python: str, finder: str, path: Path, optimizer: str, updates: int) -> Row:
    """Return what a finder printed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(ss.__file__).parents[1])}
    command = [python, str(FINDERS), finder, str(path), optimizer, str(updates), str(SEEDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def accuracy(rows: list[Row]) -> list[str]:
    """Return the table of what the suggestions of each finder and rule are worth."""
    lines = [
        "| finder, updates | rule | median of suggestion / best | within a factor of 2, % | of 4, % "
        "| among the good rates, % | no answer, % | highest / lowest over ten seeds, median | seconds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for finder, updates in USUAL.items():
        mine = [row for row in rows if (row["finder"], row["updates"]) == (finder, updates)]
        rules = dict.fromkeys(
            key for row in mine for each in row["results"] for key in each if key != "status"
        )
        for rule in rules:
            ratios, inside, none, spreads = [], [], [], []
            for row in mine:
                values = np.array([each.get(rule) or np.nan for each in row["results"]], float)
                none += list(np.isnan(values))
                values = values[~np.isnan(values)]
                low, high = row["truth"]["range"]
                ratios += list(values / row["truth"]["rate"])
                inside += list((low <= values) & (values <= high))
                if len(values) > 1:
                    spreads.append(values.max() / values.min())
            away = np.abs(np.log2(ratios))
            seconds = np.median([row["seconds"] for row in mine])
            title = f"{finder}, {updates}" if rule == "answer" else ""
            cells = [
                title,
                "**its answer**" if rule == "answer" else rule,
                f"{np.median(ratios):.2g}",
                *(f"{100 * np.mean(share):.0f}" for share in (away < 1, away < 2, inside, none)),
                f"{np.median(spreads):.1f}",
                f"{seconds:.1f}" if title else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def movement(rows: list[Row]) -> list[str]:
    """Return the table of how our answer moves with the number of updates."""
    lines = [
        "| problem | optimizer | "
        + " | ".join(f"{count:,} updates" for count in COUNTS)
        + " | highest / lowest |",
        "| --- | --- | " + " | ".join("---:" for _ in COUNTS) + " | ---: |",
    ]
    settings = dict.fromkeys((row["problem"], row["optimizer"]) for row in rows)
    for name, optimizer in settings:
        cells, medians = [], []
        for count in COUNTS:
            row = next(
                row
                for row in rows
                if (row["problem"], row["optimizer"], row["finder"], row["updates"])
                == (name, optimizer, "stepsize", count)
            )
            found = [each["answer"] for each in row["results"] if each["answer"]]
            words = [each["status"] for each in row["results"]]
            if 2 * len(found) > len(words):
                medians.append(float(np.median(found)))
                cells.append(f"{np.median(found):.2g} ({min(found):.2g} to {max(found):.2g})")
            else:
                cells.append(max(set(words), key=words.count))
        ratio = f"{max(medians) / min(medians):.2f}" if medians else "–"
        lines.append(f"| {name} | {optimizer} | {' | '.join(cells)} | {ratio} |")
    return lines


def schedule_peaks(peaks: list[Row]) -> list[str]:
    """Return the table of the best peaks of schedules over the best constant rate."""
    lines = ["| schedule | median of peak / best constant rate | quartiles |", "| --- | ---: | --- |"]
    for schedule in SCHEDULES:
        ratios = [row["peaks"][schedule] / row["peaks"]["constant(lr)"] for row in peaks]
        low, middle, high = np.percentile(ratios, [25, 50, 75])
        lines.append(f"| `{schedule}` | {middle:.2f} | {low:.2f} to {high:.2f} |")
    return lines


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="an environment with the other finders")
    parser.add_argument("--fashion", type=Path, default=FASHION, metavar="FOLDER")
    parser.add_argument("--output", type=Path, help="where to write PATH.md and PATH.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, peaks = measure(Path(folder), options.python, options.fashion)
    results = {
        "machine": machine(),
        "versions": versions(),
        "date": time.strftime("%Y-%m-%d"),
        "rows": rows,
        "peaks": peaks,
    }
    parts = [
        f"{results['machine']['processor']}, {results['date']}.",
        "## Suggestions beside the best rate of the map",
        "\n".join(accuracy(rows)),
        "## How the answer moves with the number of updates",
        "\n".join(movement(rows)),
        "## Peaks of schedules",
        "\n".join(schedule_peaks(peaks)),
    ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        options.output.with_suffix(".md").write_text(f"# Is a range test right?\n\n{text}")


if __name__ == "__main__":
    main()
