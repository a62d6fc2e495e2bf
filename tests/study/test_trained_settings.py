"""What is said of the optimizer of a candidate is what its runs train with."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import stepsize as ss
from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.problem import Problem
from stepsize.problems.torch.optimizer_groups import NAMES
from stepsize.problems.usual_settings import usual_of_keras, usual_of_torch
from stepsize.report.recipe import recipe_of
from stepsize.report.subtitle import subtitle
from stepsize.study.candidate_settings import optimizer_arguments
from stepsize.study.candidates import Candidate
from stepsize.study.study import make_study
from stepsize.study.trained_settings import trained_settings
from stepsize.trackers.study_log import study_log
from stepsize.verdict.answer import Answer
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, finish, noise
from tests.support.torch_problems import mlp, toy

SGD = partial(torch.optim.SGD, momentum=0.9, weight_decay=0.3)
RATE = "constant(0.1)"


def groups(model: nn.Module) -> torch.optim.Optimizer:
    first, second = model[0], model[2]
    return torch.optim.SGD(
        [
            {"params": [first.weight], "momentum": 0.5},
            {"params": [first.bias], "weight_decay": 0.0, "lr": 0.05},
            {"params": second.parameters()},
        ],
        lr=0.1, momentum=0.9, weight_decay=0.3,
    )  # fmt: skip


def compiled(optimizer: Any = None) -> Any:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(
        optimizer or keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.3, clipnorm=0.05),
        "sparse_categorical_crossentropy",
    )
    return model


def other_compiled() -> Any:
    import keras

    return compiled(keras.optimizers.Adam(0.1, beta_1=0.5, weight_decay=0.3))


def answer_of(problem: Problem, candidates: list[Candidate], leads: dict[str, float] | None = None) -> Answer:
    study = make_study(problem, candidates, 8, baseline=candidates[0].name)
    score = lambda name, seed: 0.8 + (leads or {}).get(name, 0) + noise(seed + 7 * len(name), 0.001)  # noqa: E731
    return summarise_study(study, finish(study, score), COST)


TORCH_PROBLEMS = {
    "partial": dict(optimizer=SGD),
    "class": dict(optimizer=torch.optim.AdamW),
    "groups": dict(optimizer=groups),
    "settings": dict(optimizer=None, settings={"optimizer": "SGD", "momentum": 0.9, "weight_decay": 0.3}),
    "both": dict(optimizer=SGD, settings={"momentum": 0.5, "weight_decay": 0.2, "clip_grad_norm": 1.0}),
}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"momentum": 0.7},
    {"weight_decay": 0.0},
    {"optimizer": "Adam"},
    {"optimizer": "adam", "weight_decay": 0.5},
    {"optimizer": "SGD"},
    {"optimizer": "sgd", "momentum": 0.5},
    {"optimizer": "AdamW", "weight_decay": 0.01},
    {"optimizer": "NAdam", "betas": [0.8, 0.9]},
    {"optimizer": "rmsprop", "momentum": 0.5},
]


PAIRS = [
    (name, settings)
    for name in TORCH_PROBLEMS
    for settings in SETTINGS
    if (name, settings) != ("class", {"momentum": 0.7})  # which AdamW does not take
]


@pytest.mark.parametrize(("name", "settings"), PAIRS, ids=str)
def test_the_code_makes_the_optimizer_with_which_pytorch_trains(name: str, settings: dict[str, Any]) -> None:
    problem = toy(**TORCH_PROBLEMS[name])
    answer = answer_of(problem, [Candidate(RATE, "own", **settings)])
    recipe = recipe_of(answer, answer["candidates"][0])
    names: dict[str, Any] = {"model": mlp()}
    exec(recipe.code("torch"), names)
    made = names["optimizer"]
    assert problem.torch_source is not None
    trained = problem.torch_source.optimizer_with(optimizer_arguments(problem.settings, settings))
    assert type(made).__name__ == trained.name
    by_name = dict(names["model"].named_parameters())
    for group in trained.groups:
        members = {id(by_name[each]) for each in group.names}
        written = next(each for each in made.param_groups if {id(p) for p in each["params"]} == members)
        for setting in group.settings.keys() - {"lr", "initial_lr"}:
            assert written[setting] == group.settings[setting], setting
    assert (trained.clip_norm is None) is ("clip_grad_norm" not in recipe.settings)


KERAS_SETTINGS: list[dict[str, Any]] = [
    {},
    {"momentum": 0.5},
    {"optimizer": "adam"},
    {"optimizer": "adam", "weight_decay": 0.3},
    {"optimizer": "sgd"},
    {"optimizer": "SGD", "momentum": 0.5},
    {"optimizer": "nadam", "beta_1": 0.8},
    {"model": other_compiled},
    {"model": other_compiled, "optimizer": "adam"},
    {"model": other_compiled, "optimizer": "sgd"},
    {"model": other_compiled, "weight_decay": 0.1},
]


@pytest.mark.parametrize("of_study", [None, {"clipnorm": 0.7, "momentum": 0.2}, {"optimizer": "rmsprop"}])
def test_the_code_makes_the_optimizer_with_which_keras_trains(of_study: dict[str, Any] | None) -> None:
    problem = Problem(compiled(), "iris", epochs=2, name="iris", settings=of_study)
    for settings in KERAS_SETTINGS:
        if of_study and "model" in settings and "optimizer" not in {**of_study, **settings}:
            continue  # Adam has no momentum
        if of_study == {"optimizer": "rmsprop"} and "beta_1" in settings:
            continue
        own = {**settings, "model": settings["model"]()} if "model" in settings else settings
        candidate = Candidate(RATE, "own", **own)
        answer = answer_of(problem, [candidate])
        recipe = recipe_of(answer, answer["candidates"][0])
        names: dict[str, Any] = {}
        exec(recipe.code("keras"), names)
        variant = problem.variant(candidate.settings)
        arguments = optimizer_arguments(variant.settings, candidate.settings)
        data = variant.data
        shape = DataShape(data.x, data.kind, len(data.classes), data.outputs)
        trained = build(variant.travel_form(arguments), arguments, shape).model.optimizer
        others = {"learning_rate": 0, "name": ""}
        assert names["optimizer"].get_config() | others == trained.get_config() | others, settings


def test_what_trackers_get_and_the_notes_say_what_trains() -> None:
    candidates = [
        Candidate(RATE, "adam", optimizer="Adam"),
        Candidate(RATE, "decayed", optimizer="Adam", weight_decay=0.5),
        Candidate(RATE, "usual"),
    ]
    study = make_study(toy(optimizer=SGD), candidates, 8)
    runs = finish(study, lambda name, seed: 0.8 + noise(seed))
    answer = summarise_study(study, runs, COST)
    adam, decayed, usual = (each.config for each in study_log(study, runs, answer, "a3b2c1d0").candidates)
    assert (adam["optimizer"], decayed["weight_decay"], usual["weight_decay"]) == ("Adam", 0.5, 0.3)
    assert not {"momentum", "weight_decay"} & adam.keys()
    notes = [note for note in answer["notes"] if "not used" in note]
    assert notes == ["With optimizer=Adam, momentum=0.9 and weight_decay=0.3 of SGD are not used."]
    assert "weight_decay=0.5 instead of weight_decay=0 changes" in answer["notes"][0]


def test_the_groups_are_those_of_the_other_optimizer() -> None:
    answer = answer_of(toy(optimizer=groups), [Candidate(RATE, "adam", optimizer="Adam"), Candidate(RATE)])
    adam, sgd = (recipe_of(answer, each).groups for each in answer["candidates"])
    assert [each["settings"] for each in sgd] == [{"momentum": 0.5}, {"weight_decay": 0.0}, {}]
    assert [each["settings"] for each in adam] == [{}, {"weight_decay": 0.0}, {}]
    assert [each["multiplier"] for each in adam] == [1, 0.5, 1]


def test_a_scheduled_momentum_is_that_of_every_group() -> None:
    answer = answer_of(toy(optimizer=groups), [Candidate(RATE, momentum="linear(0.9)")])
    own = [each["settings"] for each in recipe_of(answer, answer["candidates"][0]).groups]
    assert own == [{}, {"weight_decay": 0.0}, {}]


def test_a_scheduled_momentum_is_the_first_of_the_betas_of_every_group() -> None:
    def adam(model: nn.Module) -> torch.optim.Optimizer:
        first, second = model[0], model[2]
        return torch.optim.Adam(
            [
                {"params": [first.weight], "betas": (0.5, 0.99)},
                {"params": [first.bias], "betas": (0.5, 0.999)},
                {"params": second.parameters()},
            ],
            lr=0.1,
        )

    candidates = [Candidate(RATE, "usual"), Candidate(RATE, "scheduled", momentum="linear(0.9)")]
    answer = answer_of(toy(optimizer=adam), candidates)
    usual, scheduled = (recipe_of(answer, each).groups for each in answer["candidates"])
    assert [each["settings"] for each in usual] == [{"betas": [0.5, 0.99]}, {"betas": [0.5, 0.999]}, {}]
    assert [each["settings"] for each in scheduled] == [{"betas": [0.9, 0.99]}, {}, {}]


def test_a_setting_that_a_group_alone_has_and_the_other_optimizer_lacks_is_named() -> None:
    def one_group(model: nn.Module) -> torch.optim.Optimizer:
        own = {"params": model[0].parameters(), "momentum": 0.5}
        return torch.optim.SGD([own, {"params": model[2].parameters()}], lr=0.1)

    notes = answer_of(toy(optimizer=one_group), [Candidate(RATE, optimizer="Adam")])["notes"]
    assert "With optimizer=Adam, momentum=0.5 (in a group of parameters) of SGD is not used." in notes


def test_settings_of_the_study_beside_a_compiled_optimizer_that_is_not_used() -> None:
    settings = {"momentum": 0.2, "clipnorm": 0.7}
    problem = Problem(compiled(), "iris", epochs=2, name="iris", settings=settings)
    answer = answer_of(problem, [Candidate(RATE, optimizer="adam")])
    assert recipe_of(answer, answer["candidates"][0]).settings == {
        "optimizer": "adam", "clipnorm": 0.7, "batch_size": 32
    }  # fmt: skip
    notes = [note for note in answer["notes"] if "used" in note]
    assert notes == [
        "With optimizer=adam, nothing of the compiled optimizer is used.",
        "With optimizer=adam, momentum=0.2 of the settings of the study is not used.",
    ]


def test_a_study_of_an_earlier_version_is_read() -> None:
    """It has no facts of its own on a candidate with another optimizer."""
    protocol = {"optimizer": {"name": "sgd", "momentum": 0.9, "clipnorm": 1.0}}
    assert trained_settings(protocol, {"optimizer": "adam"}) == {"optimizer": "adam", "clipnorm": 1.0}


def test_the_line_below_the_title_names_an_optimizer_once() -> None:
    problem = ss.problem("iris", epochs=2)
    same = [Candidate(RATE, "a"), Candidate(RATE, "b", optimizer="sgd")]
    assert "sgd(momentum=0.9)" in subtitle(answer_of(problem, same))
    others = [Candidate(RATE, "a", optimizer="adam"), Candidate(RATE, "b", optimizer="adam", beta_1=0.8)]
    assert " · adam · " in subtitle(answer_of(problem, others))


@pytest.mark.parametrize("name", NAMES)
def test_values_of_pytorch_that_need_no_mention_are_its_own(name: str) -> None:
    parameters = inspect.signature(getattr(torch.optim, name)).parameters
    plain = lambda value: list(value) if isinstance(value, tuple) else value  # noqa: E731
    known = {key: value for key, value in usual_of_torch(name).items() if key in parameters}
    assert known == {key: plain(parameters[key].default) for key in known}


def test_values_of_keras_that_need_no_mention_are_its_own() -> None:
    import keras

    of_adam = ("Adam", "AdamW", "Adamax", "Nadam", "Lion", "Lamb", "ScheduleFreeAdamW")
    for name in (*of_adam, "SGD", "RMSprop", "Adadelta", "Adafactor", "Adagrad", "Ftrl", "Muon"):
        config = getattr(keras.optimizers, name)().get_config()
        known = {key: value for key, value in usual_of_keras(name).items() if key in config}
        assert known == {key: config[key] for key in known}, name
