"""Kill studies at random moments, and compare their answers with those of studies that ran undisturbed.

    python benchmarks/kills.py --kills 50

Each study (Ionosphere, Fashion-MNIST, a PyTorch model, a training function) is started again and again, and a
signal (SIGKILL, SIGTERM, SIGINT, SIGHUP) ends its command, one of its training processes, or both, until it
has been hit its share of times. Then it runs to the end. Counted are runs of the store that changed or are
not there any more, processes that are left behind, and answers that differ.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from peers import FASHION
from processes import tree

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TARGETS = ("command", "worker", "both")
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


def hit(study: str, folder: Path, chance: random.Random, longest: float) -> list[int]:
    """Start a study and kill it after a random time; return processes that are left behind."""
    process = subprocess.Popen(command(study, "killed.sqlite"), cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    time.sleep(chance.uniform(0.3, longest))
    _, *started = tree(process.pid)
    target, number = chance.choice(TARGETS), chance.choice(SIGNALS)
    hits = [process.pid] * (target != "worker") + started[:1] * (target != "command")
    for pid in hits:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return [process.pid]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(is_alive, started)):
        time.sleep(0.1)
    return [pid for pid in started if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def torture(study: str, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill a study so many times, and return what was lost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "function.py").write_text(FUNCTION)
        (folder / "network.py").write_text(NETWORK)
        began = time.perf_counter()
        whole = subprocess.run(
            command(study, "whole.sqlite"), cwd=folder, capture_output=True, text=True, check=True
        )
        longest = time.perf_counter() - began
        lost, left, before = 0, 0, {}
        for _ in range(kills):
            left += len(hit(study, folder, chance, longest))
            after = stored(folder / "killed.sqlite")
            lost += sum(after.get(key) != curves for key, curves in before.items())
            if len(after) == len(stored(folder / "whole.sqlite")):
                for file in folder.glob("killed.sqlite*"):  # it finished: begin anew
                    file.unlink()
                after = {}
            before = after
        last = subprocess.run(
            command(study, "killed.sqlite"), cwd=folder, capture_output=True, text=True, check=True
        )
        same = answer(last.stdout) == answer(whole.stdout)
        kept = stored(folder / "killed.sqlite") == stored(folder / "whole.sqlite")
    return {
        "study": study,
        "kills": kills,
        "lost": lost,
        "left": left,
        "same answer": same,
        "same runs": kept,
    }


def main() -> None:
    """Kill every study its share of times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=STUDIES)
    options = parser.parse_args()
    studies = [name for name in options.only or STUDIES if name != "fashion-mnist" or FASHION.is_dir()]
    for number, study in enumerate(studies):
        share = options.kills // len(studies) + (number < options.kills % len(studies))
        print(json.dumps(torture(study, share, random.Random(f"{options.seed} {study}"))), flush=True)


if __name__ == "__main__":
    main()
