"""A PyTorch module with the weights of a run, which fills and scales by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

from stepsize.errors import ProblemError
from stepsize.problems.problem import Problem
from stepsize.problems.torch.factories import Factory
from stepsize.problems.torch.graph import first_output
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
    """Return the module of a run, in evaluation mode."""
    source = problem.torch_source
    assert source is not None
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = source.factory()
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    with torch.no_grad():
        for name, value in final.weights.items():
            if name in tensors:  # a loss may have buffers of its own
                tensors[name].copy_(torch.from_numpy(np.array(value)))
    if any(final.prepared.values()):
        model = Prepared(model, final.prepared, source.model.inputs)
    return model.eval()


def torch_form(problem: Problem) -> TorchForm:
    """Return how the module of a problem is called."""
    assert problem.torch_source is not None
    facts, kind = problem.torch_source.model, problem.data.kind
    link = None
    if facts.are_logits and kind != "regression":
        link = "softmax" if facts.width > 1 and kind != "multilabel" else "sigmoid"
    return TorchForm(facts.inputs, facts.flat, link)


def load(weights: BinaryIO, factory: Factory, form: TorchForm, path: str) -> nn.Module:
    """Return the module that `factory` makes, with the saved weights and the filling and scaling.

    Raises: ProblemError if the weights are not those of such a module.
    """
    state = torch.load(weights, weights_only=True)
    model: nn.Module = factory()
    prepared: dict[str, Any] = dict.fromkeys(form.inputs)
    for number, name in enumerate(form.inputs):
        parts = [state.get(f"{part}_{number}") for part in ("fill", "shift", "scale")]
        if parts[1] is not None:
            prepared[name] = tuple(None if each is None else each.numpy() for each in parts)
    if any(prepared.values()):
        model = Prepared(model, prepared, form.inputs)
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
    outputs = outputs.reshape(len(outputs), -1)
    if form.link is not None:
        outputs = outputs.softmax(dim=1) if form.link == "softmax" else outputs.sigmoid()
    return outputs.numpy()
