"""The checksums of a store: damage of any column is noticed, and older stores get them."""

import json
import sqlite3
from contextlib import closing

import pytest

from stepsize.errors import StoreError
from stepsize.study.stores.store import Store
from tests.support.stored_runs import change, definition, make_run


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
