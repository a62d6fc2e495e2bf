"""A disk without room: finished runs stay, and the same command ends with the same answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")

FUNCTION = "tests.support.training_functions:quick"
STUDY = ["compare", FUNCTION, "--epochs", "4", "--updates-per-epoch", "2", "--seeds", "20"]
STUDY += ["-s", "constant(0.1)", "-s", "linear(0.1)", "--json", "-q", "--store"]
ROOM = 90_000  # bytes of a file: for some of the runs


WITHOUT_ROOM = f"""
import resource, runpy, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM}, {ROOM}))
runpy.run_module("stepsize", run_name="__main__", alter_sys=True)
"""


def run(*command, **streams):
    """Run Python, which finds the training functions of the tests."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    path = {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run([sys.executable, *command], text=True, env={**os.environ, **path}, **streams)


def test_a_full_disk_loses_no_finished_run(command):
    full = run("-c", WITHOUT_ROOM, *STUDY, "full.sqlite")
    assert (full.returncode, full.stdout) == (2, "")
    assert full.stderr.startswith("stepsize: --store full.sqlite cannot be used: ")
    assert full.stderr.count("\n") == 1
    resumed, whole = (json.loads(command(*STUDY, store).stdout) for store in ("full.sqlite", "whole.sqlite"))
    assert 0 < resumed["cost"]["runs"] < whole["cost"]["runs"]
    scores = [[each["scores"] for each in answer["candidates"]] for answer in (resumed, whole)]
    assert scores[0] == scores[1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_streams_that_are_files_on_a_full_disk():
    """A log that cannot be written does not end a study; an answer that cannot be written is an error."""
    with open("/dev/full", "w") as full:
        done = run("-m", "stepsize", *[word for word in STUDY if word != "-q"], "s.sqlite", stderr=full)
        assert (done.returncode, json.loads(done.stdout)["cost"]["runs"]) == (0, 41)
        shown = run("-m", "stepsize", "preview", "constant(0.1)", stdout=full)
    assert shown.returncode == 1
    assert shown.stderr == (
        "stepsize: the answer cannot be written to standard output: No space left on device\n"
    )
