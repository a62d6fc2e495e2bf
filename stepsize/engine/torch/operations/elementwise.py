"""Operations on one element at a time, activations among them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import pi, sqrt
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def add(x: Array, y: Any, alpha: float = 1) -> Array:
    return x + (y if alpha == 1 else alpha * y)


def sub(x: Array, y: Any, alpha: float = 1) -> Array:
    return x - (y if alpha == 1 else alpha * y)


def rsub(x: Array, y: Any, alpha: float = 1) -> Array:
    return y - (x if alpha == 1 else alpha * x)


def div(x: Array, y: Any, rounding_mode: str | None = None) -> Array:
    if rounding_mode == "floor":
        return jnp.floor_divide(x, y)
    if rounding_mode == "trunc":
        quotient = jnp.trunc(jnp.divide(x, y))
        return quotient.astype(jnp.result_type(x, y))
    return jnp.divide(x, y)


def absolute(x: Array) -> Array:
    """Return |x|, whose gradient at 0 is 0."""
    return x * jnp.sign(x)


def clamp(x: Array, low: Any = None, high: Any = None) -> Array:
    """Return x between two bounds, with the gradient of x at the bounds themselves."""
    if low is not None:
        x = jnp.where(x < low, low, x)
    return x if high is None else jnp.where(x > high, high, x)


def arctan2(y: Array, x: Array) -> Array:
    """Return the angle of (x, y), whose gradient at the origin is 0."""
    origin = x * x + y * y == 0
    away = jnp.arctan2(jnp.where(origin, 1.0, y), jnp.where(origin, 1.0, x))
    return jnp.where(origin, jax.lax.stop_gradient(jnp.arctan2(y, x)), away)


def hardtanh(x: Array, low: float = -1.0, high: float = 1.0) -> Array:
    """Return x between two bounds, with gradient 0 at the bounds themselves."""
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


def gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "tanh":
        return 0.5 * x * (1 + jnp.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * (1 + jax.lax.erf(x * sqrt(0.5)))


def elu(x: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Array:
    below = jnp.where(x > 0, 0.0, x)
    return jnp.where(x > 0, x * scale, jnp.expm1(below * input_scale) * (alpha * scale))


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    scaled = x * beta
    below = jnp.where(scaled > threshold, 0.0, scaled)
    return jnp.where(scaled > threshold, x, jnp.log1p(jnp.exp(below)) / beta)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    return jnp.where(x > 0, x, x * slope)


def prelu(x: Array, weight: Array) -> Array:
    if x.ndim > 1 and weight.size > 1 and weight.ndim == 1:
        weight = weight.reshape(-1, *[1] * (x.ndim - 2))
    elif weight.size == 1:
        weight = weight.reshape(())
    return jnp.where(x > 0, x, x * weight)


def hardsigmoid(x: Array) -> Array:
    return jnp.where(x <= -3, 0.0, jnp.where(x >= 3, 1.0, x / 6 + 0.5))


def hardswish(x: Array) -> Array:
    return jnp.where(x <= -3, 0.0, jnp.where(x >= 3, x, x * (x / 6 + 0.5)))


def log_sigmoid(x: Array) -> Array:
    return jnp.minimum(x, 0.0) - jnp.log1p(jnp.exp(-absolute(x)))


def softshrink(x: Array, edge: float = 0.5) -> Array:
    return jnp.where(x > edge, x - edge, jnp.where(x < -edge, x + edge, 0.0))


def hardshrink(x: Array, edge: float = 0.5) -> Array:
    return jnp.where((x >= -edge) & (x <= edge), 0.0, x)


def glu(x: Array, axis: int = -1) -> Array:
    first, gate = jnp.split(x, 2, axis)
    return first * jax.nn.sigmoid(gate)


def where(condition: Array, x: Any, y: Any) -> Array:
    return jnp.where(condition, x, y)


def to_type(x: Array, dtype: Any = None, *_: Any, **__: Any) -> Array:
    return x if dtype is None else x.astype(dtype)


def power(x: Any, exponent: Any) -> Array:
    """Return x to a power; small whole exponents are products, as their gradients at 0 must be."""
    if isinstance(exponent, int | float) and float(exponent).is_integer() and abs(exponent) < 64:
        return jax.lax.integer_pow(x, int(exponent))
    return jnp.power(x, exponent)


ELEMENTWISE: Mapping[str, Callable[..., Any]] = {
    "getitem": operator.getitem,
    "add": add,
    "sub": sub,
    "rsub": rsub,
    "mul": lambda x, y: x * y,
    "div": div,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "floor_divide": jnp.floor_divide,
    "mod": operator.mod,
    "remainder": jnp.mod,
    "fmod": jnp.fmod,
    "neg": lambda x: -x,
    "pow": power,
    "square": jnp.square,
    "sqrt": jnp.sqrt,
    "rsqrt": lambda x: 1 / jnp.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "expm1": jnp.expm1,
    "log": jnp.log,
    "log2": jnp.log2,
    "log10": jnp.log10,
    "log1p": jnp.log1p,
    "logaddexp": jnp.logaddexp,
    "xlogy": jax.scipy.special.xlogy,
    "abs": absolute,
    "sign": jnp.sign,
    "sgn": jnp.sign,
    "floor": jnp.floor,
    "ceil": jnp.ceil,
    "round": jnp.round,
    "trunc": jnp.trunc,
    "frac": lambda x: x - jnp.trunc(x),
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "asin": jnp.arcsin,
    "acos": jnp.arccos,
    "atan": jnp.arctan,
    "atan2": arctan2,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "tanh": jnp.tanh,
    "asinh": jnp.arcsinh,
    "acosh": jnp.arccosh,
    "atanh": jnp.arctanh,
    "erf": jax.lax.erf,
    "erfc": jax.lax.erfc,
    "lerp": lambda x, y, share: x + share * (y - x),
    "addcmul": lambda x, y, z, value=1: x + value * y * z,
    "addcdiv": lambda x, y, z, value=1: x + value * y / z,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "max.other": jnp.maximum,
    "min.other": jnp.minimum,
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": clamp,
    "clamp_max": lambda x, high: clamp(x, None, high),
    "relu": lambda x: jnp.where(x > 0, x, jnp.zeros((), x.dtype)),
    "relu6": lambda x: hardtanh(x, 0.0, 6.0),
    "hardtanh": hardtanh,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "_prelu_kernel": prelu,
    "elu": elu,
    "celu": lambda x, alpha=1.0: elu(x, alpha, 1.0, 1 / alpha),
    "selu": lambda x: elu(x, SELU_ALPHA, SELU_SCALE),
    "gelu": gelu,
    "silu": lambda x: x * jax.nn.sigmoid(x),
    "mish": lambda x: x * jnp.tanh(softplus(x)),
    "sigmoid": jax.nn.sigmoid,
    "logit": lambda x, eps=None: jax.scipy.special.logit(x if eps is None else clamp(x, eps, 1 - eps)),
    "hardsigmoid": hardsigmoid,
    "hardswish": hardswish,
    "log_sigmoid": log_sigmoid,
    "softplus": softplus,
    "softshrink": softshrink,
    "hardshrink": hardshrink,
    "threshold": lambda x, edge, value: jnp.where(x > edge, x, value),
    "glu": glu,
    "where": where,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "isnan": jnp.isnan,
    "isinf": jnp.isinf,
    "isfinite": jnp.isfinite,
    "logical_and": jnp.logical_and,
    "logical_or": jnp.logical_or,
    "logical_xor": jnp.logical_xor,
    "logical_not": jnp.logical_not,
    **dict.fromkeys(("bitwise_and", "__and__"), jnp.bitwise_and),
    **dict.fromkeys(("bitwise_or", "__or__"), jnp.bitwise_or),
    **dict.fromkeys(("bitwise_xor", "__xor__"), jnp.bitwise_xor),
    "bitwise_not": jnp.bitwise_not,
    "_to_copy": to_type,
    "to.dtype": to_type,
    "type_as": lambda x, other: x.astype(other.dtype),
    "clone": lambda x, **_: x,
    "contiguous": lambda x, **_: x,
    "alias": lambda x: x,
    "lift_fresh_copy": lambda x: x,
    "copy": lambda x, source, *_: jnp.broadcast_to(source, x.shape).astype(x.dtype),
    "detach": jax.lax.stop_gradient,
    "nan_to_num": lambda x, nan=0.0, high=None, low=None: jnp.nan_to_num(
        x, nan=nan or 0.0, posinf=high, neginf=low
    ),
}
