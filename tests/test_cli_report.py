"""`stepsize report`, and what is kept of the studies that share a store."""

import json
import re
import shlex
import sqlite3
import subprocess
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
    assert f"Report: stepsize-results/iris-{latest['id']}.html\n" in done.stderr
    assert "instead of" not in command(*other).stderr
    page = ("--report", "stepsize-results/iris.html")
    replaced = command(*other, *page).stderr
    assert f"Report: {page[1]}, which replaces that of study {first['id']}\n" in replaced
    assert f"stepsize report {store} --study {first['id']}" in replaced
    elsewhere = command(*IRIS, "-q", "--store", "other.sqlite", *page).stderr
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


def test_a_study_can_be_read_in_every_format(command, tmp_path):
    assert command(*IRIS, "-q").returncode == 0
    store = "stepsize-results/iris.sqlite"
    document = command("report", store, "--format", "json")
    assert document.stderr == ""
    answer = json.loads(document.stdout)
    text = command("report", store, "--format", "markdown").stdout
    assert text.startswith(f"## {answer['verdict']['headline']}".replace("(", "(").split(":")[0][:12])
    table = command("report", store, "--format", "csv").stdout
    assert table.splitlines()[0].startswith("name,spec,settings,lr")
    assert len(table.splitlines()) == 3
    page = command("report", store, "--format", "html", "--output", "page.html")
    assert page.stdout == ""
    assert page.stderr == "Report: page.html\n"
    picture = command("report", store, "--format", "png")
    assert picture.stderr == "Picture: stepsize-results/iris.png\n"
    assert Path("stepsize-results/iris.png").read_bytes().startswith(b"\x89PNG")
    refused = command("report", store, "--format", "pdf")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "unknown format 'pdf'; use one of: html, png, markdown, json, csv" in refused.stderr
    assert (
        "is printed; write csv to a file with > t.csv"
        in command("report", store, "--format", "csv", "--output", "t.csv").stderr
    )


def test_the_answer_ends_with_a_command_that_writes_the_code(command):
    done = command("compare", "iris", "--epochs", "2", "--seeds", "6", "-s", "constant(0.1)", "-q")
    line = done.stdout[done.stdout.index("Next: ") + 6 :].replace("\\\n", " ").strip()
    words = shlex.split(line)
    assert words[:2] == ["stepsize", "export"]
    code = command(*words[1:])
    assert code.returncode == 0, code.stderr
    assert "keras.optimizers.SGD(learning_rate=schedule, momentum=0.9)" in code.stdout
    names: dict = {}
    exec(code.stdout, names)
    assert names["optimizer"].momentum == 0.9


def test_a_dry_run_tells_the_cost_and_trains_nothing(command):
    done = command(*IRIS, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"iris: 12 runs for the verdict, about \d+ s on this machine\.\n", done.stdout)
    assert not list(Path("stepsize-results").glob("*.sqlite"))
    few = command("compare", "iris", "--seeds", "12", "--dry-run").stdout
    assert "\nWith fewer than 13 seeds, no difference between 16 candidates can be shown" in few
    cost = json.loads(command("compare", "iris", "--dry-run", "--json").stdout)
    assert cost["runs"] == cost["tuning"] + cost["verdict"]
    assert cost["verdict"] == 16 * 30


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["--optimizer", "sgdd"], "unknown optimizer 'sgdd'; did you mean 'sgd'?"),
        (["--optimizer", "sgd(momentum=2)"], "optimizer 'sgd' does not accept {'momentum': 2}"),
        (["--optimizer", "sgd(momentom=0.5)"], "optimizer 'SGD' does not accept 'momentom'"),
        (["--store", "absent/runs.sqlite"], "the folder 'absent' does not exist"),
        (["--store", "text.sqlite"], "is not a stepsize store"),
    ],
)
def test_a_dry_run_refuses_what_the_study_would_refuse(command, words, refusal):
    Path("text.sqlite").write_text("text " * 100)
    done = command(*IRIS, *words, "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert refusal in done.stderr
    assert not list(Path("stepsize-results").glob("*.sqlite"))
    assert command(*IRIS, *words).stderr.splitlines()[-1] == done.stderr.splitlines()[-1]


def test_help_is_grouped_and_has_examples(command):
    done = command("compare", "--help")
    titles = re.findall(r"^(\S[^:\n]*):$", done.stdout, re.MULTILINE)
    assert titles == [
        "Arguments", "Candidates and seeds", "Data", "Model and training", "How it is judged",
        "Files and output", "Where it runs", "Options",
    ]  # fmt: skip
    assert "    stepsize compare table.csv --target price\n" in done.stdout
    root = command("--help").stdout
    for title in ("Find an answer:", "Use it:", "Look after stores:"):
        assert title in root
    assert max(map(len, root.splitlines())) <= 80


def test_a_shell_completes_problems_and_formats(command, monkeypatch):
    monkeypatch.setenv("_STEPSIZE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "stepsize compare ion")
    monkeypatch.setenv("COMP_CWORD", "2")
    code = "import sys; sys.argv = ['stepsize']; from stepsize import cli; cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["ionosphere"]
