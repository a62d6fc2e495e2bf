"""Candidates that share a program: each trains as it would alone, whatever the others set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stepsize.engine.batch_order import batch_order
from stepsize.problems.problem import Problem
from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.populations.shared_programs import shared_programs
from stepsize.study.protocol import Round
from stepsize.study.study import make_study
from tests.support.torch_problems import Groups, X, Y, grouped, mlp, toy

RATE, EPOCHS, BATCH = 0.1, 3, 8
LAYOUTS: dict[str, tuple[Any, Groups, dict[str, Any]]] = {
    "the momentum of the first": (torch.optim.SGD, [{"momentum": 0.9}, {}], {}),
    "the momentum of the last": (torch.optim.SGD, [{}, {"momentum": 0.9}], {}),
    "a group without momentum": (torch.optim.SGD, [{"momentum": 0.0}, {}], {"momentum": 0.9}),
    "rate and decay": (torch.optim.SGD, [{"weight_decay": 0.1, "lr": 0.005}, {}], {"momentum": 0.5}),
    "the decay of AdamW": (torch.optim.AdamW, [{"weight_decay": 0.9}, {}], {}),
    "a group without decay": (torch.optim.AdamW, [{}, {"weight_decay": 0.0}], {"weight_decay": 0.9}),
}
VALUES = (0.5, 0.9)  # of a candidate: another than a group's own, and the same


def in_torch(problem: Problem, make: Any, groups: Groups, settings: Mapping[str, float]) -> float:
    """Train as a user would, and return the last loss of the validation rows."""
    torch.manual_seed(0)
    model, loss_of, parts = mlp(), nn.CrossEntropyLoss(), problem.parts(0)
    optimizer = make(model)
    for group, own in zip(optimizer.param_groups, groups, strict=True):
        group |= {name: value for name, value in settings.items() if name not in own}
        group["lr"] *= RATE / optimizer.defaults["lr"]
    for order in batch_order(parts.train, 0, EPOCHS):
        for first in range(0, len(order), BATCH):
            rows = torch.from_numpy(order[first : first + BATCH]).long()
            optimizer.zero_grad()
            loss_of(model(X[rows]), Y[rows]).backward()
            optimizer.step()
    rows = torch.from_numpy(parts.valid).long()
    return float(loss_of(model(X[rows]), Y[rows]).detach())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_group_of_parameters_keeps_its_own_setting_beside_other_candidates(
    layout: str, engine: Any
) -> None:
    kind, groups, usual = LAYOUTS[layout]
    make = grouped(kind, groups, lr=0.01, **usual)
    problem = toy(optimizer=make, epochs=EPOCHS, batch_size=BATCH)
    name = next(iter(groups[0] or groups[1]))
    spec = f"constant({RATE})"
    candidates = [Candidate(spec, "plain"), *(Candidate(spec, f"{each}", **{name: each}) for each in VALUES)]
    for some in (candidates[:1], candidates[1:2], candidates, candidates[::-1]):
        study = make_study(problem, some, seeds=1)
        stage = Round("comparing on fresh seeds", tuple(Job(each, None, 0) for each in some), judge=True)
        runs = PopulationExecutor(engine, problem, study).execute(stage, {}, lambda done: None)
        losses = {run.candidate: run.curves[1, -1] for several in runs for run in several}
        assert len(losses) == len(some)
        for each in some:
            expected = in_torch(problem, make, groups, each.settings)
            np.testing.assert_allclose(losses[each.key(None)], expected, rtol=1e-4, err_msg=each.name)


def test_the_usual_value_of_an_input_is_that_of_the_groups_without_their_own() -> None:
    for own in ([{"weight_decay": 0.9}, {}], [{}, {"weight_decay": 0.9}]):
        problem = toy(optimizer=grouped(torch.optim.AdamW, own, weight_decay=0.2))
        candidates = [Candidate("constant(0.1)"), Candidate("linear(0.1)", weight_decay=0.5)]
        study = make_study(problem, candidates, seeds=1)
        programs = shared_programs(problem, study, study.candidates).values()
        assert [each.numbers for each in programs] == [{"weight_decay": 0.2}, {"weight_decay": 0.5}]
        assert len({each.key for each in programs}) == 1
