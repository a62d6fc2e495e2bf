"""What a result hands over: the schedule, its plan, its settings, code, a picture, and the trained model."""

from __future__ import annotations

import copy
import json
import pickle
import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.comparison import stored_result
from stepsize.errors import OutputError, ProblemError, StudyError
from stepsize.problems.loading.arrays import DEEP_DIVIDED
from stepsize.report.prediction import prediction_code
from stepsize.study.stores.store import Store
from stepsize.trained_model import trained_model


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory, engine: Any) -> Any:
    """Two momenta on Iris, with a few missing numbers."""
    from stepsize.problems.loading.catalog import load

    data = load("iris")
    x = np.array(data.x)
    x[::17, 0] = np.nan
    candidates = [ss.Candidate("cosine(0.05)", momentum=0.5), "cosine(0.05)"]
    store = tmp_path_factory.mktemp("iris") / "iris.sqlite"
    problem = ss.Problem(
        "mlp(8, dropout=0.1)", (x, data.y), name="iris", epochs=6, settings={"momentum": 0.9}
    )
    return ss.compare(problem, candidates, 6, store=store, quiet=True, engine=engine)


def stored_score(result: Any, name: str, seed: int) -> float:
    candidate = next(each for each in result.answer["candidates"] if each["name"] == name)
    return candidate["scores"][result.answer["study"]["seeds"].index(seed)]


def test_the_answer_is_handed_over(iris: Any) -> None:
    best = next(c for c in iris.answer["candidates"] if c["name"] == iris.verdict["recommended"])
    assert str(iris.schedule) == best["spec"] == "cosine(0.05)"
    assert iris.plan.horizon == 6 * iris.answer["study"]["protocol"]["updates_per_epoch"]
    momentum = best["settings"].get("momentum", 0.9)
    assert iris.settings == {"optimizer": "sgd", "momentum": momentum, "batch_size": 32}
    assert f"momentum={momentum}" in iris.code("keras")
    assert iris.verdict["headline"] in iris.plot().svg
    with pytest.raises(StudyError, match="did you mean 'keras'"):
        iris.code("kears")


def test_a_trained_model_scores_what_the_study_stored(iris: Any, engine: Any) -> None:
    seed, iris = 3, pickle.loads(pickle.dumps(iris))
    for candidate in iris.answer["candidates"]:
        name = candidate["name"]
        trained = iris.train(seed, name, engine=engine)
        assert trained.score == stored_score(iris, name, seed)
        data = trained.problem.data
        predicted = trained.predict(data.x[trained.validation])
        accuracy = (predicted == np.array(data.classes)[data.y[trained.validation]]).mean()
        assert accuracy == pytest.approx(trained.score, abs=1e-7)


def test_a_trained_model_is_saved_with_its_preprocessing(iris: Any, engine: Any, tmp_path: Path) -> None:
    import keras

    trained = iris.train(engine=engine)
    path = trained.save(tmp_path / "model.keras")
    rows = trained.problem.data.x[:20]
    assert np.isnan(rows).any()
    again = keras.saving.load_model(path)
    np.testing.assert_allclose(again.predict(rows, verbose=0), trained.probabilities(rows), atol=1e-6)
    trained.save(path)  # a script works twice
    loaded = ss.load_trained(path)
    np.testing.assert_array_equal(loaded.predict(rows), trained.predict(rows))
    assert repr(loaded) == repr(trained)
    assert repr(trained).startswith("iris: trained on 112 of 150 rows with seed=0; accuracy 0.")
    assert "predicts classes ('0', '1' and '2') from an array [rows, 4]" in repr(trained)
    again.save(path)
    with pytest.raises(OutputError, match="is not an unchanged trained model written by stepsize"):
        trained.save(path)
    with pytest.raises(ProblemError, match=r"was not saved by TrainedModel\.save"):
        ss.load_trained(path)
    with pytest.raises(ProblemError, match="does not exist"):
        ss.load_trained(tmp_path / "none.keras")
    with pytest.raises(OutputError, match=r"must end in \.keras"):
        trained.save(tmp_path / "model.h5")
    with pytest.raises(ProblemError, match="rows of shape"):
        trained.predict(rows[:, :2])


