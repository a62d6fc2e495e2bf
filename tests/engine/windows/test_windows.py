"""Convolutions and poolings in their forms for a loop are those of XLA, with their gradients."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from jax import lax
from keras import layers

from stepsize.engine.rewriting import CONVOLUTION, operations_in, rewritten, slow_operations_in
from stepsize.engine.windows import batch_last, slicing
from stepsize.engine.windows.convolutions import ORDER

RNG = np.random.default_rng(3)
SERIES, IMAGES, VOLUMES = (
    RNG.normal(size=shape).astype(np.float32) for shape in ((4, 9, 6), (4, 8, 9, 4), (2, 5, 6, 5, 3))
)

LAYERS: dict[str, tuple[Any, Any]] = {
    "1d": (lambda: layers.Conv1D(5, 3), SERIES),
    "1d, one position": (lambda: layers.Conv1D(5, 9), SERIES),
    "causal and dilated": (lambda: layers.Conv1D(5, 3, padding="causal", dilation_rate=2), SERIES),
    "2d, more channels": (lambda: layers.Conv2D(7, 3, padding="same"), IMAGES),
    "2d, fewer channels": (lambda: layers.Conv2D(2, 3), IMAGES),
    "one pixel": (lambda: layers.Conv2D(5, 1), IMAGES),
    "strides": (lambda: layers.Conv2D(5, 3, strides=(2, 3), padding="same"), IMAGES),
    "strides longer than the window": (lambda: layers.Conv2D(5, 2, strides=3), IMAGES),
    "dilated": (lambda: layers.Conv2D(5, 2, dilation_rate=(2, 3)), IMAGES),
    "channels first": (lambda: layers.Conv2D(5, 3, data_format="channels_first"), IMAGES),
    "3d": (lambda: layers.Conv3D(4, (2, 3, 2), strides=(1, 2, 1)), VOLUMES),
    "groups": (lambda: layers.Conv2D(6, 3, groups=2), IMAGES),
    "groups and strides": (lambda: layers.Conv2D(6, 3, strides=2, padding="same", groups=2), IMAGES),
    "groups, one position": (lambda: layers.Conv2D(6, (8, 9), groups=2), IMAGES),
    "depthwise 1d": (lambda: layers.DepthwiseConv1D(3, strides=2), SERIES),
    "depthwise": (lambda: layers.DepthwiseConv2D(3, padding="same"), IMAGES),
    "depthwise, two for each": (lambda: layers.DepthwiseConv2D(3, 2, depth_multiplier=2), IMAGES),
    "depthwise, one position": (lambda: layers.DepthwiseConv2D((8, 9)), IMAGES),
    "separable": (lambda: layers.SeparableConv2D(5, 3, strides=2), IMAGES),
    "transposed": (lambda: layers.Conv2DTranspose(5, 3, strides=2, padding="same"), IMAGES),
    "transposed, dilated": (lambda: layers.Conv2DTranspose(5, 3, dilation_rate=2), IMAGES),
    "transposed 1d": (lambda: layers.Conv1DTranspose(7, 3, strides=3, output_padding=1), SERIES),
    "transposed 3d": (lambda: layers.Conv3DTranspose(2, 2, strides=2), VOLUMES),
    "in a loop": (lambda: layers.ConvLSTM1D(3, 2), VOLUMES[..., 0]),
    "maximum 1d": (lambda: layers.MaxPooling1D(2), SERIES),
    "maximum": (lambda: layers.MaxPooling2D(2), IMAGES),
    "maximum, overlapping": (lambda: layers.MaxPooling2D(3, 2, padding="same"), IMAGES),
    "maximum, gaps": (lambda: layers.MaxPooling2D((2, 1), (3, 2)), IMAGES),
    "maximum 3d": (lambda: layers.MaxPooling3D(2, padding="same"), VOLUMES),
    "average 1d": (lambda: layers.AveragePooling1D(3, 2, padding="same"), SERIES),
    "average": (lambda: layers.AveragePooling2D(2), IMAGES),
    "average, overlapping": (lambda: layers.AveragePooling2D(3, 1, padding="same"), IMAGES),
    "average 3d": (lambda: layers.AveragePooling3D(2), VOLUMES),
    "adaptive": (lambda: layers.AdaptiveMaxPooling2D(3), IMAGES),
}


def gradients(make: Any, x: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the function that gives a layer's result and all its gradients, and what it is called with."""
    layer = make()
    layer(x)
    weights = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]

    def loss(weights: Any, x: Any) -> Any:
        result = layer.stateless_call(weights, others, x)[0]
        return jnp.sum(jnp.sin(result) * (1 + jnp.arange(result.size).reshape(result.shape) % 7)), result

    return jax.grad(loss, (0, 1), has_aux=True), (weights, jnp.asarray(x))


@cache
def of_xla(name: str) -> tuple[Any, tuple[Any, ...], Any]:
    """Return `gradients` of a layer and what XLA makes of them, which the forms below share."""
    function, arguments = gradients(*LAYERS[name])
    return function, arguments, jax.jit(function)(*arguments)


