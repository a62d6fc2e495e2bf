"""The command `stepsize export`: code alone on stdout, or in a file; one line for bad input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stepsize import cli
from stepsize.export import export
from stepsize.schedules import parse

SPEC = "warmup(5*epochs) >> cosine(0.1)"
RUN = ["--epochs", "50", "--updates-per-epoch", "1"]


def call(monkeypatch: pytest.MonkeyPatch, *args: str) -> int | str | None:
    """Run `stepsize export` in this process; give its exit code."""
    monkeypatch.setattr(sys, "argv", ["stepsize", "export", *args])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


@pytest.mark.parametrize("to", ["keras", "optax", "plain", "torch", "transformers"])
def test_code_alone_is_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], to: str
) -> None:
    assert call(monkeypatch, SPEC, "--to", to, "--epochs", "50", "--updates-per-epoch", "9") == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out == export(parse(SPEC).plan(epochs=50, updates_per_epoch=9), to)


def test_a_file_holds_the_same_and_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "rates.py"
    args = ["0.5 * cosine(lr)", "--to", "plain", "--updates", "20", "--lr", "0.2", "--output", str(path)]
    assert call(monkeypatch, *args[:5]) == 2
    assert "cosine(lr) has a free lr; write its rate, such as --lr 0.1" in capsys.readouterr().err
    assert call(monkeypatch, *args) == 0
    assert capsys.readouterr() == ("", f"Code: {path}\n")
    command = (
        "import sys, rates; print(*map(rates.learning_rate, range(20))); print('stepsize' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    rates, knows_us = done.stdout.splitlines()
    expected = parse("0.5 * cosine(0.2)").plan(updates=20).values
    np.testing.assert_allclose(np.array(rates.split(), float), expected, 1e-9, 1e-12)
    assert knows_us == "False"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            [SPEC, "--to", "keras"],
            "write --epochs N and --updates-per-epoch N, with the batches of one epoch",
        ),
        (["cosine(0.1)", "--to", "keras", "--epochs", "50"], "depends on the length of your run"),
        (["cosine(0.1)", "--to", "keras", "--updates-per-epoch", "9"], "or --updates N"),
        ([SPEC, "--to", "kears", *RUN], "unknown target 'kears'; did you mean 'keras'?"),
        ([SPEC], "--to"),
        (["cosin(0.1)", "--to", "torch"], "did you mean 'cosine'?"),
        (["warmup(51*epochs) >> cosine(0.1)", "--to", "torch", *RUN], "longer than the run of 50 updates"),
        ([SPEC, "--to", "torch", "--epochs", "5", "--updates", "9"], "both set the length of the run"),
        ([SPEC, "--to", "torch", "--updates", "9"], "--updates-per-epoch N"),
        ([SPEC, "--to", "torch", *RUN, "--output", "/proc/x.py"], "cannot be written: "),
        ([SPEC, "--to", "torch", *RUN, "--output", "."], "is a directory"),
        (["cosine(0.1) * plateau()", "--to", "keras", *RUN], "cannot be exported to keras"),
        (["warmup(5*epochs)", "--to", "keras", *RUN], "ends in a warmup"),
    ],
)
def test_bad_input_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    assert call(monkeypatch, *args) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("stepsize: ")
    assert output.err.count("\n") == 1
    assert words in output.err
