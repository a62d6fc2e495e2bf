"""`scale` from end to end, in Python and on the command line."""

from __future__ import annotations

import json

import pytest

import stepsize as ss
from stepsize.errors import StudyError

QUICK = {"epochs": 10, "quiet": True, "seeds": 4}


@pytest.fixture(scope="module")
def law(engine, tmp_path_factory):
    store = tmp_path_factory.mktemp("law") / "runs.sqlite"
    return ss.scale("ionosphere", {"epochs": [5, 10, 20]}, store=store, engine=engine, quiet=True, seeds=4)


def test_more_epochs_need_a_lower_rate(law):
    assert law.exponent < 0
    assert law.ci95[0] < law.exponent < law.ci95[1]
    answer = json.loads(law.to_json())
    assert [each["epochs"] for each in answer["values"]] == [5, 10, 20]
    assert [each["value"] for each in answer["values"]] == [5, 10, 20]
    assert answer["law"]["exponent"] == law.exponent
    assert answer["sentence"] in " ".join(str(law).split())
    for each in answer["values"]:
        assert each["range"][0] <= each["rate"] <= each["range"][1]


def test_the_command_of_an_answer_gives_the_same_answer(law, engine):
    call = law.answer["command"].removesuffix(")")
    assert call.startswith("stepsize.scale('ionosphere', along={'epochs': [5, 10, 20]}, seeds=4, store='")
    again = eval(f"{call}, engine=engine, quiet=True)", {"stepsize": ss, "engine": engine})
    assert again.answer["cost"]["runs"] == 0
    assert again.answer["values"] == law.answer["values"]


def test_a_rate_for_another_value(law):
    found = law.rate(14)
    assert found["range"][0] < found["rate"] < found["range"][1]
    assert not found["extrapolated"]
    assert law.rate(40)["extrapolated"]
    with pytest.raises(StudyError, match=r"rate\(-1\) needs a positive number of epochs"):
        law.rate(-1)


def test_the_command(command):
    done = command(
        "scale", "ionosphere", "--along", "momentum=0.1,0.5,0.9", "--epochs", 5, "--seeds", 2, "-q", "--json"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["along"] == "momentum"
    assert [rule["name"] for rule in answer["law"]["rules"]] == ["rule of 1 - momentum"]
    assert "stepsize scale ionosphere" in answer["command"]
    done = command("scale", "ionosphere", "--along", "momentum=0.1,0.5")
    assert done.returncode == 2
    assert done.stderr == "stepsize: --along {'momentum': [0.1, 0.5]} must have 3 or more different values\n"
