"""Every name of transformers against the function that the library makes of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stepsize.dialects import from_torch, from_transformers
from stepsize.dialects.transformers import LAMBDAS, NAMES
from stepsize.errors import ScheduleError
from stepsize.units import lr

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

DRAWS = 200
PEAK = 0.3
Draw = np.random.Generator


def scheduler(name: str, arguments: dict[str, Any]) -> Any:
    """Return what transformers makes of a name."""
    steps = {key: arguments.get(key) for key in ("num_warmup_steps", "num_training_steps")}
    more = {key: value for key, value in arguments.items() if key not in steps}
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    return transformers.get_scheduler(name, optimizer, **steps, scheduler_specific_kwargs=more)


def steps(draw: Draw) -> dict[str, Any]:
    warm = int(draw.choice([0, 1, 2, int(draw.integers(3, 30))]))
    return {"num_warmup_steps": warm, "num_training_steps": warm + int(draw.integers(1, 70))}


def waves(draw: Draw) -> dict[str, Any]:
    return steps(draw) | {"num_cycles": draw.choice([0.5, 0, 1, draw.uniform(0.1, 4)])}


def minimum(draw: Draw) -> dict[str, Any]:
    share = draw.uniform(0, 1)
    return {"min_lr": share * PEAK} if draw.integers(2) else {"min_lr_rate": draw.choice([0, share])}


def warmup_rate(draw: Draw) -> dict[str, Any]:
    return {"warmup_lr_rate": draw.choice([0, draw.uniform(0, 1)])} if draw.integers(2) else {}


def stable(draw: Draw) -> dict[str, Any]:
    warm, stay, decay = int(draw.integers(0, 20)), int(draw.integers(0, 30)), int(draw.integers(1, 30))
    total = {"num_stable_steps": stay} if draw.integers(2) else {"num_training_steps": warm + stay + decay}
    return total | {
        "num_warmup_steps": warm,
        "num_decay_steps": decay,
        "warmup_type": str(draw.choice(["linear", "cosine", "1-sqrt"])),
        "decay_type": str(draw.choice(["linear", "cosine", "1-sqrt"])),
        "min_lr_ratio": draw.choice([0, draw.uniform(0, 1)]),
        "num_cycles": draw.choice([0.5, draw.uniform(0.1, 2)]),
    }


def timescale(draw: Draw) -> dict[str, Any]:
    warm = {"num_warmup_steps": int(draw.integers(0, 30))}
    return warm | ({"timescale": int(draw.integers(1, 99))} if draw.integers(2) else {})


CASES: dict[str, Callable[[Draw], dict[str, Any]]] = {
    "constant": lambda draw: {},
    "constant_with_warmup": lambda draw: {"num_warmup_steps": int(draw.integers(0, 30))},
    "cosine": waves,
    "cosine_warmup_with_min_lr": lambda draw: waves(draw) | minimum(draw) | warmup_rate(draw),
    "cosine_with_min_lr": lambda draw: waves(draw) | minimum(draw),
    "cosine_with_restarts": lambda draw: (
        steps(draw) | {"num_cycles": draw.choice([1, 2, 3, draw.uniform(0.2, 5)])}
    ),
    "inverse_sqrt": timescale,
    "linear": steps,
    "polynomial": lambda draw: steps(draw) | {"lr_end": draw.uniform(0, 0.2), "power": draw.uniform(0.3, 4)},
    "warmup_stable_decay": stable,
}


@pytest.mark.parametrize("name", CASES)
def test_rates_are_those_of_the_library(name: str, assert_follows: Callable[..., None]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        arguments = CASES[name](draw)
        theirs = scheduler(name, arguments)
        rates = [PEAK * theirs.lr_lambdas[0](step) for step in range(220)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, read = from_transformers(name, peak=PEAK, **arguments), from_torch(theirs)
        assert_follows(ours, rates)
        assert_follows(read, rates)


def test_all_names_of_the_library_are_known() -> None:
    names = {item.value for item in transformers.SchedulerType}
    assert names <= set(NAMES)
    assert set(NAMES) - set(CASES) == {"greedy", "reduce_lr_on_plateau"}
    assert all(hasattr(transformers.optimization, function) for function in LAMBDAS)


def test_the_plateau_has_the_arguments_of_pytorch() -> None:
    """It is PyTorch's class, whose cuts are compared where `from_torch` is tested."""
    draw = np.random.default_rng(0)
    for _ in range(DRAWS):
        arguments = {
            "mode": str(draw.choice(["min", "max"])),
            "factor": draw.uniform(0.1, 0.9),
            "patience": int(draw.integers(0, 9)),
            "threshold": draw.uniform(0, 0.1),
            "threshold_mode": str(draw.choice(["rel", "abs"])),
            "cooldown": int(draw.integers(0, 5)),
            "min_lr": PEAK * draw.choice([0, draw.uniform(0, 1.2)]),
            "eps": draw.choice([1e-8, 1e-3]),
        }
        given = dict(list(arguments.items())[: int(draw.integers(0, 9))])  # the rest are defaults
        ours = from_transformers("reduce_lr_on_plateau", peak=PEAK, **given)
        assert ours == from_torch(scheduler("reduce_lr_on_plateau", given))
    assert 'metric="val_accuracy"' in repr(from_transformers("reduce_lr_on_plateau", peak=PEAK, mode="max"))


def test_the_text_says_the_convention() -> None:
    given: dict[str, Any] = {"peak": 0.1, "num_warmup_steps": 10, "num_training_steps": 100}
    assert (
        repr(from_transformers("linear", **given)) == "warmup(10*updates) >> linear(0.1, length=90*updates)"
    )
    with pytest.warns(
        UserWarning, match=r"rises again.*warmup\(10\*updates\) >> cosine\(0.1, length=90\*updates\)"
    ):
        ours = from_transformers("cosine", **given)
    assert repr(ours) == "warmup(10*updates) >> torch_cosine(0.1, t_max=90*updates)"


def test_the_peak_may_be_left_to_a_study() -> None:
    with pytest.warns(UserWarning, match="rises again"):
        ours = from_transformers(
            "cosine_with_min_lr", peak=lr, num_warmup_steps=10, num_training_steps=100, min_lr_rate=0.1
        )
    assert repr(ours) == "warmup(10*updates) >> torch_cosine(lr, t_max=90*updates, eta_min=0.1*lr)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cosin"}, "unknown name 'cosin'; did you mean 'cosine'"),
        ({"name": "greedy"}, "greedy"),
        ({"name": "linear", "num_warmup_steps": 5}, "linear: num_training_steps is missing"),
        (
            {"name": "linear", "num_warmup_steps": 5, "num_training_steps": 5},
            "is not below num_training_steps=5",
        ),
        ({"name": "inverse_sqrt", "num_warmup_steps": 5, "timescal": 5}, "did you mean 'timescale'"),
        (
            {"name": "cosine_with_min_lr", "num_warmup_steps": 1, "num_training_steps": 9},
            "min_lr= or min_lr_rate=",
        ),
        ({"name": "warmup_stable_decay", "num_warmup_steps": 1, "num_decay_steps": 2}, "num_stable_steps="),
        (
            {
                "name": "warmup_stable_decay",
                "num_warmup_steps": 1,
                "num_decay_steps": 2,
                "num_stable_steps": 3,
                "warmup_type": "sqrt",
            },
            "unknown shape 'sqrt'; did you mean '1-sqrt'",
        ),
    ],
)
def test_what_is_refused_says_what_to_write(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        from_transformers(peak=0.1, **arguments)
