"""PyTorch models as problems: what a user may pass."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from stepsize.errors import InputError
from stepsize.problems.problem import Problem, problem
from stepsize.report.recipe import recipe_of
from stepsize.schedules import cosine
from stepsize.study.candidates import Candidate
from stepsize.study.study import make_study
from tests.support.answers import recorded_answer
from tests.support.torch_problems import IDS, TwoInputs, X, Y, mlp, toy


def decayed(model: nn.Module) -> torch.optim.Optimizer:
    biases = [each for each in model.parameters() if each.ndim == 1]
    weights = [each for each in model.parameters() if each.ndim > 1]
    groups = [{"params": weights, "weight_decay": 0.05}, {"params": biases, "weight_decay": 0, "lr": 0.01}]
    return torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.9))


def test_the_groups_of_an_optimizer_reach_the_code() -> None:
    made = toy(optimizer=decayed)
    assert "AdamW(betas=[0.8, 0.9], 2 groups of parameters)" in repr(made)
    answer = recorded_answer()
    protocol = made.facts()["protocol"]
    keys = ("optimizer", "optimizer_groups", "model")
    answer["study"]["protocol"].update({key: protocol[key] for key in keys})
    recipe = recipe_of(answer, {**answer["candidates"][0], "settings": {"weight_decay": 0.2}})
    names: dict[str, Any] = {"model": mlp()}
    exec(recipe.code("torch"), names)
    optimizer = names["optimizer"]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0]
    assert optimizer.defaults["weight_decay"] == 0.2
    assert "--optimizer" not in recipe.export_command


def test_an_optimizer_of_a_part_of_the_model_is_written_with_its_parameters() -> None:
    made = toy(optimizer=lambda model: torch.optim.SGD(list(model.parameters())[-1:], lr=0.1))
    (group,) = made.facts()["protocol"]["optimizer_groups"]
    assert group["parameters"] == [[*dict(mlp().named_parameters())][-1]]


def test_a_scheduler_as_a_candidate_is_refused_with_what_to_write() -> None:
    scheduler = torch.optim.lr_scheduler.StepLR(torch.optim.SGD(mlp().parameters(), lr=0.1), 3)
    with pytest.raises(InputError, match=r"got StepLR; write from_torch\(...\) of stepsize.dialects"):
        make_study(toy(), [scheduler], 2)  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"got Plan; write plan.schedule"):
        Candidate(cosine(0.1).plan(updates=3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        ((X, IDS), Y),
        ({"ids": IDS, "x": X}, Y),
        TensorDataset(X, IDS, Y),
        DataLoader(TensorDataset(X, IDS, Y), batch_size=7, shuffle=True),
        [({"x": X[i], "ids": IDS[i]}, Y[i]) for i in range(40)],
    ],
)
def test_two_inputs_in_every_form(data: Any) -> None:
    if isinstance(data, list):
        items = data
        data = type("Items", (torch.utils.data.Dataset,), {
            "__len__": lambda self: len(items), "__getitem__": lambda self, i: items[i],
        })()  # fmt: skip
    made = toy(TwoInputs, data=data)
    assert made.torch_source is not None
    assert (made.torch_source.model.inputs, made.torch_source.model.flat) == (("x", "ids"), ("ids",))
    np.testing.assert_array_equal(made.data.inputs["ids"][:, 0], IDS)
    np.testing.assert_array_equal(made.data.y, Y)


class Doubled(TensorDataset):
    """Tensors with a change of its own to every item."""

    def __getitem__(self, index: Any) -> Any:
        x, y = super().__getitem__(index)
        return 2 * x, y


@pytest.mark.parametrize("model", [mlp, "mlp(4)"])
def test_items_of_a_tensor_dataset_come_as_it_returns_them(model: Any) -> None:
    torch_only = {"loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD} if model is mlp else {}
    made = Problem(model, Doubled(X, Y), **torch_only)
    np.testing.assert_array_equal(np.asarray(made.data.x), 2 * X)


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": SubsetRandomSampler(range(30))},
        {"sampler": WeightedRandomSampler([1.0] * 40, 40)},
        {"sampler": RandomSampler(range(40), num_samples=20)},
        {"batch_sampler": [[0, 1], [2, 3]]},
    ],
)
def test_a_sampler_that_chooses_rows_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="a study would take every row of its dataset once"):
        toy(data=DataLoader(TensorDataset(X, Y), **options))


def test_parts_keep_their_rows() -> None:
    made = toy(data={"train": (X[:30], Y[:30]), "valid": TensorDataset(X[30:], Y[30:])})
    assert len(made.parts(0).train) == 30


def test_initial_weights_are_those_of_the_users_own_script() -> None:
    made = toy()
    torch.manual_seed(7)
    model = mlp()
    weights = made.initial_weights(7)
    assert weights is not None
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(weights[name], parameter.detach())


def test_frozen_parameters_of_a_layer_that_trains_stay_as_they_are() -> None:
    model = mlp()
    for layer in (model[0], model[2]):
        layer.weight.requires_grad_(False)
    drawn, other = (toy(model).initial_weights(seed) for seed in (1, 2))
    assert drawn is not None
    assert other is not None
    for name, value in model.named_parameters():
        assert (drawn[name] == value.detach().numpy()).all() == (not value.requires_grad)
        assert (drawn[name] == other[name]).all() == (not value.requires_grad)


def test_a_live_module_is_not_touched_and_gives_fresh_weights_or_its_own() -> None:
    model = nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 8).requires_grad_(False), nn.Linear(8, 3)
    )
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    fresh, kept = toy(model), toy(model, from_weights=True)
    first, other, own = fresh.initial_weights(1), fresh.initial_weights(2), kept.initial_weights(1)
    assert first is not None
    assert other is not None
    assert own is not None
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        np.testing.assert_array_equal(own[name], value)
    assert (first["0.weight"] != other["0.weight"]).any()
    np.testing.assert_array_equal(first["2.weight"], before["2.weight"])  # frozen
    assert fresh.digest != kept.digest


def test_the_digest_follows_what_affects_results_and_nothing_else() -> None:
    def doubled() -> nn.Module:
        model = mlp()
        with torch.no_grad():
            model[0].weight.mul_(2)
        return model

    def again() -> nn.Module:
        # the same model, on other lines
        return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))

    usual = toy()
    assert toy(again).digest == usual.digest
    others = [
        toy(doubled),
        toy(loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))),
        toy(optimizer=partial(torch.optim.SGD, momentum=0.9)),
        toy(settings={"clip_grad_norm": 1.0}),
    ]
    assert len({usual.digest, *(each.digest for each in others)}) == len(others) + 1


def test_settings_of_candidates_are_checked_by_pytorchs_own_optimizer() -> None:
    made = toy()
    make_study(made, [Candidate("constant(0.1)", momentum=0.9, nesterov=True), "constant(0.1)"], 5)
    for settings, words in (
        ({"beta_1": 0.9}, "unknown argument of SGD 'beta_1'"),
        ({"nesterov": True}, "Nesterov momentum requires a momentum"),
        ({"optimizer": "lamb"}, "unknown optimizer for a population 'lamb'"),
        ({"loss_reduction": "sum"}, "loss_reduction='sum' is for Keras models; give a PyTorch model a loss"),
    ):
        with pytest.raises(InputError, match=words):
            make_study(made, [Candidate("constant(0.1)", **settings)], 5)


def test_an_optimizer_as_a_table_is_that_of_a_partial() -> None:
    table = problem(
        (X, Y), model=mlp, loss="CrossEntropyLoss", settings={"optimizer": "adamw", "weight_decay": 0.1}
    )
    made = toy(optimizer=partial(torch.optim.AdamW, weight_decay=0.1))
    assert table.torch_source is not None
    assert made.torch_source is not None
    assert table.torch_source.model.optimizer == made.torch_source.model.optimizer
    assert table.optimizer_name == "adamw"


@pytest.mark.parametrize(
    ("optimizer", "shown"),
    [
        (torch.optim.SGD, {"name": "SGD"}),
        (lambda model: torch.optim.Adadelta(model.parameters(), lr=0.1), {"name": "Adadelta"}),
        (
            lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True),
            {"name": "SGD", "momentum": 0.9, "nesterov": True},
        ),
        (partial(torch.optim.Adam, betas=(0.8, 0.999)), {"name": "Adam", "betas": [0.8, 0.999]}),
    ],
)
def test_only_settings_of_the_optimizer_that_were_chosen_are_shown(optimizer, shown):
    assert toy(optimizer=optimizer).facts()["protocol"]["optimizer"] == shown
