"""Every timm scheduler against its own steps, in epochs and in updates."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stepsize.dialects import from_timm
from stepsize.errors import ScheduleError

torch = pytest.importorskip("torch")
from tests.support.torch_optimizers import optimizer  # noqa: E402

DRAWS = 200
TICKS = 130
Draw = np.random.Generator
Case = tuple[str, dict[str, Any]]  # the class, and its arguments


def stepped(scheduler: Any, ticks: int) -> list[float]:
    """Return the rate of each tick: what the constructor leaves, then what is set before the next."""
    move = scheduler.step if scheduler.t_in_epochs else scheduler.step_update
    used = []
    for tick in range(ticks):
        if tick:
            move(tick)
        used.append(scheduler.optimizer.param_groups[0]["lr"])
    return used


def whole(draw: Draw, least: int, most: int) -> int:
    return int(draw.integers(least, most))


def warm(draw: Draw) -> dict[str, Any]:
    both = {"warmup_t": whole(draw, 0, 20), "warmup_lr_init": draw.choice([0, draw.uniform(0, 0.1)])}
    return both | {"t_in_epochs": bool(draw.integers(2))}


def prefixed(draw: Draw) -> dict[str, Any]:
    return warm(draw) | {"warmup_prefix": bool(draw.integers(2))}


def cycles(draw: Draw) -> dict[str, Any]:
    return prefixed(draw) | {
        "t_initial": whole(draw, 1, 60),
        "lr_min": draw.choice([0, draw.uniform(0, 0.1)]),
        "cycle_mul": draw.choice([1, 2, 3, 10, draw.uniform(1, 3)]),
        "cycle_decay": draw.choice([1, draw.uniform(0.3, 1)]),
        "cycle_limit": whole(draw, 1, 6),
    }


def cosine(draw: Draw) -> Case:
    return "CosineLRScheduler", cycles(draw) | {"k_decay": draw.choice([1, draw.uniform(0.5, 2)])}


def poly(draw: Draw) -> Case:
    return "PolyLRScheduler", cycles(draw) | {"k_decay": draw.uniform(0.5, 2), "power": draw.uniform(0.3, 3)}


def tanh(draw: Draw) -> Case:
    return "TanhLRScheduler", cycles(draw) | {"lb": draw.uniform(-8, -1), "ub": draw.uniform(0, 4)}


def step(draw: Draw) -> Case:
    every = draw.choice([whole(draw, 1, 30), draw.uniform(1, 30)])
    return "StepLRScheduler", prefixed(draw) | {"decay_t": every, "decay_rate": draw.uniform(0, 1.2)}


def multistep(draw: Draw) -> Case:
    at = sorted(draw.integers(1, 100, size=whole(draw, 1, 6)).tolist())
    return "MultiStepLRScheduler", prefixed(draw) | {"decay_t": at, "decay_rate": draw.uniform(0, 1.2)}


def wsd(draw: Draw) -> Case:
    total = whole(draw, 1, 80)
    return "WSDLRScheduler", warm(draw) | {
        "t_initial": total,
        "decay_t": whole(draw, 1, total + 1),
        "lr_min": draw.uniform(0, 0.3),
        "stable_fn": str(draw.choice(["constant", "rsqrt", "power"])),
        "stable_timescale": draw.uniform(1, 50),
        "stable_power": draw.uniform(0.1, 2),
        "decay_fn": str(draw.choice(["linear", "1-sqrt", "cosine", "power", "exp"])),
        "decay_power": draw.uniform(0.2, 3),
        "decay_ratio": draw.uniform(0.01, 0.9),
    }


@pytest.mark.parametrize("case", [cosine, poly, tanh, step, multistep, wsd], ids=lambda f: f.__name__)
def test_rates_are_those_of_its_own_steps(
    case: Callable[[Draw], Case], timm_scheduler: ModuleType, assert_follows: Callable[..., None]
) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        kind, arguments = case(draw)
        scale = {"lr_scale": 0.5} if draw.integers(2) else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler = getattr(timm_scheduler, kind)(optimizer(0.5, **scale), **arguments)
            schedule = from_timm(scheduler)
        rates = stepped(scheduler, TICKS)
        per_tick = 3 if scheduler.t_in_epochs else 1
        assert_follows(schedule, np.repeat(rates, per_tick), per_epoch=per_tick)


def test_the_text_says_the_convention(timm_scheduler: ModuleType) -> None:
    scheduler = timm_scheduler.CosineLRScheduler(optimizer(0.1), t_initial=90, warmup_t=5, lr_min=1e-5)
    with pytest.warns(UserWarning, match="drops to the schedule underneath.*warmup_prefix=True"):
        ours = from_timm(scheduler)
    assert repr(ours) == "timm_cosine(0.1, warmup_t=5*epochs, t_initial=90*epochs, lr_min=1e-05)"


def test_milestones_come_a_tick_early(timm_scheduler: ModuleType) -> None:
    scheduler = timm_scheduler.MultiStepLRScheduler(optimizer(0.1), decay_t=[30, 60], decay_rate=0.1)
    with pytest.warns(UserWarning, match=r"one tick before each milestone.*multistep\(0.1, at=\[30\*epochs"):
        from_timm(scheduler)


@pytest.mark.filterwarnings("ignore:timm climbs to the peak")
def test_each_missed_restart_is_reproduced_and_warned_about(
    timm_scheduler: ModuleType, assert_follows: Callable[..., None]
) -> None:
    """At the ticks around the beginning of each cycle, where the rate is near 0.5."""
    draw, misses = np.random.default_rng(0), 0
    for _ in range(DRAWS):
        kind, arguments = [cosine, poly, tanh][whole(draw, 0, 3)](draw)
        growth, first, limit = float(draw.choice([2, 3, 10])), whole(draw, 1, 20), whole(draw, 2, 8)
        arguments |= {"cycle_mul": growth, "t_initial": first, "cycle_limit": limit, "t_in_epochs": False}
        arguments |= {"cycle_decay": 1, "lr_min": 0, "warmup_prefix": True}
        scheduler = getattr(timm_scheduler, kind)(optimizer(0.5), **arguments)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            ours = from_timm(scheduler)
        warm = arguments["warmup_t"]
        starts = [warm + round(first * (growth**cycle - 1) / (growth - 1)) for cycle in range(1, limit + 1)]
        starts = [start for start in starts if start < 5000]
        ticks = sorted({tick for start in starts for tick in (start - 1, start, start + 1)} - {0})
        rates = {}
        for tick in ticks:
            scheduler.step_update(tick)
            rates[tick] = scheduler.optimizer.param_groups[0]["lr"]
        assert_follows(ours, list(rates.values()), t=ticks)
        missed = [start for start in starts[: limit - 1] if rates[start] < 0.3]
        misses += len(missed)
        if missed:
            assert f"misses the restart at tick {missed[0]} " in str(said[-1].message)
        elif len(starts) == limit:
            assert not said
    assert misses > 20


@pytest.mark.parametrize(
    ("kind", "more", "clean"),
    [
        (
            "CosineLRScheduler",
            {"lr_min": 0.01},
            r"repeat\(cosine\(0.1, floor=0.01, length=1\*epochs\), times=7",
        ),
        (
            "CosineLRScheduler",
            {"k_decay": 1.5},
            r"repeat\(k_decay\(0.1, k=1.5, length=1\*epochs\), times=7, gr",
        ),
        ("PolyLRScheduler", {"power": 2}, r'k_decay\(0.1, k=1, power=2, shape="linear", length=1\*epochs'),
        ("TanhLRScheduler", {}, r"repeat\(tanh\(0.1, lower=-7, length=1\*epochs\), times=7, growth=3\)"),
        ("CosineLRScheduler", {"warmup_t": 5, "warmup_prefix": True}, r"warmup\(5\*epochs\) >> repeat"),
        ("CosineLRScheduler", {"cycle_decay": 1.1}, "its cycles one after another, joined by >>"),
    ],
)
def test_a_missed_restart_names_what_misses_none(
    kind: str, more: dict[str, Any], clean: str, timm_scheduler: ModuleType
) -> None:
    arguments = {"t_initial": 1, "cycle_mul": 3, "cycle_limit": 7} | more
    with pytest.warns(
        UserWarning, match="timm misses the restart at tick 12[16] .*; to avoid that, use .*" + clean
    ):
        from_timm(getattr(timm_scheduler, kind)(optimizer(0.1), **arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        {"t_initial": 1, "cycle_mul": 1.2, "cycle_limit": 6},  # the start at 3.64 would be missed, no tick is
        {"t_initial": 1, "cycle_mul": 3, "cycle_limit": 5},  # the cycle from 121 on is the sixth
        {"t_initial": 1, "cycle_mul": 3, "cycle_limit": 7, "warmup_t": 122},  # underneath the warmup
    ],
)
def test_no_restart_is_missed_where_none_is_due(
    arguments: dict[str, Any], timm_scheduler: ModuleType
) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        from_timm(timm_scheduler.CosineLRScheduler(optimizer(0.1), **arguments))
    assert not [each for each in said if "misses" in str(each.message)]


def test_groups_agree_or_are_chosen(timm_scheduler: ModuleType) -> None:
    scheduler = timm_scheduler.StepLRScheduler(optimizer(0.1, 0.2), decay_t=30, decay_rate=0.1)
    assert repr(from_timm(scheduler, group=1)) == "timm_step(0.2, decay_t=30*epochs, decay_rate=0.1)"
    with pytest.raises(ScheduleError, match=r"groups differ; write group=1 .* multipliers=\[0.5, 1\]"):
        from_timm(scheduler)
    with pytest.raises(ScheduleError, match="group=2 is not one of the 2 groups"):
        from_timm(scheduler, group=2)


@pytest.mark.filterwarnings("ignore:PlateauLRScheduler is deprecated")
def test_the_plateau_is_that_of_pytorch(timm_scheduler: ModuleType) -> None:
    scheduler = timm_scheduler.PlateauLRScheduler(optimizer(0.1), decay_rate=0.5, patience_t=3, lr_min=0.001)
    assert repr(from_timm(scheduler)) == (
        'constant(0.1) * plateau(factor=0.5, patience=3, signed=True, floor=0.01, metric="val_accuracy")'
    )
    with pytest.raises(ScheduleError, match="warmup_t=0"):
        from_timm(timm_scheduler.PlateauLRScheduler(optimizer(0.1), warmup_t=3))


@pytest.mark.filterwarnings("ignore:PlateauLRScheduler is deprecated")
def test_a_plateau_cuts_when_its_own_does(timm_scheduler: ModuleType) -> None:
    draw = np.random.default_rng(0)
    cut = 0
    for _ in range(DRAWS):
        scheduler = timm_scheduler.PlateauLRScheduler(
            optimizer(0.5),
            decay_rate=draw.uniform(0.1, 0.9),
            patience_t=whole(draw, 0, 4),
            threshold=draw.choice([1e-4, draw.uniform(0, 0.1)]),
            cooldown_t=whole(draw, 0, 4),
            mode=str(draw.choice(["min", "max"])),
            lr_min=draw.choice([0, draw.uniform(0, 0.6)]),
        )
        ours = from_timm(scheduler)
        rule = ours.metric_factor
        state = rule.init() if rule else None
        metrics = draw.normal(size=40).cumsum().round(1)
        metrics[draw.uniform(size=40) < 0.05] = np.nan
        mine = 0.5
        for epoch, metric in enumerate(metrics.tolist(), start=1):  # step(0) would begin a warmup
            scheduler.step(epoch, metric)
            state = rule.observe(state, metric) if rule else None
            mine = 0.5 * float(rule.multiplier(state)) if rule else 0.5
            assert mine == pytest.approx(scheduler.optimizer.param_groups[0]["lr"], rel=1e-12)
        assert from_timm(scheduler) == ours  # also in mid-run, whatever was cut
        cut += mine < 0.5
    assert cut > 100


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("CosineLRScheduler", {"t_initial": 9, "noise_range_t": 3}, "noise_range_t"),
        ("CosineLRScheduler", {"t_initial": 9, "cycle_mul": 0.5}, "cycle_mul=0.5"),
        ("WSDLRScheduler", {"t_initial": 9, "decay_t": 3, "decay_fn": lambda u: 1 - u}, "decay_fn"),
    ],
)
def test_what_is_refused_says_why(
    kind: str, arguments: dict[str, Any], message: str, timm_scheduler: ModuleType
) -> None:
    with pytest.raises(ScheduleError, match=message):
        from_timm(getattr(timm_scheduler, kind)(optimizer(0.1), **arguments))


def test_other_objects_are_refused() -> None:
    with pytest.raises(ScheduleError, match="unknown scheduler 'StepLR'; use one of: CosineLRScheduler, "):
        from_timm(torch.optim.lr_scheduler.StepLR(optimizer(0.1), 3))
