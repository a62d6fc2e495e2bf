"""`stepsize report`, and what is kept of the studies that share a store."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stepsize import cli
from tests.test_cli import IRIS, run


@pytest.fixture
def report(monkeypatch, capsys):
    """Return `stepsize report`, run in this process: its exit code, its output and its errors."""

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["stepsize", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        output = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, caught.value.code, output.out, output.err)

    return run_here


def test_every_study_of_a_store_can_be_shown_again(report):
    other = ["compare", "iris", "--epochs", "1", "--seeds", "6", "-s", "constant(0.1)", "-q"]
    assert run(*IRIS, "-q").returncode == 0
    done = run(*other)
    assert done.returncode == 0, done.stderr
    store = "stepsize-results/iris.sqlite"
    latest, first = json.loads(report(store, "--list", "--json").stdout)
    assert (latest["candidates"], len(latest["seeds"])) == (["constant(0.1)"], 6)
    assert first["candidates"] == ["constant(0.1)", "cosine(0.2)"]
    assert f"iris.toml held study {first['id']} and now holds this one" in done.stderr
    assert f"Report: stepsize-results/iris.html, instead of that of study {first['id']}\n" in done.stderr
    assert f"stepsize report {store} --study {first['id']}" in done.stderr
    assert "instead of" not in run(*other).stderr

    listed = report(store, "--list").stdout
    assert listed.index(latest["id"]) < listed.index(first["id"])
    assert "mlp(16); candidates: 2, seeds: 6" in listed
    shown = report(store, "--study", first["id"])
    assert shown.returncode == 0, shown.stderr
    assert "cosine(0.2)" in shown.stdout
    assert f"Report: stepsize-results/iris-{first['id']}.html\n" in shown.stderr
    assert "--study none is not in" in report(store, "--study", "none").stderr

    named = run(*other, "--name", "one")
    assert "stepsize-results/one.html\n" in named.stderr
    assert all(Path(f"stepsize-results/one.{ending}").exists() for ending in ("html", "toml", "sqlite"))
    stores = "such as stepsize-results/iris.sqlite, stepsize-results/one.sqlite"
    assert stores in report("stepsize-results").stderr


def test_runs_that_are_damaged_or_missing_are_noticed_and_trained_again(report):
    before = json.loads(run(*IRIS, "-q", "--json").stdout)
    store = Path("stepsize-results/iris.sqlite")
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("UPDATE run SET curves = zeroblob(length(curves)) WHERE seed = 3")
        database.execute("DELETE FROM run WHERE seed = 4 AND candidate LIKE 'cos%'")
    refused = report(store)
    assert refused.returncode == 2
    assert "lacks 3 runs of study" in refused.stderr
    assert "and 2 of its runs are damaged; to train them again, run stepsize compare iris" in refused.stderr
    done = run(*IRIS, "--json")
    assert "2 runs in" in done.stderr
    assert "are damaged, so they are trained again" in done.stderr
    assert json.loads(done.stdout)["candidates"] == before["candidates"]


def test_a_report_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setattr(sys, "argv", ["stepsize", "report", "s.sqlite"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == 'stepsize: scipy is not installed: pip install "stepsize[all]"\n'
