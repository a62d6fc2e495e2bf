"""Models as users write them, small, each with its loss and a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.torch.image_models import LeNet, ResNet, UNet, depthwise, group_norm

ROWS = 6


@dataclass(frozen=True)
class Case:
    """A model's factory, its loss, and a function that draws the inputs and the targets of some rows.

    `indifferent` are parameters that the loss does not depend on, such as a bias of attention's keys: their
    gradients are rounding errors, which Adam scales up to whole steps.
    """

    model: Callable[[], nn.Module]
    loss: nn.Module | Callable[..., torch.Tensor]
    inputs: Callable[[int], tuple[torch.Tensor, ...]]
    targets: Callable[[int], torch.Tensor]
    indifferent: tuple[str, ...] = ()


def classes(count: int) -> Callable[[int], torch.Tensor]:
    return lambda rows: torch.randint(count, (rows,))


def numbers(*shape: int) -> Callable[[int], tuple[torch.Tensor]]:
    return lambda rows: (torch.randn(rows, *shape),)


def tokens(length: int) -> Callable[[int], tuple[torch.Tensor]]:
    return lambda rows: (torch.randint(1, 20, (rows, length)),)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))


class ResidualMLP(nn.Module):
    def __init__(self, width: int = 8, depth: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(5, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(depth)
        )
        self.last = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x).squeeze(-1)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module], **options: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 5, padding_idx=0)
        self.rnn = kind(5, 6, batch_first=True, **options)
        self.out = nn.Linear(12 if options.get("bidirectional") else 6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.rnn(self.embed(x))
        return self.out(out[:, -1])


class Encoder(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.position = nn.Parameter(torch.zeros(1, 6, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(self.embed(x) + self.position, src_key_padding_mask=x == 0)
        return self.out(hidden.mean(dim=1))


class CausalBlock(nn.Module):
    def __init__(self, width: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)
        self.heads, self.dropout = heads, dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).split(width, dim=2)
        q, k, v = (t.view(rows, length, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v))
        dropout = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        x = x + self.proj(out.transpose(1, 2).contiguous().view(rows, length, width))
        return x + self.drop(self.mlp(self.norm2(x)))


class Decoder(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(20, 8), nn.Embedding(6, 8)
        self.blocks = nn.ModuleList(CausalBlock(8, 2, 6, dropout) for _ in range(1))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.embed(x) + self.position(torch.arange(x.size(1), device=x.device))
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(self.norm(hidden))


def next_token_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), label_smoothing=0.1)


class VisionTransformer(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, stride=4)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 5, width) * 0.02)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        x = x + self.mlp(self.norm2(x))
        return self.head(x[:, 0])


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
        self.decoder = nn.Sequential(
            nn.Linear(3, 64),
            nn.Unflatten(1, (4, 4, 4)),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(4, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 4)
        self.numbers = nn.Sequential(nn.Linear(5, 4, bias=False), nn.BatchNorm1d(4), nn.PReLU())
        self.out = nn.Bilinear(4, 4, 1)

    def forward(self, numbers: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        return self.out(self.numbers(numbers), self.embed(category))


class BagClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(20, 6, mode="mean")
        self.out = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.bag(x))


def multi_label() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.Softplus(), nn.Linear(8, 4))


def two_inputs(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 5), torch.randint(20, (rows,))


KEYS = ("in_proj_bias",)
CASES = {
    "mlp": Case(mlp, nn.CrossEntropyLoss(), numbers(5), classes(3)),
    "residual_mlp": Case(ResidualMLP, nn.MSELoss(), numbers(5), torch.randn),
    "lenet": Case(LeNet, nn.NLLLoss(), numbers(1, 12, 12), classes(4)),
    "resnet": Case(ResNet, nn.CrossEntropyLoss(label_smoothing=0.1), numbers(3, 8, 8), classes(3)),
    "depthwise": Case(depthwise, nn.CrossEntropyLoss(), numbers(3, 6, 6), classes(3)),
    "unet": Case(UNet, nn.CrossEntropyLoss(), numbers(1, 8, 8), lambda rows: torch.randint(2, (rows, 8, 8))),
    "group_norm": Case(group_norm, nn.CrossEntropyLoss(), numbers(3, 6, 6), classes(3), ("3.bias",)),
    "lstm": Case(
        lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True),
        nn.CrossEntropyLoss(),
        tokens(7),
        classes(2),
    ),
    "gru": Case(lambda: Recurrent(nn.GRU), nn.CrossEntropyLoss(), tokens(7), classes(2)),
    "encoder": Case(Encoder, nn.CrossEntropyLoss(), tokens(6), classes(3), KEYS),
    "decoder": Case(Decoder, next_token_loss, tokens(6), lambda rows: torch.randint(20, (rows, 6))),
    "vision_transformer": Case(VisionTransformer, nn.CrossEntropyLoss(), numbers(3, 8, 8), classes(3), KEYS),
    "autoencoder": Case(Autoencoder, nn.MSELoss(), numbers(1, 8, 8), lambda rows: torch.rand(rows, 1, 8, 8)),
    "multi_label": Case(
        multi_label,
        nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 0.5, 1.0])),
        numbers(5),
        lambda rows: torch.randint(2, (rows, 4)).float(),
    ),
    "two_inputs": Case(TwoInputs, nn.SmoothL1Loss(), two_inputs, lambda rows: torch.randn(rows, 1)),
    "embedding_bag": Case(BagClassifier, nn.CrossEntropyLoss(), tokens(5), classes(3)),
}
