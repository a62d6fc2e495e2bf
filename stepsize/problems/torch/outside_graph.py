"""Code of a PyTorch model that runs outside its graph, and which a population would leave out.

Hooks on gradients and on updates, and what the model keeps in Python from one batch to the next. PyTorch's
own loop honours them, unless they are kept where the runs of a process share them.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules import module as modules

from stepsize.errors import NoPopulation, ProblemError
from stepsize.problems.torch.bindings import bindings, unseen_changes
from stepsize.problems.torch.initial_weights import seeded
from stepsize.problems.torch.python_state import differing, owner_of, state_of
from stepsize.problems.torch.training_module import Training

HOOKS = ("_backward_hooks", "_backward_pre_hooks")
PARAMETER_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
UPDATE_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
GLOBAL_HOOKS = (
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
)
optimizers = import_module("torch.optim.optimizer")  # torch.optim hides the module's name
GLOBAL_UPDATE_HOOKS = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")
PASSIVE = ("stepsize.", "torch.")
"""Packages whose hooks on all optimizers only count or measure."""
REPLACED = ("step", "zero_grad")
"""Methods of an optimizer that a user may replace in one object."""
PASSES = (True, True, False, True)  # in training mode or not: an epoch, its validation, and the next
DRAWN = (torch.Tensor, np.ndarray, float, list, tuple, dict)
"""Attributes that may hold random numbers."""


def shown_module(name: str, module: nn.Module, role: str = "model") -> str:
    """Return what to call a module of a model or a loss."""
    return f"module {name!r} ({type(module).__name__})" if name else f"the {role} ({type(module).__name__})"


def check_hooks(module: nn.Module, role: str = "model") -> None:
    """Raise NoPopulation for hooks on the backward pass of a model or a loss."""
    for name, each in module.named_modules():
        if any(getattr(each, hooks, None) for hooks in HOOKS):
            raise NoPopulation(
                f"{shown_module(name, each, role)} has a backward hook, which a population cannot call"
            )
    for name, parameter in [*module.named_parameters(), *module.named_buffers()]:
        if any(getattr(parameter, hooks, None) for hooks in PARAMETER_HOOKS):
            raise NoPopulation(f"parameter {name!r} has a hook, which a population cannot call")


def check_copied(model: nn.Module) -> None:
    """Raise ProblemError for a module with hooks on its parameters, which no copy of it has."""
    for name, parameter in model.named_parameters():
        if any(getattr(parameter, hooks, None) for hooks in PARAMETER_HOOKS):
            raise ProblemError(
                f"parameter {name!r} has a hook, which no copy of the model has; pass the function that "
                "makes the model and registers the hook"
            )


def check_global_hooks() -> None:
    """Raise ProblemError for hooks on all modules or optimizers, which other processes do not have."""
    if any(getattr(modules, hooks) for hooks in GLOBAL_HOOKS):
        raise ProblemError(
            "a hook is registered for all modules (torch.nn.modules.module.register_module_...), which the "
            "processes of a study do not have; register it on a module, in the function that makes the model"
        )
    update_hooks = [each for hooks in GLOBAL_UPDATE_HOOKS for each in getattr(optimizers, hooks).values()]
    if not all(each.__module__.startswith(PASSIVE) for each in update_hooks):
        raise ProblemError(
            "a hook is registered for all optimizers (register_optimizer_step_...), which the processes of a "
            "study do not have; register it on the optimizer, in the function that makes it"
        )


def check_own_step(optimizer: torch.optim.Optimizer) -> None:
    """Raise ProblemError for an optimizer one of whose methods has been replaced."""
    for name in REPLACED:
        method = vars(optimizer).get(name)
        if method is not None and not hasattr(method, "_wrapped_by_lr_sched"):
            raise ProblemError(
                f"the optimizer's {name}() has been replaced, which no population and no settings keep; use "
                "register_step_pre_hook or register_step_post_hook, or a training function"
            )


def check_updates(make: Callable[[nn.Module], torch.optim.Optimizer], training: Training) -> None:
    """Raise NoPopulation for an optimizer with hooks, and for a function that changes the model besides."""
    before = state_of(training)
    optimizer = make(training.model)
    check_hooks(training.model)
    for hooks in UPDATE_HOOKS:
        for hook in getattr(optimizer, hooks, {}).values():
            when = "before" if "_pre_" in hooks else "after"
            raise NoPopulation(
                f"the optimizer has a hook that it calls {when} every update{_line(hook)}, which a "
                "population cannot call"
            )
    for owner, name in differing(before, state_of(training)):
        raise NoPopulation(f"the function that makes the optimizer changes {name} of {owner}")


def carry_hooks(optimizer: torch.optim.Optimizer, other: torch.optim.Optimizer) -> None:
    """Give the hooks of an optimizer to another one, which takes its place."""
    for hooks in UPDATE_HOOKS:
        getattr(other, hooks).update(getattr(optimizer, hooks))


def check_state(training: Training, batch: Sequence[torch.Tensor]) -> None:
    """Raise NoPopulation for a model or a loss that keeps something in Python from one batch to the next."""
    own = copy.deepcopy(training)
    for owner, name in _changes(own, batch):
        raise NoPopulation(
            f"{owner} changes {name} in Python from one batch to the next, and a graph would keep its first "
            "value"
        )


def check_drawn(make: Callable[[], Training]) -> None:
    """Raise NoPopulation if `make` draws numbers for each seed that are neither a parameter nor a buffer."""
    states = []
    for seed in (0, 1):
        with seeded(seed):
            training = make()
        own = {
            (owner_of(path, module), repr(name))
            for path, module in training.named_modules()
            for name, value in vars(module).items()
            if type(value) in DRAWN
        }
        states.append({key: value for key, value in state_of(training).items() if key in own})
    for owner, name in differing(*states):
        raise NoPopulation(
            f"{owner} has another {name} for every seed, and a graph would keep that of one; make it a buffer"
        )


def check_own_parameters(model: nn.Module, make: Callable[[], nn.Module]) -> None:
    """Raise ProblemError if `make`, which made a model, makes others that share what is trained with it."""
    with seeded(0):
        again = make()
    _check_shared(again, {id(each) for each in model.parameters() if each.requires_grad})


def _check_shared(model: nn.Module, kept: Collection[int]) -> None:
    """Raise ProblemError if a model has one of the tensors with these ids, which another run changes."""
    for name, each in [*model.named_parameters(), *model.named_buffers()]:
        if id(each) in kept:
            raise ProblemError(
                f"the models that the factory makes share {name!r}, so a run would start from what the last "
                "one left; make it inside the factory, or copy it there with copy.deepcopy"
            )


def check_renewed(make: Callable[[], Training], batch: Sequence[torch.Tensor]) -> None:
    """Raise ProblemError if what one run leaves in a model or its loss reaches those of the next.

    `make` makes them for a run.
    """
    with seeded(0):
        training = make()
    training.train()
    before = state_of(training)
    values = {id(each): each.detach().clone() for each in training.buffers()}
    changed: list[tuple[str, str]] = []
    with suppress(Exception):  # a batch that a user's model cannot take fails in a run, with its place
        changed.extend(_changes(training, batch))
    kept = {id(each) for each in training.buffers() if id(each) in values and _differ(each, values[id(each)])}
    with seeded(0):
        again = make()
    again.train()
    _check_shared(again.model, kept)
    after = state_of(again)
    for owner, name in changed:
        if before.get((owner, name)) != after.get((owner, name)):
            raise ProblemError(
                f"{owner} changes {name}, which the runs of a process share, so a run would start from what "
                "the last one left; keep it in an attribute of the model, or of a loss that is an object"
            )


def _changes(training: Training, batch: Sequence[torch.Tensor]) -> Iterator[tuple[str, str]]:
    """Yield what changes in Python while batches pass through a model and its loss."""
    seen: set[tuple[str, str]] = set()
    with seeded(0), torch.enable_grad():
        training.train()
        before = state_of(training)
        for is_training in PASSES:
            bound = bindings(training)
            _pass(training, batch, is_training)
            unseen = unseen_changes(bound, bindings(training))
            keys = [(owner_of(each.path, each.module), name) for each, name in unseen]
            for key in [*differing(before, state_of(training)), *keys]:
                if key not in seen:
                    seen.add(key)
                    yield key


def _pass(training: Training, batch: Sequence[torch.Tensor], is_training: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_training:
            training(tuple(batch[:-1]), batch[-1])
            return
        training.eval()
        with torch.no_grad():
            training(tuple(batch[:-1]), batch[-1])
        training.train()


def _line(hook: Any) -> str:
    """Return the line of a hook's code, or nothing for one that has none."""
    code = getattr(hook, "__code__", None)
    return "" if code is None else f" ({code.co_filename.rpartition('/')[2]}, line {code.co_firstlineno})"


def _differ(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    return tensor.shape != other.shape or not torch.equal(tensor, other)
