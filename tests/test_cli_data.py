"""The command line on data of one's own: options reach the data, and bad input is one line."""

import json
import sys

import numpy as np
import pandas
import pytest

from stepsize import cli
from stepsize.study.study_files.description import describe_study, make_problem, plan_study

SHORT = ["-s", "constant(0.1)", "--epochs", "2", "--json", "--quiet"]


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {"a": rng.normal(size=60), "b": rng.normal(size=60), "who": np.arange(60) // 6, "day": np.arange(60),
         "use": ["train"] * 40 + ["valid"] * 20, "trust": 1.0, "id": [f"row {i}" for i in range(60)],
         "grade": rng.integers(1, 4, 60)}
    )  # fmt: skip
    frame.to_csv(tmp_path / "t.csv", index=False)
    rows = "".join(
        f"{a:.2f},{b:.2f},1,{i % 2}\n" for i, (a, b) in enumerate(zip(frame.a, frame.b, strict=True))
    )
    (tmp_path / "bare.csv").write_text("1,1" + rows[rows.index(",1,") :])
    (tmp_path / "unclear.csv").write_text("0,1,2,3\n" + rows)
    return tmp_path / "t.csv"


def compare(monkeypatch, capsys, *args):
    """Run `stepsize compare` in this process; give its exit code and what it wrote."""
    monkeypatch.setattr(sys, "argv", ["stepsize", "compare", *args])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    output = capsys.readouterr()
    return caught.value.code, output.out, output.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["t.csv"], "--target grade"),
        (["t.csv", "--target", "grade"], "column 'id' holds a different text in every row"),
        (["t.csv", "--target", "grade", "--drop", "id", "--kind", "many"], "unknown kind 'many'"),
        (["t.csv", "--target", "grade", "--drop", "id", "--groups", "whom"], "unknown groups column 'whom'"),
        (["t.csv", "--target", "grade", "--drop", "id", "--split", "groups"], "has no groups"),
        (["t.csv", "--target", "grade", "--drop", "id", "--groups", "who", "--folds", "11", "--seeds", "11"],
         "10 groups cannot make 11 folds; use at most as many"),
        (["iris", "--folds", "10", "--seeds", "15"], "15 seeds cannot be whole repeats of 10 folds"),
        (["iris", "--validation", "1"], "--validation 1"),
        (["iris", "--folds", "60"], "has 50 rows; 60 folds need 60 of every class"),
        (["t.xlsx", "--target", "grade"], "ending '.xlsx' is not known"),
        (["."], "holds no sub-folders"),
        (["t.csv", "--target", "8"], "target column 8: the 8 columns are numbered 0 to 7"),
        (["bare.csv", "--header"], "two columns are called '1'; rename one, or use --no-header if"),
        (["unclear.csv"], "use --header for names, --no-header for values"),
        (["bare.csv", "--drop", "-1"], "column '3' is the target; leave out --drop 3"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(monkeypatch, capsys, table, args, words):
    code, out, err = compare(monkeypatch, capsys, *args, *SHORT)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_options_reach_data_and_split(command, table):
    roles = ["--target", "grade", "--drop", "id", "--order", "day", "--part", "use", "--weights", "trust"]
    chosen = ["--kind", "regression", "--groups", "who", "--split", "groups", "--validation", "0.2"]
    done = command("compare", table, *roles, *chosen, "--seeds", "2", *SHORT)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["data"]["kind"] == "regression"
    assert answer["data"]["features"] == 2
    assert answer["data"]["parts"]["validation"]["rows"] == 12
    assert answer["study"]["protocol"]["split"].startswith("whole groups drawn by seed, about 20 %")


@pytest.mark.slow
def test_a_table_without_names_needs_no_target(command, table):
    answers = []
    for args in ([], ["--target", "-1"], ["--target", "3", "--no-header", "--drop", "2"]):
        done = command("compare", "bare.csv", *args, "--seeds", "2", *SHORT)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert len({answer["study"]["fingerprint"] for answer in answers}) == 1
    notes = " ".join(answers[0]["notes"])
    assert "Data: the first row holds values, not names" in notes


def test_cross_validation_takes_ten_repeats_by_default():
    description = describe_study("iris", {"folds": 2})
    study = plan_study(description, make_problem(description))
    assert study.seeds == tuple(range(20))
    assert study.facts["protocol"]["folds"] == 2
