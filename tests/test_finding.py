"""`find` from end to end: a map of rates, in Python and on the command line."""

from __future__ import annotations

import json

import pytest

import stepsize as ss
from stepsize.errors import StudyError
from stepsize.output_files import REPORT, write_output
from tests.support.training_functions import lost_later, quick

QUICK = {"epochs": 20, "quiet": True, "seeds": 10}


@pytest.fixture(scope="module")
def found(engine, tmp_path_factory):
    store = tmp_path_factory.mktemp("map") / "rates.sqlite"
    return ss.find("ionosphere", store=store, engine=engine, **QUICK)


def test_words_go_from_too_small_to_too_large(found):
    words = [row["word"] for row in found.answer["rates"]]
    order = ["too small", "slow", "good", "best", "good", "unstable", "too large", "diverges"]
    assert words[0] == "too small"
    assert words[-1] in ("too large", "unstable", "diverges")
    assert words.count("best") == 1
    below, above = words[: words.index("best")], words[words.index("best") :]
    assert below == sorted(below, key=order.index)
    assert set(above[1:]) <= {"good", "unstable", "overfits", "too large", "diverges"}


def test_the_fields_of_the_contract(found):
    answer = json.loads(found.to_json())
    assert {"rates", "best", "status", "next", "maps", "sentence"} <= answer.keys()
    for row in answer["rates"]:
        assert {"rate", "word", "reason", "n", "diverged", "mean", "ci95"} <= row.keys()
        assert row["n"] == 10
        assert len(row["score"]) == 20
        assert row["reason"]
    assert answer["rates"] == answer["maps"][0]["rates"]
    low, high = answer["best"]["range"]
    assert (low, high) == found.range
    assert low <= found.best == answer["best"]["rate"] <= high
    assert found.status == "ok"
    assert found.curve == [(row["rate"], row["mean"]) for row in answer["rates"]]
    assert answer["next"] == f"stepsize.compare('ionosphere', epochs=20, store={str(found.store)!r})"
    assert list(found.to_pandas()["rate"]) == [row["rate"] for row in answer["rates"]]


def test_a_second_call_trains_nothing_and_says_the_same(found, engine):
    call = found.answer["study"]["command"].removesuffix(")")  # as the report shows it
    again = eval(f"{call}, engine=engine, quiet=True)", {"stepsize": ss, "engine": engine})
    assert again.answer["cost"]["runs"] == 0
    assert again.answer["maps"] == found.answer["maps"]


def test_a_comparison_uses_the_runs_again(found, engine):
    keys = {"epochs": 20, "quiet": True, "tuning": {"seeds": 8, "fine_seeds": 0, "rounds": 0}}
    result = ss.compare("ionosphere", ["constant(lr)"], seeds=2, store=found.store, engine=engine, **keys)
    assert result.answer["cost"]["runs"] == 2


def test_a_function_that_trains_is_not_a_step():
    keys = {"epochs": 4, "updates_per_epoch": 2, "seeds": 2, "rates": [0.01, 0.1], "store": ":memory:"}
    found = ss.find(quick, quiet=True, **keys)
    assert isinstance(found, ss.RateMap)
    assert found.best == 0.1


def test_a_training_function_has_a_map():
    training = ss.Training(quick, epochs=4, metric="accuracy", updates_per_epoch=5)
    found = ss.find(training, store=":memory:", quiet=True)
    assert found.answer["rates"][0]["n"] == 3
    assert found.best is not None


