"""A PyTorch module with the weights of a run, which fills and scales by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

from stepsize.errors import ProblemError
from stepsize.problems.problem import Problem
from stepsize.problems.torch.factories import Factory
from stepsize.problems.torch.graph import first_output
from stepsize.problems.torch.initial_weights import seeded
from stepsize.study.final_run import FinalRun


@dataclass(frozen=True)
class TorchForm:
    """The inputs in the order of the arguments, those whose rows are single numbers, and the link.

    `link` turns the outputs into probabilities: "softmax", "sigmoid" or None.
    """

    inputs: tuple[str, ...]
    flat: tuple[str, ...]
    link: str | None


class Prepared(nn.Module):
    """A model behind the filling and scaling of its inputs."""

    def __init__(self, model: nn.Module, prepared: Mapping[str, Any], names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self._names = model, names
        for number, name in enumerate(names):
            for part, value in zip(("fill", "shift", "scale"), prepared[name] or (None,) * 3, strict=True):
                self.register_buffer(f"{part}_{number}", None if value is None else torch.from_numpy(value))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs for rows as the data has them."""
        return self.model(*(self._ready(number, x) for number, x in enumerate(inputs)))

    def _ready(self, number: int, x: torch.Tensor) -> torch.Tensor:
        fill, shift, scale = (getattr(self, f"{part}_{number}") for part in ("fill", "shift", "scale"))
        if fill is not None:
            x = torch.where(torch.isnan(x), fill, x)
        return x if shift is None else (x - shift) / scale


def rebuild(problem: Problem, final: FinalRun, seed: int) -> nn.Module:
    """Return the module of a run, in evaluation mode.

    Raises: ProblemError if training has left a buffer of another shape than the module is made with.
    """
    source = problem.torch_source
    assert source is not None
    with seeded(seed):
        model = source.factory()
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    changed = set()
    with torch.no_grad():
        for name, value in final.weights.items():
            if name not in tensors:  # a loss may have buffers of its own
                continue
            if tensors[name].shape != value.shape:
                raise ProblemError(
                    f"buffer {name!r} has the shape {tuple(tensors[name].shape)} in a new model and "
                    f"{value.shape} after training, so no state dict brings it back; register it with its "
                    "final shape"
                )
            before = tensors[name].clone()
            if not torch.equal(tensors[name].copy_(torch.from_numpy(np.array(value))), before):
                changed.add(name)
    _keep_in_state(model, changed)
    if any(final.prepared.values()):
        model = Prepared(model, final.prepared, source.model.inputs)
    return model.eval()


@contextmanager
def trials(model: nn.Module) -> Iterator[Callable[[], nn.Module]]:
    """Return what gives a copy of a model for a trial, with the random numbers of judging."""
    with seeded(0):
        yield lambda: copy.deepcopy(model)


def _keep_in_state(model: nn.Module, names: Collection[str]) -> None:
    """Make these buffers part of the state dict, if they are registered with `persistent=False`."""
    for path, module in model.named_modules():
        prefix = f"{path}." if path else ""
        module._non_persistent_buffers_set -= {name for name in module._buffers if prefix + name in names}


def torch_form(problem: Problem) -> TorchForm:
    """Return how the module of a problem is called."""
    assert problem.torch_source is not None
    facts, kind = problem.torch_source.model, problem.data.kind
    link = None
    if facts.are_logits and kind != "regression":
        link = "softmax" if facts.width > 1 and kind != "multilabel" else "sigmoid"
    return TorchForm(facts.inputs, facts.flat, link)


def load(weights: BinaryIO, factory: Factory, form: TorchForm, path: str, seed: int) -> nn.Module:
    """Return the module that `factory` makes for a seed, with the saved weights and the filling and scaling.

    Raises: ProblemError if the weights are not those of such a module.
    """
    state = torch.load(weights, weights_only=True)
    with seeded(seed):
        model: nn.Module = factory()
    prepared: dict[str, Any] = dict.fromkeys(form.inputs)
    for number, name in enumerate(form.inputs):
        parts = [state.get(f"{part}_{number}") for part in ("fill", "shift", "scale")]
        if parts[1] is not None:
            prepared[name] = tuple(None if each is None else each.numpy() for each in parts)
    if any(prepared.values()):
        model = Prepared(model, prepared, form.inputs)
    _keep_in_state(model, state)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ProblemError(f"path={path!r} has the weights of another model: {reason[:160]}") from None
    return model.eval()


def call(model: nn.Module, form: TorchForm, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return probabilities or quantities [rows, outputs]."""
    tensors = []
    for name in form.inputs:
        array = inputs[name].reshape(len(inputs[name])) if name in form.flat else inputs[name]
        tensors.append(torch.from_numpy(array.astype(np.int64) if array.dtype == np.int32 else array))
    with torch.no_grad():
        outputs = first_output(model(*tensors))
    return linked(outputs.reshape(len(outputs), -1), form).numpy()


def expected_outputs(final: FinalRun, form: TorchForm) -> Sequence[np.ndarray]:
    """Return what `call` returns for the validation rows of a run if the model is that of the run."""
    return [linked(torch.from_numpy(each.copy()), form).numpy() for each in final.outputs]


def linked(outputs: torch.Tensor, form: TorchForm) -> torch.Tensor:
    """Return a model's outputs [rows, outputs] as probabilities, or as they are for quantities."""
    if form.link is None:
        return outputs
    return outputs.softmax(dim=1) if form.link == "softmax" else outputs.sigmoid()
