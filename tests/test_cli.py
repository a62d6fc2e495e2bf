"""The command line: one clear line for bad input, JSON alone on stdout, exit codes as documented."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stepsize import cli
from stepsize.cli import studies
from stepsize.cli.messages import options_of, result_in_options
from stepsize.result import Result

COMMAND = [sys.executable, "-m", "stepsize"]
IRIS = ["compare", "iris", "--epochs", "2", "--seeds", "6", "-s", "constant(0.1)", "-s", "cosine(0.2)"]


def run(*args, **options):
    """Run `python -m stepsize` with the arguments."""
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, timeout=300, **options)


def refuse(monkeypatch, capsys, *args):
    """Run the command in this process; give the one line that it refuses with."""
    monkeypatch.setattr(sys, "argv", ["stepsize", *args])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    output = capsys.readouterr()
    assert caught.value.code == 2, output.err
    assert output.out == ""
    assert output.err.startswith("stepsize: ")
    assert output.err.count("\n") == 1
    assert "Traceback" not in output.err
    return output.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["compare", "ionosphre"], "did you mean 'ionosphere'?"),
        (["compare", "ionosphere", "--sedes", "3"], "--seeds"),
        (["compar", "ionosphere"], "compar"),
        (["compare"], "Missing argument"),
        (["compare", "iris", "constant(lr)"], "write a schedule as an option: -s 'constant(lr)'"),
        (["explore", "iris", "linear(1)", "cosine(1)"], "option: -s 'linear(1)' -s 'cosine(1)'"),
        (["compare", "iris", "mlp(4)"], "unexpected 'mlp(4)'; only options may follow, see stepsize compare"),
        (["find", "iris", "constant(lr)"], "only options may follow, see stepsize find --help"),
        (["report", "a.sqlite", "b.sqlite"], "unexpected b.sqlite; only options"),
        (["compare", "ionosphere", "--seeds", "many"], "--seeds"),
        (["compare", "ionosphere", "--seeds", "0"], "--seeds 0 must be"),
        (["compare", "ionosphere", "--epochs", "-1"], "--epochs -1 must be"),
        (["compare", "ionosphere", "--split", "leson"], "did you mean 'lesson'?"),
        (["compare", "ionosphere", "--margin", "0"], "--margin 0.0 must be a positive number"),
        (["compare", "ionosphere", "--model", "mpl(3)"], "did you mean 'mlp'?"),
        (["compare", "ionosphere", "--baseline", "zero"], "unknown baseline 'zero'"),
        (["compare", "ionosphere", "-s", "cosin(0.1)"], "did you mean 'cosine'?"),
        (["compare", "ionosphere", "-s", "__import__('os')"], "unknown schedule '__import__'"),
        (["compare", "ionosphere", "-s", "cosine(0.1"], "cosine(0.1"),
        (["compare", "ionosphere", "-s", "(" * 10_000], "characters"),
        (["compare", "ionosphere", "-s", "warmup(5) >> cosine(0.1)"], "5*epochs"),
        (
            ["compare", "ionosphere", "-s", "warmup(51*epochs) >> cosine(0.1)"],
            "longer than the run of 450 updates",
        ),
        (["compare", "ionosphere", "-s", "constant(-1)"], "above 0"),
        (["compare", "ionosphere", "-s", "constant(0)"], "above 0"),
        (["compare", "ionosphere", "-s", "constant(nan)"], "nan"),
        (["compare", "ionosphere", "-s", "constant(1e999)"], "finite"),
        (["compare", "ionosphere", "-s", "constant(0.1)", "-s", "constant(0.1)"], "two candidates"),
        (["compare", "ionosphere", "--seeds", "-13"], "--seeds -13 must be a positive whole number"),
        (["compare", "ionosphere", "--seeds", "1000001"], "a study has at most 1,000,000"),
        (["compare", "missing.csv"], "does not exist"),
        (["compare", "fashion-mnist", "--data", "."], "four IDX files"),
        (["compare", "ionosphere", "--store", "/proc/s.sqlite"], "--store /proc/s.sqlite cannot be opened"),
        (["compare", "ionosphere", "--report", "/proc/r.html"], "--report /proc/r.html cannot be written"),
        (["report", "missing.sqlite"], "does not exist"),
        (["preview", "cosine(0.1)", "--output", "picture.gif"], "does not end in .html, .png or .svg"),
        (["preview", "cosine(0.1)", "--output", "/proc/p/p.svg"], "--output"),
        (["preview", "cosine(0.1)", "--epochs", "0"], "--epochs"),
        (["preview", "cosin(0.1)"], "did you mean 'cosine'?"),
        (["preview", "cosine(0.1"], "never closed"),
        (["preview", "cosine"], "cosine is a schedule; write its arguments"),
        (["preview", ""], "write a text such as cosine(0.1)"),
        (["preview"], "Missing argument"),
        (["preview", "plateau()"], "write constant(0.1) * plateau()"),
        (["preview", "warmup(5*epochs)"], "write warmup(5*epochs) >> constant(0.1)"),
    ],
)
def test_bad_input_is_one_line(monkeypatch, capsys, args, words):
    assert words in refuse(monkeypatch, capsys, *args)


def test_bad_csv_and_store_are_one_line(monkeypatch, capsys, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,kind\n1,x\n2,y\n3,x\nred,y\n4,x\n")
    assert "'red' is among numbers, in 1 of " in refuse(
        monkeypatch, capsys, "compare", str(table), "--target", "kind"
    )
    assert "did you mean 'kind'?" in refuse(monkeypatch, capsys, "compare", str(table), "--target", "kid")
    assert "is not a stepsize store" in refuse(monkeypatch, capsys, "compare", "iris", "--store", str(table))
    assert "is not a stepsize store" in refuse(monkeypatch, capsys, "report", str(table))
    assert table.read_text().startswith("a,kind")


def test_nothing_is_written_when_input_is_bad(monkeypatch, capsys, tmp_path):
    refuse(monkeypatch, capsys, "compare", "ionosphere", "-s", "constant(-1)")
    assert list(tmp_path.iterdir()) == []


def test_json_alone_on_stdout_and_the_report_on_disk(tmp_path, command):
    done = run(*IRIS, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["verdict"]["sentence"]
    assert answer["study"]["command"] == "stepsize " + " ".join(
        f"'{arg}'" if "(" in arg else arg for arg in IRIS
    )
    assert "of 12 runs" in done.stderr
    page = tmp_path / "stepsize-results" / "iris.html"
    assert page.read_text().startswith("<!doctype html>")

    shown = command("report", "stepsize-results/iris.sqlite", "--json", "--output", "again.html")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == answer
    assert Path("again.html").read_text() == page.read_text()

    again = command(*IRIS, "--log-to", "tensorboard:runs")
    assert again.returncode == 0
    assert "Logged to TensorBoard: iris" in again.stderr
    assert "12 of 12 runs are in" in again.stderr
    assert answer["verdict"]["sentence"] in " ".join(again.stdout.split())

    changed = command(*IRIS, "--batch-size", "30", "--quiet")
    assert changed.returncode == 0
    assert "have changed since the runs in" in changed.stderr


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_terminal_output_fits(command, encoding):
    done = command(*IRIS, "--store", "s.sqlite", "-q")
    assert done.returncode == 0, done.stderr
    code = "import os, sys; from stepsize import cli\n" + "".join(
        f"os.environ['COLUMNS'] = '{columns}'\n"
        "try: cli.main()\n"
        "except SystemExit as end: print('end', end.code)\n"
        for columns in (60, 80, 160)
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    arguments = [sys.executable, "-c", code, "report", "s.sqlite"]
    done = subprocess.run(arguments, capture_output=True, encoding=encoding, env=environment)
    *outputs, rest = done.stdout.split("end 0\n")
    assert rest == "", done.stderr
    assert len(set(outputs)) > 1
    for columns, output in zip((60, 80, 160), outputs, strict=True):
        assert "iris" in output
        assert max(map(len, output.splitlines())) <= columns


def test_every_run_diverged_is_exit_3(command):
    done = command("compare", "iris", "--epochs", "2", "--seeds", "6", "-s", "constant(1e30)", "--quiet")
    assert done.returncode == 3
    assert "diverged" in done.stdout
    assert "up to 1e+30" in done.stdout


def test_a_cross_validation_without_a_whole_repeat_is_exit_3_and_not_said_to_have_lost_every_run(command):
    words = ("--folds", "10", "--seeds", "20", "--epochs", "6", "-s", "cosine(0.2)", "--quiet", "--json")
    done = command("compare", "diabetes", *words)
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert 0 < found["candidates"][0]["diverged"] < 20
    assert found["verdict"]["status"] == "no_whole_repeat"


def interrupted(delay, how, *args):
    """Start the command, send it a signal after `delay` seconds of training; give the finished process.

    Its training process ends with it.
    """
    process = subprocess.Popen([*COMMAND, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "runs" in first, first + process.stderr.read()
    time.sleep(delay)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    is_listed = children.exists()  # not by every kernel
    workers = children.read_text().split() if is_listed else []
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert workers or not is_listed or process.returncode == 0
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(Path(f"/proc/{worker}").exists() for worker in workers):
        time.sleep(0.1)
    assert [worker for worker in workers if Path(f"/proc/{worker}").exists()] == []
    return process.returncode, out, err


STUDY = ["compare", "wine", "--seeds", "12", "-s", "constant(lr)", "-s", "linear(lr)", "--epochs"]
LONG, SHORTER = [*STUDY, "90"], [*STUDY, "40"]


def test_ctrl_c_keeps_runs_and_says_how_to_continue():
    code, out, err = interrupted(0.5, signal.SIGINT, *LONG)
    assert code == 130
    assert out == ""
    assert "Traceback" not in err
    assert "run the same command again: stepsize compare wine" in err


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_ends_with_the_same_answer(command):
    whole = command(*SHORTER, "--json", "--store", "whole.sqlite")
    assert whole.returncode == 0, whole.stderr
    expected = json.loads(whole.stdout)
    code, *_ = interrupted(0.2, signal.SIGKILL, *SHORTER, "--json", "--store", "killed.sqlite")
    assert code in (-signal.SIGKILL, 0)  # a fast machine may finish first
    last = command(*SHORTER, "--json", "--store", "killed.sqlite")
    assert last.returncode == 0, last.stderr
    resumed = json.loads(last.stdout)
    for answer in (resumed, expected):
        del answer["cost"]
        del answer["study"]["command"], answer["study"]["call"]  # they name the store
    assert resumed == expected


def test_preview_draws_the_lessons_table(tmp_path):
    done = run(
        "preview", "inverse_time(0.1, rate=0.001, every=1*epochs, compounding=True)", "--output", "p.png"
    )
    assert done.returncode == 0, done.stderr
    for rate in ("0.1", "0.0999000999", "0.0997006985", "0.09940249103", "0.09900646517"):
        assert re.search(rf"\s{re.escape(rate)}\n", done.stdout)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_bare_command_shows_its_help():
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == run("--help").stdout


def test_help_and_version():
    assert "compare" in run("--help").stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run("--version").stdout)


def test_a_training_function_needs_neither_jax_nor_keras(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def train(schedule, seed, report):\n    report(0.5 + schedule(0) + 0.01 * (seed % 3))\n"
    )
    code = "import sys; sys.modules.update(jax=None, keras=None); from stepsize import cli; cli.main()"
    short = ["--epochs", "1", "--updates-per-epoch", "1", "-s", "constant(0.1)", "--seeds", "2", "-q"]

    def finish(*arguments):
        command = [sys.executable, "-c", code, "compare", *arguments, *short]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    done = finish("mine:train")
    assert done.returncode == 0, done.stderr
    assert "constant(0.1)" in done.stdout
    refused = finish("iris")
    assert refused.returncode == 2
    assert refused.stderr == 'stepsize: jax is not installed: pip install "stepsize[all]"\n'


def test_messages_of_the_command_line_name_its_options():
    options = options_of(studies.compare)
    assert (options["candidates"], options["header"], options["as_json"]) == (
        "--schedule",
        "--header",
        "--json",
    )
    details: Any = {}
    answer: Any = {
        "study": {"command": "stepsize compare t.csv"},
        "candidates": [{"settings": {"model": "logistic"}}],
        "notes": [
            "constant(lr), model='logistic': every lr is as good.",
            "Data: the first row holds values, not names; if it holds names, use header=True.",
        ],
        "warnings": ["'a=b': give updates_per_epoch=9, or higher_is_better=False."],
        "verdict": {"for_scale": ["For rare classes, try metric='auc'."]},
    }
    shown = result_in_options(Result(answer, details), studies.compare).answer
    assert shown["notes"][0] == answer["notes"][0]  # the name of a candidate
    assert shown["notes"][1].endswith("use --header.")
    assert shown["warnings"] == ["'a=b': give --updates-per-epoch 9, or --mode min."]
    assert shown["verdict"]["for_scale"] == ["For rare classes, try --metric auc."]
    answer["study"]["command"] = "stepsize compare s.toml --updates-per-epoch 3"  # the rest are keys
    shown = result_in_options(Result(answer, details), studies.compare).answer
    assert shown["notes"][1].endswith("use header=True.")
    assert shown["warnings"] == ["'a=b': give --updates-per-epoch 9, or mode='min'."]
    answer["study"]["command"] = "stepsize.compare('t.csv')"
    assert result_in_options(Result(answer, details), studies.compare).answer is answer
