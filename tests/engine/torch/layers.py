"""Layers, functions and losses of torch.nn, in families that share their inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Layers = Mapping[str, Callable[..., Any]]


class Shifted(nn.Module):
    """All layers of a family, each at the input plus a parameter of its own, so that each has a gradient."""

    def __init__(self, layers: Layers, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({k: v for k, v in layers.items() if isinstance(v, nn.Module)})
        self.functions = {k: v for k, v in layers.items() if not isinstance(v, nn.Module)}
        self.shifts = nn.ParameterDict({name: 0.1 * torch.randn(shape) for name in layers})

    def forward(self, x: Tensor, *others: Tensor) -> dict[str, Tensor]:
        every = {**dict(self.layers.items()), **self.functions}
        return {name: first(layer(x + self.shifts[name], *others)) for name, layer in every.items()}


def first(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else first(output[0])


def total(outputs: dict[str, Tensor], target: Tensor) -> Tensor:
    """Return a loss that weighs every element of every output differently."""
    flat = torch.cat([output.flatten() for output in outputs.values() if output.is_floating_point()])
    return flat @ torch.cos(torch.arange(flat.numel(), dtype=torch.float32)) + 0.0 * target.float().mean()


NAMES = """
CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU ReLU ReLU6 SELU
SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink
"""
ACTIVATIONS = {name: getattr(nn, name)() for name in NAMES.split()} | {
    "GELU_tanh": nn.GELU("tanh"),
    "PReLU_channels": nn.PReLU(6),
    "ELU_half": nn.ELU(0.5),
    "Softmax": nn.Softmax(-1),
    "Softmin": nn.Softmin(1),
    "LogSoftmax": nn.LogSoftmax(1),
    "Threshold": nn.Threshold(0.1, 2.0),
    "Softplus_2": nn.Softplus(2.0, 1.0),
}
VECTORS = {
    "Linear": nn.Linear(6, 3),
    "LayerNorm": nn.LayerNorm(6),
    "RMSNorm": nn.RMSNorm(6),
    "BatchNorm": nn.BatchNorm1d(6),
    "BatchNorm_plain": nn.BatchNorm1d(6, affine=False, track_running_stats=False),
    "GroupNorm": nn.GroupNorm(3, 6),
    "weight_norm": nn.utils.parametrizations.weight_norm(nn.Linear(6, 3)),
    "spectral_norm": nn.utils.parametrizations.spectral_norm(nn.Linear(6, 3)),
    "Unflatten": nn.Unflatten(1, (2, 3)),
    "clamp": lambda x: x.clamp(-0.5, 0.5) + x.clamp(min=0.2) + x.clamp(max=0.3),
    "powers": lambda x: x**2 + x**3 - x.abs().sqrt() + x.abs() ** 0.3 + torch.pow(2.0, x),
    "logs": lambda x: torch.log1p(x.abs()) + torch.expm1(x) + x.abs().log() + x.exp() + (1 + x * x).rsqrt(),
    "waves": lambda x: x.sin() + x.cos() + x.atan() + torch.atan2(x, x + 3) + x.erf() + x.sinh(),
    "arithmetic": lambda x: (x / 3 - 2 * x + 1 / (x * x + 1)) % 0.7 + torch.add(x, x, alpha=0.3) + (2 - x),
    "rounding": lambda x: (
        x * x.round() + x.floor() + x.ceil() + x.sign() + torch.div(x, 0.3, rounding_mode="floor")
    ),
    "reductions": lambda x: (
        x.sum(1) + x.mean(1) + x.amax(1) + x.var(1) + x.std(1, correction=0) + x.norm(dim=1)
    ),
    "extremes": lambda x: (
        x.max(1).values + x.min(1)[0] + x.max() + x.logsumexp(1) + x.prod(1) + x.median(1)[0]
    ),
    "wholes": lambda x: x * x.sum() + x.mean() + x.var() + x.max() - x.min(),
    "argmax": lambda x: x[:, 0] * x.argmax(1) + x.argmin(1),
    "sorted": lambda x: x.sort(1, descending=True)[0] + x.cumsum(1) + x.topk(6, 1)[0],
    "norms": lambda x: F.normalize(x, dim=1) + torch.linalg.vector_norm(x, 1, dim=1, keepdim=True),
    "where": lambda x: torch.where(x > 0, x, -2 * x).masked_fill(x > 1, 0.5) + torch.maximum(x, -x),
    "views": lambda x: x.view(-1, 2, 3).transpose(1, 2).reshape(-1, 6) + x.unflatten(1, (2, 3)).flatten(1),
    "joins": lambda x: torch.cat([x, x * 2], 1)[:, 3:9] + torch.stack([x, x * x], 2).sum(2),
    "splits": lambda x: x.chunk(2, 1)[0] * x.split([3, 3], 1)[1] + x[:, ::2] - x.unbind(1)[1].unsqueeze(1),
    "repeats": lambda x: (
        x.repeat(1, 2)[:, 4:10] + x.repeat_interleave(2, 1)[:, :6] + x.flip(1) + x.roll(2, 1)
    ),
    "indexed": lambda x: (
        x[:, [1, 0, 3]] + x.gather(1, x.argsort(1))[:, :3] + x.index_select(1, torch.arange(3))
    ),
    "scattered": lambda x: torch.zeros_like(x).scatter_add(1, x.argsort(1), x) + torch.ones_like(x),
    "in_place": lambda x: assigned(x),
    "einsum": lambda x: torch.einsum("bi,bj->bij", x, x) + torch.bmm(x[:, :, None], x[:, None]),
    "matmul": lambda x: x @ x.T @ x + torch.outer(x[:, 0], x[0]),
    "triangles": lambda x: x[:, None].expand(-1, 6, 6).tril() + x[:, :, None].expand(-1, 6, 6).triu(1),
    "one_hot": lambda x: F.one_hot(x.argmax(1), 6) * x,
    "similar": lambda x: F.cosine_similarity(x, x.flip(1)) + F.pairwise_distance(x, 2 * x),
    "distances": lambda x: torch.cdist(x.view(-1, 2, 3), 1 + x.view(-1, 3, 2).transpose(1, 2)),
    "detached": lambda x: x * x.detach(),
    "no_grad": lambda x: x * without_gradients(x),
    "mixed": lambda x: (
        x * torch.arange(6) + x * torch.linspace(0, 1, 6) + x * torch.eye(6)[0] + x.new_ones(6)
    ),
}


def assigned(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, 0] = x[:, 1]
    y[:, 2:] += x[:, 2:]
    return y.mul_(2).relu_()


@torch.no_grad()
def without_gradients(x: Tensor) -> Tensor:
    return x.exp()


class TimeFirst(nn.Module):
    """A layer that takes [time, rows, features]."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.transpose(0, 1))[0]


