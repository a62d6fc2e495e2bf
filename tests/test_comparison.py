"""`compare` as a caller uses it, with a real training process and a real store."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import stepsize as ss
from stepsize.errors import InputError, OutputError, StudyError

SCHEDULES = [
    "constant(0.1)",
    ss.warmup(1 * ss.epochs) >> ss.cosine(0.2),
    ss.Candidate("constant(0.1)", momentum=0.0),
]


@pytest.fixture(scope="module")
def first(tmp_path_factory, engine):
    store = tmp_path_factory.mktemp("store") / "iris.sqlite"
    return store, ss.compare(
        ss.problem("iris", epochs=4), SCHEDULES, seeds=7, store=store, quiet=True, engine=engine
    )


def test_the_answer_has_the_fields_of_the_contract(first):
    answer = json.loads(first[1].to_json())
    assert set(answer["study"]) >= {"name", "fingerprint", "seeds", "protocol", "versions"}
    assert set(answer["data"]) >= {"rows", "classes", "parts", "majority_baseline", "sample_value"}
    for candidate in answer["candidates"]:
        fields = {
            "spec",
            "lr",
            "n",
            "diverged",
            "mean",
            "sd",
            "ci95",
            "vs_baseline",
            "in_best_set",
            "settings",
        }
        assert set(candidate) >= fields
        assert candidate["n"] == len(candidate["scores"]) == 7
        assert candidate["mean"] == pytest.approx(np.mean(candidate["scores"]))
    baseline, *others = answer["candidates"]
    assert baseline["vs_baseline"] is None
    for other in others:
        assert set(other["vs_baseline"]) >= {"mean", "ci95", "p", "p_holm", "p_better", "verdict"}
        assert other["vs_baseline"]["mean"] == pytest.approx(other["mean"] - baseline["mean"])
    assert set(answer["verdict"]) >= {"status", "best_set", "recommended", "sentence", "seeds_needed"}
    assert set(answer["cost"]) == {"runs", "seconds", "runs_per_second", "compile_seconds", "layout"}
    assert answer["cost"]["runs"] == 21


def test_the_same_call_again_trains_nothing_and_answers_the_same(first, engine):
    store, result = first
    call = result.answer["study"]["command"].removesuffix(")")  # as the report shows it
    assert call.endswith(f"], seeds=7, store={str(store)!r}")
    names = {"stepsize": ss, "problem": ss.problem("iris", epochs=4), "engine": engine}
    again = eval(f"{call}, engine=engine, quiet=True)", names)
    assert again.answer["cost"]["runs"] == 0
    assert without_cost(again) == without_cost(result)


def test_a_store_that_is_deleted_meanwhile_is_not_named(first, tmp_path, engine):
    store, messages = tmp_path / "copy.sqlite", []
    shutil.copy(first[0], store)

    def delete(message):
        messages.append(message)
        store.unlink(missing_ok=True)

    problem = ss.problem("iris", epochs=4)
    again = ss.compare(problem, SCHEDULES, seeds=7, store=store, engine=engine, on_message=delete)
    assert messages[-2].endswith("nothing is left to train.")
    assert messages[-1].startswith(f"Runs: not kept, because {store} was deleted")
    assert again.store is None
    assert again.answer["candidates"] == first[1].answer["candidates"]


def test_a_stored_study_is_logged_once(first, engine):
    store, messages = first[0], []
    for _ in range(2):
        ss.compare(
            ss.problem("iris", epochs=4), SCHEDULES, seeds=7, store=store, quiet=True, engine=engine,
            log_to="tensorboard", on_message=messages.append,
        )  # fmt: skip
    folder = f"iris {first[1].study}"
    assert [path.name for path in Path("runs").iterdir()] == [folder]
    assert len([path for path in Path("runs", folder).iterdir() if path.is_dir()]) == len(SCHEDULES)
    where = f"{folder}, 3 candidates; to look at it, run tensorboard --logdir runs"
    assert messages == [f"Logged to TensorBoard: {where}", f"Already in TensorBoard: {where}"]
    with pytest.raises(OutputError, match="did you mean 'wandb'"):
        ss.compare("iris", log_to="wandbs")


def test_more_seeds_keep_the_runs_that_are_there(first, engine):
    store, result = first
    more = ss.compare(
        ss.problem("iris", epochs=4), SCHEDULES, seeds=9, store=store, quiet=True, engine=engine
    )
    assert more.answer["cost"]["runs"] == 6
    for old, new in zip(result.answer["candidates"], more.answer["candidates"], strict=True):
        assert new["scores"][:7] == old["scores"]


def test_results_do_not_depend_on_the_rivals(first, engine):
    """Paired by design: a candidate's runs are the same whoever else is in the study."""
    alone = ss.compare(
        ss.problem("iris", epochs=4), SCHEDULES[1:2], seeds=7, store=":memory:", quiet=True, engine=engine
    )
    ours, theirs = alone.details["curves"], first[1].details["curves"]
    (name,) = ours
    np.testing.assert_allclose(ours[name]["val_loss"]["mean"], theirs[name]["val_loss"]["mean"], rtol=1e-4)


