"""Checking and repairing a store: damage is noticed, and what is intact is kept, to the last bit."""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from stepsize.errors import StoreError
from stepsize.study.stores.check import check_store, repair_store
from stepsize.study.stores.store import FORMAT, Run, Store

CANDIDATES = ("constant(0.1)", "cosine(0.1)", "linear(0.3), momentum=0.9")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return a store with 90 runs, a study and two looks, closed and without a log."""
    path = tmp_path_factory.mktemp("store") / "sound.sqlite"
    generator = np.random.default_rng(0)
    with Store(path) as store:
        for candidate in CANDIDATES:
            curves = generator.random((30, 4, 20), np.float32)
            store.add("f", [Run(candidate, seed, 0.1, None, each) for seed, each in enumerate(curves)])
        definition = {"name": "a", "fingerprint": "f", "candidates": [], "baseline": "constant(lr)"}
        store.save_study(definition, {"runs": 90})
        store.add_look("f", CANDIDATES, range(15))
        store.add_look("f", CANDIDATES, range(30))
    return path


def change(path, statement):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def content(path):
    with Store(path) as store:
        runs = {
            key: (run.rate, run.diverged_at, run.curves.tobytes()) for key, run in store.runs("f").items()
        }
        return runs, store.looks("f"), [study.definition for study in store.studies()]


def test_a_sound_store(sound):
    found = check_store(sound)
    assert found.is_sound
    assert (found.runs, found.studies, found.format) == (90, 1, FORMAT)
    assert [path.name for path in sound.parent.iterdir()] == ["sound.sqlite"]  # nothing is left beside it


def test_a_store_that_is_open_elsewhere(sound, tmp_path):
    path = shutil.copy(sound, tmp_path / "open.sqlite")
    with Store(path) as store:
        store.add("f", [Run("cosine(1)", 0, 1.0, None, np.zeros((4, 2), np.float32))])
        assert check_store(path).runs == 91


@pytest.mark.parametrize("kind", ["bits", "page", "cut"])
def test_damage_is_never_a_different_answer(sound, tmp_path, kind):
    """After any damage, the check reports it or the content is the same; a repair keeps intact rows alone."""
    whole, (runs, looks, studies) = sound.read_bytes(), content(sound)
    path, noticed, kept = tmp_path / "damaged.sqlite", 0, []
    for number in range({"bits": 200, "page": 30, "cut": 50}[kind]):
        chance, data = random.Random(f"{kind} {number}"), bytearray(whole)
        if kind == "bits":
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        elif kind == "page":
            begin = chance.randrange(1, len(data) // 4096) * 4096
            data[begin : begin + 4096] = chance.randbytes(4096)
        else:
            del data[chance.randrange(len(data)) :]
        for left in tmp_path.iterdir():
            left.unlink()
        path.write_bytes(data)
        try:
            found = check_store(path)
        except StoreError:  # its header is lost
            noticed += 1
            continue
        if found.is_sound:
            assert content(path)[:2] == (runs, looks)
            continue
        noticed += 1
        if number % 8:
            continue  # a repair waits for the disk
        damaged = repair_store(path)
        assert damaged.read_bytes() == data
        assert check_store(path).is_sound
        after, looks_after, studies_after = content(path)
        assert after.items() <= runs.items()
        assert len(after) >= found.runs
        assert all(look in looks for look in looks_after)
        assert studies_after in ([], studies)
        kept.append(len(after))
    assert noticed > {"bits": 90, "page": 20, "cut": 45}[kind]
    assert max(kept) > {"bits": 85, "page": 45, "cut": 45}[kind]


def test_rows_that_a_damaged_file_has_twice_are_kept_once(sound, tmp_path):
    whole, (runs, _, _) = sound.read_bytes(), content(sound)
    leaves = [at for at in range(4096, len(whole), 4096) if whole[at] in (10, 13)]  # pages with rows
    path, kept = tmp_path / "damaged.sqlite", []
    for source, target in itertools.pairwise(leaves):
        path.write_bytes(whole[:target] + whole[source : source + 4096] + whole[target + 4096 :])
        repair_store(path)
        kept.append(content(path)[0])
        assert check_store(path).is_sound
        assert kept[-1].items() <= runs.items()
    assert max(map(len, kept)) > 45


def test_a_changed_run_is_named(sound, tmp_path):
    path = shutil.copy(sound, tmp_path / "changed.sqlite")
    change(path, "UPDATE run SET rate = 0.2 WHERE candidate = 'cosine(0.1)' AND seed = 7")
    found = check_store(path)
    assert found.damaged_runs == [("cosine(0.1)", 7)]
    assert (found.runs, found.file_problems) == (89, [])


@pytest.mark.parametrize(
    "seeds", ["'[0, 1, 2]'", "'[0'", "cast(x'5b30c1' AS TEXT)"], ids=["valid", "cut off", "not UTF-8"]
)
def test_a_changed_look_is_reported_and_the_others_are_kept(sound, tmp_path, seeds):
    path = shutil.copy(sound, tmp_path / "changed.sqlite")
    change(path, f"UPDATE look SET seeds = {seeds} WHERE number = 1")
    found = check_store(path)
    assert (found.damaged_looks, found.damaged_studies, found.damaged_runs) == (1, 0, [])
    assert (found.is_sound, found.file_problems) == (False, [])
    repair_store(path)
    assert check_store(path).is_sound
    runs, looks, studies = content(sound)
    assert content(path) == (runs, looks[1:], studies)


def test_a_changed_format_number_hides_no_damage(sound, tmp_path):
    path = shutil.copy(sound, tmp_path / "changed.sqlite")
    change(path, "UPDATE run SET rate = 0.2 WHERE seed = 7")
    change(path, "UPDATE look SET seeds = '[0, 1]' WHERE number = 1")
    change(path, "PRAGMA user_version = 1")
    found = check_store(path)
    assert (len(found.damaged_runs), found.damaged_looks) == (3, 1)
    with Store(path) as store:
        assert len(store.runs("f")) == 87


def test_looks_of_format_2(sound, tmp_path):
    path = shutil.copy(sound, tmp_path / "old.sqlite")
    change(path, "ALTER TABLE look DROP COLUMN checksum")
    change(path, "PRAGMA user_version = 2")
    assert check_store(path).is_sound
    change(path, "UPDATE look SET seeds = '[0' WHERE number = 2")
    assert check_store(path).damaged_looks == 1
    repair_store(path)
    assert content(path)[1] == content(sound)[1][:1]


def test_what_is_not_a_store(tmp_path):
    (tmp_path / "text.sqlite").write_text("not a store" * 100)
    with pytest.raises(StoreError, match="is not a stepsize store"):
        check_store(tmp_path / "text.sqlite")
    with pytest.raises(StoreError, match="does not exist"):
        check_store(tmp_path / "none.sqlite")


def test_the_command(command, sound, tmp_path):
    path = tmp_path / "s.sqlite"
    shutil.copy(sound, path)
    done = command("check", path)
    assert (done.returncode, done.stdout) == (
        0,
        f"{path} is sound: 90 runs and 1 study, each as it was saved\n",
    )
    change(path, "UPDATE run SET seconds = 5 WHERE candidate = 'cosine(0.1)' AND seed = 7")
    change(path, "UPDATE look SET seeds = '[0, 1]' WHERE number = 1")
    done = command("check", path)
    assert done.returncode == 1
    assert "- 1 run is not as saved: cosine(0.1) with seed 7\n" in done.stdout
    assert "- 1 earlier verdict not as saved\n" in done.stdout
    assert f"To keep these, run: stepsize check {path} --repair" in done.stdout
    done = command("check", path, "--repair")
    assert done.returncode == 1
    assert "Repaired: the store now has 89 runs and 1 study." in done.stdout
    assert f"The damaged file was kept as {path}.damaged." in done.stdout
    assert command("check", path).returncode == 0
    assert command("check", tmp_path / "none").returncode == 2