SEQUENCES = {
    "Conv1d": nn.Conv1d(4, 6, 3),
    "Conv1d_same": nn.Conv1d(4, 4, 4, padding="same", dilation=2, groups=2),
    "ConvTranspose1d": nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
    "MaxPool1d": nn.MaxPool1d(2),
    "AvgPool1d": nn.AvgPool1d(3, 2, 1),
    "AdaptiveAvgPool1d": nn.AdaptiveAvgPool1d(3),
    "AdaptiveMaxPool1d": nn.AdaptiveMaxPool1d(3),
    "LPPool1d": nn.LPPool1d(2, 2),
    "InstanceNorm1d": nn.InstanceNorm1d(4),
    "BatchNorm1d": nn.BatchNorm1d(4),
    "Upsample_nearest": nn.Upsample(scale_factor=1.5),
    "Upsample_linear": nn.Upsample(scale_factor=2, mode="linear"),
    "ReflectionPad1d": nn.ReflectionPad1d(2),
    "CircularPad1d": nn.CircularPad1d((1, 2)),
    "LSTM": nn.LSTM(8, 3, num_layers=2, bidirectional=True, batch_first=True),
    "LSTM_time_first": TimeFirst(nn.LSTM(8, 3, bias=False)),
    "GRU": nn.GRU(8, 3, num_layers=2, batch_first=True),
    "RNN": nn.RNN(8, 3, batch_first=True),
    "RNN_relu": TimeFirst(nn.RNN(8, 3, nonlinearity="relu", bidirectional=True)),
    "attention_causal": lambda x: F.scaled_dot_product_attention(x, x, x * 2, is_causal=True),
    "attention_scaled": lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=MASK, scale=0.3),
}
MASK = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 1], [0, 0, 0, 1]], dtype=torch.bool)


