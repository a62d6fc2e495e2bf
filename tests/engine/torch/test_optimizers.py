"""Every optimizer makes the updates of `torch.optim`, with rates and other settings that change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from stepsize.engine.torch.optimizer_rules import RULES
from stepsize.engine.torch.optimizers import start, update
from stepsize.errors import ProblemError
from stepsize.problems.torch.optimizer_groups import NAMES, Optimizer
from stepsize.problems.torch.optimizer_settings import read_optimizer

UPDATES = 50
RATES = 0.02 * (0.6 + 0.4 * np.cos(np.arange(UPDATES) / 4))
CHANGING = 0.5 + 0.4 * np.sin(np.arange(UPDATES) / 5)  # momenta, and weight decays

VARIANTS: dict[str, Callable[..., optim.Optimizer]] = {
    "SGD": optim.SGD,
    "SGD, momentum and dampening": partial(optim.SGD, momentum=0.9, dampening=0.3, weight_decay=0.01),
    "SGD, Nesterov, maximize": partial(optim.SGD, momentum=0.9, nesterov=True, maximize=True),
    "Adam": optim.Adam,
    "Adam, amsgrad, weight decay": partial(optim.Adam, amsgrad=True, weight_decay=0.1, betas=(0.8, 0.95)),
    "Adam, no first moment": partial(optim.Adam, betas=(0.0, 0.99), maximize=True),
    "AdamW": partial(optim.AdamW, weight_decay=0.1),
    "NAdam": optim.NAdam,
    "NAdam, decoupled": partial(optim.NAdam, weight_decay=0.1, decoupled_weight_decay=True),
    "RAdam": optim.RAdam,
    "RAdam, weight decay": partial(optim.RAdam, weight_decay=0.1, betas=(0.9, 0.9)),
    "Adamax": partial(optim.Adamax, weight_decay=0.1),
    "Adadelta": partial(optim.Adadelta, weight_decay=0.1, eps=0.1),
    "Adagrad": partial(optim.Adagrad, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.1),
    "RMSprop": optim.RMSprop,
    "RMSprop, centered, momentum": partial(optim.RMSprop, centered=True, momentum=0.9, weight_decay=0.1),
    "Rprop": optim.Rprop,
    "ASGD": partial(optim.ASGD, weight_decay=0.1, lambd=0.01, t0=10),
    "Adafactor": partial(optim.Adafactor, weight_decay=0.1),
}


class Weights(nn.Module):
    """Parameters of several shapes, and gradients that depend on them and on the update."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.all = nn.ParameterList(torch.randn(shape) for shape in shapes)
        self.noise = [[torch.randn(shape) for shape in shapes] for _ in range(UPDATES)]

    def gradients(self, values: Sequence[Any], count: int) -> list[Any]:
        return [0.3 * value + noise.numpy() for value, noise in zip(values, self.noise[count], strict=True)]


def in_torch(
    model: Weights,
    make: Callable[..., optim.Optimizer],
    changes: Callable[[int], dict[str, float]],
    clip: Callable[..., Any] = lambda parameters: None,
) -> list[np.ndarray]:
    optimizer = make(model.parameters()) if isinstance(make, type | partial) else make(model)
    first = [group["lr"] for group in optimizer.param_groups]
    for count in range(UPDATES):
        for name, value in changes(count).items():
            for group, lr in zip(optimizer.param_groups, first, strict=True):
                if name == "lr":
                    group["lr"] = value * lr / first[0]
                elif name == "momentum" and "betas" in group:
                    group["betas"] = (value, group["betas"][1])
                else:
                    group[name] = value
        parameters = list(model.parameters())
        for parameter, gradient in zip(
            parameters, model.gradients([p.detach().numpy() for p in parameters], count), strict=True
        ):
            parameter.grad = torch.as_tensor(gradient)
        clip(parameters)
        optimizer.step()
    return [p.detach().numpy() for p in model.parameters()]


