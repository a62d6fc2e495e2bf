"""The shared formulas agree with PyTorch's schedulers, stepped one update at a time, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.schedules import Schedule
from stepsize.units import updates

torch = pytest.importorskip("torch")
from torch.optim import lr_scheduler as theirs  # noqa: E402

DRAWS = 200
Case = tuple[Schedule, float, int, int, Callable[[Any], Any]]  # ours, base, run, updates to compare, theirs


def stepped(base: float, count: int, build: Callable[[Any], Any]) -> np.ndarray:
    """The rate that each of `count` updates uses."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    scheduler = build(optimizer)
    optimizer.step()
    used = []
    for _ in range(count):
        used.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return np.array(used)


def assert_same(case: Case) -> None:
    schedule, base, run, count, build = case
    ours = schedule.plan(updates=run)(np.arange(count))
    np.testing.assert_allclose(ours, stepped(base, count, build), rtol=1e-10, atol=1e-13)


def step(draw: np.random.Generator) -> Case:
    peak, factor, every = draw.uniform(1e-3, 1), draw.uniform(0.1, 0.99), int(draw.integers(1, 12))
    schedule = ss.step_decay(peak, factor=factor, every=every * updates)
    return schedule, peak, 40, 40, lambda o: theirs.StepLR(o, every, gamma=factor)


def multistep(draw: np.random.Generator) -> Case:
    peak, factor = draw.uniform(1e-3, 1), draw.uniform(0.1, 0.99)
    at = sorted(int(item) for item in draw.integers(1, 45, size=draw.integers(1, 6)))
    schedule = ss.multistep(peak, factor=factor, at=[item * updates for item in at])
    return schedule, peak, 40, 40, lambda o: theirs.MultiStepLR(o, at, gamma=factor)


def exponential(draw: np.random.Generator) -> Case:
    peak, factor = draw.uniform(1e-3, 1), draw.uniform(0.5, 0.999)
    schedule = ss.exponential(peak, factor=factor, every=1 * updates)
    return schedule, peak, 40, 40, lambda o: theirs.ExponentialLR(o, factor)


def polynomial(draw: np.random.Generator) -> Case:
    peak, power, run = draw.uniform(1e-3, 1), draw.uniform(0.3, 4), int(draw.integers(2, 40))
    schedule = ss.polynomial(peak, power=power)
    return schedule, peak, run, run + 5, lambda o: theirs.PolynomialLR(o, total_iters=run, power=power)


def cosine(draw: np.random.Generator) -> Case:
    peak, share, run = draw.uniform(1e-3, 1), draw.uniform(0, 0.9), int(draw.integers(2, 40))
    floor = share * peak
    schedule = ss.cosine(peak, floor=floor)  # beyond the end theirs rises again, ours holds
    return schedule, peak, run, run + 1, lambda o: theirs.CosineAnnealingLR(o, T_max=run, eta_min=floor)


def warmup_cosine(draw: np.random.Generator) -> Case:
    peak, share, start = draw.uniform(1e-3, 1), draw.uniform(0, 0.9), draw.uniform(0.01, 1)
    warm, rest = int(draw.integers(1, 10)), int(draw.integers(2, 30))
    schedule = ss.warmup(warm * updates, start=start * peak) >> ss.cosine(peak, floor=share * peak)

    def build(optimizer: Any) -> Any:
        climb = theirs.LinearLR(optimizer, start_factor=start, total_iters=warm)
        fall = theirs.CosineAnnealingLR(optimizer, T_max=rest, eta_min=share * peak)
        return theirs.SequentialLR(optimizer, [climb, fall], milestones=[warm])

    return schedule, peak, warm + rest, warm + rest + 1, build


def one_cycle(draw: np.random.Generator) -> Case:
    """Theirs has its peak at pct * T - 1 and its end at T - 1: ours, with one update less in each phase."""
    peak, warm, fall = draw.uniform(1e-3, 1), int(draw.integers(1, 10)), int(draw.integers(1, 20))
    total, shape = warm + fall + 1, str(draw.choice(["linear", "cosine"]))
    schedule = ss.one_cycle(peak, warmup=warm * updates, shape=shape)
    anneal = {"linear": "linear", "cosine": "cos"}[shape]

    def build(optimizer: Any) -> Any:
        return theirs.OneCycleLR(
            optimizer,
            peak,
            total_steps=total,
            pct_start=(warm + 1) / total,
            anneal_strategy=anneal,
            cycle_momentum=False,
        )

    return schedule, peak, total - 1, total, build


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
@pytest.mark.parametrize(
    "case",
    [step, multistep, exponential, polynomial, cosine, warmup_cosine, one_cycle],
    ids=lambda f: f.__name__,
)
def test_values_agree(case: Callable[[np.random.Generator], Case]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        assert_same(case(draw))


def test_a_wrong_formula_would_be_seen() -> None:
    _, peak, run, count, build = cosine(np.random.default_rng(0))
    with pytest.raises(AssertionError):
        assert_same((ss.linear(peak), peak, run, count, build))