def test_a_regression_predicts_new_rows_of_a_table_in_the_units_of_the_target(
    tmp_path: Path, engine: Any
) -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    town, age = rng.choice(["Oslo", "Rome"], 120), rng.normal(40, 9, 120)
    price = 1_000 + 50 * (town == "Oslo") + 2 * age + rng.normal(size=120)
    frame = pandas.DataFrame({"id": range(120), "town": town, "age": age, "price": price})
    result = ss.compare(
        frame, ["constant(0.05)"], 3, target="price", drop=["id"], model="linear", epochs=8, batch_size=10,
        name="toy", store=tmp_path / "toy.sqlite", quiet=True, engine=engine,
    )  # fmt: skip
    trained = result.train(1, engine=engine)
    rows = frame.iloc[trained.validation]
    target = rows["price"].to_numpy()
    residual = ((trained.predict(rows.drop(columns="price")) - target) ** 2).sum()
    r2 = 1 - residual / ((target - target.mean()) ** 2).sum()
    assert trained.score == stored_score(result, "constant(0.05)", 1)
    assert r2 == pytest.approx(trained.score, abs=1e-4)
    (candidate,) = result.answer["candidates"]
    spreads, scores = result.answer["data"]["target_spreads"], candidate["scores"]
    errors = [spread * (1 - score) ** 0.5 for spread, score in zip(spreads, scores, strict=True)]
    assert errors[1] == pytest.approx((residual / len(rows)) ** 0.5, rel=1e-2)
    assert candidate["error"] == pytest.approx(np.mean(errors))
    new = rows.drop(columns="price")
    new.to_csv(tmp_path / "new.csv", index=False)
    new.to_csv(tmp_path / "new.txt", index=False, sep=";", decimal=",")
    loaded = ss.load_trained(trained.save(tmp_path / "toy.keras"))
    expected = trained.predict(new)
    np.testing.assert_array_equal(loaded.predict(new), expected)
    for name in ("new.csv", "new.txt"):
        np.testing.assert_allclose(loaded.predict(tmp_path / name), expected)
    assert "predicts 'price' from 2 columns: 'town', 'age'" in repr(loaded)
    with pytest.raises(ProblemError, match=r"a table with 2 columns: 'town', 'age'; pass a frame"):
        loaded.predict(new.to_numpy()[:, :1])
    with pytest.raises(ProblemError, match=r"row 1, column 'town'.*with 'Bonn'; it knows 'Oslo' and 'Rome'"):
        loaded.predict(new.assign(town="Bonn"))
    with pytest.raises(ProblemError, match="row 1, column 'age': a value is missing"):
        loaded.predict(new.assign(age=np.nan))
    with pytest.raises(ProblemError, match="x has no column 'age'; the model was trained with 'town', 'age'"):
        loaded.predict(new[["town"]])
    assert result.answer["data"]["references"][0]["name"] == "linear regression"
    code = prediction_code(result.answer)
    assert code is not None
    assert (
        "result = ss.compare(\n    problem,\n    ['constant(0.05)'],\n    target='price',\n    drop=['id'],\n"
        in code
    )
    assert "predicted = pandas.DataFrame(trained.predict(new), columns=['price'])\n" in code
    assert "probabilities" not in code
    classes = {**result.answer["data"], "kind": "binary", "classes": ["No", "Yes"]}
    assert "predicted['chance of Yes'] = trained.probabilities(new)[:, 1]\n" in str(
        prediction_code({**result.answer, "data": classes})
    )
    assert repr(result).endswith('to predict new rows, or result.code("keras")\n')
    assert result.verdict["for_scale"][0].startswith("Predicting price: the root mean squared error is ")


def test_a_pytorch_model_comes_back_as_a_module(tmp_path: Path, engine: Any) -> None:
    torch = pytest.importorskip("torch")
    from torch import nn

    x = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(int)

    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

    problem = ss.Problem(
        make, (3 * x + 1, y), name="moons", epochs=4, batch_size=16, prepare=True,
        loss=nn.CrossEntropyLoss(), optimizer=torch.optim.AdamW,
    )  # fmt: skip
    result = ss.compare(
        problem,
        ["constant(0.01)", "cosine(0.01)"],
        3,
        store=tmp_path / "m.sqlite",
        quiet=True,
        engine=engine,
    )
    trained = result.train(2, engine=engine)
    assert trained.score == stored_score(result, result.verdict["recommended"], 2)
    data = trained.problem.data
    predicted = trained.predict(data.x[trained.validation])
    assert (predicted == np.array(data.classes)[data.y[trained.validation]]).mean() == pytest.approx(
        trained.score
    )
    weights = torch.load(trained.save(tmp_path / "model.pt"))
    assert set(weights) == set(trained.model.state_dict())
    loaded = ss.load_trained(tmp_path / "model.pt", make)
    np.testing.assert_array_equal(loaded.probabilities(data.x), trained.probabilities(data.x))
    with pytest.raises(ProblemError, match="pass the function or class that makes it"):
        ss.load_trained(tmp_path / "model.pt")
    with pytest.raises(ProblemError, match="has the weights of another model"):
        ss.load_trained(tmp_path / "model.pt", nn.Flatten)
    assert "torch.optim.AdamW(model.parameters(), lr=BASE_RATE" in result.code("torch")


