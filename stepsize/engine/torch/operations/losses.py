"""Losses, with PyTorch's reductions: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import pi
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stepsize.engine.torch.operations.elementwise import absolute, clamp, log_sigmoid
from stepsize.engine.torch.operations.products import pairwise_distance

MEAN = 1
LEAST_SPREAD = 1e-12  # of a probability, in the slope of its cross entropy
LEAST_SQUARE = 1e-12  # what is added to the squared lengths of vectors in the cosine loss


def reduced(losses: Array, reduction: int) -> Array:
    return losses if reduction == 0 else jnp.mean(losses) if reduction == MEAN else jnp.sum(losses)


def by_element(
    formula: Callable[..., Array], x: Array, y: Array, reduction: int = MEAN, *settings: float
) -> Array:
    return reduced(formula(x - y, *settings), reduction)


def smooth_l1(difference: Array, beta: float = 1.0) -> Array:
    size = absolute(difference)
    if beta == 0:
        return size
    return jnp.where(size < beta, 0.5 * difference * difference / beta, size - 0.5 * beta)


def huber(difference: Array, delta: float = 1.0) -> Array:
    size = absolute(difference)
    return jnp.where(size <= delta, 0.5 * difference * difference, delta * (size - 0.5 * delta))


def log_likelihood(
    log_p: Array, y: Array, weight: Array | None = None, reduction: int = MEAN, ignore: int = -100
) -> Array:
    """Return the negative log likelihood of classes `y`, of log_p [rows, classes, ...]."""
    axis = 1 if log_p.ndim > 1 else 0
    counts = y != ignore
    known = jnp.where(counts, y, 0)
    losses = -jnp.take_along_axis(log_p, jnp.expand_dims(known, axis), axis).squeeze(axis)
    shares = jnp.where(counts, 1.0 if weight is None else weight[known], 0.0)
    losses = jnp.where(counts, losses, 0.0) * shares
    return jnp.sum(losses) / jnp.sum(shares) if reduction == MEAN else reduced(losses, reduction)


def cross_entropy(
    x: Array,
    y: Array,
    weight: Array | None = None,
    reduction: int = MEAN,
    ignore: int = -100,
    smoothing: float = 0.0,
) -> Array:
    """Return the cross entropy of scores x [rows, classes, ...] with classes or probabilities y."""
    axis = 1 if x.ndim > 1 else 0
    log_p = jax.nn.log_softmax(x, axis)
    classes = x.shape[axis]
    shaped = None if weight is None else weight.reshape(-1, *[1] * (x.ndim - axis - 1))
    if jnp.issubdtype(y.dtype, jnp.floating):
        y = y * (1 - smoothing) + smoothing / classes
        losses = -jnp.sum(log_p * y * (1.0 if shaped is None else shaped), axis)
        return (
            jnp.sum(losses) / (losses.size if losses.ndim else 1)
            if reduction == MEAN
            else reduced(losses, reduction)
        )
    loss = log_likelihood(log_p, y, weight, reduction, ignore)
    if smoothing == 0:
        return loss
    counts = y != ignore
    uniform = -jnp.sum(log_p if shaped is None else log_p * shaped, axis)
    uniform = jnp.where(counts, uniform, 0.0)
    if reduction == MEAN:
        shares = 1.0 if weight is None else weight[jnp.where(counts, y, 0)]
        uniform = jnp.sum(uniform) / jnp.sum(jnp.where(counts, shares, 0.0))
    else:
        uniform = reduced(uniform, reduction)
    return (1 - smoothing) * loss + smoothing / classes * uniform


def binary_cross_entropy(x: Array, y: Array, weight: Array | None = None, reduction: int = MEAN) -> Array:
    """Return the cross entropy of probabilities, whose logarithms PyTorch bounds by -100.

    The slope is PyTorch's, too, which stays finite where a probability is 0 or 1.
    """
    p = jax.lax.stop_gradient(x)
    slope = jax.lax.stop_gradient((p - y) / clamp((1 - p) * p, LEAST_SPREAD))
    losses = -(y * clamp(jnp.log(p), -100) + (1 - y) * clamp(jnp.log1p(-p), -100)) + slope * (x - p)
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_with_logits(
    x: Array, y: Array, weight: Array | None = None, positive: Array | None = None, reduction: int = MEAN
) -> Array:
    scale = 1.0 if positive is None else (positive - 1) * y + 1
    losses = (1 - y) * x - scale * log_sigmoid(x)
    return reduced(losses if weight is None else losses * weight, reduction)


def divergence(x: Array, y: Array, reduction: int = MEAN, log_target: bool = False) -> Array:
    losses = jnp.exp(y) * (y - x) if log_target else jax.scipy.special.xlogy(y, y) - y * x
    return reduced(losses, reduction)


def poisson(x: Array, y: Array, log_input: bool, full: bool, eps: float, reduction: int = MEAN) -> Array:
    losses = jnp.exp(x) - y * x if log_input else x - y * jnp.log(x + eps)
    if full:
        above = jnp.where(y > 1, y, 2.0)
        stirling = above * jnp.log(above) - above + 0.5 * jnp.log(2 * pi * above)
        losses = losses + jnp.where(y > 1, stirling, 0.0)
    return reduced(losses, reduction)


def hinge_embedding(x: Array, y: Array, margin: float = 1.0, reduction: int = MEAN) -> Array:
    near = jnp.where(y != 1, clamp(margin - x, 0), 0.0)
    return reduced(near + jnp.where(y != -1, x, 0.0), reduction)


def margin_ranking(x: Array, other: Array, y: Array, margin: float = 0.0, reduction: int = MEAN) -> Array:
    return reduced(clamp(-y * (x - other) + margin, 0), reduction)


def soft_margin(x: Array, y: Array, reduction: int = MEAN) -> Array:
    return reduced(jnp.log1p(jnp.exp(-y * x)), reduction)


def cosine_embedding(x: Array, other: Array, y: Array, margin: float = 0.0, reduction: int = MEAN) -> Array:
    squares = [jnp.sum(v * v, -1) + LEAST_SQUARE for v in (x, other)]
    likeness = jnp.sum(x * other, -1) / jnp.sqrt(squares[0] * squares[1])
    losses = jnp.where(y == 1, 1 - likeness, 0.0) + jnp.where(y == -1, clamp(likeness - margin, 0), 0.0)
    return reduced(losses, reduction)


def triplet(
    x: Array,
    near: Array,
    far: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = MEAN,
) -> Array:
    to_far = pairwise_distance(x, far, p, eps)
    if swap:
        to_far = jnp.minimum(to_far, pairwise_distance(near, far, p, eps))
    return reduced(clamp(margin + pairwise_distance(x, near, p, eps) - to_far, 0), reduction)


def multi_margin(
    x: Array, y: Array, p: int = 1, margin: float = 1.0, weight: Array | None = None, reduction: int = MEAN
) -> Array:
    right = jnp.take_along_axis(x, y[:, None], 1)
    losses = clamp(margin - right + x, 0) ** p
    if weight is not None:
        losses = losses * weight[y][:, None]
    losses = jnp.where(jnp.arange(x.shape[1]) == y[:, None], 0.0, losses)
    return reduced(losses.sum(1) / x.shape[1], reduction)


LOSSES: Mapping[str, Callable[..., Any]] = {
    "mse_loss": partial(by_element, jnp.square),
    "l1_loss": partial(by_element, absolute),
    "smooth_l1_loss": partial(by_element, smooth_l1),
    "huber_loss": partial(by_element, huber),
    "nll_loss": log_likelihood,
    "nll_loss_nd": log_likelihood,
    "nll_loss2d": log_likelihood,
    "cross_entropy_loss": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_with_logits,
    "kl_div": divergence,
    "poisson_nll_loss": poisson,
    "hinge_embedding_loss": hinge_embedding,
    "margin_ranking_loss": margin_ranking,
    "soft_margin_loss": soft_margin,
    "cosine_embedding_loss": cosine_embedding,
    "triplet_margin_loss": triplet,
    "multi_margin_loss": multi_margin,
}
