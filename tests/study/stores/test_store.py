"""The store: what goes in comes out; a file that is not a store is left alone, with one clear line."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stepsize.errors import StoreError
from stepsize.resources import kept_store
from stepsize.study.stores.store import FORMAT, Store
from tests.support.stored_runs import change, definition, make_run


def test_round_trip(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add("f", [make_run(seed=0), make_run(seed=1, diverged_at=7)])
        store.add("g", [make_run(value=0.25)])
    with Store(path) as store:
        runs = store.runs("f")
        assert set(runs) == {("cosine(0.1)", 0), ("cosine(0.1)", 1)}
        assert runs["cosine(0.1)", 0].score == 0.5
        assert runs["cosine(0.1)", 1].score is None
        assert runs["cosine(0.1)", 1].diverged_at == 7
        np.testing.assert_array_equal(runs["cosine(0.1)", 0].curves, make_run().curves)
        assert store.runs("g")["cosine(0.1)", 0].score == 0.25


def test_curves_keep_their_precision(tmp_path):
    """The engine's are in float32, those of a training function in float64."""
    fine = np.full((4, 3), 1e9 + 0.126)
    with Store(tmp_path / "s.sqlite") as store:
        store.add("f", [replace(make_run(seed=0), curves=fine), make_run(seed=1)])
        runs = store.runs("f")
    np.testing.assert_array_equal(runs["cosine(0.1)", 0].curves, fine)
    assert runs["cosine(0.1)", 1].curves.dtype == np.float32


def test_a_finished_run_is_never_replaced(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.add("f", [make_run(value=0.5)])
        store.add("f", [make_run(value=0.9), make_run(seed=1)])
        assert store.runs("f")["cosine(0.1)", 0].score == 0.5
        assert len(store.runs("f")) == 2


def test_saved_studies(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(StoreError, match="has no finished study yet"):
            store.saved_study()
        store.save_study(definition(seeds=[0]), {"runs": 1})
        store.save_study(definition("b", "g"), None)
        store.save_study(definition(seeds=[0, 1]), {"runs": 2})
        latest, other = store.studies()  # more seeds are the same study
        assert (latest.definition, latest.cost) == (definition(seeds=[0, 1]), {"runs": 2})
        assert store.saved_study() == latest == store.saved_study("a") == store.saved_study(latest.id[:5])
        assert store.saved_study("b") == other
        assert other.cost is None
        assert other.id != latest.id
        with pytest.raises(StoreError, match=rf"study='c' is not in .*{latest.id} \(a\), {other.id} \(b\)"):
            store.saved_study("c")
        assert store.fingerprints("a") == {"f"}


def test_what_sqlite_raises_is_one_line(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        change(store.path, "DROP TABLE run")
        with pytest.raises(StoreError, match="cannot be used: no such table: run; finished runs are kept"):
            store.runs("f")
        with pytest.raises(StoreError, match="cannot be used"):
            store.add("f", [make_run()])


def test_a_file_that_is_deleted_or_replaced_is_noticed(tmp_path, monkeypatch):
    path, messages = tmp_path / "s.sqlite", []
    monkeypatch.chdir(tmp_path)
    with Store("s.sqlite") as store:
        store.add("f", [make_run()])
        monkeypatch.chdir("/")
        assert kept_store(store, messages.append) == Path("s.sqlite")
        path.unlink()
        assert len(store.runs("f")) == 1
        assert kept_store(store, messages.append) is None
        with Store(path) as other:
            assert kept_store(store, messages.append) is None
            assert kept_store(other, messages.append) == path
    message = "Runs: not kept, because s.sqlite was deleted or replaced while it was in use."
    assert messages == [message, message]
    with Store(":memory:") as store:
        assert not store.is_lost


def test_the_file_is_marked(tmp_path):
    with Store(tmp_path / "s.sqlite"):
        pass
    database = sqlite3.connect(tmp_path / "s.sqlite")
    assert database.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    assert database.execute("PRAGMA application_id").fetchone() == (0x57E95123,)
    database.close()


def test_what_is_no_store(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("nothing of the kind " * 100)
    with pytest.raises(StoreError, match="is not a stepsize store"):
        Store(text)
    assert text.read_text().startswith("nothing of the kind")

    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="a database of another program"):
        Store(tmp_path / "other.db")

    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path)


def test_a_newer_format(tmp_path):
    with Store(tmp_path / "s.sqlite"):
        pass
    database = sqlite3.connect(tmp_path / "s.sqlite")
    database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    with pytest.raises(StoreError, match=f"has format {FORMAT + 1}.*reads formats up to {FORMAT}"):
        Store(tmp_path / "s.sqlite")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; the place below stands in for it")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=r"store=.*choose another file"):
        Store(tmp_path / "s.sqlite")


@pytest.mark.parametrize("place", ["/proc/s.sqlite", "/proc/deep/s.sqlite"])
def test_a_place_that_cannot_be_written(place):
    if not os.path.isdir("/proc"):
        pytest.skip("this system has no /proc")
    with pytest.raises(StoreError, match=r"store=.*choose another file"):
        Store(place)