def test_rows_are_read_as_the_data_were_and_rows_with_gaps_are_refused() -> None:
    import keras

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 4, 4)).astype(np.uint8)
    model = keras.Sequential([keras.Input((4, 4)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    problem = ss.Problem("logistic", (images, np.arange(20) % 2), name="images")
    trained = trained_model(problem, model, 0.5, 0, {})
    pixels = np.asarray(problem.data.x)
    np.testing.assert_allclose(trained.probabilities(images), trained.probabilities(pixels), rtol=1e-6)
    deep = replace(problem.data, notes=(f"x: {DEEP_DIVIDED}",))
    of_16_bits = trained_model(ss.Problem("logistic", deep), model, 0.5, 0, {})
    for same in (images, images.astype(np.uint16) * 257):
        np.testing.assert_allclose(of_16_bits.probabilities(same), trained.probabilities(images), rtol=1e-6)
    for value in (np.nan, np.inf):
        pixels[3, 0, 0] = value
        with pytest.raises(ProblemError, match="x, row 4: a value is missing or not finite"):
            trained.predict(pixels)
    numbers = ss.Problem("logistic", (images, np.arange(20) % 2), prepare=False)
    whole = trained_model(numbers, model, 0.5, 0, {})
    with pytest.raises(ProblemError, match="x, row 1: a value is not a whole number"):
        whole.predict(images / 255)


def test_what_has_no_data_or_no_model_refuses_to_train(iris: Any) -> None:
    with Store(iris.store) as store:
        result = stored_result(store)
    with pytest.raises(StudyError, match="was read from a store"):
        result.train()
    with pytest.raises(StudyError, match="seed=-1 must be a whole number"):
        iris.train(-1)
    with pytest.raises(StudyError, match="unknown candidate 'cosin'"):
        iris.train(candidate="cosin")
    function = replace(iris, problem=ss.Training(lambda schedule, seed, report: None, 1, 1))
    with pytest.raises(StudyError, match="a training function makes its model itself"):
        function.train()


def test_the_answer_is_json_with_what_simple_models_score(iris: Any) -> None:
    answer = json.loads(iris.to_json())
    (reference,) = answer["data"]["references"]
    assert reference["name"] == "logistic regression"
    assert len(reference["scores"]) == 6
    assert all(score > 0.8 for score in reference["scores"])


def test_the_code_of_the_page_about_the_report_runs(
    iris: Any, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stepsize.trained_model.Engine", lambda: nullcontext(engine))
    page = Path(__file__).parents[1] / "docs" / "report.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {"result": iris}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2
    assert Path("model.keras").exists()
    assert names["trained"].score == stored_score(iris, iris.verdict["recommended"], 0)


@pytest.mark.parametrize(
    ("versions", "target"),
    [({"torch": "2.9", "numpy": "2.0"}, "torch"), ({"keras": "3.12"}, "keras"), ({"numpy": "2.0"}, "plain")],
)
def test_the_code_of_a_training_function_is_for_the_library_that_it_uses(
    iris: Any, versions: dict[str, str], target: str
) -> None:
    from stepsize.report.recipe import recipe

    answer = copy.deepcopy(iris.answer)
    answer["data"]["kind"] = None
    answer["study"]["versions"] = versions
    answer["study"]["protocol"]["optimizer"] = {"name": "chosen by the function"}
    found = recipe(answer)
    assert found.export_words == [
        "stepsize", "export", '"cosine(0.05)"', "--to", target, "--epochs", "6", "--updates-per-epoch",
        str(found.updates_per_epoch),
    ]  # fmt: skip
    assert "Keep the optimizer of your own code" in found.code("torch")
