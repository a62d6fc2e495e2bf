"""What the graph of a loss shows about the outputs that it takes."""

from __future__ import annotations

from typing import Any

from stepsize.errors import ProblemError
from stepsize.problems.torch.graph import Graph, Ref

LOGITS = ("cross_entropy_loss", "nll_loss_nd", "binary_cross_entropy_with_logits")
"""Operations of losses that take logits, or logarithms of probabilities."""
SQUASHING = ("sigmoid", "log_sigmoid", "softmax", "log_softmax", "softplus")
"""Operations that make probabilities, or their logarithms, of logits."""
RESHAPING = ("squeeze", "unsqueeze", "view", "reshape", "flatten", "select", "slice", "alias", "neg")


def takes_logits(graph: Graph) -> bool:
    """Return whether the loss of a graph takes the model's outputs as logits or log-probabilities."""
    outputs = set(_references(graph.outputs))
    for node in graph.nodes:
        name = node.operation.partition(".")[0]
        if name in LOGITS:
            return True
        if outputs & set(_references(list(node.arguments))):
            if name in SQUASHING:
                return True
            if name in RESHAPING:
                outputs.add(node.name)
    return False


def check_cross_entropy(graph: Graph, width: int) -> None:
    """Raise ProblemError for a cross-entropy between the classes of a single output, which is always 0."""
    if width == 1 and any(node.operation.startswith("cross_entropy_loss") for node in graph.nodes):
        raise ProblemError(
            "cross_entropy needs an output for each class, and the model has one output; end it with "
            "nn.Linear(..., 2), or use nn.BCEWithLogitsLoss()"
        )


def _references(value: Any) -> list[str]:
    if isinstance(value, Ref):
        return [value.name]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [name for item in values for name in _references(item)]