def in_jax(
    model: Weights, optimizer: Optimizer, changes: Callable[[int], dict[str, float]]
) -> list[np.ndarray]:
    weights = {name: jnp.asarray(p.detach().numpy().copy()) for name, p in model.named_parameters()}
    slots, advance = start(optimizer, weights), jax.jit(partial(update, optimizer))
    first = [group.settings["lr"] for group in optimizer.groups]
    for count in range(UPDATES):
        gradients = dict(
            zip(weights, model.gradients([*map(np.asarray, weights.values())], count), strict=True)
        )
        values = {name: np.float32(value) for name, value in changes(count).items()}
        driven = [{**values, "lr": values["lr"] * np.float32(lr / first[0])} for lr in first]
        weights, slots = advance(weights, gradients, slots, jnp.int32(count), driven)
    return [np.asarray(value) for value in weights.values()]


def rates(count: int) -> dict[str, float]:
    return {"lr": RATES[count]}


def compare(
    make: Callable[..., optim.Optimizer],
    changes: Callable[[int], dict[str, float]] = rates,
    shapes: Sequence[tuple[int, ...]] = ((3, 4), (5,)),
    clip: Callable[..., Any] = lambda parameters: None,
    tolerance: float = 1e-5,
    **clipping: float,
) -> None:
    model = Weights(*shapes)
    names = [name for name, _ in model.named_parameters()]
    ours = in_jax(model, read_optimizer(make, model, names, **clipping), changes)
    theirs = in_torch(Weights(*shapes), make, changes, clip)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_optimizer_equals_pytorchs(variant: str) -> None:
    compare(VARIANTS[variant])


def test_adafactor_factors_the_last_two_axes() -> None:
    compare(optim.Adafactor, shapes=[(2, 3, 4, 2)])


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_muon_equals_pytorchs_to_the_precision_of_its_iterations(shape: tuple[int, int]) -> None:
    compare(partial(optim.Muon, weight_decay=0.1), shapes=[shape], tolerance=5e-3)


@pytest.mark.parametrize(
    "make", [partial(optim.SGD, momentum=0.5, weight_decay=0.1), partial(optim.AdamW, weight_decay=0.1)]
)
def test_momentum_and_weight_decay_change_by_schedule(make: Callable[..., optim.Optimizer]) -> None:
    compare(
        make,
        lambda count: {"lr": RATES[count], "momentum": CHANGING[count], "weight_decay": CHANGING[-count]},
    )


def with_zeros(seed: int, starts_at_0: bool) -> np.ndarray:
    """Return a momentum for every update, whose plan is 0 for several stretches of it."""
    random = np.random.default_rng(seed)
    ends = np.sort(random.choice(np.arange(2, UPDATES - 2), 6, replace=False))
    is_zero = np.searchsorted(ends, np.arange(UPDATES), "right") % 2 == (0 if starts_at_0 else 1)
    return np.where(is_zero, 0.0, random.uniform(0.1, 0.95, UPDATES))


SGDS = {
    "plain": partial(optim.SGD, momentum=0.9),
    "dampening": partial(optim.SGD, momentum=0.9, dampening=0.6, weight_decay=0.01),
    "Nesterov": partial(optim.SGD, momentum=0.9, nesterov=True),
    "maximize": partial(optim.SGD, momentum=0.9, dampening=0.3, maximize=True),
}


@pytest.mark.parametrize("starts_at_0", [True, False])
@pytest.mark.parametrize("variant", SGDS)
def test_a_momentum_of_0_for_a_while_leaves_the_buffer_alone(variant: str, starts_at_0: bool) -> None:
    for seed in range(3):
        momenta = with_zeros(seed, starts_at_0)
        compare(SGDS[variant], lambda count, plan=momenta: {"lr": RATES[count], "momentum": plan[count]})


