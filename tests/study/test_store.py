"""The store: what goes in comes out; a file that is not a store is left alone, with one clear line."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from stepsize.errors import StoreError
from stepsize.resources import kept_store
from stepsize.study.store import FORMAT, Run, Store


def make_run(candidate="cosine(0.1)", seed=0, diverged_at=None, value=0.5):
    return Run(candidate, seed, 0.1, diverged_at, np.full((4, 3), value, np.float32))


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


def test_a_finished_run_is_never_replaced(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.add("f", [make_run(value=0.5)])
        store.add("f", [make_run(value=0.9), make_run(seed=1)])
        assert store.runs("f")["cosine(0.1)", 0].score == 0.5
        assert len(store.runs("f")) == 2


def definition(name="a", fingerprint="f", **more):
    return {"name": name, "fingerprint": fingerprint, "candidates": [], "baseline": "constant(lr)", **more}


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


def change(path, statement, *values):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


@pytest.mark.parametrize("byte", range(0, 48, 5))
def test_one_changed_bit_of_a_run_is_noticed_and_the_run_trained_again(tmp_path, byte):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add("f", [make_run(seed=0), make_run(seed=1)])
    curves = bytearray(make_run().curves.tobytes())
    curves[byte] ^= 1 << byte % 8
    change(path, "UPDATE run SET curves = ? WHERE seed = 1", bytes(curves))
    with Store(path) as store:
        assert set(store.runs("f")) == {("cosine(0.1)", 0)}
        assert store.damaged("f") == 1
        store.add("f", [make_run(seed=0, value=0.9), make_run(seed=1, value=0.25)])
        runs = store.runs("f")
        assert store.damaged("f") == 0
        assert (runs["cosine(0.1)", 0].score, runs["cosine(0.1)", 1].score) == (0.5, 0.25)


@pytest.mark.parametrize(
    "what",
    [
        "candidate = 'cosine(0.3)'",
        "seed = 7",
        "rate = 0.3",
        "diverged_at = 7",
        "epochs = 2",
        "checksum = NULL",
    ],
)
def test_every_column_of_a_run_is_checked(tmp_path, what):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add("f", [make_run()])
    change(path, f"UPDATE run SET {what}")
    with Store(path) as store:
        assert store.runs("f") == {}
        assert store.damaged("f") == 1


def test_a_damaged_file_is_one_sentence_whatever_its_bytes(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.save_study(definition(margin=0.01))
    data = path.read_bytes()
    assert b"tablestudystudy" in data
    path.write_bytes(data.replace(b"tablestudystudy", b"tablestud\xc1study"))
    with pytest.raises(StoreError, match="cannot be written"):
        Store(path)


def test_a_changed_definition_is_noticed(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.save_study(definition(margin=0.01))
    change(path, "UPDATE study SET definition = replace(definition, '0.01', '0.81')")
    with Store(path) as store, pytest.raises(StoreError, match="is damaged: the definition of a study"):
        store.saved_study()


@pytest.mark.parametrize(
    "change_of_look",
    [
        "fingerprint = 'g'",
        'candidates = \'["constant(0.1)", "cosine(0.3)"]\'',
        "seeds = '[0, 1, 3]'",
        "checksum = NULL",
    ],
)
def test_every_column_of_a_look_is_checked(tmp_path, change_of_look):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add_look("f", ["constant(0.1)", "cosine(0.1)"], [0, 1, 2])
        assert store.looks("f") == [(["constant(0.1)", "cosine(0.1)"], [0, 1, 2])]
        assert store.looks("g") == []
    change(path, f"UPDATE look SET {change_of_look}")
    with Store(path) as store, pytest.raises(StoreError, match="an earlier verdict is not as it was saved"):
        store.looks("f")


OLD = """
CREATE TABLE study (
    definition TEXT PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, saved TEXT NOT NULL, cost TEXT
);
CREATE TABLE run (
    fingerprint TEXT NOT NULL, candidate TEXT NOT NULL, seed INTEGER NOT NULL, rate REAL,
    diverged_at INTEGER, epochs INTEGER NOT NULL, curves BLOB NOT NULL,
    PRIMARY KEY (fingerprint, candidate, seed)
) WITHOUT ROWID;
PRAGMA application_id = 1474908451;
PRAGMA user_version = 1;
"""


def test_a_store_without_checksums_gets_them(tmp_path):
    path, curves = tmp_path / "s.sqlite", make_run().curves
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(OLD)
        for rate in (0.1, None):
            row = ("f", f"constant({rate})", 0, rate, None, 3, curves.tobytes())
            database.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        row = (json.dumps(definition()), "a", "f", "2026-01-01", "null")
        database.execute("INSERT INTO study VALUES (?, ?, ?, ?, ?)", row)
    for _ in range(2):
        with Store(path) as store:
            assert {key: run.score for key, run in store.runs("f").items()} == {
                ("constant(0.1)", 0): 0.5,
                ("constant(None)", 0): 0.5,
            }
            assert store.saved_study().definition == definition()
    change(path, "UPDATE run SET rate = 0.3")
    with Store(path) as store:
        assert store.runs("f") == {}


FORMAT_2 = """
ALTER TABLE run ADD COLUMN seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN checksum INTEGER;
ALTER TABLE study ADD COLUMN checksum INTEGER;
CREATE TABLE look (
    number INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, candidates TEXT NOT NULL, seeds TEXT NOT NULL,
    UNIQUE (fingerprint, candidates, seeds)
);
PRAGMA user_version = 2;
"""


def test_looks_without_checksums_get_them(tmp_path):
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(OLD + FORMAT_2)
        curves = make_run().curves.tobytes()
        row = ("f", "constant(0.1)", 0, 0.1, None, 3, curves, 0.0, 7)
        database.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        for seeds in ("[0, 1]", "[0, 1, 2]"):
            database.execute("INSERT INTO look VALUES (NULL, 'f', '[\"a\", \"b\"]', ?)", (seeds,))
    for _ in range(2):
        with Store(path) as store:
            assert store.looks("f") == [(["a", "b"], [0, 1]), (["a", "b"], [0, 1, 2])]
            assert store.runs("f") == {}  # its checksum was wrong before, and is wrong still
            assert store.damaged("f") == 1
    change(path, "UPDATE look SET seeds = '[0, 3]' WHERE number = 1")
    with Store(path) as store, pytest.raises(StoreError, match="an earlier verdict"):
        store.looks("f")


def test_a_damaged_look_without_a_checksum_stays_damaged(tmp_path):
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(OLD + FORMAT_2)
        database.execute("INSERT INTO look VALUES (NULL, 'f', '[\"a\", \"b\"]', '[0, 1')")
    for _ in range(2):
        with Store(path) as store, pytest.raises(StoreError, match="an earlier verdict"):
            store.looks("f")


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
