"""Write the table of layers and losses in pytorch.md: each class of torch.nn is exported and looked up."""

from __future__ import annotations

import inspect
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stepsize.engine.torch.interpreter import unsupported_operations
from stepsize.problems.torch.export import training_graph

PAGE = Path(__file__).parent / "pytorch.md"
BEGIN, END = "<!-- written by make_torch_layers.py -->\n", "<!-- end of what it writes -->\n"
ROWS, CHANNELS, LENGTH = 3, 4, 8
OTHERS = ("adaptive", "container", "data_parallel")  # of the modules of torch.nn
NOT_LAYERS = ("RNNBase", "RNNCellBase", "Softmax2d", "NLLLoss2d", "LinearCrossEntropyLoss")
ENCODER, DECODER = nn.TransformerEncoderLayer, nn.TransformerDecoderLayer

ARGUMENTS: Mapping[str, tuple[Any, ...]] = {
    "Bilinear": (LENGTH, LENGTH, 5), "ChannelShuffle": (2,), "CrossMapLRN2d": (2,), "Embedding": (9, 5),
    "EmbeddingBag": (9, 5), "Fold": ((4, 5), 2), "FractionalMaxPool2d": (2, 3), "FractionalMaxPool3d": (2, 3),
    "GroupNorm": (2, CHANNELS), "LPPool1d": (2, 2), "LPPool2d": (2, 2), "LPPool3d": (2, 2),
    "LayerNorm": (LENGTH,), "Linear": (LENGTH, 5), "LocalResponseNorm": (2,),
    "MultiheadAttention": (LENGTH, 2), "PixelShuffle": (2,), "PixelUnshuffle": (2,), "RMSNorm": (LENGTH,),
    "Threshold": (0.1, 2.0),
    "Transformer": (LENGTH, 2, 1, 1, 16), "TransformerDecoder": (DECODER(LENGTH, 2, 16), 1),
    "TransformerDecoderLayer": (LENGTH, 2, 16), "TransformerEncoder": (ENCODER(LENGTH, 2, 16), 1),
    "TransformerEncoderLayer": (LENGTH, 2, 16), "Unflatten": (1, (2, 2)), "Unfold": (2,),
    "Upsample": (None, 2), "UpsamplingBilinear2d": (None, 2), "UpsamplingNearest2d": (None, 2),
}  # fmt: skip
BY_BEGINNING: Mapping[str, tuple[Any, ...]] = {
    "Conv": (CHANNELS, CHANNELS, 3), "BatchNorm": (CHANNELS,), "SyncBatchNorm": (CHANNELS,),
    "InstanceNorm": (CHANNELS,), "Adaptive": (2,), "AvgPool": (2,), "MaxPool": (2,), "MaxUnpool": (2,),
    "ConstantPad": (1, 0.5), "ReflectionPad": (1,), "ReplicationPad": (1,), "ZeroPad": (1,),
    "CircularPad": (1,), "RNN": (LENGTH, 5), "LSTM": (LENGTH, 5), "GRU": (LENGTH, 5),
}  # fmt: skip
TWO_INPUTS = ("Bilinear", "CosineSimilarity", "PairwiseDistance", "Transformer", "TransformerDecoder",
              "TransformerDecoderLayer")  # fmt: skip


class Part(NamedTuple):
    """A layer or a loss with the shape of its input, and how it is called with input and target."""

    name: str
    shape: tuple[int, ...]
    module: nn.Module
    call: Callable[[nn.Module, Tensor, Tensor], Any]


