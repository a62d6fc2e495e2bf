"""Whether a PyTorch model draws dropout masks."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from stepsize.problems.torch.graph import Graph, Node

ATTENTION = "scaled_dot_product_attention"
ITS_SHARE = 4  # the position of dropout_p in its arguments


def has_dropout(model: nn.Module, graph: Graph) -> bool:
    """Return whether a layer of a model, or a function that it calls, drops a share of what passes."""
    return any(map(_drops, model.modules())) or any(map(_calls_dropout, graph.nodes))


def may_drop(operation: str) -> bool:
    """Return whether an operation takes the share that it drops."""
    return operation == ATTENTION or "dropout" in operation


def _drops(module: nn.Module) -> bool:
    """Return whether a module is a dropout, or has one inside, as an LSTM or an attention does."""
    share = module.p if isinstance(module, _DropoutNd) else getattr(module, "dropout", 0)
    return isinstance(share, float | int) and share > 0


def _calls_dropout(node: Node) -> bool:
    name = node.operation.partition(".")[0]
    if name == ATTENTION:
        share = node.keywords.get("dropout_p", [*node.arguments, *[0.0] * (ITS_SHARE + 1)][ITS_SHARE])
        return isinstance(share, float) and share > 0
    shares = [value for value in (*node.arguments, *node.keywords.values()) if isinstance(value, float)]
    return may_drop(name) and (not shares or max(shares) > 0)
