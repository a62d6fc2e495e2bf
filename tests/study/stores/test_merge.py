"""Joining stores: everything arrives once, and runs that differ stop the merge."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from stepsize.errors import StoreError
from stepsize.study.stores.check import repair_store
from stepsize.study.stores.merge import Merge, merge_stores
from stepsize.study.stores.store import Run, Store
from tests.support.file_size_limit import file_size_limit


def make_run(candidate="cosine(0.1)", seed=0, value=0.5, seconds=1.0):
    return Run(candidate, seed, 0.1, None, np.full((4, 3), value, np.float32), seconds)


def change(path, statement):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def make_store(path, runs, seeds=(0,)):
    with Store(path) as store:
        store.add("f", runs)
        store.save_study(
            {"name": "a", "fingerprint": "f", "candidates": [], "baseline": "b", "seeds": list(seeds)}
        )
        store.add_look("f", ["cosine(0.1)"], seeds)
    return path


def test_everything_arrives_once(tmp_path):
    one = make_store(tmp_path / "one", [make_run(seed=0), make_run(seed=1)], [0, 1])
    two = make_store(tmp_path / "two", [make_run(seed=1, seconds=9.0), make_run(seed=2)], [1, 2])
    assert merge_stores(tmp_path / "all", [one, two]) == Merge(3, 3)
    with Store(tmp_path / "all") as store:
        runs = store.runs("f")
        assert [seed for _, seed in runs] == [0, 1, 2]
        assert store.damaged("f") == 0
        assert runs["cosine(0.1)", 1].seconds == 1.0
        assert len(store.looks("f")) == 2
        assert store.saved_study().definition["seeds"] == [1, 2]  # the one that was saved last
    assert merge_stores(tmp_path / "all", [two]) == Merge(3, 0)
    assert merge_stores(one, [two]) == Merge(3, 1)


def test_more_stores_than_one_connection_can_attach(tmp_path):
    others = [make_store(tmp_path / f"part{seed}", [make_run(seed=seed)], [seed]) for seed in range(12)]
    assert merge_stores(tmp_path / "all", others) == Merge(12, 12)


def test_on_a_full_disk_nothing_is_merged(tmp_path):
    one, two = (
        make_store(tmp_path / name, [make_run(seed=seed)]) for seed, name in enumerate(("one", "two"))
    )
    with Store(two) as store:
        store.add("f", [make_run(f"cosine({rate})") for rate in range(1, 500)])
    size = one.stat().st_size
    with file_size_limit(size + 4096):
        with pytest.raises(StoreError, match=r"nothing was merged into .*one': .*; run again"):
            merge_stores(one, [two])
        damage = sqlite3.connect(two)
        damage.execute("UPDATE run SET rate = 7 WHERE candidate = 'cosine(3)'")
        damage.commit()
        damage.close()
        with pytest.raises(StoreError, match=r"two' cannot be repaired: "):
            repair_store(two)
    with Store(one) as store:
        assert len(store.runs("f")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_runs_that_differ_are_shown_and_nothing_is_merged(tmp_path):
    one = make_store(tmp_path / "one", [make_run(seed=0, value=0.5)])
    two = make_store(tmp_path / "two", [make_run(seed=0, value=0.75), make_run(seed=1)])
    with pytest.raises(
        StoreError, match=r"nothing was merged.*cosine\(0\.1\) with seed 0 ends at 0\.5 in .*0\.75"
    ):
        merge_stores(one, [two])
    with Store(one) as store:
        assert len(store.runs("f")) == 1
    with pytest.raises(StoreError, match="nothing was merged"):
        merge_stores(tmp_path / "all", [one, two])
    with Store(tmp_path / "all") as store:
        assert store.runs("f") == {}


def test_a_damaged_store_is_refused(tmp_path):
    one = make_store(tmp_path / "one", [make_run(seed=seed) for seed in range(9)])
    data = bytearray(one.read_bytes())
    data[data.rindex(np.full(12, 0.5, np.float32).tobytes())] ^= 1
    one.write_bytes(data)
    with pytest.raises(
        StoreError, match=r"one' is damaged; repair it first with stepsize check \S+ --repair"
    ):
        merge_stores(tmp_path / "all", [one])


def test_a_store_with_a_changed_look_is_refused(tmp_path):
    one = make_store(tmp_path / "one", [make_run()], [0, 1])
    change(one, "UPDATE look SET seeds = '[0, 2]'")
    with pytest.raises(StoreError, match=r"one' is damaged; repair it first"):
        merge_stores(tmp_path / "all", [one])


def test_a_store_of_an_older_format_is_opened_first(tmp_path):
    one = make_store(tmp_path / "one", [make_run()])
    change(one, "ALTER TABLE look DROP COLUMN checksum")
    change(one, "PRAGMA user_version = 2")
    with pytest.raises(StoreError, match=r"one' has format 2, and merging needs format 4; open it once with"):
        merge_stores(tmp_path / "all", [one])
    with Store(one):
        pass
    assert merge_stores(tmp_path / "all", [one]) == Merge(1, 1)
    with Store(tmp_path / "all") as store:
        assert store.looks("f") == [(["cosine(0.1)"], [0])]


def test_a_store_with_itself(tmp_path):
    one = make_store(tmp_path / "one", [make_run()])
    with pytest.raises(StoreError, match="is given twice"):
        merge_stores(one, [tmp_path / "." / "one"])


def test_the_command(command, tmp_path):
    one = make_store(tmp_path / "one", [make_run(seed=0)])
    two = make_store(tmp_path / "two", [make_run(seed=1)])
    done = command("merge", tmp_path / "all", one, two)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'all'}: 2 runs, 2 of them added\n")
    done = command("merge", tmp_path / "all", tmp_path / "none")
    assert done.returncode == 2
    assert "does not exist" in done.stderr
