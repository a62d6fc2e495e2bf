"""Groups of parameters with settings of their own: what a candidate changes, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from stepsize.errors import ProblemError
from stepsize.problems.torch.optimizer_settings import made_optimizer, read_optimizer
from stepsize.report.recipe import recipe_of
from tests.support.answers import recorded_answer
from tests.support.torch_problems import BOTH, FIRST, LAST, NONE, grouped, mlp, toy


@pytest.mark.parametrize("value", [0.5, 0.8, 0.9, 0.0])
@pytest.mark.parametrize(("make", "place"), [(FIRST, 0), (LAST, 1), (NONE, 0)])
def test_a_group_keeps_its_own_value_and_the_others_take_the_candidates(
    make: Callable[..., Any], place: int, value: float
) -> None:
    """Also where both are the same, so that the value may be an input of a program for other candidates."""
    model = mlp()
    kept = make(model).param_groups[place]["momentum"]
    groups = made_optimizer(make, model, {"momentum": value}).optimizer.param_groups
    assert [group["momentum"] for group in groups] == [kept, value][:: 1 if place == 0 else -1]
    plain = read_optimizer(
        make, model, [name for name, _ in model.named_parameters()], settings={"momentum": value}
    )
    assert [group.own for group in plain.groups] == [("momentum",), ()][:: 1 if place == 0 else -1]
    assert plain.settings["momentum"] == value


def test_what_an_optimizer_has_apart_from_its_groups_is_not_that_of_the_first() -> None:
    for make, momentum in ((FIRST, 0.0), (LAST, 0.0), (NONE, 0.8)):
        name, settings = toy(optimizer=make).optimizer_arguments or ("", {})
        assert (name, settings["momentum"]) == ("SGD", momentum)
    assert "momentum" not in (toy(optimizer=BOTH).optimizer_arguments or ("", {}))[1]


def test_another_optimizer_takes_what_it_has_of_a_groups_own() -> None:
    make = grouped(torch.optim.SGD, [{"momentum": 0.9, "weight_decay": 0.1}, {}], lr=0.01)
    optimizer, own = made_optimizer(make, mlp(), {"optimizer": "AdamW", "weight_decay": 0.1})
    assert [list(each) for each in own] == [["weight_decay"], []]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.1]


def test_a_setting_that_no_group_takes_is_refused() -> None:
    words = "momentum=0.5 has no effect, because every group of parameters has its own momentum"
    with pytest.raises(ProblemError, match=words):
        toy(optimizer=BOTH, settings={"momentum": 0.5})
    with pytest.raises(ProblemError, match=words):
        toy(optimizer=BOTH).check_settings({"momentum": 0.5})
    toy(optimizer=BOTH).check_settings({"momentum": "linear(0.9)", "weight_decay": 0.1})


def test_the_code_has_a_groups_own_value_beside_that_of_the_problem() -> None:
    answer = recorded_answer()
    protocol = toy(optimizer=FIRST, settings={"momentum": 0.9}).facts()["protocol"]
    keys = ("optimizer", "optimizer_groups", "model")
    answer["study"]["protocol"].update({key: protocol[key] for key in keys})
    for settings, momenta in (({}, [0.9, 0.9]), ({"momentum": 0.5}, [0.9, 0.5])):
        recipe = recipe_of(answer, {**answer["candidates"][0], "settings": settings})
        names: dict[str, Any] = {"model": mlp()}
        exec(recipe.code("torch"), names)
        assert [group["momentum"] for group in names["optimizer"].param_groups] == momenta
