"""Child processes: answers, progress and errors arrive, whatever the code does to its process."""

import multiprocessing
import os
import re
import textwrap
import time
from pathlib import Path

import pytest

from stepsize.errors import InputError, MissingExtra, StudyError, first_line
from stepsize.hangs import Patience
from stepsize.process import BROKEN, Child, Stop, WorkerError
from stepsize.study.user_functions.training import Training

WORKER = """
    import multiprocessing, numpy, os, queue, random, signal, subprocess, sys, time
    from stepsize.errors import MissingExtra, StudyError
    from stepsize.process import Child, serve

    prepared = []

    class Mute(Exception):
        def __str__(self):
            raise ValueError("no text")

    def answer(request, progress):
        print("printed by the child")
        if request == "refuse":
            raise StudyError("seeds=0 is wrong")
        if request == "extra":
            raise MissingExtra("timm", "torch")
        if request == "fail":
            raise KeyError("no such column")
        if request == "mute":
            raise Mute
        if request == "exit":
            sys.exit("my own message")
        if request == "die":
            os.write(2, b"last line\\n")
            os._exit(7)
        if request == "pool":
            with multiprocessing.get_context("fork").Pool(1) as pool:
                return pool.map(abs, [-1])
        if request == "input":
            return input()
        if request == "fork that reports":
            if os.fork() == 0:
                progress("from the fork")
                os._exit(0)
            os.wait()
            return "done"
        if request == "fork that lives on":
            if (pid := os.fork()) == 0:
                time.sleep(60)
                os._exit(0)
            return pid
        if request == "die beside a fork":
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        if request == "start":
            return subprocess.Popen(["sleep", "60"]).pid
        if request == "nest":
            return Child("a_worker").pid
        if request == "stop":
            progress("stopping")
            os.kill(os.getpid(), signal.SIGSTOP)
        if request == "spin":
            progress("spinning")
            while True:
                pass
        if request == "work":
            progress("working")
            end = time.monotonic() + 1
            while time.monotonic() < end:
                pass
        if request == "slow":
            for step in range(1000):
                progress(step)
                time.sleep(0.01)
        if request == "files":
            return random.__file__, queue.__file__
        for share in (0.5, 1.0):
            progress(share)
        return request, prepared

    def main():
        serve(answer, lambda: prepared.append("ready"))
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "a_worker.py").write_text(textwrap.dedent(WORKER))
    monkeypatch.syspath_prepend(folder)
    started = Child("a_worker")
    yield started
    started.end()


def is_running(pid):
    """Return whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def assert_ends(pid):
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)


def test_answers_and_progress(child):
    shares = []
    assert child.ask("hello", shares.append) == ("hello", ["ready"])
    assert shares == [0.5, 1.0]


def test_a_request_is_left_when_the_listener_stops_it(child):
    def listen(step):
        if step == 3:
            raise Stop

    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(Stop):
            child.ask("slow", listen)
        assert child.ask("hello") == ("hello", ["ready"])
    assert time.monotonic() - began < 5  # of 30 seconds


def test_errors_arrive_and_the_next_request_is_served(child):
    with pytest.raises(StudyError, match="seeds=0 is wrong"):
        child.ask("refuse")
    with pytest.raises(MissingExtra, match=r'timm is not installed: pip install "stepsize\[torch\]"'):
        child.ask("extra")
    with pytest.raises(WorkerError, match="KeyError: 'no such column'") as caught:
        child.ask("fail")
    with open(caught.value.traceback_path) as file:
        assert 'raise KeyError("no such column")' in file.read()
    with pytest.raises(WorkerError, match="SystemExit: my own message"):
        child.ask("exit")
    with pytest.raises(WorkerError, match="Mute"):
        child.ask("mute")
    assert child.ask("again")[0] == "again"


def test_a_death_is_reported_with_its_last_message(child):
    with pytest.raises(BROKEN):
        child.ask("die")
    assert child.reap() == "(exit status 7); its last message: last line"


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_the_code_may_fork(child):
    assert child.ask("pool") == [1]
    shares = []
    assert child.ask("fork that reports", shares.append) == "done"
    assert shares == []  # a fork has no part in the conversation
    assert child.ask("again")[0] == "again"