OTHERS = {
    "RMSprop": partial(optim.RMSprop, momentum=0.9, centered=True),
    "Adam": partial(optim.Adam, amsgrad=True),
    "AdamW": partial(optim.AdamW, weight_decay=0.1),
    "NAdam": partial(optim.NAdam, weight_decay=0.1, decoupled_weight_decay=True),
    "RAdam": optim.RAdam,
    "Adamax": optim.Adamax,
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_momentum_and_a_weight_decay_of_0_for_a_while(name: str) -> None:
    """The momentum of RMSprop does not start at 0: PyTorch then makes no buffer, and fails at a later one."""
    decays = with_zeros(7, True)
    for starts_at_0 in (False,) if name == "RMSprop" else (False, True):
        momenta = with_zeros(1, starts_at_0)
        compare(
            OTHERS[name],
            lambda count, plan=momenta: {
                "lr": RATES[count],
                "momentum": plan[count],
                "weight_decay": decays[count],
            },
        )


def test_members_of_a_population_have_zeros_where_they_have_them() -> None:
    """Each of them has a plan of its own, and the groups a rate of their own."""
    model = Weights((3, 4), (5,))
    optimizer = read_optimizer(dampened_groups, model, [name for name, _ in model.named_parameters()])
    plans = np.stack([with_zeros(1, True), with_zeros(2, False), np.zeros(UPDATES), np.full(UPDATES, 0.8)])
    weights = {name: jnp.asarray(p.detach().numpy().copy()) for name, p in model.named_parameters()}
    members = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(plans)), (weights, start(optimizer, weights)))

    def step(member: Any, momentum: Any, noise: Any, rate: Any, count: Any) -> Any:
        gradients = {name: 0.3 * member[0][name] + noise[name] for name in weights}
        driven = [{"lr": rate * np.float32(group.scale), "momentum": momentum} for group in optimizer.groups]
        return update(optimizer, member[0], gradients, member[1], count, driven)

    advance = jax.jit(jax.vmap(step, (0, 0, None, None, None)))
    for count in range(UPDATES):
        noise = dict(zip(weights, [each.numpy() for each in model.noise[count]], strict=True))
        momenta = np.float32(plans[:, count])
        members = advance(members, momenta, noise, np.float32(RATES[count]), jnp.int32(count))
    for member, plan in enumerate(plans):
        changes = lambda count, plan=plan: {"lr": RATES[count], "momentum": plan[count]}  # noqa: E731
        theirs = in_torch(Weights((3, 4), (5,)), dampened_groups, changes)
        for mine, other in zip(members[0].values(), theirs, strict=True):
            np.testing.assert_allclose(mine[member], other, rtol=1e-5, atol=1e-5)


def dampened_groups(model: Weights) -> optim.Optimizer:
    first, second = model.parameters()
    groups = [{"params": [second], "dampening": 0.2}, {"params": [first], "lr": 0.005, "momentum": 0.5}]
    return optim.SGD(groups, lr=0.02, momentum=0.9, dampening=0.7)


def grouped(model: Weights) -> optim.Optimizer:
    first, second = model.parameters()
    groups = [{"params": [second]}, {"params": [first], "lr": 0.002, "weight_decay": 0.0}]
    return optim.AdamW(groups, lr=0.02, weight_decay=0.2)


def test_groups_have_their_own_rates_and_decays() -> None:
    compare(grouped)


def test_gradients_are_clipped_by_norm() -> None:
    compare(optim.SGD, clip=lambda parameters: clip_grad_norm_(parameters, 0.7), clip_norm=0.7)


def test_gradients_are_clipped_by_value() -> None:
    compare(optim.SGD, clip=lambda parameters: clip_grad_value_(parameters, 0.3), clip_value=0.3)


def test_the_comparison_can_fail() -> None:
    with pytest.raises(AssertionError):
        compare(optim.SGD, clip=lambda parameters: clip_grad_value_(parameters, 0.3), clip_value=0.4)


def test_every_optimizer_is_tested() -> None:
    assert set(NAMES) == set(RULES)
    assert set(NAMES) - {"Muon"} == {variant.partition(",")[0] for variant in VARIANTS}
    others = {"Optimizer", "LBFGS", "SparseAdam"}  # no update from one gradient; not for dense gradients
    assert {name for name in dir(optim) if name[0].isupper()} - others == set(NAMES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (optim.LBFGS, "unknown optimizer for a population 'LBFGS'; use one of: ASGD"),
        (partial(optim.SGD, lr=-1), "the optimizer cannot be created: Invalid learning rate: -1"),
        (optim.Muon, "the optimizer cannot be created: Muon only supports 2D parameters"),
        (lambda model: model, "optimizer must return a torch.optim.Optimizer, not Weights"),
        (lambda model: optim.SGD([nn.Parameter(torch.ones(2))]), "does not belong to the model"),
    ],
)
def test_what_is_not_an_optimizer_for_a_population_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        read_optimizer(make, Weights((2,)), ["all.0"])
