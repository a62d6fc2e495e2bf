"""Every PyTorch scheduler against its own steps: inside, at and far beyond each boundary."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.dialects import from_torch

torch = pytest.importorskip("torch")
from torch.optim import lr_scheduler as theirs  # noqa: E402
from torch.optim.swa_utils import SWALR  # noqa: E402

DRAWS = 200
Build = Callable[[Any], Any]
Case = tuple[float, int, Build]  # the optimizer's rate, updates to compare, the scheduler on an optimizer


def optimizer(rate: float) -> Any:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate, momentum=0.9)


def read_and_step(rate: float, count: int, build: Build) -> tuple[ss.Schedule, list[float]]:
    """Return the schedule that is read before the first step, and the rate that each update then uses."""
    owner = optimizer(rate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = build(owner)
        schedule = from_torch(scheduler)
        owner.step()
        used = []
        for update in range(count):
            if update:
                scheduler.step()
            used.append(owner.param_groups[0]["lr"])
    return schedule, used


def whole(draw: np.random.Generator, least: int, most: int) -> int:
    return int(draw.integers(least, most))


def step(draw: np.random.Generator) -> Case:
    every, gamma = whole(draw, 1, 12), draw.uniform(0, 1.3)
    return draw.uniform(1e-3, 1), 60, lambda o: theirs.StepLR(o, every, gamma=gamma)


def multistep(draw: np.random.Generator) -> Case:
    at, gamma = draw.integers(0, 45, size=whole(draw, 1, 6)).tolist(), draw.uniform(0, 1.3)
    return draw.uniform(1e-3, 1), 60, lambda o: theirs.MultiStepLR(o, at, gamma=gamma)


def constant(draw: np.random.Generator) -> Case:
    factor, size = draw.uniform(1e-3, 1), whole(draw, 1, 20)
    return draw.uniform(1e-3, 1), 40, lambda o: theirs.ConstantLR(o, factor, total_iters=size)


def linear(draw: np.random.Generator) -> Case:
    start, end, size = draw.uniform(1e-3, 1), draw.choice([0, 1, draw.uniform(0, 1)]), whole(draw, 1, 20)
    return draw.uniform(1e-3, 1), 40, lambda o: theirs.LinearLR(o, start, end, total_iters=size)


def exponential(draw: np.random.Generator) -> Case:
    gamma = draw.uniform(0, 1.1)
    return draw.uniform(1e-3, 1), 40, lambda o: theirs.ExponentialLR(o, gamma)


def polynomial(draw: np.random.Generator) -> Case:
    power, size = draw.choice([0, 1, draw.uniform(0.3, 4)]), whole(draw, 1, 30)
    return draw.uniform(1e-3, 1), 60, lambda o: theirs.PolynomialLR(o, total_iters=size, power=power)


def cosine(draw: np.random.Generator) -> Case:
    rate, t_max = draw.uniform(1e-3, 1), whole(draw, 1, 30)
    floor = rate * draw.choice([0, draw.uniform(0, 1.5)])
    return rate, 5 * t_max, lambda o: theirs.CosineAnnealingLR(o, T_max=t_max, eta_min=floor)


def restarts(draw: np.random.Generator) -> Case:
    rate, first, growth = draw.uniform(1e-3, 1), whole(draw, 1, 20), whole(draw, 1, 5)
    floor = min(rate, 0.5) * draw.choice([0, draw.uniform(0, 1)])
    return rate, 200, lambda o: theirs.CosineAnnealingWarmRestarts(o, first, growth, eta_min=floor)


def cyclic(draw: np.random.Generator) -> Case:
    low, high = draw.uniform(0.5, 0.7), draw.uniform(0.7, 1)
    up, down = whole(draw, 1, 20), whole(draw, 1, 20)
    mode, gamma = str(draw.choice(["triangular", "triangular2", "exp_range"])), draw.uniform(0.5, 1)
    half = None if draw.integers(2) else down
    return 0.1, 150, lambda o: theirs.CyclicLR(o, low, high, up, half, mode=mode, gamma=gamma)


def one_cycle(draw: np.random.Generator) -> Case:
    """With straight lines it is negative at t = T, where ours is 0."""
    total, pct, three = whole(draw, 4, 80), draw.uniform(0, 0.5), bool(draw.integers(2))
    div, final = draw.choice([25.0, draw.uniform(1, 50)]), draw.choice([1e4, draw.uniform(1, 1e4)])
    shape = str(draw.choice(["cos", "linear"]))

    def build(owner: Any) -> Any:
        return theirs.OneCycleLR(
            owner,
            0.5,
            total_steps=total,
            pct_start=pct,
            anneal_strategy=shape,
            div_factor=div,
            final_div_factor=final,
            three_phase=three,
        )

    return 0.1, total if shape == "linear" else total + 1, build


def swa(draw: np.random.Generator) -> Case:
    rate, end, size = draw.uniform(1e-3, 1), draw.uniform(1e-3, 1), whole(draw, 0, 20)
    shape = str(draw.choice(["cos", "linear"]))
    return rate, 40, lambda o: SWALR(o, swa_lr=end, anneal_epochs=size, anneal_strategy=shape)


SINGLE = [
    step,
    multistep,
    constant,
    linear,
    exponential,
    polynomial,
    cosine,
    restarts,
    cyclic,
    one_cycle,
    swa,
]
PIECES = [step, multistep, constant, linear, exponential, polynomial, cosine, restarts]
RATIOS = [step, multistep, constant, linear, exponential, polynomial]


def some(draw: np.random.Generator, kinds: list[Any]) -> list[Build]:
    return [kinds[whole(draw, 0, len(kinds))](draw)[2] for _ in range(whole(draw, 1, 5))]


def sequential(draw: np.random.Generator) -> Case:
    parts = some(draw, [*PIECES, cyclic])
    at = np.sort(draw.integers(0, 60, size=len(parts) - 1)).tolist()
    return 0.5, 150, lambda o: theirs.SequentialLR(o, [part(o) for part in parts], milestones=at)


def chained_ratios(draw: np.random.Generator) -> Case:
    parts = some(draw, RATIOS)
    return 0.5, 80, lambda o: theirs.ChainedScheduler([part(o) for part in parts])


def chained(draw: np.random.Generator) -> Case:
    parts = some(draw, [*PIECES, cosine, restarts])
    return 0.5, 80, lambda o: theirs.ChainedScheduler([part(o) for part in parts])


@pytest.mark.parametrize("case", [*SINGLE, sequential, chained_ratios, chained], ids=lambda f: f.__name__)
def test_rates_are_those_of_its_own_steps(case: Any, assert_follows: Callable[..., None]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        schedule, used = read_and_step(*case(draw))
        while min(used) < 0:  # chained cosines may fall below 0, which no plan allows
            schedule, used = read_and_step(*case(draw))
        assert_follows(schedule, used)
