"""Several commands on one store at once: they share the work, and each ends with the whole answer."""

import json
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

from stepsize.cores import cores
from stepsize.study.stores.store import Store

FUNCTION = """
    import os, time

    def train(schedule, seed, report):
        line = f"{schedule(0)} {seed}\\n".encode()
        file = os.open("made.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line)
        for epoch in range(3):
            time.sleep(0.03)
            report(0.5 + 0.001 * (seed % 7) + min(schedule(epoch), 1) / 10)
"""
STUDY = ["compare", "shared_function:train", "--epochs", "3", "--updates-per-epoch", "1", "--seeds", "16"]
STUDY += ["-s", "constant(lr)", "-s", "cosine(0.1)", "--json", "-q", "--store", "shared.sqlite"]


def start():
    """Start one more command on the store of this folder."""
    Path("shared_function.py").write_text(textwrap.dedent(FUNCTION))
    return subprocess.Popen([sys.executable, "-m", "stepsize", *STUDY], stdout=subprocess.PIPE, text=True)


def answers(processes):
    """Wait for commands; return their answers, and how many runs each has made."""
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    documents = [json.loads(output) for output in outputs]
    return documents, [document.pop("cost")["runs"] for document in documents]


def made():
    path = Path("made.txt")
    return path.read_text().splitlines() if path.exists() else []


def stored():
    with closing(sqlite3.connect("shared.sqlite")) as database:
        return database.execute("SELECT count(*) FROM run").fetchone()[0]


def test_three_commands_share_the_runs_and_one_of_them_is_killed():
    processes = [start() for _ in range(3)]
    deadline = time.monotonic() + 60
    while len(made()) < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    processes[0].kill()
    processes[0].communicate()
    (one, two), counts = answers(processes[1:])
    assert one == two
    assert min(counts) > 0
    assert 0 <= len(made()) - stored() <= cores()  # those that were being made
    with Store("shared.sqlite") as store, store.transaction() as database:
        assert database.execute("SELECT * FROM claim").fetchall() == []
