"""Ten tables of different kinds: a file and its target are all that is asked for."""

import json

import numpy as np
import pytest

from stepsize.comparison import complete
from stepsize.problems.loading.catalog import load
from stepsize.problems.problem import problem
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.stores.store import Store
from stepsize.study.study import make_study
from tests.support.tables import TABLES

NAMES = [table.file for table in TABLES]


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_a_table_is_recognised(table, tmp_path):
    table.write(tmp_path / table.file)
    data = load(tmp_path / table.file, table.target)
    assert (data.kind, data.x.shape[1:]) == (table.kind, (table.features,))
    assert data.notes[0].startswith("target ")
    parts = problem(str(tmp_path / table.file), target=table.target).parts(0)
    assert len(parts.train) + len(parts.valid) == data.rows


def test_ten_tables():
    assert len(set(NAMES)) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_a_table_is_trained_on(table, tmp_path, engine):
    table.write(tmp_path / table.file)
    chosen = problem(str(tmp_path / table.file), target=table.target, epochs=10)
    study = make_study(chosen, ["constant(0.03)"], seeds=2)
    with Store(tmp_path / "s.sqlite") as store:
        answer = complete(study, store, PopulationExecutor(engine, chosen, study)).answer
    (candidate,) = answer["candidates"]
    assert candidate["diverged"] == 0
    assert np.isfinite(candidate["mean"])
    assert answer["verdict"]["recommended"] == "constant(0.03)"
    assert any(note.startswith("Data: target ") for note in answer["notes"])


@pytest.mark.slow
def test_the_command_needs_the_target_alone(tmp_path, command):
    table = TABLES[NAMES.index("mixed.csv")]
    table.write(tmp_path / table.file)
    short = ["--seeds", "6", "--epochs", "3", "-s", "constant(lr)", "-s", "cosine(lr)", "--json"]
    done = command("compare", table.file, "--target", table.target, *short)
    assert done.returncode == 0, done.stderr
    assert "Data: target 'survived': two classes, 'no' and 'yes'.\n" in done.stderr
    answer = json.loads(done.stdout)
    assert answer["data"]["classes"] == ["no", "yes"]
    said = " ".join(answer["notes"])
    for words in (
        "two classes, 'no' and 'yes'",
        "text columns encoded as one column of 0 and 1 for each of their texts: 'port' (4)",
        "columns of two values encoded as 0 and 1: 'alone'",
        "missing numbers, filled with the median of the training rows: 'age' (18)",
        "left out because they are constant or number the rows: '', 'ship'",
        "SimpleImputer(strategy='median'), StandardScaler()",
    ):
        assert words in said
    page = (tmp_path / "stepsize-results" / "mixed.html").read_text()
    assert "SimpleImputer" in page