def test_result_shows_itself(first, tmp_path):
    result = first[1]
    assert result.verdict["sentence"] in " ".join(str(result).split())
    assert "Momentum" in str(result)
    assert "<table" in result._repr_html_()
    assert result.report(tmp_path / "r.html").stat().st_size > 40_000
    assert result.to_pandas().shape[0] == 3
    with pytest.raises(OutputError, match="is a directory"):
        result.report(tmp_path)


def test_all_diverged(engine):
    result = ss.compare(
        ss.problem("iris", epochs=2),
        ["constant(1e30)", "linear(1e30)"],
        seeds=6,
        store=":memory:",
        engine=engine,
    )
    assert result.verdict["status"] == "all_diverged"
    assert result.verdict["best_set"] == []
    assert result.verdict["recommended"] is None
    assert [c["diverged"] for c in result.answer["candidates"]] == [6, 6]
    assert "diverged" in result.verdict["sentence"]
    assert "1e" in result.verdict["sentence"]


def test_tuning_and_plateau_end_to_end(engine):
    result = ss.compare(
        ss.problem("wine", epochs=3, batch_size=50),
        ["constant(lr)", "constant(lr) * plateau(factor=0.5, patience=0)"],
        seeds=6,
        store=":memory:",
        quiet=True,
        engine=engine,
    )
    beyond_the_edge = result.answer["cost"]["runs"] - 2 * (7 * 8 + 5 * 20 + 6)
    assert beyond_the_edge in range(
        0, 2 * 6 * 2 * 8 + 1, 2 * 8
    )  # two rates on eight seeds, six times at most
    for candidate in result.answer["candidates"]:
        assert candidate["spec"].startswith(f"constant({candidate['lr']:g})")
        sweep = result.details["sweep"][candidate["name"]]
        assert 13 <= len(sweep) <= 7 + 2 * 5 + 2 * 6 + 1  # coarse, both fine, beyond the edge, the chosen one
        assert [point["lr"] for point in sweep if point["chosen"]] == [candidate["lr"]]


def test_a_factor_that_follows_a_metric_the_wrong_way_is_refused():
    wrong = "constant(0.1) * plateau(metric='val_accuracy', mode='min')"
    with pytest.raises(
        StudyError, match="'val_accuracy' is better high, and the factor has mode=\"min\"; leave"
    ):
        ss.compare("iris", [wrong], 1, store=":memory:", quiet=True)


def test_a_metric_that_no_study_measures_is_refused():
    with pytest.raises(StudyError, match="measures val_loss, val_accuracy, loss"):
        ss.compare("iris", ['constant(0.1) * plateau(metric="val_auc")'], store=":memory:", quiet=True)


