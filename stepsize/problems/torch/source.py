"""A user's PyTorch model as a study knows it, once it has been read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import nn

from stepsize.problems.code_identity import code_digest, identity_notes
from stepsize.problems.code_objects import versions_of
from stepsize.problems.model_operations import Operations
from stepsize.problems.torch.dropout import has_dropout
from stepsize.problems.torch.factories import Factory
from stepsize.problems.torch.initial_weights import initial_weights, loss_buffers
from stepsize.problems.torch.loss_facts import mismatch_note
from stepsize.problems.torch.optimizer_groups import Optimizer, json_value
from stepsize.problems.torch.optimizer_settings import read_optimizer
from stepsize.problems.torch.torch_model import TorchModel, weights_digest
from stepsize.problems.usual_settings import usual_settings

KEPT = 64  # seeds whose weights are kept, for tuning uses the same seeds for many rates
CONTENTS = ("_parameters", "_buffers", "_modules")  # attributes of a module

Weights = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Source:
    """A PyTorch model that has been read: its travel form, and what makes weights and optimizers.

    `metric` is the user's own, a function of outputs and targets. `series` is why the model cannot be a
    population and trains in PyTorch, one run at a time; None for a population. The graph in its travel form
    is then one that no population can run (`recorded_graph`).
    """

    factory: Factory
    loss: Any
    optimizer: Any
    settings: Mapping[str, Any]
    example: nn.Module
    model: TorchModel
    operations: Operations | None
    label_notes: tuple[str, ...] = ()
    metric: Callable[..., torch.Tensor] | None = None
    series: str | None = None
    _drawn: dict[int, Weights] = field(default_factory=dict, repr=False)

    def weights(self, seed: int) -> Weights:
        """Return the initial weights of a seed, those of `torch.manual_seed(seed); make()`."""
        if seed not in self._drawn:
            if len(self._drawn) >= KEPT:
                self._drawn.pop(next(iter(self._drawn)))
            parts = initial_weights(self.factory, [seed])
            self._drawn[seed] = {
                **{name: array[0] for part in parts for name, array in part.items()},
                **{name: array for name, array in loss_buffers(self.loss).items()},
            }
        return self._drawn[seed]

    def optimizer_with(self, settings: Mapping[str, Any]) -> Optimizer:
        """Return the optimizer with other settings.

        Raises: ProblemError for settings that it does not take.
        """
        trained = self.model.exported.parameters
        return read_optimizer(self.optimizer, self.example, trained, settings=settings)

    def check_settings(self, usual: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Raise ProblemError for settings of a candidate that the optimizer does not take."""
        ours = {name for name in ("batch_size", "multipliers") if name in settings}
        ours |= {"momentum"} if isinstance(settings.get("momentum"), str) else set()  # by schedule
        settings = {name: value for name, value in settings.items() if name not in ours}
        self.optimizer_with(settings if "optimizer" in settings else {**usual, **settings})

    def form(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the travel form with the optimizer's settings."""
        return {"torch": replace(self.model, optimizer=self.optimizer_with(settings))}

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the packages of which a model that is not a graph may be made."""
        makers = () if self.series is None else (self.factory.code, type(self.example), self.loss)
        return {name: version for each in makers for name, version in versions_of(each).items()}

    def optimizer_facts(self, named: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
        """Return the optimizer as JSON values: its name with the settings that were chosen, and its groups.

        The groups are None if all parameters are trained alike. `named` may have an `optimizer` in place of
        the problem's, with what that takes over from it.
        """
        optimizer = self.model.optimizer
        chosen = {*getattr(self.optimizer, "keywords", ()), *self.settings}
        if named:
            settings = {**usual_settings(self.settings, named), **named}
            other = self.optimizer_with(settings)
            chosen = {*settings} if other.name != optimizer.name else chosen | {*settings}
            optimizer = other
        usual = inspect.signature(getattr(torch.optim, optimizer.name)).parameters
        arguments = {
            name: json_value(value)
            for name, value in optimizer.settings.items()
            if name not in ("lr", "initial_lr")
            and (name in chosen or (name in usual and value != usual[name].default))
        }
        clipping = {"clip_grad_norm": optimizer.clip_norm, "clip_grad_value": optimizer.clip_value}
        clipping = {name: bound for name, bound in clipping.items() if bound is not None}
        facts = {"name": optimizer.name, **arguments, **clipping}
        return facts, optimizer.group_facts(self.model.exported.parameters)

    @property
    def notes(self) -> list[str]:
        """What a user may want to know about how the model is trained."""
        notes = [self._road, *self.label_notes]
        if self.factory.note:
            notes.append(self.factory.note)
        if self._is_fixed:
            notes.append(
                "every seed starts from the same weights, so seeds differ in their rows, the order of the "
                "batches and the dropout masks alone"
            )
        if self.series is not None:
            notes += identity_notes([self.factory.code, self.loss, self.metric, self.optimizer])
        if self.model.exported.frozen:
            count = len(self.model.exported.frozen)
            notes.append(f"{count} of its parameters are frozen or unused, and stay as they are")
        return notes

    @property
    def _is_fixed(self) -> bool:
        """Whether two seeds start from the same weights."""
        one, other = self.weights(0), self.weights(1)
        return all(np.array_equal(one[name], other[name]) for name in self.model.exported.parameters)

    @property
    def _road(self) -> str:
        """Where the model is trained, and what differs from PyTorch there."""
        drops = has_dropout(self.example, self.model.exported.training)
        if self.series is None:
            same = "the graph, the initial weights of each seed and the updates"
            masks = ", and the dropout masks are drawn by JAX" if drops else ""
            return f"trained by JAX; {same} are those of PyTorch{masks}"
        masks = "; the dropout masks of a seed are drawn by PyTorch, and its candidates share them"
        return (
            f"trained in PyTorch, one run at a time in a process for each core, because {self.series}; "
            "that is slower than a population, so tuning makes about a quarter of the runs"
            f"{masks if drops else ''}"
        )

    @property
    def warnings(self) -> list[str]:
        """What makes a score of the model not what it seems."""
        mismatch = mismatch_note(self.model.exported.training)
        return [mismatch] if mismatch else []

    @cached_property
    def identity(self) -> list[str]:
        """What affects results: the graphs, the optimizer and the weights that two seeds start from.

        For a model without a graph, it is the code of everything that the user wrote in place of the graphs.
        """
        drawn = weights_digest(self.weights(0), self.weights(1))
        if self.series is None:
            return [self.model.identity, drawn]
        code = [code_digest(each) for each in (self.factory.code, self.loss, self.metric)]
        maker = self.optimizer.func if isinstance(self.optimizer, partial) else self.optimizer
        if maker is not None and not inspect.isclass(maker):  # a function, which may register hooks
            code.append(code_digest(self.optimizer))
        return [self.model.identity, drawn, *code, *map(_digest, self.example.modules())]


def _digest(module: nn.Module) -> str:
    """Return a digest of a module's class and attributes, apart from its tensors and the modules in it."""
    attributes = {name: value for name, value in vars(module).items() if name not in CONTENTS}
    attributes |= {
        name: list(value.values()) for name, value in attributes.items() if name.endswith("hooks") and value
    }  # without their keys, which count the hooks of a process
    return code_digest([type(module), attributes], type(module).__module__)
