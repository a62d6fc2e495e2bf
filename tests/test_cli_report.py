"""`stepsize report`, and what is kept of the studies that share a store."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stepsize import cli
from tests.test_cli import IRIS


def test_every_study_of_a_store_can_be_shown_again(command):
    other = ["compare", "iris", "--epochs", "1", "--seeds", "6", "-s", "constant(0.1)", "-q"]
    assert command(*IRIS, "-q").returncode == 0
    done = command(*other)
    assert done.returncode == 0, done.stderr
    store = "stepsize-results/iris.sqlite"
    latest, first = json.loads(command("report", store, "--list", "--json").stdout)
    assert (latest["candidates"], len(latest["seeds"])) == (["constant(0.1)"], 6)
    assert first["candidates"] == ["constant(0.1)", "cosine(0.2)"]
    assert f"iris.toml held study {first['id']} and now holds this one" in done.stderr
    assert f"Report: stepsize-results/iris.html, which replaces that of study {first['id']}\n" in done.stderr
    assert f"stepsize report {store} --study {first['id']}" in done.stderr
    assert "instead of" not in command(*other).stderr
    elsewhere = command(*IRIS, "-q", "--store", "other.sqlite").stderr
    assert f"which replaces that of study {latest['id']}\nThe replaced study is in another store" in elsewhere

    listed = command("report", store, "--list").stdout
    assert listed.index(latest["id"]) < listed.index(first["id"])
    assert "mlp(16); candidates: 2, seeds: 6" in listed
    shown = command("report", store, "--study", first["id"])
    assert shown.returncode == 0, shown.stderr
    assert "cosine(0.2)" in shown.stdout
    assert f"Report: stepsize-results/iris-{first['id']}.html\n" in shown.stderr
    assert "--study none is not in" in command("report", store, "--study", "none").stderr

    named = command(*other, "--name", "one")
    assert "stepsize-results/one.html\n" in named.stderr
    assert all(Path(f"stepsize-results/one.{ending}").exists() for ending in ("html", "toml", "sqlite"))
    stores = "such as stepsize-results/iris.sqlite, stepsize-results/one.sqlite"
    assert stores in command("report", "stepsize-results").stderr


def test_runs_that_are_damaged_or_missing_are_noticed_and_trained_again(command):
    before = json.loads(command(*IRIS, "-q", "--json").stdout)
    store = Path("stepsize-results/iris.sqlite")
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("UPDATE run SET curves = zeroblob(length(curves)) WHERE seed = 3")
        database.execute("DELETE FROM run WHERE seed = 4 AND candidate LIKE 'cos%'")
    refused = command("report", store)
    assert refused.returncode == 2
    assert "lacks 3 runs of study" in refused.stderr
    assert "and 2 of its runs are damaged; to train them again, run stepsize compare iris" in refused.stderr
    done = command(*IRIS, "--json")
    assert "holds 2 damaged runs, to be trained again" in done.stderr
    assert json.loads(done.stdout)["candidates"] == before["candidates"]


def test_a_report_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setattr(sys, "argv", ["stepsize", "report", "s.sqlite"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == 'stepsize: scipy is not installed: pip install "stepsize[all]"\n'
