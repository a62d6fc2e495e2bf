"""Which graphs are functional as they are: an empty table of decompositions would change nothing in them.

Most models of tables are among them, and tracing each graph again would take most of the time of an export.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Iterator

import torch
from torch import fx

UNCHANGED = frozenset(
    {
        "binary_cross_entropy.default",
        "binary_cross_entropy_with_logits.default",
        "broadcast_tensors.default",
        "cross_entropy_loss.default",
        "embedding.default",
        "gelu.default",
        "huber_loss.default",
        "l1_loss.default",
        "layer_norm.default",
        "leaky_relu.default",
        "linear.default",
        "log_softmax.int",
        "mean.default",
        "mean.dim",
        "mse_loss.default",
        "nll_loss_nd.default",
        "relu.default",
        "sigmoid.default",
        "silu.default",
        "smooth_l1_loss.default",
        "soft_margin_loss.default",
        "softmax.int",
        "softplus.default",
        "tanh.default",
    }
)
"""Operations that return new tensors, and that decomposing with an empty table leaves whole.

Sums and products are not among them: those of sizes, of which a graph has no trace, take some of their names.
"""


def is_functional(program: torch.export.ExportedProgram) -> bool:
    """Return whether decomposing a program with an empty table would return the same program.

    Every node must be used and have the name that tracing again would give it. There must be no constants.
    """
    nodes = [node for node in program.graph.nodes if node.op not in ("placeholder", "output")]
    return (
        not program.constants
        and all(_is_unchanged(node) and node.users for node in nodes)
        and [node.name for node in nodes] == list(_numbered(map(_base, nodes)))
    )


def _is_unchanged(node: fx.Node) -> bool:
    target, source = node.target, node.args[0] if node.args else None
    if target is operator.getitem:  # of the tensors that another node returns
        return isinstance(source, fx.Node) and _is_unchanged(source)
    return str(target).removeprefix("aten.") in UNCHANGED


def _base(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", "")).partition(".")[0]


def _numbered(bases: Iterable[str]) -> Iterator[str]:
    """Yield each name, with its number from the second time on, as tracing does."""
    seen: Counter[str] = Counter()
    for base in bases:
        yield f"{base}_{seen[base]}" if seen[base] else base
        seen[base] += 1
