"""What a PyTorch model must be for JAX to train it as PyTorch does; each refusal is one sentence."""

from __future__ import annotations

import copy
import math
import random
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from stepsize.errors import NoPopulation, ProblemError, first_line
from stepsize.problems.torch.outside_graph import check_global_hooks, check_hooks, shown_module

OLDEST = (2, 9)
NUMBERS = (torch.float32, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
PYTORCH = Path(torch.__file__).parent
HERE = Path(__file__).parent
FRAME = re.compile(r'File "([^"]+)", line (\d+), in \S+\n\s*(.*)')
HOOKED = {  # modules of torch.nn.utils whose hooks keep a weight, and what to write instead
    "weight_norm": "use torch.nn.utils.parametrizations.weight_norm",
    "spectral_norm": "use torch.nn.utils.parametrizations.spectral_norm",
    "prune": "call prune.remove(module, name) first, or train the model with a training function",
}


def check_module(model: nn.Module) -> None:
    """Raise ProblemError for a module that cannot be trained as it is, in a population or in PyTorch."""
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < OLDEST:
        raise ProblemError(f"PyTorch {torch.__version__} is too old to export a model: install torch>=2.9")
    if not isinstance(model, nn.Module):
        raise ProblemError(f"model must be an nn.Module, not {type(model).__name__}")
    check_global_hooks()
    check_weights(model)
    for name, module in _waking(model):
        raise ProblemError(
            f"{shown_module(name, module)} is in eval mode; call .train() before you pass it or return it "
            "from a factory"
        )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer):
            raise ProblemError(f"parameter {name!r} has no shape yet; use a layer that is not lazy")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ProblemError("the model has no parameter with requires_grad=True, so there is nothing to train")


