"""The travel form of a PyTorch model: everything that the training process needs, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsize.problems.torch.graph import DType, ExportedModel, Graph, Ref, map_refs
from stepsize.problems.torch.optimizer_groups import Optimizer


@dataclass(frozen=True)
class TargetForm:
    """How a loss takes its targets: class numbers or floats, and the shape of those of a row.

    With `signs`, two classes are -1 and 1 instead of 0 and 1.
    """

    numbers: bool
    shape: tuple[int, ...]
    signs: bool = False

    def of(self, y: np.ndarray) -> np.ndarray:
        """Return encoded targets [rows, ...] in this form.

        >>> TargetForm(False, (1,), signs=True).of(np.array([0.0, 1.0])).tolist()
        [[-1.0], [1.0]]
        """
        y = y.reshape(len(y), *self.shape)
        return 2 * y - 1 if self.signs else y


@dataclass(frozen=True, eq=False)
class TorchModel:
    """A PyTorch model with its loss and its optimizer.

    `weights` has an example of every parameter and buffer, those of the loss too, for their shapes. `inputs`
    are the names of the data's inputs in the order of the model's arguments, and `flat` those whose rows are
    single numbers without an axis. `width` is the number of outputs per row. `are_logits` is whether the
    loss takes outputs as logits or log-probabilities, and `sums` whether it is a sum over the rows of a
    batch instead of their mean. `metric` is the user's own, a graph of outputs and targets that has one
    number for each row, and `output_shape` the shape of a row's outputs.
    """

    exported: ExportedModel
    optimizer: Optimizer
    weights: Mapping[str, np.ndarray]
    inputs: tuple[str, ...]
    flat: tuple[str, ...]
    target: TargetForm
    width: int
    are_logits: bool
    sums: bool
    output_shape: tuple[int, ...]
    metric: Graph | None = None

    @property
    def identity(self) -> str:
        """A digest of the graphs and the settings, without the lines of the code that they come from."""
        digest = hashlib.sha256()
        for graph in (self.exported.training, self.exported.evaluation, self.metric):
            if graph is not None:
                _add_graph(digest, graph)
        facts = (self.exported.parameters, self.optimizer, self.inputs, self.flat, self.target, self.sums,
                 self.are_logits)  # fmt: skip
        digest.update(repr(facts).encode())
        return digest.hexdigest()[:16]


def weights_digest(*weights: Mapping[str, np.ndarray]) -> str:
    """Return a digest of the initial weights of some seeds."""
    digest = hashlib.sha256()
    for each in weights:
        for name, array in sorted(each.items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _add_graph(digest: Any, graph: Graph) -> None:
    for node in graph.nodes:
        digest.update(
            repr((node.name, node.operation, node.arguments, sorted(node.keywords.items()))).encode()
        )
    for name, array in sorted(graph.constants.items()):
        digest.update(f"{name}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    ends = (graph.parameters, graph.buffers, graph.batch, graph.loss, graph.mutated)
    digest.update(repr((*ends, map_refs(_name, graph.outputs))).encode())


def _name(reference: Ref | DType) -> str:
    return reference.name
