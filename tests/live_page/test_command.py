"""`stepsize explore`: the command that confirms what was found, and options that cannot be used."""

import shlex

from stepsize.cli.live_page import confirming
from stepsize.study.candidates import Candidate

CHOSEN, BASELINE = Candidate("warmup(0.1*run) >> cosine(0.3)"), Candidate("constant(0.1)")


def test_the_command_that_confirms_has_the_options_of_the_problem():
    words = [
        "table.csv",
        "--target",
        "y",
        "--port",
        "8000",
        "-s",
        "linear(0.1)",
        "--no-open",
        "--seeds=5",
        "--epochs=9",
    ]
    command = confirming("table.csv", words)(CHOSEN, BASELINE)
    assert shlex.split(command) == [
        "stepsize", "compare", "table.csv", "--target", "y", "--epochs=9", "--schedule=constant(0.1)",
        "--schedule=warmup(0.1*run) >> cosine(0.3)", "--baseline=constant(0.1)",
    ]  # fmt: skip


def test_the_command_names_the_default_problem():
    command = confirming("ionosphere", ["--no-open"])(BASELINE, BASELINE)
    assert shlex.split(command)[:3] == ["stepsize", "compare", "ionosphere"]


def test_settings_need_a_call_of_the_library():
    assert confirming("ionosphere", [])(Candidate("cosine(0.1)", momentum=0.5), BASELINE) is None


def test_a_port_that_cannot_be_used_is_bad_input(command):
    done = command("explore", "iris", "--port", 99999, "--no-open")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--port 99999 cannot be used" in done.stderr


def test_an_unknown_problem_is_bad_input(command):
    done = command("explore", "irys", "--no-open")
    assert done.returncode == 2
    assert "did you mean 'iris'" in done.stderr
