"""PyTorch's optimizers: the one that makes the updates, and who else sets its rates."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch.optim import Optimizer

from stepsize.checks import shown
from stepsize.errors import ScheduleError

TRIALS = (
    "lightning.pytorch.tuner.lr_finder",
    "pytorch_lightning.tuner.lr_finder",
    "torch.distributed.checkpoint.state_dict",
)
"""Modules whose updates are undone afterwards; they set rates of their own for those."""


def wrapped(optimizer: Any) -> list[Optimizer]:
    """Return an optimizer and those that it wraps, the one that makes the updates last.

    Raises: ScheduleError if it is not an optimizer, or the last one has no hooks.

    >>> import torch
    >>> [type(each).__name__ for each in wrapped(torch.optim.SGD([torch.zeros(1)]))]
    ['SGD']
    """
    if not isinstance(optimizer, Optimizer):
        raise ScheduleError(
            f"optimizer={shown(optimizer)} is not a PyTorch optimizer; write for example "
            "TorchScheduler(torch.optim.SGD(model.parameters(), lr=0.1), plan)"
        )
    chain = [optimizer]
    while len(inner := _inside(chain[-1], chain)) == 1:
        chain += inner
    if not hasattr(chain[-1], "_optimizer_step_pre_hooks"):
        raise ScheduleError(
            f"this {type(chain[-1]).__name__} does not call Optimizer.__init__, so its updates cannot be "
            "counted; pass the optimizer that it wraps, or call super().__init__(params, defaults) in it"
        )
    return chain


def _inside(optimizer: Optimizer, chain: list[Optimizer]) -> list[Optimizer]:
    """Return the optimizers that it keeps which have the very same parameter groups, as wrappers do."""
    groups = optimizer.param_groups
    return [
        each
        for each in vars(optimizer).values()
        if isinstance(each, Optimizer)
        and not any(each is known for known in chain)
        and len(each.param_groups) == len(groups)
        and all(one is other for one, other in zip(each.param_groups, groups, strict=True))
    ]


def has_updated(optimizer: Optimizer) -> bool:
    """Return whether an optimizer has made updates, as far as its state shows.

    Where the state counts them, 0 is none: Adagrad makes its state when it is built.
    """
    return any(_is_used(state) for state in optimizer.state.values())


def _is_used(state: Any) -> bool:
    if not isinstance(state, dict):
        return True
    if "step" in state:
        return bool(state["step"] > 0)
    return any(value is not None for value in state.values())


def has_pytorch_scheduler(optimizers: list[Optimizer]) -> bool:
    """Return whether a scheduler of PyTorch was built on one of them."""
    return any(hasattr(optimizer.step, "_wrapped_by_lr_sched") for optimizer in optimizers)


def require_unscheduled(optimizers: list[Optimizer]) -> None:
    """Raise ScheduleError if a scheduler of PyTorch was built on one of them."""
    if has_pytorch_scheduler(optimizers):
        raise ScheduleError(
            f"this {type(optimizers[0]).__name__} already has a scheduler of PyTorch; build a new optimizer "
            "for this one, or plan what stepsize.dialects.from_torch returns for the other"
        )


def is_averaged(optimizers: list[Optimizer]) -> bool:
    """Return whether a SWALR, which takes the rate over late in a run, was built on one of them."""
    swa = any("swa_lr" in group for optimizer in optimizers for group in optimizer.param_groups)
    return swa and has_pytorch_scheduler(optimizers)


def is_capturing() -> bool:
    """Return whether a CUDA graph is being captured: what runs now is recorded, and runs at its replays."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def is_on_trial() -> bool:
    """Return whether this update is made by a finder of rates, or by something else that undoes it."""
    frame = sys._getframe()
    while frame is not None:
        names = frame.f_globals
        if names.get("__name__") in TRIALS or names.get("UPDATES_ARE_UNDONE", False):
            return True
        frame = frame.f_back
    return False
