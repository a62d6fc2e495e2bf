"""Our populations on one GPU beside this machine's processor, where JAX finds a GPU.

    python benchmarks/gpu.py --output benchmarks/gpu

Where it finds none, it says so in one sentence and ends with status 0.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from figures import OURS, TASKS, of_task
from machine import machine, versions
from peers import FASHION
from processes import contend

DEVICES = "import jax; print(jax.default_backend(), *{each.device_kind for each in jax.devices()}, sep='|')"
POPULATIONS = {
    "960 runs of Ionosphere": ("ionosphere", 0, 60),
    "9,600 runs of Ionosphere": ("ionosphere", 0, 600),
    "6 runs of Fashion-MNIST": ("fashion", 0, 2, 3),
    "60 runs of Fashion-MNIST": ("fashion", 0, 20, 3),
}


def found_devices() -> tuple[str, str]:
    """Give the platform that JAX takes and the kind of its devices, asked in a process of its own."""
    done = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True)
    platform, _, kind = done.stdout.strip().partition("|")
    return platform or "none", kind


def measure(rounds: int, fashion: Path) -> dict[str, dict[str, list[Any]]]:
    """Train every population on both, in turn; the large one of Fashion-MNIST on the GPU only."""
    found: dict[str, dict[str, list[Any]]] = {}
    for title, size in POPULATIONS.items():
        if size[0] == "fashion" and not fashion.is_dir():
            continue
        places = ["cuda"] if title.startswith("60 ") else ["cuda", "cpu"]
        found[title] = {place: [] for place in places}
        for _ in range(rounds):
            for place in places:
                folder = [fashion] if size[0] == "fashion" else []
                found[title][place].append(contend("ours.py", *size, *folder, JAX_PLATFORMS=place))
    return found


def markdown(measured: Mapping[str, Mapping[str, list[Any]]], kind: str) -> str:
    """Give the table: milliseconds of a run's share, or of a run's epoch, and what the first start takes."""
    heads = ["population", "on", "ms", "times faster", "compiling, s", "accuracy", "layout"]
    lines = [heads, ["---"] * len(heads)]
    for title, places in measured.items():
        task = TASKS["fashion" if "Fashion" in title else "ionosphere"]
        seconds = {
            place: median(task.seconds(OURS, each) for each in reports) for place, reports in places.items()
        }
        for place, reports in places.items():
            figures = of_task(task, {OURS: reports})[OURS]
            lead = f"{seconds['cpu'] / seconds[place]:.2f}x" if "cpu" in seconds else "–"
            lines.append(
                [
                    title,
                    kind if place == "cuda" else "processor",
                    f"{1000 * seconds[place]:.3g}",
                    lead,
                    f"{figures.compile_seconds:.1f}",
                    str(figures.accuracy),
                    reports[0]["layout"],
                ]
            )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fashion", type=Path, default=FASHION, metavar="FOLDER")
    parser.add_argument("--output", type=Path, metavar="PATH", help="write PATH.json and PATH.md")
    options = parser.parse_args()
    platform, kind = found_devices()
    if platform not in ("gpu", "cuda"):
        print(f"skipped: JAX finds no GPU here (devices: {platform}); install jax[cuda]")
        return
    measured = measure(options.rounds, options.fashion)
    page = markdown(measured, kind)
    print(page)
    if options.output:
        document = {"machine": {**machine(), "gpu": kind}, "versions": versions(), "measured": measured}
        options.output.with_suffix(".json").write_text(
            json.dumps(document, indent=1) + "\n", encoding="utf-8"
        )
        options.output.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
