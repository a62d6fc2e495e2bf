"""What the graph of a loss shows about the outputs that it takes."""

from __future__ import annotations

from typing import Any

from stepsize.errors import ProblemError
from stepsize.problems.torch.graph import Graph, Node, Ref

LOGITS = ("cross_entropy_loss", "nll_loss_nd", "binary_cross_entropy_with_logits")
"""Operations of losses that take logits, or logarithms of probabilities."""
SQUASHING = ("sigmoid", "log_sigmoid", "softmax", "log_softmax", "softplus")
"""Operations that make probabilities, or their logarithms, of logits."""
PROBABILITIES = ("sigmoid", "softmax")
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


def mismatch_note(graph: Graph) -> str | None:
    """Return what is wrong if the model's last operation does not suit the loss, or None.

    PyTorch trains such a model without a word: probabilities as the logits of a cross-entropy, or raw outputs
    as the logarithms of probabilities.
    """
    makers = {node.name: node for node in graph.nodes}
    outputs = set(_references(graph.outputs))
    for node in graph.nodes:
        loss = node.operation.partition(".")[0]
        if loss not in LOGITS:
            continue
        name, seen = next(iter(_references(node.arguments)), ""), set[str]()
        while name in makers and _operation(makers[name]) in RESHAPING:
            seen.add(name)
            name = next(iter(_references(makers[name].arguments)), "")
        if not outputs & {*seen, name} or name not in makers:
            continue
        last = _operation(makers[name])
        if loss == "nll_loss_nd" and last in ("linear", *PROBABILITIES):
            return (
                "its loss takes logarithms of probabilities, and the model does not end with "
                "nn.LogSoftmax(); add it, or use nn.CrossEntropyLoss() on raw outputs"
            )
        if loss != "nll_loss_nd" and last in PROBABILITIES:
            return (
                f"it ends with {last}, and its loss takes raw outputs, for it turns them into probabilities "
                f"itself; leave out the {last}, which weakens the gradients"
            )
    return None


def check_cross_entropy(graph: Graph, width: int) -> None:
    """Raise ProblemError for a cross-entropy between the classes of a single output, which is always 0."""
    if width == 1 and any(node.operation.startswith("cross_entropy_loss") for node in graph.nodes):
        raise ProblemError(
            "cross_entropy needs an output for each class, and the model has one output; end it with "
            "nn.Linear(..., 2), or use nn.BCEWithLogitsLoss()"
        )


def _operation(node: Node) -> str:
    return node.operation.partition(".")[0]


def _references(value: Any) -> list[str]:
    if isinstance(value, Ref):
        return [value.name]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [name for item in values for name in _references(item)]
