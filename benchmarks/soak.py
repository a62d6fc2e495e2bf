"""Train at full load for a given time, and see whether the memory grows.

    python benchmarks/soak.py --minutes 60

One process compares again and again: Ionosphere and a PyTorch model in one training process that lives as
long as the benchmark, and a training function in processes of its own. Each study has a store of its own, so
all runs are trained. The memory (RSS) of all processes is sampled every second. Printed are, for the caller,
the training process and all processes together, the highest memory of the second and of the last round, and
the slope over these rounds. In the first one, everything is loaded and compiled.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from processes import tree
from small_studies import study_folder

import stepsize as ss
from stepsize.engine.client import Engine

EVERY = 1.0  # seconds between two samples
FEWEST = 4  # rounds
TWO = ["constant(lr)", "cosine(lr)"]


def train(schedule: Any, seed: int, report: Any) -> None:
    """Descend with noise: what a training function does, without a library."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=1000)
    for epoch in range(20):
        for update in range(20 * epoch, 20 * epoch + 20):
            weights -= schedule(update) * (weights + 0.1 * random.normal(size=1000))
        report(1 / (1 + float(weights @ weights) / 1000))


def rss(pid: int) -> float:
    """Return the memory of a process in MiB; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


class Samples(threading.Thread):
    """Samples the memory every second, by process group of interest and round."""

    def __init__(self, engine: int) -> None:
        super().__init__(daemon=True)
        self.engine, self.round, self.done = engine, 0, threading.Event()
        self.values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))

    def run(self) -> None:
        """Sample until told to stop."""
        while not self.done.wait(EVERY):
            memory = {pid: rss(pid) for pid in tree(os.getpid())}
            named = {"caller": memory[os.getpid()], "training process": memory.get(self.engine, 0.0)}
            for name, value in {**named, "all processes": sum(memory.values())}.items():
                self.values[name][self.round].append(value)

    def summary(self, name: str, hours: float) -> dict[str, float]:
        """Return the highest memory of the first and last whole rounds, and how it grows over the rounds."""
        peaks = [max(values) for _, values in sorted(self.values[name].items())][1:]
        slope = np.polyfit(np.linspace(0, hours, len(peaks)), peaks, 1)[0]
        return {
            "first MiB": round(peaks[0], 1),
            "last MiB": round(peaks[-1], 1),
            "MiB per hour": round(float(slope), 1),
        }


def studies(engine: Engine, network: Any, scale: float) -> list[Any]:
    """Return the studies of a round as functions of the folder of their stores."""
    seeds = max(2, round(100 * scale))
    quiet = {"quiet": True, "on_message": lambda message: None}
    training = ss.Training(train, epochs=20, updates_per_epoch=20)
    model = {"model": network, "loss": "CrossEntropyLoss", "optimizer": {"name": "SGD"}, "epochs": 60}
    return [
        lambda folder: ss.compare(
            "ionosphere", seeds=min(seeds, 3000), store=folder / "a.sqlite", engine=engine, **quiet
        ),
        lambda folder: ss.compare(
            "iris", TWO, seeds=seeds, store=folder / "b.sqlite", engine=engine, **model, **quiet
        ),
        lambda folder: ss.compare(training, TWO, seeds=2 * seeds, store=folder / "c.sqlite", **quiet),
    ]


def main() -> None:
    """Repeat the studies until the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--scale", type=float, default=1.0, help="of the seeds of a study")
    options = parser.parse_args()
    began, runs = time.perf_counter(), 0
    with study_folder() as folder, Engine() as engine:
        sys.path.insert(0, str(folder))
        samples = Samples(engine.pid)
        samples.start()
        while samples.round < FEWEST or time.perf_counter() - began < 60 * options.minutes:
            for study in studies(engine, "network:make", options.scale):
                runs += study(folder).answer["cost"]["runs"]
                for file in folder.glob("*.sqlite*"):
                    file.unlink()
                for file in folder.glob("*.toml"):
                    file.unlink()
            gc.collect()
            samples.round += 1
            print(f"round {samples.round}: {runs:,} runs", file=sys.stderr)
        samples.done.set()
        samples.join()
        hours = (time.perf_counter() - began) / 3600
        is_same = engine.pid == samples.engine
    result = {
        "minutes": round(60 * hours, 1),
        "rounds": samples.round,
        "runs": runs,
        "runs per second": round(runs / 3600 / hours),
        **{name: samples.summary(name, hours) for name in samples.values},
        "training process replaced": not is_same,
        "left behind": len(list(tree(os.getpid()))) - 1,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