def test_a_child_has_no_children(child):
    with pytest.raises(InputError, match=r"cannot run a study; write .* under if __name__ == '__main__'"):
        child.ask("nest")
    assert child.ask("again")[0] == "again"


UNGUARDED = """
    import os
    import stepsize as ss

    def train(schedule, seed, report):
        report(0.5 + schedule(0))

    os.environ["IMPORTS"] += "1"  # of this process and those that started it
    assert len(os.environ["IMPORTS"]) < 4
    ss.compare(ss.Training(train, 1, 1), ["constant(0.1)"], 2, store=":memory:", quiet=True)
"""


def test_a_module_that_runs_a_study_when_it_is_imported_is_refused(tmp_path, monkeypatch):
    (tmp_path / "unguarded.py").write_text(textwrap.dedent(UNGUARDED))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("IMPORTS", "")
    with pytest.raises(InputError, match=r"raised .*cannot run a study"):
        Training("unguarded:train", 1, 1)


def test_standard_input_is_empty(child):
    with pytest.raises(WorkerError, match="EOFError"):
        child.ask("input")


def test_what_the_code_started_ends_with_the_process(child):
    pids = [child.ask("fork that lives on"), child.ask("start")]
    assert all(map(is_running, pids))
    began = time.monotonic()
    child.end()
    assert time.monotonic() - began < 5
    for pid in pids:
        assert_ends(pid)


def test_a_death_is_seen_although_a_fork_lives_on(child):
    began = time.monotonic()
    with pytest.raises(BROKEN):
        child.ask("die beside a fork")
    assert "(exit status -9" in child.reap()
    assert time.monotonic() - began < 10


def test_what_the_code_started_ends_with_the_caller(child):
    started = child.ask("fork that lives on")
    child._requests.close()  # as when the caller was killed
    assert_ends(started)
    assert_ends(child.pid)


def test_files_of_the_working_folder_do_not_hide_what_is_imported(child, monkeypatch):
    for name in ("random", "queue", "pickle", "numpy"):
        Path(f"{name}.py").write_text(f"open('{name}.txt', 'w')\n")
    monkeypatch.syspath_prepend("")
    second = Child("a_worker")
    folder = os.path.dirname(os.__file__)
    assert {os.path.dirname(file) for file in second.ask("files")} == {folder}
    second.end()
    assert not list(Path().glob("*.txt"))


def test_a_message_cannot_control_the_terminal():
    error = ValueError("\x1b[1;31mred\x1b]0;title\x07 \x1b]2;other\x1b\\\tand more")
    assert first_line(error) == "red and more"


@pytest.fixture
def short_patience(monkeypatch):
    """Let a process hang for half a second at most."""
    monkeypatch.setattr("stepsize.hangs.LEAST", 0.5)
    monkeypatch.setattr("stepsize.hangs.FIRST", 2.0)
    monkeypatch.setattr("stepsize.hangs.IDLE_FACTOR", 0)
    monkeypatch.setattr("stepsize.hangs.BUSY_FACTOR", 0)
    monkeypatch.setattr("stepsize.process.DEATH_CHECK", 0.05)
    monkeypatch.setattr("stepsize.process.HANG_CHECK", 0.2)


@pytest.mark.parametrize(("request_", "seconds"), [("stop", "[01]"), ("spin", "2")])
def test_a_process_that_does_not_answer_is_ended(child, short_patience, request_, seconds):
    with pytest.raises(BROKEN):
        child.ask(request_)
    assert re.match(rf"\(ended, because it had not answered for {seconds} seconds\); ", child.reap())


def test_a_process_that_works_is_given_time(child, short_patience):
    assert child.ask("work")[0] == "work"


def test_patience_adapts_to_the_longest_silence():
    patience = Patience()
    for seconds in (0.5, 30, 2):
        patience.heard_after(seconds)
    assert (patience.idle_limit, patience.busy_limit) == (300, 3000)
