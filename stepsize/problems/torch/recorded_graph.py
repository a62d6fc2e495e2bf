"""The graph of a model that cannot be exported, for what is read off it: what its loss takes of its outputs.

It names the functions that one pass called, with the tensors they passed on; no population could run it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from stepsize.problems.torch.dropout import may_drop
from stepsize.problems.torch.graph import ExportedModel, Graph, Node, Ref

NAMES = {"cross_entropy": "cross_entropy_loss", "nll_loss": "nll_loss_nd"}
"""The functions whose operations in an exported graph have other names."""


def recorded_model(module: nn.Module, batch: Sequence[torch.Tensor]) -> ExportedModel:
    """Return a model with its loss, as one module, with the graph that one pass of a batch shows.

    All parameters with `requires_grad` count as trained: which of them get gradients may depend on the data.
    """
    recorder, own = _Recorder(), copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]), recorder:
        loss, outputs = own(tuple(batch[:-1]), batch[-1])
    graph = Graph({}, {}, {}, (), tuple(recorder.nodes), recorder.ref(loss), recorder.plain(outputs), {})
    named = {name.removeprefix("model."): each for name, each in module.named_parameters()}
    return ExportedModel(
        training=graph,
        evaluation=graph,
        parameters=tuple(name for name, each in named.items() if each.requires_grad),
        frozen=tuple(name for name, each in named.items() if not each.requires_grad),
        buffers=tuple(name.removeprefix("model.") for name, _ in module.named_buffers()),
    )


class _Recorder(TorchFunctionMode):
    """Notes every function of PyTorch that is called, with the tensors among its first arguments.

    Of a dropout, the share that is dropped is noted, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self._kept: dict[int, tuple[str, torch.Tensor]] = {}  # by id, alive so that no other gets it

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, tuple | list) and result else result
        if isinstance(first, torch.Tensor):
            name = getattr(func, "__name__", "")
            kept = float if may_drop(name) else ()  # the share that is dropped
            arguments = tuple(value if isinstance(value, kept) else self.plain(value) for value in args)
            shares = {key: value for key, value in (kwargs or {}).items() if isinstance(value, kept)}
            self.nodes.append(Node(self.ref(first).name, NAMES.get(name, name), arguments, shares, ""))
        return result

    def ref(self, tensor: torch.Tensor) -> Ref:
        """Return a reference to a tensor."""
        name, _ = self._kept.setdefault(id(tensor), (f"tensor_{len(self._kept)}", tensor))
        return Ref(name)

    def plain(self, value: Any) -> Any:
        """Return a value with references in place of its tensors, and without what is not a tensor."""
        if isinstance(value, torch.Tensor):
            return self.ref(value)
        if isinstance(value, Mapping):
            return {str(key): self.plain(item) for key, item in value.items()}
        return [self.plain(item) for item in value] if isinstance(value, tuple | list) else None
