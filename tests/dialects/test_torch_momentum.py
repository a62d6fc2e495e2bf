"""The momentum that PyTorch's cycles drive: read from them, and as the page of dialects writes it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.dialects import from_torch, momentum_from_torch
from stepsize.errors import ScheduleError
from stepsize.units import updates

torch = pytest.importorskip("torch")
from torch.optim import lr_scheduler as theirs  # noqa: E402

from tests.support.torch_optimizers import optimizer  # noqa: E402

DRAWS = 200


def momenta(build: Any, count: int) -> list[float]:
    """Return the momentum that each update uses."""
    owner = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = build(owner)
        used = []
        for update in range(count):
            if update:
                owner.step()
                scheduler.step()
            used.append(owner.param_groups[0]["momentum"])
    return used


def assert_same(schedule: ss.Schedule, used: list[float]) -> None:
    np.testing.assert_allclose(schedule.plan(updates=len(used)).values, used, rtol=1e-10)


def test_one_cycle() -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        total, three, linear = int(draw.integers(4, 80)), bool(draw.integers(2)), bool(draw.integers(2))
        share, low, high = draw.uniform(1.01 / total, 0.5), draw.uniform(0.5, 0.8), draw.uniform(0.8, 0.99)
        way = {"anneal_strategy": "linear" if linear else "cos", "three_phase": three}
        bounds = {"base_momentum": low, "max_momentum": high, "pct_start": share}
        used = momenta(lambda o, n=total, more=way | bounds: theirs.OneCycleLR(o, 0.5, n, **more), total)
        rise = (share * total - 1) * updates
        ours = ss.one_cycle_momentum(
            high,
            low=low,
            warmup=rise,
            down=rise if three else None,
            shape="linear" if linear else "cosine",
            closed=True,
        )
        assert_same(ours, used)
    with pytest.raises(AssertionError):
        assert_same(ours.with_fields(closed=False), used)  # pyright: ignore[reportPossiblyUnboundVariable]


def test_a_triangle() -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        up, down = int(draw.integers(1, 20)), int(draw.integers(1, 20))
        low, high = draw.uniform(0.5, 0.8), draw.uniform(0.8, 0.99)
        settings = {"base_momentum": low, "max_momentum": high}
        used = momenta(
            lambda o, up=up, down=down, more=settings: theirs.CyclicLR(o, 0.1, 0.5, up, down, **more), 90
        )
        at = [up * updates, (up + down) * updates]
        assert_same(ss.piecewise_interpolated([high, low, high], at=at, length=at[-1]).repeat(), used)


def cycling(draw: np.random.Generator, mode: str) -> Any:
    bounds = {"base_momentum": draw.uniform(0.5, 0.8), "max_momentum": draw.uniform(0.8, 0.99)}
    if mode in ("cos", "linear"):
        total = int(draw.integers(4, 80))
        share, three = draw.uniform(1.01 / total, 0.5), bool(draw.integers(2))
        way = {"anneal_strategy": mode, "three_phase": three, "pct_start": share}
        return lambda owner: theirs.OneCycleLR(owner, 0.5, total, **way, **bounds)
    up, down = int(draw.integers(1, 20)), int(draw.integers(1, 20))
    more = {"mode": mode, "gamma": draw.uniform(0.9, 1)}
    return lambda owner: theirs.CyclicLR(owner, 0.1, 0.5, up, down, **more, **bounds)


@pytest.mark.parametrize("mode", ["cos", "linear", "triangular", "triangular2", "exp_range"])
@pytest.mark.parametrize("beta", [False, True])
def test_it_is_read_from_the_scheduler(mode: str, beta: bool) -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        build, weight = cycling(draw, mode), torch.zeros(1, requires_grad=True)
        owner = torch.optim.AdamW([weight], 0.1) if beta else torch.optim.SGD([weight], 0.1, momentum=0.9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler = build(owner)
        ours = momentum_from_torch(scheduler)
        assert_same(ours, momenta(build, getattr(scheduler, "total_steps", 90)))
        assert ss.parse(repr(ours)) == ours


def test_a_scheduler_that_does_not_cycle_it_says_so() -> None:
    owner = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1, momentum=0.9)
    for scheduler in (theirs.StepLR(owner, 3), theirs.CyclicLR(owner, 0.1, 0.5, cycle_momentum=False)):
        with pytest.raises(
            ScheduleError, match="does not cycle the momentum; pass a OneCycleLR or a CyclicLR"
        ):
            momentum_from_torch(scheduler)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: theirs.OneCycleLR(o, 0.5, total_steps=15),
        lambda o: theirs.OneCycleLR(o, 0.5, total_steps=15, three_phase=True),
        lambda o: theirs.CyclicLR(o, 0.01, 0.5, 4),
        lambda o: theirs.CyclicLR(o, 0.01, 0.5, 2.3, mode="exp_range", gamma=0.9),
    ],
)
def test_the_momentum_of_a_scheduler_that_is_stepped_once_an_epoch(make: Any) -> None:
    owner = optimizer(0.1)
    scheduler = make(owner)
    with pytest.warns(UserWarning, match=r"momentum_from_torch\(scheduler, step='epoch'\) reads it"):
        from_torch(scheduler, step="epoch")
    plan = momentum_from_torch(scheduler, step="epoch").plan(epochs=15, updates_per_epoch=4)
    used = []
    for _ in range(15):
        for _ in range(4):
            used.append(owner.param_groups[0]["momentum"])
            owner.step()
        scheduler.step()
    assert plan.values == pytest.approx(used)
