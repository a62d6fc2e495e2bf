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
def laws(engine, tmp_path_factory):
    store = tmp_path_factory.mktemp("law") / "runs.sqlite"
    sizes = {"batch_size": [7, 28, 112]}  # 28 is the problem's own
    return ss.scale("ionosphere", sizes, hold="both", store=store, engine=engine, **QUICK)


@pytest.mark.parametrize(("hold", "epochs"), [("epochs", [10, 10, 10]), ("updates", [3, 10, 30])])
def test_the_answer_is_complete(laws, hold, epochs):
    law = getattr(laws, hold)
    assert law.ci95[0] < law.exponent < law.ci95[1]
    answer = json.loads(law.to_json())
    assert answer["hold"] == hold
    assert [each["value"] for each in answer["values"]] == [7, 28, 112]
    assert [each["epochs"] for each in answer["values"]] == epochs
    assert answer["law"]["exponent"] == law.exponent
    assert answer["sentence"] in " ".join(str(law).split())
    for each in answer["values"]:
        assert each["range"][0] <= each["rate"] <= each["range"][1]


def test_both_laws_stand_side_by_side(laws):
    answer = json.loads(laws.to_json())
    assert answer["laws"] == [json.loads(each.to_json()) for each in (laws.epochs, laws.updates)]
    assert laws.epochs.answer["values"][1] is laws.updates.answer["values"][1]  # trained once
    assert answer["cost"]["runs"] == sum(each["cost"]["runs"] for each in answer["laws"])
    text = " ".join(str(laws).split())
    assert "batch_size at equal epochs at 90 to 102 updates" in text
    assert "From batch_size 7 to 112, at 90 to 102 updates, " in laws.updates.answer["sentence"]
    assert "not equal along batch_size: 102 at 7, 90 at 28, 90 at 112." in text
    for each in answer["laws"]:
        assert each["sentence"] in text
        assert each["sentence"] in laws.plot().words


def test_the_noise_of_the_gradients_stands_beside_the_law(laws):
    noise = json.loads(laws.to_json())["laws"][0]["noise_scale"]
    assert (noise["batch_size"], noise["seeds"]) == (28, 4)
    assert noise["rate"] == laws.epochs.answer["values"][1]["rate"]
    assert [(each["moment"], each["epoch"]) for each in noise["moments"]] == [
        ("start", 0), ("middle", 5), ("end", 10)
    ]  # fmt: skip
    for each in noise["moments"]:
        assert 0 < each["range"][0] <= each["rows"] <= each["range"][1]
    assert 5 < noise["moments"][0]["rows"] < 20
    assert noise["sentence"] in " ".join(str(laws).split())
    assert laws.updates.answer["noise_scale"]["moments"] == laws.epochs.answer["noise_scale"]["moments"]


def test_the_command_of_an_answer_gives_the_same_answer(laws, engine):
    call = laws.answer["command"].removesuffix(")")
    start = "stepsize.scale('ionosphere', along={'batch_size': [7, 28, 112]}, hold='both', seeds=4, "
    assert call.startswith(start)
    again = eval(f"{call}, engine=engine, quiet=True)", {"stepsize": ss, "engine": engine})
    assert again.answer["cost"]["runs"] == 0
    for one, other in zip(again.answer["laws"], laws.answer["laws"], strict=True):
        assert one["values"] == other["values"]
        assert one["noise_scale"] == other["noise_scale"]


def test_a_rate_for_another_value(laws):
    law = laws.updates
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
