"""A store that is damaged in a way that no new run mends says so, and how to repair it."""

import sqlite3

import numpy as np
import pytest

from stepsize.errors import StoreError
from stepsize.problems.problem import problem
from stepsize.study.runner import run_study
from stepsize.study.stores.check import repair_store
from stepsize.study.stores.store import Run, Store
from stepsize.study.study import make_study


@pytest.mark.parametrize(
    "change", ["seeds = '[0, 1'", "candidates = '7'", "seeds = x'ff'", "candidates = '[1]'", "seeds = '[]'"]
)
def test_a_damaged_verdict_is_an_error(tmp_path, change):
    path = tmp_path / "a store.sqlite"
    with Store(path) as store:
        store.add_look("f", ["constant(lr)", "cosine(lr)"], [0, 1])
        assert store.looks("f") == [(["constant(lr)", "cosine(lr)"], [0, 1])]
    database = sqlite3.connect(path)
    database.execute(f"UPDATE look SET {change}")
    database.commit()
    database.close()
    with Store(path) as store, pytest.raises(StoreError, match=r"an earlier verdict .* --repair"):
        store.looks("f")


class Instant:
    """An executor whose runs are made up."""

    training_seconds = compile_seconds = 0.0
    layout = "none"

    def execute(self, stage, runs, advance, claim):
        curves = np.ones((4, 1), np.float32)
        yield [Run(job.candidate.key(job.rate), job.seed, job.rate, None, curves) for job in stage.jobs]


def test_a_run_that_the_file_does_not_keep_is_an_error(tmp_path):
    study = make_study(problem("iris", model="mlp(2)", epochs=1), ["constant(0.1)", "cosine(0.1)"], 2)
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        run_study(study, store, Instant())
        assert len(store.runs(study.fingerprint)) == 4
    database = sqlite3.connect(path)
    database.executescript(  # what a damaged page may do
        "DELETE FROM run; CREATE TRIGGER lost BEFORE INSERT ON run WHEN new.seed = 1 "
        "BEGIN SELECT RAISE(IGNORE); END"
    )
    database.close()
    with Store(path) as store, pytest.raises(StoreError, match="2 of the runs that were just trained cannot"):
        run_study(study, store, Instant())


def test_a_damaged_definition_of_a_table_is_an_error_of_one_line(tmp_path):
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.add("f", [Run("constant(0.1)", 0, 0.1, None, np.ones((4, 1), np.float32))])
    path.write_bytes(path.read_bytes().replace(b"process TEXT NOT NULL", b"process TEXT NOT `ULL"))
    with pytest.raises(StoreError, match=r"is damaged: malformed .* repair it with stepsize check") as caught:
        Store(path)
    assert "\n" not in str(caught.value)
    repair_store(path)
    with Store(path) as store:
        assert list(store.runs("f")) == [("constant(0.1)", 0)]
