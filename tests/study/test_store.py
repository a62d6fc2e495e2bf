"""The store: what goes in comes out; a file that is not a store is left alone, with one clear line."""

import os
import sqlite3

import numpy as np
import pytest

from stepsize.errors import StoreError
from stepsize.study.store import FORMAT, Run, Store


def make_run(candidate="cosine(0.1)", seed=0, diverged_at=None, value=0.5):
    return Run(candidate, seed, 0.1, diverged_at, np.full((4, 3), value, np.float32))


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "s.sqlite"
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


def test_a_finished_run_is_never_replaced(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.add("f", [make_run(value=0.5)])
        store.add("f", [make_run(value=0.9), make_run(seed=1)])
        assert store.runs("f")["cosine(0.1)", 0].score == 0.5
        assert len(store.runs("f")) == 2


def test_latest_study(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(StoreError, match="has no finished study yet"):
            store.latest_study()
        store.save_study({"name": "a", "fingerprint": "f"}, {"runs": 1})
        store.save_study({"name": "b", "fingerprint": "g"}, None)
        store.save_study({"name": "a", "fingerprint": "f"}, {"runs": 2})
        assert store.latest_study() == ({"name": "a", "fingerprint": "f"}, {"runs": 2})
        assert store.fingerprints("a") == {"f"}


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
