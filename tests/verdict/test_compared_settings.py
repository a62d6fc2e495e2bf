"""In which settings two candidates differ: the momentum of Adam and its relatives is their first beta."""

import pytest
import torch

from stepsize.problems.problem import Problem, problem
from stepsize.study.candidates import Candidate
from stepsize.study.study import make_study
from stepsize.verdict.compared_settings import compared, differing
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, finish, noise
from tests.support.torch_problems import toy

RATE = "constant(0.01)"
LINEAR = "linear(0.9, floor=0.5)"


def differences(trained, ours, theirs):
    """Return the settings in which two candidates differ, each with its own values, and whether they do."""
    candidates = [Candidate(RATE, "ours", **ours), Candidate(RATE, "theirs", **theirs)]
    study = make_study(trained, candidates, 8, baseline="ours")
    answer = summarise_study(study, finish(study, lambda name, seed: 0.8 + noise(seed)), COST)
    first, second = (
        compared(answer, said, candidate.settings)
        for said, candidate in zip(answer["candidates"], candidates, strict=True)
    )
    assert (first.key == second.key) is not bool(differing(first, second))
    return differing(first, second), differing(second, first)


def keras_problem(name, **settings):
    return problem("iris", epochs=3, settings={"optimizer": name, **settings})


@pytest.mark.parametrize("name", ["adam", "AdamW", "adamax", "nadam", "lamb", "lion"])
def test_a_momentum_of_keras_stands_for_beta_1(name):
    trained = keras_problem(name)
    assert differences(trained, {}, {"momentum": LINEAR}) == ({"momentum": 0.9}, {"momentum": LINEAR})
    assert differences(trained, {}, {"momentum": "constant(0.9)"}) == ({}, {})
    own = differences(trained, {"beta_1": 0.8}, {"momentum": "constant(0.9)"})
    assert own == ({"momentum": 0.8}, {"momentum": 0.9})
    assert differences(trained, {"beta_1": 0.8}, {"momentum": "constant(0.8)"}) == ({}, {})
    assert differences(trained, {"beta_1": 0.8}, {}) == ({"beta_1": 0.8}, {"beta_1": 0.9})


def test_it_is_the_beta_1_of_the_study_or_of_the_compiled_optimizer():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(0.1, beta_1=0.8), "sparse_categorical_crossentropy")
    of_model = Problem(model, "iris", epochs=3, name="iris")
    for trained in (of_model, keras_problem("adam", beta_1=0.8)):
        assert differences(trained, {}, {"momentum": LINEAR}) == ({"momentum": 0.8}, {"momentum": LINEAR})
        assert differences(trained, {}, {"momentum": "constant(0.8)"}) == ({}, {})
        nothing = differences(trained, {"momentum": LINEAR, "beta_1": 0.5}, {"momentum": LINEAR})
        assert nothing == ({}, {})


@pytest.mark.parametrize(("name", "usual"), [("sgd", 0.0), ("rmsprop", 0.0), ("muon", 0.95)])
def test_a_momentum_of_others_is_their_own(name, usual):
    trained = keras_problem(name)
    assert differences(trained, {}, {"momentum": LINEAR}) == ({"momentum": usual}, {"momentum": LINEAR})
    assert differences(trained, {"momentum": 0.7}, {"momentum": "constant(0.7)"}) == ({}, {})


def test_of_two_optimizers_each_has_its_momentum():
    trained = keras_problem("sgd", momentum=0.7)
    ours, theirs = differences(trained, {"optimizer": "adam", "momentum": LINEAR}, {})
    assert ours == {"momentum": LINEAR, "optimizer": "adam"}
    assert theirs == {"momentum": 0.7, "optimizer": "sgd"}


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"])
def test_a_momentum_of_pytorch_stands_for_the_first_of_betas(name):
    trained = toy(optimizer=None, settings={"optimizer": name})
    assert differences(trained, {}, {"momentum": LINEAR}) == ({"momentum": 0.9}, {"momentum": LINEAR})
    assert differences(trained, {}, {"momentum": "constant(0.9)"}) == ({}, {})
    own = differences(trained, {"betas": [0.8, 0.99]}, {"momentum": LINEAR})
    assert own == ({"momentum": 0.8, "betas[1]": 0.99}, {"momentum": LINEAR, "betas[1]": 0.999})
    pairs = differences(trained, {"betas": [0.8, 0.99]}, {})
    assert pairs == ({"betas": [0.8, 0.99]}, {"betas": [0.9, 0.999]})


def test_it_is_the_first_of_the_betas_of_the_optimizer_of_the_problem():
    def adam(model):
        return torch.optim.Adam(model.parameters(), lr=0.1, betas=(0.8, 0.99))

    assert differences(toy(optimizer=adam), {}, {"momentum": LINEAR})[0] == {"momentum": 0.8}
    assert differences(toy(optimizer=adam), {}, {"momentum": "constant(0.8)"}) == ({}, {})


def test_a_schedule_is_more_than_its_number_where_a_group_has_a_momentum_of_its_own():
    def adam(model):
        own = {"params": model[0].parameters(), "betas": (0.5, 0.999)}
        return torch.optim.Adam([own, {"params": model[2].parameters()}], lr=0.1)

    steady = "constant(0.9)"
    assert differences(toy(optimizer=adam), {}, {"momentum": steady})[1] == {"momentum": steady}


def test_a_momentum_that_every_group_has_of_its_own_is_none_of_the_optimizer():
    def sgd(model):
        parts = (model[0], 0.5), (model[2], 0.7)
        groups = [{"params": part.parameters(), "momentum": momentum} for part, momentum in parts]
        return torch.optim.SGD(groups, lr=0.1)

    assert differences(toy(optimizer=sgd), {}, {"momentum": LINEAR})[0] == {"momentum": "default"}
