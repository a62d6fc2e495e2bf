"""A scheduler in PyTorch whose optimizer was loaded and whose own state was not: it is reported."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support import torch_host
from tests.support.torch_host import CURVE

UPDATES = 40
PLAN = CURVE.plan(updates=UPDATES)


def trained(updates: int, strict: bool = False, **options: Any) -> Any:
    optimizer = torch.optim.AdamW([torch_host.weight()], lr=0.1)
    scheduler = TorchScheduler(optimizer, PLAN, strict=strict, **options)
    for _ in range(updates):
        optimizer.step()
        scheduler.step()
    return optimizer, scheduler


def test_a_state_of_the_optimizer_without_that_of_the_scheduler_is_reported() -> None:
    saved = trained(9)[0].state_dict()
    optimizer, scheduler = trained(0)
    optimizer.load_state_dict(saved)
    text = r"^update 0: the optimizer's state was loaded \(with lr=0\.2\d+ in group 0\), but the scheduler's"
    with pytest.warns(UserWarning, match=text) as caught:
        torch_host.train(optimizer, scheduler, 3)
    assert len(caught) == 1
    assert scheduler.mismatches == {"state not loaded": 1}
    optimizer, scheduler = trained(0, strict=True)
    optimizer.load_state_dict(saved)
    with pytest.raises(ScheduleError, match=r"scheduler\.load_state_dict\(state\)"):
        optimizer.step()


def test_a_forgotten_state_is_seen_where_the_rates_agree_and_in_the_middle_of_a_run() -> None:
    flat = ss.constant(0.1).plan(updates=9)
    saved = torch.optim.AdamW([torch_host.weight()], lr=0.1)
    saved.step()
    optimizer = torch.optim.AdamW([torch_host.weight()], lr=0.1)
    scheduler = TorchScheduler(optimizer, flat)
    optimizer.load_state_dict(saved.state_dict())
    with pytest.warns(UserWarning, match="but the scheduler's state was not"):
        optimizer.step()
    assert scheduler.update == 1
    optimizer, scheduler = trained(9)
    before = copy.deepcopy(optimizer.state_dict())
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    optimizer.load_state_dict(before)
    with pytest.warns(UserWarning, match="update 14: the optimizer's state was loaded"):
        optimizer.step()


def test_a_scheduler_of_an_optimizer_that_has_made_updates_expects_a_state_or_an_update() -> None:
    first, earlier = trained(9)
    saved = first.state_dict(), earlier.state_dict()

    def loaded(**options: Any) -> tuple[torch.optim.Optimizer, TorchScheduler]:
        optimizer = torch.optim.AdamW([torch_host.weight()], lr=0.1)
        optimizer.load_state_dict(saved[0])
        return optimizer, TorchScheduler(optimizer, PLAN, **options)

    optimizer, scheduler = loaded()
    with pytest.warns(UserWarning, match="has made updates before, but the scheduler's state was not loaded"):
        optimizer.step()
    optimizer, scheduler = loaded(update=0)
    optimizer.step()
    assert scheduler.update == 1
    optimizer, scheduler = loaded()
    scheduler.load_state_dict(saved[1])
    optimizer.step()
    assert scheduler.update == 10


STATELESS = {"SGD": {"momentum": 0.9}}  # with these options it keeps a state
OPTIMIZERS = sorted(
    {name for name, each in vars(torch.optim).items() if isinstance(each, type)} - {"Optimizer"}
)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_keeps_before_its_first_update_is_no_update(name: str) -> None:
    """Adagrad makes its state when it is built."""

    def build() -> torch.optim.Optimizer:
        matrix = torch.nn.Parameter(torch.ones(2, 2))
        matrix.grad = torch.ones(2, 2).to_sparse() if name == "SparseAdam" else torch.ones(2, 2)
        return getattr(torch.optim, name)([matrix], lr=0.1, **STATELESS.get(name, {}))

    plan = ss.cosine(0.1).plan(updates=UPDATES)
    fresh, loaded = build(), build()
    scheduler = TorchScheduler(loaded, plan, strict=True)
    loaded.load_state_dict(fresh.state_dict())
    loaded.step(lambda: torch.tensor(1.0))
    assert scheduler.update == 1
    used = build()
    used.load_state_dict(loaded.state_dict())
    scheduler = TorchScheduler(used, plan, strict=True)
    with pytest.raises(ScheduleError, match="has made updates before"):
        used.step(lambda: torch.tensor(1.0))


def test_a_state_that_is_loaded_back_is_not_a_forgotten_one() -> None:
    optimizer, scheduler = trained(9, strict=True)
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.step()
    scheduler.step()
    optimizer, scheduler = trained(0, strict=True, update=9)
    optimizer.load_state_dict(trained(9)[0].state_dict())
    optimizer.step()
    assert scheduler.update == 10
