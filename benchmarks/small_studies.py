"""The small studies of `kills.py`, `shared_store.py` and `soak.py`: their commands, stores and answers."""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from peers import FASHION

FUNCTION = """
import time

def train(schedule, seed, report):
    for epoch in range(3):
        time.sleep(0.03)
        report(0.5 + 0.01 * (seed % 5) + 0.1 * min(schedule(epoch), 1))
"""
NETWORK = """
import torch

def make():
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
"""
TWO = ["-s", "constant(lr)", "-s", "cosine(lr)"]
STUDIES = {
    "ionosphere": ["ionosphere", "--seeds", "40", "--epochs", "60"],
    "fashion-mnist": ["fashion-mnist", "--data", str(FASHION), "--seeds", "2", "--epochs", "1",
                      "--model", "mlp(16)", "-s", "constant(0.1)", "-s", "constant(0.01)"],
    "pytorch": ["iris", "--model", "network:make", "--loss", "CrossEntropyLoss", "--optimizer", "SGD",
                "--seeds", "40", "--epochs", "60", *TWO],
    "function": ["function:train", "--epochs", "3", "--updates-per-epoch", "1", "--seeds", "30", *TWO],
}  # fmt: skip


@contextmanager
def study_folder() -> Iterator[Path]:
    """Return a new folder in which all studies can be run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "function.py").write_text(FUNCTION)
        (folder / "network.py").write_text(NETWORK)
        yield folder


def command(study: str, store: str) -> list[str]:
    """Return the command of a study."""
    return [sys.executable, "-m", "stepsize", "compare", *STUDIES[study], "--json", "-q", "--store", store]


def stored(store: Path) -> dict[tuple[str, str, int], bytes]:
    """Return the curves of all runs of a store by their keys."""
    if not store.exists():
        return {}
    with closing(sqlite3.connect(store)) as database:
        try:
            rows = database.execute("SELECT fingerprint, candidate, seed, curves FROM run").fetchall()
        except sqlite3.OperationalError:  # not created yet
            return {}
    return {(fingerprint, candidate, seed): curves for fingerprint, candidate, seed, curves in rows}


def answer(text: str) -> dict[str, Any]:
    """Return what an answer says, without what depends on the way there."""
    document = json.loads(text)
    del document["cost"], document["study"]["command"]
    return document


def read_options(description: str | None, number: str, default: int) -> tuple[int, dict[str, random.Random]]:
    """Return the number that the command line sets, and the chosen studies, each with a random generator."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(f"--{number}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=STUDIES)
    options = parser.parse_args()
    studies = [name for name in options.only or STUDIES if name != "fashion-mnist" or FASHION.is_dir()]
    return getattr(options, number), {name: random.Random(f"{options.seed} {name}") for name in studies}
