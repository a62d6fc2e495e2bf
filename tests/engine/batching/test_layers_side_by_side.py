"""Keras' own layers and losses, with their gradients and states, side by side as under `jax.vmap`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras import layers, losses

from stepsize.engine.keras.initial_weights import is_generator_state
from tests.support.vmapped import assert_as_vmap, drawn, numbers, own

RNG = np.random.default_rng(4)
TABLE, SERIES, IMAGES = (
    RNG.normal(size=shape).astype(np.float32) for shape in ((5, 6), (4, 7, 6), (3, 6, 6, 2))
)
WORDS = RNG.integers(0, 9, size=(4, 7))

LAYERS = {
    "batch normalisation": (lambda: [layers.BatchNormalization()], IMAGES),
    "layer normalisation": (lambda: [layers.LayerNormalization()], SERIES),
    "group normalisation": (lambda: [layers.GroupNormalization(2)], IMAGES),
    "root mean square": (lambda: [layers.RMSNormalization()], TABLE),
    "spectral normalisation": (lambda: [layers.SpectralNormalization(layers.Dense(3))], TABLE),
    "convolution": (lambda: [layers.Conv2D(3, 3, padding="same"), layers.MaxPooling2D()], IMAGES),
    "causal convolution": (lambda: [layers.Conv1D(3, 3, padding="causal", dilation_rate=2)], SERIES),
    "separable convolution": (lambda: [layers.SeparableConv2D(3, 3)], IMAGES),
    "transposed convolution": (lambda: [layers.Conv2DTranspose(3, 3, strides=2)], IMAGES),
    "pools": (lambda: [layers.AveragePooling2D(2), layers.UpSampling2D(), layers.PReLU()], IMAGES),
    "embedding": (lambda: [layers.Embedding(9, 4)], WORDS),
    "masked words": (lambda: [layers.Embedding(9, 4, mask_zero=True), layers.GRU(2)], WORDS),
    "LSTM": (lambda: [layers.LSTM(3, return_sequences=True)], SERIES),
    "both ways": (lambda: [layers.Bidirectional(layers.GRU(3))], SERIES),
    "one unit": (lambda: [layers.SimpleRNN(1)], SERIES),
    "einsum": (lambda: [layers.EinsumDense("abc,cd->abd", (None, 1), bias_axes="d")], SERIES),
    "noise": (lambda: [layers.Dropout(0.4), layers.Dense(1), layers.GaussianNoise(0.2)], TABLE),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    make, x = LAYERS[name]
    layer = keras.Sequential(make())
    layer(x)
    states = layer.non_trainable_variables
    common = [v.value for v in states if is_generator_state(v)]
    held = (
        [v.value for v in layer.trainable_variables],
        [v.value for v in states if not is_generator_state(v)],
    )

    def update(held: Any, generators: Any) -> Any:
        """Give gradients and states, each member's own, and the generators after, which all share."""

        def loss(weights: Any, others: Any) -> Any:
            rest, keys = iter(others), iter(generators)
            given = [next(keys if is_generator_state(v) else rest) for v in states]
            out, after = layer.stateless_call(weights, given, x, training=True)
            return jnp.sum(jnp.sin(out)), after

        weights, others = held
        gradients, after = jax.grad(loss, has_aux=True)(weights, others)
        pairs = list(zip(states, after, strict=True))
        mine = [value for variable, value in pairs if not is_generator_state(variable)]
        return (gradients, mine), [value for variable, value in pairs if is_generator_state(variable)]

    like = jax.tree.map(lambda value: numbers(*value.shape, dtype=value.dtype), held)
    assert_as_vmap(update, drawn(like), common, tolerance=2e-4)


@pytest.mark.parametrize("heads", [1, 3])
def test_attention(heads: int) -> None:
    layer = layers.MultiHeadAttention(heads, 2)
    layer(SERIES, SERIES)

    def loss(weights: Any, x: Any) -> Any:
        return jnp.sum(jnp.sin(layer.stateless_call(weights, [], x, x, use_causal_mask=True)[0]))

    like = [numbers(*v.shape) for v in layer.trainable_variables]
    assert_as_vmap(own(jax.grad(loss)), drawn(like), SERIES, tolerance=2e-4)


CLASSES = np.array([0, 2, 1, 2, 0])
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
LOSSES = {
    "sparse": (losses.SparseCategoricalCrossentropy(), CLASSES),
    "sparse, from logits": (losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES),
    "dense": (losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT),
    "dense, from logits": (losses.CategoricalCrossentropy(from_logits=True), ONE_HOT),
    "focal": (losses.CategoricalFocalCrossentropy(), ONE_HOT),
    "binary": (losses.BinaryCrossentropy(from_logits=True), ONE_HOT),
    "divergence": (losses.KLDivergence(), ONE_HOT),
    "squares": (losses.MeanSquaredError(), ONE_HOT),
    "huber": (losses.Huber(), ONE_HOT),
    "hinge": (losses.CategoricalHinge(), ONE_HOT),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss, y = LOSSES[name]
    ends = (lambda o: o) if "logits" in name or name == "binary" else jax.nn.softmax

    def of_kernel(kernel: Any, x: Any) -> Any:
        return loss(y, ends(x @ kernel))

    assert_as_vmap(own(jax.value_and_grad(of_kernel)), drawn(numbers(6, 3)), TABLE)
