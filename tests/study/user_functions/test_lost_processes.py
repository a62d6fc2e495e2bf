"""Processes of training functions that fail, die, hang or are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stepsize as ss
from stepsize.errors import EngineError
from stepsize.study.jobs import Job
from stepsize.study.protocol import Round
from stepsize.study.user_functions.executor import FunctionExecutor
from tests.support.function_studies import compare, training


def test_an_error_of_the_function_is_one_line_and_its_traceback_a_file():
    with pytest.raises(EngineError, match="raised KeyError: 'no such column'") as caught:
        compare("raises")
    kept = re.search(r"traceback is in (\S+)$", str(caught.value))
    assert kept is not None
    text = Path(kept[1]).read_text()
    assert 'raise KeyError("no such column")' in text
    Path(kept[1]).unlink()


def test_a_process_that_dies_is_replaced():
    assert compare("dies_once", ["constant(0.1)"]).answer["candidates"][0]["n"] == 7
    assert Path("died").exists()


def test_a_run_whose_process_dies_is_made_again_when_nothing_else_runs():
    assert compare("dies_three_times", ["constant(0.1)"]).answer["candidates"][0]["n"] == 7
    assert Path("deaths").read_text() == "..."


def test_the_other_candidates_are_trained_if_one_ends_its_process_every_time():
    candidates = [ss.Candidate("constant(0.2)", slope=2.0), "constant(0.2)", "linear(0.1)"]
    with pytest.raises(EngineError, match=r"constant\(0.2\), slope=2.0 cannot be trained: .* all other runs"):
        compare("dies_when_steep", candidates, store="kept.sqlite")
    others = compare("dies_when_steep", candidates[1:], store="kept.sqlite")
    assert others.answer["cost"]["runs"] == 0
    assert [each["n"] for each in others.answer["candidates"]] == [7, 7]


def test_a_process_that_hangs_is_replaced(monkeypatch):
    monkeypatch.setattr("stepsize.hangs.FIRST", 0.5)
    monkeypatch.setattr("stepsize.hangs.LEAST", 0.5)
    monkeypatch.setattr("stepsize.process.DEATH_CHECK", 0.1)
    monkeypatch.setattr("stepsize.process.HANG_CHECK", 0.2)
    assert compare("stops_once", ["constant(0.1)"]).answer["candidates"][0]["n"] == 7
    assert Path("stopped").exists()


def test_dying_every_time_is_an_error():
    with pytest.raises(EngineError, match=r"died 3 times \(exit status 7\); it wrote no message"):
        compare("dies", ["constant(0.1)"], seeds=2)


SLOW = """
import time
def train(schedule, seed, report):
    for epoch in range(3):
        time.sleep(0.03)
        report(0.5 + 0.01 * (seed % 5) + 0 * schedule(epoch))
"""


@pytest.mark.slow
def test_killed_the_same_command_continues_to_the_same_answer(tmp_path, command):
    (tmp_path / "slow_one.py").write_text(SLOW)
    arguments = ["compare", "slow_one:train", "--epochs", "3", "--updates-per-epoch", "1", "--seeds", "20"]
    arguments += ["-s", "constant(0.1)", "-s", "linear(0.1)", "--json"]

    def finish(store):
        done = command(*arguments, "--store", store)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    whole = finish("whole.sqlite")
    process = subprocess.Popen(
        [sys.executable, "-m", "stepsize", *arguments, "--store", "killed.sqlite"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()
    time.sleep(1.0)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = children.read_text().split() if children.exists() else []
    process.send_signal(signal.SIGKILL)
    process.communicate()
    last = finish("killed.sqlite")
    assert 0 < last["cost"]["runs"] <= 41  # one is made twice
    assert [c["scores"] for c in last["candidates"]] == [c["scores"] for c in whole["candidates"]]
    assert last["verdict"] == whole["verdict"]
    deadline = time.monotonic() + 20
    while (
        alive := [each for each in workers if Path(f"/proc/{each}").exists()]
    ) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive


def test_workers_are_single_threaded():
    """The process itself reports its number of threads and its process number, as curves."""
    stage = Round("comparing", (Job(ss.Candidate("constant(0.1)"), None, 0),), judge=True)
    with FunctionExecutor(training("names_its_process"), count=1) as executor:
        ((run,),) = executor.execute(stage, {}, lambda done: None)
        threads, pid = run.curves[:2, 0].astype(int)
        assert threads == 1
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