def test_the_epoch_in_which_the_runs_of_a_function_were_lost():
    """Of 4 epochs with 2 updates, the second ends with update 3 and the last with update 7."""
    training = ss.Training(lost_later, epochs=4, updates_per_epoch=2)
    found = ss.find(training, seeds=2, rates=[0.01, 0.02, 0.1, 1], store=":memory:", quiet=True)
    low, high, late, early = found.answer["rates"]
    assert late["reason"] == "all 2 runs diverged, the first at update 7 (epoch 4)"
    assert early["reason"] == "all 2 runs diverged, the first at update 3 (epoch 2)"
    assert low["train_loss"] == high["valid_loss"] == [None] * 4
    assert json.loads(found.to_json())["rates"] == found.answer["rates"]
    assert "loss" not in repr(found).split("Of the rates given")[0]
    assert "too small  5 points below the best;" in repr(found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rates": [0.1]}, r"rates=\[0.1\] must be two or more different numbers between 1e-08 and 1000"),
        ({"rates": [0.1, 0.1]}, "must be two or more different numbers"),
        ({"rates": [0.1, 0.0]}, "must be two or more different numbers"),
        ({"rates": [0.1, float("nan")]}, "must be two or more different numbers"),
        ({"rates": "0.1"}, "must be two or more different numbers"),
        ({"rates": 0.1}, "must be two or more different numbers"),
        ({"seeds": 1}, "seeds=1 must be a whole number of 2 or more"),
        ({"seeds": True}, "seeds=True must be a whole number"),
        ({"settings": {"momentum": 0.9}}, r"must be a list of dicts, such as \[{}, {'momentum': 0.9}\]"),
        ({"settings": []}, "must be a list of dicts"),
        ({"settings": [0.9]}, "must be a list of dicts"),
        (
            {"settings": [{"schedule": "cosine(lr)"}]},
            "schedule='cosine.lr.' is not a setting of an optimizer",
        ),
        ({"settings": [{"nesterov": "false"}]}, "nesterov='false' is text; write a number, true or false"),
        ({"settings": [{"clipnorm": "1"}]}, "clipnorm='1' is text"),
        ({"settings": [{"momentum": 0.9}] * 2}, "has the same settings twice: momentum=0.9"),
        ({"candidates": ["cosine(lr)"]}, "candidates=.* is not an argument of find"),
        ({"epoch": 5}, "unknown argument 'epoch'; did you mean 'epochs'"),
    ],
)
def test_what_cannot_be_mapped_is_refused(arguments, message):
    with pytest.raises(StudyError, match=message):
        ss.find("ionosphere", store=":memory:", quiet=True, **arguments)


def test_rates_in_any_order(engine):
    found = ss.find(
        "ionosphere", rates=[1, 0.001, 0.1], store=":memory:", engine=engine, **{**QUICK, "seeds": 2}
    )
    assert [row["rate"] for row in found.answer["rates"]] == [0.001, 0.1, 1.0]


def test_the_command(command, tmp_path):
    (tmp_path / "stepsize-results").mkdir()
    page = tmp_path / "stepsize-results" / "ionosphere-rates.html"
    write_output("output", page, REPORT, "<p>the map of another problem</p>", "1a2b3c4d")
    replaced = (
        "ionosphere-rates.html, which replaces that of another problem; to keep both, give each its own"
    )
    done = command("find", "ionosphere", "--epochs", 5, "--seeds", 3, "--with", "momentum=0.5", "-q")
    assert done.returncode == 0, done.stderr
    assert replaced in done.stderr
    assert "With momentum=0.5:" in done.stdout
    assert "Next: stepsize compare ionosphere --epochs 5\n" in done.stdout
    assert (tmp_path / "stepsize-results" / "ionosphere.sqlite").exists()
    assert "With momentum=0.5" in (tmp_path / "stepsize-results" / "ionosphere-rates.html").read_text()
    done = command("find", "ionosphere", "--epochs", 5, "--seeds", 3, "--with=momentum=0.5", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["cost"]["runs"] == 0
    assert "replaces" not in done.stderr
    assert [each["settings"] for each in answer["maps"]] == [{}, {"momentum": 0.5}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "0.1"], "stepsize: --rate 0.1 must be two or more different numbers"),
        (["--with", "momentum"], "stepsize: --with 'momentum' must be settings such as 'momentum=0.9'"),
        (["--seeds", "1"], "stepsize: --seeds 1 must be a whole number of 2 or more"),
        (["--with", "momentum=2"], "momentum"),
        (["--report", "nowhere/map.html"], "--report nowhere/map.html"),
        (["--with", "momentum=0.9, momentum=0.5"], "sets momentum twice"),
    ],
)
def test_the_command_refuses_in_one_line(command, arguments, message):
    done = command("find", "ionosphere", "-q", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_all_rates_that_diverge_exit_with_3(command):
    function = "tests.support.training_functions:diverges"
    done = command(
        "find",
        function,
        "--epochs",
        4,
        "--seeds",
        2,
        "--rate",
        5,
        "--rate",
        9,
        "-q",
        "--updates-per-epoch",
        2,
    )
    assert done.returncode == 3, done.stderr
    assert "limit the gradient with clipnorm=1" in " ".join(done.stdout.split())