class SelfAttention(nn.Module):
    def __init__(self, need_weights: bool) -> None:
        super().__init__()
        self.attention, self.need_weights = nn.MultiheadAttention(8, 2, batch_first=True), need_weights

    def forward(self, x: Tensor) -> Tensor:
        out, weights = self.attention(x, x, x, need_weights=self.need_weights)
        return out if weights is None else torch.cat([out, weights], -1)


SEQUENCES |= {
    "MultiheadAttention": SelfAttention(False),
    "MultiheadAttention_weights": SelfAttention(True),
    "EncoderLayer": nn.TransformerEncoderLayer(8, 2, 6, 0.0, activation="gelu", batch_first=True),
}
IMAGES = {
    "Conv2d": nn.Conv2d(4, 6, 3, stride=2, padding=1),
    "Conv2d_groups": nn.Conv2d(4, 8, (3, 2), dilation=(2, 1), groups=4, bias=False),
    "ConvTranspose2d": nn.ConvTranspose2d(4, 6, 3, stride=(2, 1), padding=1, dilation=2, groups=2),
    "MaxPool2d": nn.MaxPool2d(3, 2, 1),
    "MaxPool2d_ceil": nn.MaxPool2d(2, 2, ceil_mode=True),
    "MaxPool2d_dilated": nn.MaxPool2d(2, 1, dilation=2),
    "AvgPool2d": nn.AvgPool2d(2),
    "AvgPool2d_padded": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "AvgPool2d_ceil": nn.AvgPool2d(2, 2, ceil_mode=True),
    "AvgPool2d_divisor": nn.AvgPool2d(2, divisor_override=3),
    "AdaptiveAvgPool2d": nn.AdaptiveAvgPool2d((3, None)),
    "AdaptiveMaxPool2d": nn.AdaptiveMaxPool2d(2),
    "BatchNorm2d": nn.BatchNorm2d(4, momentum=0.3),
    "GroupNorm": nn.GroupNorm(2, 4),
    "InstanceNorm2d": nn.InstanceNorm2d(4, affine=True),
    "LayerNorm": nn.LayerNorm((5, 7)),
    "LocalResponseNorm": nn.LocalResponseNorm(2),
    "Upsample": nn.Upsample((8, 9)),
    "Upsample_exact": nn.Upsample(scale_factor=1.6, mode="nearest-exact"),
    "Upsample_bilinear": nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"),
    "Upsample_aligned": nn.Upsample((7, 10), mode="bilinear", align_corners=True),
    "Upsample_bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    "PixelShuffle": nn.PixelShuffle(2),
    "ChannelShuffle": nn.ChannelShuffle(2),
    "ZeroPad2d": nn.ZeroPad2d((1, 2, 0, -1)),
    "ConstantPad2d": nn.ConstantPad2d(1, 2.5),
    "ReplicationPad2d": nn.ReplicationPad2d((1, 2, 0, 3)),
    "PixelUnshuffle": nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.PixelUnshuffle(2)),
}
VOLUMES = {
    "Conv3d": nn.Conv3d(2, 3, 2, padding=1),
    "ConvTranspose3d": nn.ConvTranspose3d(2, 3, 2, stride=2),
    "MaxPool3d": nn.MaxPool3d(2),
    "AvgPool3d": nn.AvgPool3d((1, 2, 2)),
    "AdaptiveAvgPool3d": nn.AdaptiveAvgPool3d(1),
    "BatchNorm3d": nn.BatchNorm3d(2),
    "InstanceNorm3d": nn.InstanceNorm3d(2),
    "Upsample_trilinear": nn.Upsample(scale_factor=2, mode="trilinear"),
}