def test_a_factory_runs_in_the_training_process(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(
        "import keras\n"
        "def small():\n"
        "    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, 'softmax')])\n"
        "    model.compile(keras.optimizers.Adam(), 'sparse_categorical_crossentropy')\n"
        "    return model\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    problem = ss.problem("iris", model="my_nets:small", epochs=2)
    result = ss.compare(problem, ["constant(0.1)"], seeds=2, store=":memory:", quiet=True)
    assert 0 <= result.answer["candidates"][0]["mean"] <= 1
    assert result.answer["study"]["protocol"]["optimizer"] == {"name": "as compiled"}


def without_cost(result):
    return {key: value for key, value in json.loads(result.to_json()).items() if key != "cost"}


def test_json_holds_no_number_that_json_does_not_know(first):
    def numbers(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            return [n for each in value for n in numbers(each)]
        return [value] if isinstance(value, float) else []

    assert all(math.isfinite(n) for n in numbers(json.loads(first[1].to_json())))


@pytest.fixture
def table(tmp_path):
    """Return the path of a small table in the working folder."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    rows = [f"{a:.3f},{b:.3f},{'pq'[int(a + b > 0)]}" for a, b in x]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    return "t.csv"


def test_compare_takes_the_keys_of_a_study_file(table, tmp_path, capsys, engine):
    keys = {"target": "y", "model": "mlp(3)", "split": "kfold", "folds": 3, "epochs": 2, "drop": ["b"]}
    candidates = ["constant(0.1)", "cosine(0.2)"]
    first = ss.compare(table, candidates, 6, optimizer={"name": "adam"}, engine=engine, **keys)
    protocol = first.answer["study"]["protocol"]
    assert (protocol["model"], protocol["epochs"], protocol["folds"]) == ("mlp(3)", 2, 3)
    assert protocol["optimizer"] == {"name": "adam"}
    assert first.answer["data"]["features"] == 1
    assert first.answer["study"]["command"].startswith("stepsize.compare('t.csv', ['constant(0.1)', ")
    assert "Data: target 'y': two classes, 'p' and 'q'." in capsys.readouterr().err

    again = ss.compare("stepsize-results/t.toml")  # the resolved study is the same study
    assert again.answer["cost"]["runs"] == 0
    assert again.answer["candidates"] == first.answer["candidates"]
    assert again.store == first.store
    assert "12 of 12 runs are in stepsize-results/t.sqlite; nothing is left" in capsys.readouterr().err

    ss.compare(table, ["constant(0.1)"], 3, **{**keys, "epochs": 1}, quiet=True, engine=engine)
    replaced, changed = capsys.readouterr().err.splitlines()
    assert replaced == (
        f"stepsize-results/t.toml held study {first.study} and now holds this one; give each study a name of "
        "its own to keep both."
    )
    assert changed == (
        "Settings or versions have changed since the runs in stepsize-results/t.sqlite. Those runs are kept; "
        "new ones will be trained."
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"epoch": 3}, "unknown argument 'epoch'; did you mean 'epochs'"),
        ({"tuning": {"rats": [0.1]}}, "unknown key in tuning 'rats'; did you mean 'rates'"),
        ({"split": {"kid": "lesson"}}, "unknown key in split 'kid'"),
        ({"optimizer": "adam"}, "optimizer='adam' is not a table"),
        ({"updates_per_epoch": 3}, "updates_per_epoch=3 is only for a training function"),
        ({"schedules": "constant(0.1)"}, "schedules='constant(0.1)' must be a list"),
        ({"schedules": ["constant(0.1)"], "candidates": ["linear(0.1)"]}, "give one of them"),
        ({"store": "/proc/s.sqlite"}, "store='/proc/s.sqlite' cannot be opened"),
    ],
)
def test_bad_arguments_are_refused_before_training(keys, words):
    with pytest.raises(InputError) as caught:
        ss.compare("iris", **keys)
    assert words in str(caught.value)
    assert "--" not in str(caught.value)


def test_a_problem_that_exists_keeps_its_settings():
    with pytest.raises(StudyError, match="epochs=3 belongs to the Problem, which exists already"):
        ss.compare(ss.problem("iris"), epochs=3)


def test_one_engine_serves_problems_of_the_same_size(engine):
    """Populations are not mixed up where problems share settings and sizes."""

    def scores(engine=None, **changes):
        problem = ss.problem("iris", epochs=3, **changes)
        result = ss.compare(problem, ["constant(0.1)"], 3, store=":memory:", quiet=True, engine=engine)
        if engine is None:
            assert result.answer["cost"]["compile_seconds"] > 0
        return result.answer["candidates"][0]["scores"]

    first, second = scores(engine), scores(engine, model="mlp(3)")
    assert first != second
    assert second == scores(model="mlp(3)")  # in a process of its own
