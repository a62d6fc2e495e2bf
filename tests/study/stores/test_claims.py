"""Claims: what one process is making, another one leaves out, until it is finished or its process is dead."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest

from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.stores import claims as module
from stepsize.study.stores.claims import Claims
from stepsize.study.stores.file import is_on_network
from stepsize.study.stores.store import Run, Store

JOBS = [Job(Candidate("constant(0.1)"), None, seed) for seed in range(4)]


@pytest.fixture
def stores(tmp_path):
    with Store(tmp_path / "s.sqlite") as one, Store(tmp_path / "s.sqlite") as two:
        yield one, two


def finished(job):
    return Run(job.name, job.seed, None, None, np.ones((4, 2), np.float32))


def tables(store):
    with closing(sqlite3.connect(store.path)) as database:
        return [
            database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("process", "claim")
        ]


def add_process(store, machine, pid, jobs=JOBS[:1]):
    """Add a process with claims to the store, as if it had written them itself."""
    with store.transaction() as database:
        database.execute("INSERT INTO process VALUES ('other', ?, ?, 1)", (machine, pid))
        rows = [("f", *job.key, "other") for job in jobs]
        database.executemany("INSERT INTO claim VALUES (?, ?, ?, ?)", rows)


def test_a_call_is_made_by_one_process_and_taken_over_by_the_other(stores):
    one, two = stores
    with Claims(one, "f", {}) as ours, Claims(two, "f", runs := {}) as theirs:
        assert ours.claim(JOBS[:2])
        assert not theirs.claim(JOBS[1:3])  # one of them is being made
        assert theirs.claim(JOBS[2:3])
        one.add("f", [finished(job) for job in JOBS[:2]])
        assert not theirs.claim(JOBS[:2])
        assert set(runs) == {job.key for job in JOBS[:2]}
        assert theirs.taken_over == 2
        assert theirs.claim(JOBS[1:])  # those that are missing
    assert tables(one) == [0, 0]


def test_waiting_ends_when_the_other_process_has_finished_or_given_up(stores, monkeypatch):
    one, two = stores
    pauses = []
    with Claims(two, "f", runs := {}) as theirs:
        assert not theirs.wait(JOBS)  # nothing was refused
        with Claims(one, "f", {}) as ours:
            assert ours.claim(JOBS[:1])
            assert ours.claim(JOBS[1:2])
            assert not theirs.claim(JOBS[:1])
            monkeypatch.setattr(
                module.time,
                "sleep",
                lambda seconds: pauses.append(one.add("f", [finished(JOBS[len(pauses)])])),
            )
            assert theirs.wait(JOBS[:2])
            assert len(pauses) == 2
            assert set(runs) == {job.key for job in JOBS[:2]}
            assert ours.claim(JOBS[2:3])
            assert not theirs.claim(JOBS[2:3])
        assert theirs.wait(JOBS[2:3])  # it was given up
        assert theirs.claim(JOBS[2:3])


def test_claims_of_a_dead_process_are_free(stores):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    add_process(stores[0], module.this_machine(), dead.pid)
    with Claims(stores[1], "f", {}) as theirs:
        assert theirs.claim(JOBS[:1])


def test_a_process_that_has_ended_and_is_not_reaped_is_dead():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        deadline = module.time.monotonic() + 10
        while module.is_running(ended.pid) and module.time.monotonic() < deadline:
            module.time.sleep(0.01)
        assert not module.is_running(ended.pid)
        assert ended.returncode is None


def test_on_another_machine_a_process_lives_as_long_as_its_heart_beats(stores, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    add_process(stores[0], "elsewhere", 1)
    with Claims(stores[1], "f", {}) as theirs:
        for _ in range(3):
            assert not theirs.claim(JOBS[:1])
            now[0] += module.LIMIT - 1
            with stores[0].transaction() as database:
                database.execute("UPDATE process SET beats = beats + 1")
        assert not theirs.claim(JOBS[:1])
        now[0] += module.LIMIT + 1
        assert theirs.claim(JOBS[:1])


def test_the_heart_beats_while_the_process_works(stores, monkeypatch):
    monkeypatch.setattr(module, "BEAT", 0.01)
    with Claims(stores[0], "f", {}) as ours:
        ours.claim(JOBS[:1])
        deadline = module.time.monotonic() + 10
        while module.time.monotonic() < deadline:
            with stores[1].transaction() as database:
                ((beats,),) = database.execute("SELECT beats FROM process").fetchall()
            if beats > 3:
                return
    pytest.fail("no heartbeat in 10 seconds")


def test_the_heart_beats_again_after_the_file_could_not_be_opened(stores, monkeypatch):
    one, _ = stores
    monkeypatch.setattr(module, "BEAT", 0.01)
    connect, failures = one.connect, [sqlite3.OperationalError("unable to open database file")] * 2
    monkeypatch.setattr(one, "connect", lambda: connect() if not failures else _raise(failures.pop()))
    with Claims(one, "f", {}) as claims:
        claims.claim(JOBS[:1])
        deadline = time.monotonic() + 10
        while one._db.execute("SELECT beats FROM process").fetchone()[0] < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert failures == []


def _raise(error):
    raise error


def test_a_study_in_memory_is_not_shared():
    with Store(":memory:") as store, Claims(store, "f", {}) as ours:
        assert ours.claim(JOBS)
        store.add("f", [finished(job) for job in JOBS])
        assert not ours.claim(JOBS)


def test_folders_on_a_network_are_recognised(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n//a/b /mnt/my\\040files cifs rw 0 0\n"
    )
    paths = ("/home/me/runs.sqlite", "/mnt/my files/runs.sqlite", "/homes/runs.sqlite", "/runs.sqlite")
    assert [is_on_network(module.Path(path), mounts) for path in paths] == [True, True, False, False]
    assert not is_on_network(tmp_path, tmp_path / "missing")


def test_a_store_on_a_network_has_no_log_that_only_one_machine_can_read(tmp_path, monkeypatch):
    monkeypatch.setattr("stepsize.study.stores.store.is_on_network", lambda path: True)
    with Store(tmp_path / "s.sqlite") as one, Store(tmp_path / "s.sqlite") as two:
        one.add("f", [finished(JOBS[0])])
        assert set(two.runs("f")) == {JOBS[0].key}
        assert not list(tmp_path.glob("*-wal"))
