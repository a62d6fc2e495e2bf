"""Every optax schedule against its own calls, within float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stepsize.dialects import from_optax
from stepsize.errors import ScheduleError

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

DRAWS = 200
FLOAT32 = 2e-5
Draw = np.random.Generator


def whole(draw: Draw, least: int, most: int) -> int:
    return int(draw.integers(least, most))


def constant(draw: Draw) -> Any:
    return optax.constant_schedule(draw.choice([0, draw.uniform(1e-3, 1)]))


def polynomial(draw: Draw) -> Any:
    start, end = draw.choice([0, draw.uniform(0, 1)]), draw.choice([0, draw.uniform(0, 1)])
    power, size, begin = draw.choice([1, draw.uniform(0.5, 4)]), whole(draw, 0, 60), whole(draw, -3, 40)
    return optax.polynomial_schedule(start, end, power, size, begin)


def exponential(draw: Draw) -> Any:
    factor, size, begin = draw.choice([0, draw.uniform(0.1, 1.2)]), whole(draw, 0, 30), whole(draw, -3, 40)
    limit = (0.5 if factor < 1 else 2.0) if draw.integers(2) else None
    return optax.exponential_decay(1.0, size, factor, begin, bool(draw.integers(2)), limit)


def cosine(draw: Draw) -> Any:
    exponent, size = draw.choice([1, draw.uniform(0.3, 3)]), whole(draw, 1, 100)
    return optax.cosine_decay_schedule(draw.uniform(1e-3, 1), size, draw.uniform(0, 1), exponent)


def boundaries(draw: Draw) -> dict[int, float]:
    return {whole(draw, 0, 150): draw.uniform(0, 2) for _ in range(whole(draw, 0, 6))}


def piecewise(draw: Draw) -> Any:
    return optax.piecewise_constant_schedule(draw.uniform(1e-3, 1), boundaries(draw))


def interpolated(draw: Draw) -> Any:
    kind = str(draw.choice(["linear", "cosine"]))
    return optax.piecewise_interpolate_schedule(kind, draw.uniform(1e-3, 1), boundaries(draw) or {9: 0.5})


def cosine_onecycle(draw: Draw) -> Any:
    return optax.cosine_onecycle_schedule(whole(draw, 2, 100), 0.5, draw.uniform(0, 0.9), draw.uniform(1, 50))


def linear_onecycle(draw: Draw) -> Any:
    first, last = sorted(draw.uniform(0, 1, size=2))
    return optax.linear_onecycle_schedule(whole(draw, 2, 100), 0.5, first, last, draw.uniform(1, 50))


def warmup_constant(draw: Draw) -> Any:
    return optax.warmup_constant_schedule(draw.uniform(0, 0.1), draw.uniform(0.1, 1), whole(draw, 1, 60))


def warm_cosine(draw: Draw) -> dict[str, Any]:
    warm, peak = whole(draw, 0, 30), draw.uniform(0.1, 1)
    return {
        "init_value": draw.choice([0, draw.uniform(0, 1)]),
        "peak_value": peak,
        "warmup_steps": warm,
        "decay_steps": warm + whole(draw, 1, 40),
        "end_value": peak * draw.uniform(0, 1),
        "exponent": draw.choice([1.0, draw.uniform(0.5, 2)]),
    }


def warmup_cosine(draw: Draw) -> Any:
    return optax.warmup_cosine_decay_schedule(**warm_cosine(draw))


def warmup_exponential(draw: Draw) -> Any:
    return optax.warmup_exponential_decay_schedule(
        draw.uniform(0, 1),
        draw.uniform(0.1, 1),
        whole(draw, 0, 30),
        whole(draw, 1, 30),
        draw.uniform(0.1, 0.99),
        whole(draw, 0, 20),
        bool(draw.integers(2)),
        draw.choice([None, 0.05]),
    )


def sgdr(draw: Draw) -> Any:
    return optax.sgdr_schedule([warm_cosine(draw) for _ in range(whole(draw, 1, 4))])


def joined(draw: Draw) -> Any:
    kinds = [constant, polynomial, exponential, cosine, piecewise, warmup_cosine]
    pieces = [kinds[whole(draw, 0, len(kinds))](draw) for _ in range(whole(draw, 1, 5))]
    at = np.sort(draw.integers(0, 100, size=len(pieces) - 1)).tolist()
    return optax.join_schedules(pieces, at)


CASES = [
    constant,
    polynomial,
    exponential,
    cosine,
    piecewise,
    interpolated,
    cosine_onecycle,
    linear_onecycle,
    warmup_constant,
    warmup_cosine,
    warmup_exponential,
    sgdr,
    joined,
]


def called(schedule: Any) -> np.ndarray:
    """Return the rate of each update; one-cycle schedules take one step at a time, or many through `vmap`."""
    t = np.arange(290)
    if schedule.__code__.co_qualname.startswith("piecewise_interpolate"):
        return np.asarray(jax.vmap(schedule)(t))
    return np.broadcast_to(np.asarray(schedule(t)), t.shape)


@pytest.mark.filterwarnings("ignore:.*has no length and stays")
@pytest.mark.parametrize("case", CASES, ids=lambda f: f.__name__)
def test_rates_are_those_of_its_own_calls(case: Any, assert_follows: Callable[..., None]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        schedule = case(draw)
        assert_follows(from_optax(schedule), called(schedule), rtol=FLOAT32)


def test_the_text_says_the_phases() -> None:
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.1, warmup_steps=10, decay_steps=100, end_value=0.01)
    assert repr(from_optax(schedule)) == "warmup(10*updates) >> cosine(0.1, floor=0.01, length=90*updates)"
    cycle = optax.linear_onecycle_schedule(100, 0.5, 0.29, div_factor=25, final_div_factor=2)
    assert repr(from_optax(cycle)) == (
        "piecewise_interpolated([0.02, 0.5, 0.02, 0.01], at=[28*updates, 85*updates, 100*updates])"
    )


def test_a_length_of_zero_is_warned_about() -> None:
    with pytest.warns(UserWarning, match="polynomial_schedule has no length and stays at 0"):
        ours = from_optax(optax.warmup_constant_schedule(0.0, 0.1, warmup_steps=0))
    assert ours.plan(updates=3).values.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lambda count: 0.1, "unknown schedule '<lambda>'; use one of: "),
        ("cosine", "unknown schedule 'str'"),
    ],
)
def test_other_functions_are_refused(schedule: Any, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        from_optax(schedule)
