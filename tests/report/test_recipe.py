"""The code of a recipe has the optimizer that the model is compiled with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.report.recipe import recipe_of
from tests.support.answers import recorded_answer


def test_the_code_has_the_optimizer_that_a_model_is_compiled_with() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.7, nesterov=True), "mse")
    x = np.random.default_rng(0).normal(size=(40, 4))
    protocol = ss.Problem(model, (x, x[:, 0]), name="own").facts()["protocol"]
    answer = recorded_answer()
    answer["study"]["protocol"].update(
        optimizer=protocol["optimizer"], compiled_optimizer=protocol["compiled_optimizer"]
    )
    candidate = {**answer["candidates"][0], "settings": {}}
    assert "SGD(learning_rate=schedule, momentum=0.7, nesterov=True)" in recipe_of(answer, candidate).code(
        "keras"
    )
    candidate["settings"] = {"momentum": 0.2}
    assert "momentum=0.2, nesterov=True)" in recipe_of(answer, candidate).code("torch")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("AdamW", {"weight_decay": 0.0}),
        ("Adadelta", {"rho": 0.9}),
        ("Lion", {"beta_2": 0.999}),
        ("Adafactor", {"relative_step": False}),
        ("Muon", {"momentum": 0.0, "nesterov": False}),
    ],
)
def test_the_code_makes_the_optimizer_that_the_model_is_compiled_with(name, settings):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    kind = getattr(keras.optimizers, name)
    model.compile(kind(0.1, **settings), "mse")
    protocol = ss.Problem(model, (np.eye(8, 4), np.arange(8) / 7), name="own").facts()["protocol"]
    answer = recorded_answer()
    answer["study"]["protocol"].update(
        optimizer=protocol["optimizer"], compiled_optimizer=protocol["compiled_optimizer"]
    )
    names: dict[str, Any] = {}
    exec(recipe_of(answer, {**answer["candidates"][0], "settings": {}}).code("keras"), names)
    ours, expected = (each.get_config() for each in (names["optimizer"], kind(0.1, **settings)))
    others = {"learning_rate": 0, "name": ""}
    assert ours | others == expected | others


def test_the_code_excludes_from_weight_decay_what_the_compiled_optimizer_does():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first"), keras.layers.Dense(1)])
    optimizer = keras.optimizers.AdamW(0.1)
    optimizer.exclude_from_weight_decay([model.layers[1].bias], ["kern", "none"])
    model.compile(optimizer, "mse")
    problem = ss.Problem(model, (np.eye(8, 4), np.arange(8) / 7), name="own")
    answer = recorded_answer()
    answer["study"]["protocol"].update(problem.facts()["protocol"])
    candidate = {**answer["candidates"][0], "settings": {}}
    recipe, names = recipe_of(answer, candidate), {"model": model}
    exec(recipe.code("keras"), names)
    for each in (optimizer, names["optimizer"]):
        each.build(model.trainable_variables)
    decayed = [
        [each._use_weight_decay(v) for v in model.trainable_variables]
        for each in (optimizer, names["optimizer"])
    ]
    assert decayed == [[False, True, False, False]] * 2
    assert "excluded some weights from weight decay" in recipe.code("torch")
    assert "--optimizer" not in recipe.export_words
    other = recipe_of(answer, {**candidate, "settings": {"optimizer": "adamw"}})
    assert "exclude" not in other.code("keras") + other.code("torch")
