"""Rows that a trained model reads as it was trained, and rows that it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.errors import ProblemError
from stepsize.trained_model import trained_model


def test_columns_of_a_frame_are_taken_by_their_names(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    import keras

    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    problem = ss.Problem("linear", (frame, frame["a"] - 7 * frame["b"]), name="named")
    trained = trained_model(problem, model, 0.5, 0, {})
    expected = trained.predict(frame.to_numpy())
    loaded = ss.load_trained(trained.save(tmp_path / "named.keras"))
    for rows in (frame, frame[["b", "a"]], frame.assign(c="other")[["c", "b", "a"]]):
        np.testing.assert_array_equal(loaded.predict(rows), expected)
    with pytest.raises(ProblemError, match="x has no column 'b'; the model was trained with 'a', 'b'"):
        loaded.predict(frame[["a"]])


def test_numbers_that_an_embedding_lacks_and_lost_predictions_are_refused(engine: Any) -> None:
    import keras

    def make_model() -> Any:
        embedding, output = keras.layers.Embedding(4, 2), keras.layers.Dense(1, "sigmoid")
        model = keras.Sequential(
            [keras.Input((1,), dtype="int32"), embedding, keras.layers.Flatten(), output]
        )
        model.compile("sgd", "binary_crossentropy")
        return model

    ids = np.arange(40)[:, None] % 4
    problem = ss.Problem(make_model, (ids, ids[:, 0] > 1), epochs=1, name="ids")
    trained = ss.compare(problem, ["constant(0.1)"], 2, quiet=True, store=":memory:", engine=engine).train(
        engine=engine
    )
    assert len(trained.predict(ids)) == 40
    for value in (-1, 4):
        with pytest.raises(ProblemError, match="x, row 2: a value is outside of 0 to 3, for which the model"):
            trained.predict([[0], [value]])
    for value in (np.inf, 3e9):
        with pytest.raises(ProblemError, match="row 1: a value is not a whole number of at most 32 bits"):
            trained.predict([[value]])
    trained.model.layers[-1].set_weights([np.full((2, 1), np.nan), np.zeros(1)])
    with pytest.raises(
        ProblemError, match=r"row 1: the model returns a value that is not a finite number \(40"
    ):
        trained.predict(ids)


def test_margins_are_not_probabilities() -> None:
    import keras

    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    for width, y in ((1, np.arange(20) % 2), (3, np.arange(20) % 3)):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(width, kernel_initializer="ones")])
        trained = trained_model(ss.Problem("mlp(2)", (x, y), name="margins"), model, 0.5, 0, {})
        assert len(trained.predict(x)) == 20
        with pytest.raises(
            ProblemError, match="the model does not return probabilities: end it in a sigmoid"
        ):
            trained.probabilities(x)


def test_pixels_that_were_not_divided_are_refused() -> None:
    import keras

    pixels = np.random.default_rng(0).integers(0, 256, size=(20, 3, 3, 1)).astype(np.uint8)
    model = keras.Sequential([keras.Input((3, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    problem = ss.Problem("linear", (pixels, np.linspace(0.5, 9.3, 20)), name="pixels")
    trained = trained_model(problem, model, 0.5, 0, {})
    expected = trained.predict(pixels)
    np.testing.assert_allclose(trained.predict(pixels / 255), expected, rtol=1e-5)
    for kind in (np.int64, np.float32, np.uint16):
        with pytest.raises(ProblemError, match=r"beyond 1, .* divided by 255; pass uint8"):
            trained.predict(pixels.astype(kind))


def test_the_optimizer_of_a_trained_model_is_that_of_the_candidate(engine: Any) -> None:
    """Candidates that share a program differ in its inputs, and the model is compiled for one of them."""
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9, weight_decay=0.01)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    candidates = [
        ss.Candidate("constant(0.1)", "compiled"),
        ss.Candidate("linear(0.1)", "half", momentum=0.5),
        ss.Candidate("constant(0.1)", "decayed", weight_decay=0.2),
        ss.Candidate("constant(0.1)", "scheduled", momentum="linear(0.8, floor=0.4)"),
        ss.Candidate("constant(0.1)", "adam", optimizer="adam"),
    ]
    problem = ss.Problem(model, "iris", epochs=2, batch_size=16, name="iris")
    result = ss.compare(problem, candidates, 2, quiet=True, store=":memory:", engine=engine)
    expected = {
        "compiled": ("SGD", 0.9, 0.01, 0.1),
        "half": ("SGD", 0.5, 0.01, 0.1 / 14),
        "decayed": ("SGD", 0.9, 0.2, 0.1),
        "scheduled": ("SGD", 0.4 + 0.4 / 14, 0.01, 0.1),
        "adam": ("Adam", None, None, 0.1),
    }
    for name, values in expected.items():
        made = result.train(0, name, engine=engine).model.optimizer
        config = made.get_config()
        settings = config.get("momentum"), config["weight_decay"], config["learning_rate"]
        assert (type(made).__name__, *settings) == pytest.approx(values), name
