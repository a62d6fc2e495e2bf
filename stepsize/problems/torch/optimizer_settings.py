"""The settings of a user's PyTorch optimizer as plain data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from stepsize.errors import ProblemError, first_line, unknown
from stepsize.problems.torch.optimizer_groups import NAMES, Group, Optimizer
from stepsize.problems.torch.outside_graph import carry_hooks, check_own_step

LEFT_OUT = ("params", "param_names", "foreach", "fused", "capturable", "differentiable")
"""Settings that change how PyTorch computes an update, not the update itself."""
CLIPPING = {"clip_grad_norm": "clip_norm", "clip_grad_value": "clip_value"}
"""Our settings that are not arguments of an optimizer, named like PyTorch's functions."""


class Made(NamedTuple):
    """An optimizer, and for each of its groups the names of the settings that are its own."""

    optimizer: torch.optim.Optimizer
    own: Sequence[Collection[str]]


def read_optimizer(
    make: Callable[..., torch.optim.Optimizer] | None,
    model: nn.Module,
    trained: Collection[str],
    clip_norm: float | None = None,
    clip_value: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Optimizer:
    """Return the optimizer that `make` makes for a model: its name, groups and settings.

    `make` is a class of `torch.optim`, a `partial` of one, or a function of the model that returns an
    optimizer, for groups of parameters. `trained` are the parameters that have gradients. `settings` replace
    arguments of the optimizer, except where a group has a value of its own; `optimizer` among them names
    another optimizer.

    Raises: ProblemError for an optimizer that does not train in populations.
    """
    clipping = {"clip_norm": clip_norm, "clip_value": clip_value} | clipping_of(settings or {})
    return plain_form(made_optimizer(make, model, settings or {}), model, trained, clipping)


def plain_form(
    made: Made, model: nn.Module, trained: Collection[str], clipping: Mapping[str, float | None]
) -> Optimizer:
    """Return an optimizer as plain data, with the parameters of its groups that are trained."""
    return Optimizer(type(made.optimizer).__name__, tuple(_groups(made, model, trained)), **clipping)


def _groups(made: Made, model: nn.Module, trained: Collection[str]) -> Iterator[Group]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group, own in zip(made.optimizer.param_groups, made.own, strict=True):
        if any(id(parameter) not in names for parameter in group["params"]):
            raise ProblemError(
                "the optimizer has a parameter that does not belong to the model; pass only parameters of "
                "the model"
            )
        members = [names[id(parameter)] for parameter in group["params"]]
        values = {name: _plain(value) for name, value in group.items() if name not in LEFT_OUT}
        yield Group(
            tuple(name for name in members if name in trained),
            values,
            tuple(own),
            _scale(made.optimizer, group),
        )


def made_optimizer(
    make: Callable[..., torch.optim.Optimizer] | None, model: nn.Module, settings: Mapping[str, Any]
) -> Made:
    """Return the optimizer that `make` makes for a model, with `settings`; see `read_optimizer`."""
    if "lr" in settings:
        raise ProblemError(
            f"lr={settings['lr']!r} has no effect, because the schedules set the rate; leave lr out of the "
            "settings"
        )
    if "loss_reduction" in settings:
        raise ProblemError(
            f"loss_reduction={settings['loss_reduction']!r} is for Keras models; give a PyTorch model a loss "
            "that adds up, such as nn.CrossEntropyLoss(reduction='sum')"
        )
    settings = {name: value for name, value in settings.items() if name not in CLIPPING}
    chosen = settings.pop("optimizer", None)
    if make is None and chosen is None:
        raise ProblemError("optimizer=None: a PyTorch model needs an optimizer, such as AdamW of torch.optim")
    optimizer = _made(make if make is not None else class_called(chosen), model)
    if settings or (chosen is not None and make is not None):
        return _changed(optimizer, None if chosen is None else class_called(chosen), settings)
    return Made(optimizer, [_own_settings(optimizer, group) for group in optimizer.param_groups])


def clipping_of(settings: Mapping[str, Any]) -> dict[str, float]:
    """Return the bounds of gradients that settings have, by the names of the fields of `Optimizer`."""
    return {field: _bound(name, settings[name]) for name, field in CLIPPING.items() if name in settings}


def class_called(name: Any) -> type[torch.optim.Optimizer]:
    """Return the class of `torch.optim` with a name; upper and lower case are the same."""
    for known in NAMES:
        if known.lower() == str(name).lower() and hasattr(torch.optim, known):
            return getattr(torch.optim, known)
    raise ProblemError(unknown("optimizer for a population", str(name), NAMES))


def _own_settings(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a group, apart from its rate, that differ from the optimizer's defaults."""
    return {
        name: group[name]
        for name, value in optimizer.defaults.items()
        if name not in (*LEFT_OUT, "lr") and name in group and _plain(group[name]) != _plain(value)
    }


def _made(make: Callable[..., Any], model: nn.Module) -> torch.optim.Optimizer:
    target = make.func if isinstance(make, partial) else make
    if isinstance(make, torch.optim.Optimizer):
        kind = type(make).__name__
        raise ProblemError(
            f"optimizer is an instance of {kind} that already belongs to one model; pass the class "
            f"torch.optim.{kind}, partial(torch.optim.{kind}, ...), or a function of the model that returns "
            "an optimizer"
        )
    if not callable(make):
        raise ProblemError(
            f"optimizer={make!r} must be a class of torch.optim, a partial of one, or a function of the "
            "model that returns an optimizer"
        )
    try:
        optimizer = make(model.parameters() if inspect.isclass(target) else model)
    except (ValueError, TypeError) as error:
        hint = (
            "" if inspect.isclass(target) else "; its function is called with the model, not its parameters"
        )
        raise ProblemError(f"the optimizer cannot be created: {first_line(error)}{hint}") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ProblemError(f"optimizer must return a torch.optim.Optimizer, not {type(optimizer).__name__}")
    kind = type(optimizer)
    if getattr(torch.optim, kind.__name__, None) is not kind or kind.__name__ not in NAMES:
        raise ProblemError(unknown("optimizer for a population", kind.__name__, NAMES))
    check_own_step(optimizer)
    return optimizer


def _changed(
    optimizer: torch.optim.Optimizer, other: type[torch.optim.Optimizer] | None, settings: Mapping[str, Any]
) -> Made:
    """Return an optimizer for the same groups, with other settings, or of another class.

    What its groups keep is decided by the defaults of `optimizer`: `settings` may have the same value.
    """
    kind = other or type(optimizer)
    takes = set(inspect.signature(kind).parameters) - {"params"}
    own = [_own_settings(optimizer, group) for group in optimizer.param_groups]
    own = [{name: value for name, value in each.items() if name in takes} for each in own]
    for name, value in settings.items():
        if name not in takes:
            raise ProblemError(unknown(f"argument of {kind.__name__}", name, [*sorted(takes), *CLIPPING]))
        if all(name in each for each in own):
            raise ProblemError(
                f"{name}={value!r} has no effect, because every group of parameters has its own {name}; "
                "leave it out of the groups that should take it"
            )
    usual = optimizer.defaults if kind is type(optimizer) else {"lr": optimizer.defaults["lr"]}
    groups = []
    for group, kept in zip(optimizer.param_groups, own, strict=True):
        rate = {"lr": group["lr"]} if group["lr"] != optimizer.defaults["lr"] else {}
        groups.append({"params": group["params"], **rate, **kept})
    arguments = {name: value for name, value in usual.items() if name in takes}
    arguments |= {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
    try:
        changed = kind(groups, **arguments)
    except (ValueError, TypeError) as error:
        raise ProblemError(
            f"optimizer {kind.__name__} does not take {settings}: {first_line(error)}"
        ) from error
    carry_hooks(optimizer, changed)
    return Made(changed, own)


def _scale(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> float:
    """Return the rate of a group as a multiple of the optimizer's own."""
    rate, usual = float(group["lr"]), float(optimizer.defaults["lr"])
    if rate == usual:
        return 1.0
    if usual == 0:
        raise ProblemError(
            "the optimizer has lr=0, so its groups with other rates have no ratio to it; set its lr to a "
            "positive number"
        )
    return rate / usual


def _bound(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ProblemError(f"{name}={value!r} must be a positive number")
    return float(value)


def _plain(value: Any) -> Any:
    """Return a setting as numbers and texts; a rate may be a tensor of one number."""
    if isinstance(value, torch.Tensor):
        return float(value)
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value