@pytest.fixture
def batch_last_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have convolutions of any size computed with the batch in the last axis."""
    monkeypatch.setattr(batch_last, "FEWEST_ROWS", 1)
    monkeypatch.setattr(batch_last, "FEW_CHANNELS", 99)


@pytest.fixture(params=["whole", "in pieces", "batch last"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in pieces":
        monkeypatch.setattr(slicing, "PIECE", 2000)
    elif request.param == "batch last":
        request.getfixturevalue("batch_last_everywhere")


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    if name == "adaptive" and not hasattr(layers, "AdaptiveMaxPooling2D"):
        pytest.skip("this Keras has no adaptive pooling")
    function, arguments, theirs = of_xla(name)
    replaced = rewritten(function)
    assert slow_operations_in(jax.make_jaxpr(function)(*arguments).jaxpr)
    assert not slow_operations_in(jax.make_jaxpr(replaced)(*arguments).jaxpr)
    ours = jax.jit(replaced)(*arguments)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_equal_pixels_pass_the_gradient_on_as_in_xla(padding: str, step: int) -> None:
    """Of several largest pixels the first gets it, which is common behind a ReLU."""
    x = RNG.integers(0, 2, size=(3, 7, 7, 2)).astype(np.float32)
    function, arguments = gradients(lambda: layers.MaxPooling2D(2, step, padding=padding), x)
    replaced = rewritten(function)
    assert not slow_operations_in(jax.make_jaxpr(replaced)(*arguments).jaxpr)
    ours, theirs = (jax.jit(each)(*arguments)[0][1] for each in (replaced, function))
    np.testing.assert_array_equal(ours, theirs)


def test_windows_of_whole_numbers_and_minima() -> None:
    x = jnp.asarray(RNG.integers(-9, 9, size=(4, 7)))

    def both(x: Any) -> Any:
        limits = jnp.iinfo(x.dtype)
        least = lax.reduce_window(x, limits.max, lax.min, (2, 3), (1, 2), "SAME")
        return least, lax.reduce_window(x, limits.min, lax.max, (2, 3), (1, 2), "SAME", (1, 2), (2, 1))

    jax.tree.map(np.testing.assert_array_equal, rewritten(both)(x), both(x))


def test_a_convolution_of_too_many_slices_is_left_to_xla() -> None:
    x, kernel = jnp.ones((1, 600, 1)), jnp.ones((300, 1, 1))

    def wide(x: Any) -> Any:
        return lax.conv_general_dilated(x, kernel, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))

    assert "conv_general_dilated" in str(jax.make_jaxpr(rewritten(wide))(x))


@pytest.mark.parametrize("name", ["2d, more channels", "strides", "channels first"])
def test_convolutions_of_images_have_the_one_order_that_is_fast_in_a_loop(name: str) -> None:
    """Inside a loop, XLA on a CPU uses its fast convolution for these dimension numbers alone."""
    function, arguments = gradients(*LAYERS[name])
    operations = jax.make_jaxpr(rewritten(function))(*arguments).jaxpr.eqns
    orders = [each.params["dimension_numbers"] for each in operations if each.primitive.name == CONVOLUTION]
    assert orders
    assert set(orders) == {ORDER}


def test_keras_and_jax_stay_as_they_are() -> None:
    function, arguments = gradients(*LAYERS["2d, more channels"])
    rewritten(function)(*arguments)
    assert "conv_general_dilated" in str(jax.make_jaxpr(function)(*arguments))
    assert keras.ops.conv(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))).shape == (1, 2, 2, 1)


def network(turn: tuple[int, ...]) -> Any:
    """Return convolutions, poolings, batch normalization and a residual sum; `turn` moves axes in between."""
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", padding="same"),
            layers.Permute(turn),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(),
            Residual(layers.Conv2D(9 if turn[2] == 2 else 4, (3, 2), padding="same", activation="gelu")),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


@keras.saving.register_keras_serializable()
class Residual(layers.Layer):
    """A layer's result added to what it is called with."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def call(self, x: Any) -> Any:
        return x + self.layer(x)


@pytest.mark.usefixtures("batch_last_everywhere")
@pytest.mark.parametrize("turn", [(1, 2, 3), (2, 1, 3), (3, 1, 2)], ids=str)
def test_a_network_with_the_batch_last(turn: tuple[int, ...]) -> None:
    x = RNG.integers(0, 3, size=(batch_last.FEWEST_ROWS, 8, 9, 1)).astype(np.float32)
    function, arguments = gradients(lambda: network(turn), x)
    replaced = rewritten(function)
    assert "conv_general_dilated" not in str(jax.make_jaxpr(replaced)(*arguments))
    ours, theirs = jax.jit(replaced)(*arguments), jax.jit(function)(*arguments)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)


def test_images_keep_the_batch_last_from_layer_to_layer() -> None:
    x = RNG.normal(size=(64, 20, 20, 1)).astype(np.float32)

    def make() -> Any:
        first, second = layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(5, 3)
        return keras.Sequential([first, layers.MaxPooling2D(2), second])

    function, arguments = gradients(make, x)
    operations = operations_in(jax.make_jaxpr(rewritten(function))(*arguments).jaxpr)
    moved = {each.invars[0].aval.size for each in operations if each.primitive.name == "transpose"}
    assert x.size in moved
    assert 64 * 9 * 9 * 4 not in moved  # what the pooling hands to the second convolution, and back