class Indexed(nn.Module):
    """A layer that takes numbers of rows; the shift of its family joins its result."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        return self.layer(rows) * x.mean()


INDICES = {
    "Embedding": Indexed(nn.Embedding(7, 3)),
    "Embedding_padding": Indexed(nn.Embedding(7, 3, padding_idx=2)),
    "EmbeddingBag_mean": Indexed(nn.EmbeddingBag(7, 3)),
    "EmbeddingBag_sum": Indexed(nn.EmbeddingBag(7, 3, mode="sum", padding_idx=2)),
    "EmbeddingBag_max": Indexed(nn.EmbeddingBag(7, 3, mode="max")),
    "cells": lambda x, rows: x.relu() * rows[:, :1],
}


def binary(x: Tensor, classes: Tensor) -> Tensor:
    return F.one_hot(classes, 5).float()


def signs(classes: Tensor) -> Tensor:
    return classes.remainder(2) * 2 - 1


LOSSES: dict[str, Callable[..., Any]] = {
    **{
        f"cross_entropy_{reduction}": lambda x, y, reduction=reduction: F.cross_entropy(
            x, y, torch.linspace(0.5, 2, 5), ignore_index=1, label_smoothing=0.2, reduction=reduction
        )
        for reduction in ("mean", "sum", "none")
    },
    "cross_entropy": lambda x, y: F.cross_entropy(x, y),
    "cross_entropy_shares": lambda x, y: F.cross_entropy(x, binary(x, y) * 0.8 + 0.04, label_smoothing=0.1),
    "nll": lambda x, y: F.nll_loss(x.log_softmax(1), y, torch.linspace(0.5, 2, 5)),
    "bce": lambda x, y: F.binary_cross_entropy(x.sigmoid(), binary(x, y), reduction="sum"),
    "bce_logits": lambda x, y: F.binary_cross_entropy_with_logits(
        x, binary(x, y), torch.linspace(0.5, 2, 5), pos_weight=torch.linspace(1, 3, 5)
    ),
    "mse": lambda x, y: F.mse_loss(x, binary(x, y)),
    "mse_weighted": lambda x, y: F.mse_loss(x, binary(x, y), weight=torch.ones_like(x) * 0.5),
    "l1": lambda x, y: F.l1_loss(x, binary(x, y), reduction="none"),
    "smooth_l1": lambda x, y: F.smooth_l1_loss(x, binary(x, y), beta=0.5),
    "huber": lambda x, y: F.huber_loss(x, binary(x, y), delta=0.5),
    "kl": lambda x, y: F.kl_div(x.log_softmax(1), binary(x, y), reduction="batchmean"),
    "kl_log": lambda x, y: F.kl_div(
        x.log_softmax(1), x.flip(1).log_softmax(1), log_target=True, reduction="sum"
    ),
    "poisson": lambda x, y: F.poisson_nll_loss(x, y[:, None].float().expand(-1, 5), full=True),
    "gaussian": lambda x, y: F.gaussian_nll_loss(x, binary(x, y), x.exp(), full=True),
    "gaussian_small": lambda x, y: nn.GaussianNLLLoss(reduction="sum")(x, binary(x, y), x[:, :1] ** 2 * 1e-6),
    "hinge": lambda x, y: F.hinge_embedding_loss(x[:, 0], signs(y)),
    "ranking": lambda x, y: F.margin_ranking_loss(x[:, 0], x[:, 1], signs(y), margin=0.3),
    "soft_margin": lambda x, y: F.soft_margin_loss(x[:, 0], signs(y)),
    "cosine": lambda x, y: F.cosine_embedding_loss(x, x.flip(1) + 1, signs(y), margin=0.1),
    "triplet": lambda x, y: F.triplet_margin_loss(x, x.flip(1), x.roll(1, 1), swap=True),
    "multi_margin": lambda x, y: F.multi_margin_loss(x, y, margin=0.7, weight=torch.linspace(0.5, 2, 5)),
    "multilabel_soft": lambda x, y: F.multilabel_soft_margin_loss(x, binary(x, y)),
    "triplet_distance": lambda x, y: F.triplet_margin_with_distance_loss(x, x.flip(1), x.roll(1, 1)),
}

if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13):
    del LOSSES["cross_entropy_shares"]  # an older PyTorch exports it for one size of a batch only

Draw = Callable[[int], tuple[Tensor, ...]]
FAMILIES: Mapping[str, tuple[Layers, tuple[int, ...], Draw]] = {
    "activations": (ACTIVATIONS, (6,), lambda rows: ()),
    "vectors": (VECTORS, (6,), lambda rows: ()),
    "sequences": (SEQUENCES, (4, 8), lambda rows: ()),
    "images": (IMAGES, (4, 5, 7), lambda rows: ()),
    "volumes": (VOLUMES, (2, 3, 4, 4), lambda rows: ()),
    "indices": (INDICES, (3,), lambda rows: (torch.randint(7, (rows, 4)),)),
    "losses": (LOSSES, (5,), lambda rows: (torch.randint(5, (rows,)),)),
}