def _waking(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the modules in evaluation mode that the model's `train()` would put in training mode."""
    if all(module.training for module in model.modules()):
        return []
    ready = dict(copy.deepcopy(model).train().named_modules())
    return [(name, each) for name, each in model.named_modules() if ready[name].training > each.training]


def check_graph(model: nn.Module) -> None:
    """Raise NoPopulation for a module that PyTorch trains, and whose graph would train in another way."""
    check_hooks(model)
    for name, module in model.named_modules():
        shown = shown_module(name, module)
        if isinstance(module, _BatchNorm) and module.momentum is None and module.track_running_stats:
            raise NoPopulation(
                f"{shown} has momentum=None, the mean of all batches so far, which depends on their count"
            )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.dtype not in NUMBERS:
            raise NoPopulation(f"{name!r} is {type_name(tensor)}, and a population trains in float32")


def precision_advice(model: nn.Module) -> str:
    """Return what to do if a tensor of the model is of another precision than the data; empty if none is."""
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.dtype not in NUMBERS:
            return f"; {name!r} is {type_name(tensor)} and the data are float32: call .float()"
    return ""


def check_weights(model: nn.Module) -> None:
    """Raise ProblemError for a module that keeps a tensor computed from its parameters."""
    for name, module in model.named_modules():
        for hook in module._forward_pre_hooks.values():
            kind = type(hook).__module__.removeprefix("torch.nn.utils.")
            if kind in HOOKED:
                raise ProblemError(
                    f"{shown_module(name, module)} uses torch.nn.utils.{kind}, whose hook keeps the weight "
                    f"that it computes, so the model cannot be copied; {HOOKED[kind]}"
                )
        for attribute, value in vars(module).items():
            if isinstance(value, torch.Tensor) and value.grad_fn is not None:
                raise ProblemError(
                    f"{shown_module(name, module)} keeps {attribute!r}, computed from its parameters when "
                    "it was made, which no update would change; compute it in forward()"
                )


def check_loss(loss: Any) -> None:
    """Raise ProblemError for a loss that cannot be called, or that has parameters of its own."""
    if not callable(loss):
        raise ProblemError(f"loss must be a function of outputs and targets, not {type(loss).__name__}")
    if isinstance(loss, type):
        raise ProblemError(f"loss must be a function of outputs and targets: write {loss.__name__}()")
    if isinstance(loss, nn.Module) and next(loss.parameters(), None) is not None:
        raise ProblemError("the loss has parameters, but only the model is trained; move them into the model")


def check_batch(inputs: Sequence[torch.Tensor], target: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return copies of an example batch, of at least two rows, or raise ProblemError.

    Copies, because `torch.export` would treat the same tensor passed twice as one input. Two rows, because it
    would treat the size 1 as a constant.
    """
    batch = (*inputs, target)
    for name, tensor in zip([*[f"inputs[{i}]" for i in range(len(inputs))], "target"], batch, strict=True):
        if tensor.dtype not in NUMBERS:
            raise ProblemError(
                f"{name} is {type_name(tensor)}; a population trains in float32: call .float()"
            )
        if tensor.ndim == 0 or len(tensor) != len(target) or len(target) == 0:
            raise ProblemError(
                f"{name} has shape {tuple(tensor.shape)} and the target has shape {tuple(target.shape)}; the "
                "first axis of each must be the rows of the batch"
            )
    if len(target) == 1:
        return tuple(torch.cat([tensor, tensor]) for tensor in batch)
    return tuple(tensor.detach().clone() for tensor in batch)


def check_forward(module: nn.Module, batch: Sequence[torch.Tensor]) -> None:
    """Run a model with its loss once; raise ProblemError unless the loss is one number that fits the targets.

    PyTorch's own errors name the sizes here, which an export replaces by symbols.
    """
    try:
        with warnings.catch_warnings(record=True) as seen, torch.random.fork_rng(devices=[]):
            warnings.simplefilter("always")
            loss, _ = module(tuple(batch[:-1]), batch[-1])
    except Exception as error:
        raise ProblemError(f"the model or its loss fails on a batch: {first_line(error)}") from error
    for warning in seen:
        if "target size" in str(warning.message):
            raise ProblemError(
                f"the outputs do not fit the targets: {first_line(Exception(warning.message))}"
            )
    if not isinstance(loss, torch.Tensor) or loss.ndim:
        shown = f"a tensor {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else f"{loss!r}"
        raise ProblemError(
            f"the loss must return one number as a tensor, but returned {shown}; use reduction='mean' or "
            ".mean()"
        )


def require_float32(node: fx.Node) -> None:
    """Raise NoPopulation for a value in double precision, half precision or complex numbers."""
    values = node.meta.get("val")
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, torch.Tensor) and value.dtype not in NUMBERS:
            raise NoPopulation(
                f"{place_of(node)}: a value is {type_name(value)}, and a population trains in float32, "
                "without autocast and conversions to other types"
            )


def type_name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def place_of(node: fx.Node) -> str:
    """Return the line of the user's code that a node comes from, or else the layer."""
    frames = FRAME.findall(str(node.meta.get("stack_trace") or ""))
    user_frames = [frame for frame in frames if not {PYTORCH, HERE} & set(Path(frame[0]).parents)]
    user_frames = [
        frame for frame in user_frames if not frame[0].startswith("<eval_with_key>")
    ]  # a region, as PyTorch runs it
    if user_frames:
        path, line, code = user_frames[-1]
        return f"{Path(path).name}, line {line}, {code.strip()!r}"
    stack = node.meta.get("nn_module_stack") or {}
    layers = [(path, kind) for path, kind in stack.values() if path]
    if not layers:
        return "the loss" if stack else "the model"
    path, kind = layers[-1]
    name = getattr(kind, "__name__", str(kind)).rpartition(".")[2]
    return f"layer {path.removeprefix('model.')!r} ({name})"


@contextmanager
def watched() -> Iterator[None]:
    """Raise NoPopulation, while a model is traced, for what a graph of the forward pass leaves out."""

    def refuse(what: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise NoPopulation(what)

        return call

    refuse_function = refuse(
        "the model uses a torch.autograd.Function, whose own backward pass a population would not call"
    )
    refuse_hook = refuse("the model registers a hook on a tensor, which a population cannot call")
    refuse_seed = refuse("the model seeds PyTorch's generator, which a population does not use")
    python, numpy = random.getstate(), np.random.get_state()
    with (
        patch.object(torch.autograd.Function, "apply", refuse_function),
        patch.object(torch.Tensor, "register_hook", refuse_hook),
        patch.object(torch.Tensor, "register_post_accumulate_grad_hook", refuse_hook),
        patch.object(torch.autograd.graph, "register_multi_grad_hook", refuse_hook),
        patch.object(torch, "manual_seed", refuse_seed),
        patch.object(nn.functional, "gaussian_nll_loss", _gaussian_nll_loss),
    ):
        yield
    if random.getstate() != python or _differ(np.random.get_state(), numpy):
        random.setstate(python)
        np.random.set_state(numpy)
        raise NoPopulation(
            "the model draws random numbers from Python or NumPy, and a graph would repeat the same ones at "
            "every update (those of torch.rand would be new each time)"
        )


def _gaussian_nll_loss(
    input: torch.Tensor,
    target: torch.Tensor,
    var: torch.Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> torch.Tensor:
    """Return PyTorch's loss of the same name, without its check of every variance, which depends on data.

    A variance below `eps` counts as `eps`, and has the gradient it would have without this bound.
    """
    variance = torch.as_tensor(var)
    if variance.ndim and variance.shape == input.shape[:-1]:
        variance = variance.unsqueeze(-1)
    variance = variance + (variance.clamp(min=eps) - variance).detach()
    losses = 0.5 * (variance.log() + (input - target) ** 2 / variance)
    losses = losses + 0.5 * math.log(2 * math.pi) if full else losses
    return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()


def _differ(state: Any, other: Any) -> bool:
    """Return whether NumPy has drawn between two of its states."""
    return state[2] != other[2] or not np.array_equal(state[1], other[1])
