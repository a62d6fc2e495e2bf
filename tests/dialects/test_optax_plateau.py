"""optax' reduce_on_plateau against its own scale, on the values that it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.dialects import from_optax
from stepsize.errors import ScheduleError

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
theirs = optax.contrib.reduce_on_plateau

DRAWS = 25  # for each of 8 tolerances
CHECKS = 60


def scales(settings: dict[str, Any], many: dict[str, np.ndarray], series: np.ndarray) -> np.ndarray:
    """Return the scale after each value, for many rules at once that have these `settings` in common."""
    weights = jax.numpy.zeros(1)

    def one(numbers: Any, values: Any) -> Any:
        transform = theirs(**settings, **numbers)

        def check(state: Any, value: Any) -> Any:
            _, state = transform.update(weights, state, value=value)
            return state, state.scale

        return jax.lax.scan(check, transform.init(weights), values)[1]

    return np.asarray(jax.jit(jax.vmap(one))(many, series))


def followed(rule: Any, series: np.ndarray) -> list[float]:
    state, seen = rule.init(), []
    for value in series.tolist():
        state = rule.observe(state, value)
        seen.append(float(rule.multiplier(state)))
    return seen


@pytest.mark.parametrize("rtol", [0, 1e-4, 0.125, 0.5])
@pytest.mark.parametrize("factor", [0.3, 0.9])
def test_it_cuts_when_its_own_does(rtol: float, factor: float) -> None:
    draw = np.random.default_rng(0)
    many: dict[str, np.ndarray] = {
        "patience": draw.integers(1, 6, DRAWS),
        "cooldown": draw.integers(0, 5, DRAWS),
        "min_scale": draw.choice([0, 0.25], DRAWS),
    }
    settings = {"factor": factor, "rtol": rtol, "atol": 0 if rtol else 2**-5}
    series = np.round(draw.normal(scale=0.3, size=(DRAWS, CHECKS)).cumsum(axis=1) * 64 + 7) / 64
    series[draw.uniform(size=series.shape) < 0.05] = np.nan
    expected, seen = scales(settings, many, series), 0
    for index in range(DRAWS):
        numbers = {name: values[index].item() for name, values in many.items()}
        ours = from_optax(theirs(**settings, **numbers))
        assert ours == ss.parse(repr(ours))
        np.testing.assert_allclose(followed(ours, series[index]), expected[index], rtol=2e-5)
        other = ours.with_fields(patience=ours.patience + 1)
        seen += followed(other, series[index]) != followed(ours, series[index])
    assert seen > DRAWS / 4  # another rule would not pass


def test_the_text_says_the_convention() -> None:
    assert repr(from_optax(theirs(factor=0.5, patience=6))) == "plateau(factor=0.5, patience=5, signed=True)"
    assert (
        repr(from_optax(theirs(rtol=0, atol=0.01))) == "plateau(patience=9, threshold=0.01, relative=False)"
    )


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: theirs(patience=0), "optax with patience=0 cuts at each improvement .*; write patience=1"),
        (lambda: theirs(rtol=1.0), r"optax with rtol=1 has a bound of 0 \* infinity"),
        (lambda: theirs(rtol=0.1, atol=0.1), "a threshold is one of them; write rtol=0 or atol=0"),
        (lambda: theirs(accumulation_size=4), "accumulation_size"),
        (lambda: theirs(min_scale=1.0), "floor=1.0 can never reduce"),
        (lambda: optax.sgd(0.1), "unknown schedule 'chain'; use one of: "),
    ],
)
def test_what_is_refused_says_what_to_write(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        from_optax(build())
