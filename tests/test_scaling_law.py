"""`scale` from end to end, in Python and on the command line."""

from __future__ import annotations

import json

import pytest

import stepsize as ss
from stepsize.cli.messages import options_of
from stepsize.cli.rates import find
from stepsize.cli.scaling import scale
from stepsize.errors import StudyError

QUICK = {"epochs": 10, "quiet": True, "seeds": 4}


@pytest.fixture(scope="module")
def law(engine, tmp_path_factory):
    store = tmp_path_factory.mktemp("law") / "runs.sqlite"
    sizes = {"batch_size": [8, 32, 128]}
    return ss.scale("ionosphere", sizes, hold="updates", store=store, engine=engine, **QUICK)


def test_the_answer_is_complete(law):
    assert law.ci95[0] < law.exponent < law.ci95[1]
    answer = json.loads(law.to_json())
    assert [each["value"] for each in answer["values"]] == [8, 32, 128]
    assert [each["epochs"] for each in answer["values"]] == [3, 11, 46]
    assert answer["law"]["exponent"] == law.exponent
    assert answer["sentence"] in " ".join(str(law).split())
    for each in answer["values"]:
        assert each["range"][0] <= each["rate"] <= each["range"][1]


def test_the_command_of_an_answer_gives_the_same_answer(law, engine):
    call = law.answer["command"].removesuffix(")")
    start = "stepsize.scale('ionosphere', along={'batch_size': [8, 32, 128]}, hold='updates', seeds=4, "
    assert call.startswith(start)
    again = eval(f"{call}, engine=engine, quiet=True)", {"stepsize": ss, "engine": engine})
    assert again.answer["cost"]["runs"] == 0
    assert again.answer["values"] == law.answer["values"]


def test_a_rate_for_another_value(law):
    found = law.rate(64)
    assert found["range"][0] < found["rate"] < found["range"][1]
    assert not found["extrapolated"]
    assert law.rate(256)["extrapolated"]
    with pytest.raises(StudyError, match=r"rate\(-1\) needs a positive number as batch_size"):
        law.rate(-1)


def test_the_command(command, tmp_path):
    picture = tmp_path / "law.svg"
    done = command(
        "scale", "ionosphere", "--along", "momentum=0.1,0.5,0.9", "--epochs", 5, "--seeds", 2, "-q", "--json",
        "--output", picture
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 − momentum" in picture.read_text("utf-8")
    answer = json.loads(done.stdout)
    assert answer["along"] == "momentum"
    assert [rule["name"] for rule in answer["law"]["rules"]] == ["rule of 1 - momentum"]
    assert "stepsize scale ionosphere" in answer["command"]
    done = command("scale", "ionosphere", "--along", "momentum=0.1,0.5")
    assert done.returncode == 2
    assert done.stderr == "stepsize: --along {'momentum': [0.1, 0.5]} must have 3 or more different values\n"
    done = command("scale", "ionosphere", "--along", "momentum=0.1,0.5,0.9", "--output", "law.pdf")
    assert done.returncode == 2
    assert "--output law.pdf does not end in .svg or .png" in done.stderr


def test_a_problem_is_written_as_for_find():
    problem = set(options_of(find)) - {"settings", "rates", "updates_per_epoch", "report"}
    assert problem <= set(options_of(scale))