class Parts(nn.Module):
    """Some layers, each at an input of its shape that is made of parameters."""

    def __init__(self, parts: list[Part]) -> None:
        super().__init__()
        self.parts, self.layers = parts, nn.ModuleList(part.module for part in parts)
        self.inputs = nn.ParameterList(torch.rand(part.shape) for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        means = []
        for part, layer, values in zip(self.parts, self.layers, self.inputs, strict=True):
            batch = values + x.reshape(-1, *[1] * len(part.shape))
            output = part.call(layer, batch, x.long())
            while not isinstance(output, Tensor):
                output = output[0]
            means.append(output.mean())
        return torch.stack(means)


def mean(outputs: Tensor, target: Tensor) -> Tensor:
    return outputs.mean() + 0 * target.sum()


def trained(parts: list[Part]) -> set[str]:
    """Return the names of the parts that export, into operations that populations know."""
    if not parts:
        return set()
    x = torch.tensor([0.0, 2.0, 1.0])
    try:
        with warnings.catch_warnings(action="ignore"):
            graph = training_graph(Parts(parts).train(), mean, [x], torch.zeros(ROWS))
        if not list(unsupported_operations(graph)):
            return {part.name for part in parts}
    except Exception:  # whatever a layer or its export raises
        pass
    half = len(parts) // 2
    return trained(parts[:half]) | trained(parts[half:]) if half else set()


def classes() -> Iterator[tuple[str, str, type[nn.Module]]]:
    """Yield the module, the name and the class of every layer and loss of torch.nn, without lazy ones."""
    for name, each in sorted(vars(nn).items()):
        if not inspect.isclass(each) or not issubclass(each, nn.Module) or each is nn.Module:
            continue
        family = each.__module__.rpartition(".")[2]
        if family not in OTHERS and name not in NOT_LAYERS and not name.startswith("Lazy"):
            yield family, name, each


def layer(name: str, each: type[nn.Module]) -> Part:
    """Return a layer with an input that it takes."""
    beginning = next((start for start in BY_BEGINNING if name.startswith(start)), "")
    arguments = ARGUMENTS.get(name, BY_BEGINNING.get(beginning, ()))
    batch_first = "batch_first" in inspect.signature(each).parameters or name in ("GRU", "LSTM", "RNN")
    ranks = {"1d": 1, "2d": 2, "3d": 3, "Fold": 1, "Unfold": 2, "Pixel": 2, "CrossMap": 2}
    rank = next((rank for part, rank in ranks.items() if part in name), 1)
    shape = (CHANNELS, *[LENGTH] * rank)
    if name.endswith("Cell"):
        shape = (LENGTH,)
    if name == "Fold":
        shape = (2 * CHANNELS, 12)

    def call(layer: nn.Module, x: Tensor, y: Tensor) -> Any:
        if name.startswith("Embedding"):
            return layer(x[..., 0].long())
        if name.startswith("MaxUnpool"):
            return layer(*getattr(nn.functional, f"max_pool{name[-2:]}")(x, 2, return_indices=True))
        return layer(*[x] * (3 if name == "MultiheadAttention" else 1 + (name in TWO_INPUTS)))

    return Part(name, shape, each(*arguments, **({"batch_first": True} if batch_first else {})), call)


def loss(name: str, each: type[nn.Module]) -> Part:
    """Return a loss, called as it is meant with 5 outputs; a target is the number of a class."""

    def shares(y: Tensor) -> Tensor:
        return nn.functional.one_hot(y, 5).float()

    def signs(y: Tensor) -> Tensor:
        return y.remainder(2) * 2 - 1

    calls: Mapping[str, Callable[[Any, Tensor, Tensor], Any]] = {
        "BCELoss": lambda loss, x, y: loss(x.sigmoid(), shares(y)),
        "CTCLoss": lambda loss, x, y: loss(x.log_softmax(1)[:, None], y + 1, (ROWS,), (ROWS,)),
        "CosineEmbeddingLoss": lambda loss, x, y: loss(x, x.flip(1), signs(y)),
        "CrossEntropyLoss": lambda loss, x, y: loss(x, y),
        "GaussianNLLLoss": lambda loss, x, y: loss(x, shares(y), x.exp()),
        "HingeEmbeddingLoss": lambda loss, x, y: loss(x[:, 0], signs(y)),
        "KLDivLoss": lambda loss, x, y: loss(x.log_softmax(1), shares(y)),
        "MarginRankingLoss": lambda loss, x, y: loss(x[:, 0], x[:, 1], signs(y)),
        "MultiLabelMarginLoss": lambda loss, x, y: loss(x, y[:, None].expand(-1, 5)),
        "MultiMarginLoss": lambda loss, x, y: loss(x, y),
        "NLLLoss": lambda loss, x, y: loss(x.log_softmax(1), y),
        "SoftMarginLoss": lambda loss, x, y: loss(x[:, 0], signs(y)),
        "TripletMarginLoss": lambda loss, x, y: loss(x, x.flip(1), x.roll(1, 1)),
        "TripletMarginWithDistanceLoss": lambda loss, x, y: loss(x, x.flip(1), x.roll(1, 1)),
    }
    return Part(name, (5,), each(), calls.get(name, lambda loss, x, y: loss(x, shares(y))))


def families() -> dict[str, dict[str, type[nn.Module]]]:
    """Return the layers and losses of each family by name."""
    found: dict[str, dict[str, type[nn.Module]]] = defaultdict(dict)
    for family, name, each in classes():
        found[family][name] = each
    return dict(sorted(found.items()))


def row(family: str, members: Mapping[str, type[nn.Module]]) -> str:
    """Return the row of a family: which of its layers train in a population, and which in series."""
    with warnings.catch_warnings(action="ignore"):
        parts = [(loss if family == "loss" else layer)(name, each) for name, each in members.items()]
    known = trained(parts)
    columns = [[part.name for part in parts if (part.name in known) == train] for train in (True, False)]
    return f"| {family} | {' | '.join(map(shortened, columns))} |"


def table() -> str:
    """Return the table."""
    head = ["| `torch.nn.modules` | train as populations | train in series |", "| --- | --- | --- |"]
    return "\n".join([*head, *(row(*each) for each in families().items())]) + "\n"


def shortened(names: list[str]) -> str:
    """Return names as text; those for one to three dimensions as one.

    >>> shortened(["Conv1d", "Conv2d", "Conv3d", "Fold"])
    'Conv1d to 3d, Fold'
    """
    text = ", ".join(names) or "–"
    return re.sub(r"(\w+)1d, \1(?:2d, \1)?([23]d)", r"\g<1>1d to \2", text)


def page() -> str:
    """Return the page with its table written again."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
