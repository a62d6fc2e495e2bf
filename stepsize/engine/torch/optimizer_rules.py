"""One update of one parameter, as each of PyTorch's optimizers makes it.

A rule is two functions: the state before the first update, and (parameter, gradient, state, settings, number
of the update, from 1) -> (parameter, state). The order of operations is PyTorch's. Its corrections 1 - beta^t
are computed there in double precision; here by `expm1`, which is as exact in single precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from stepsize.engine.torch.operations.reductions import norm

Slot = dict[str, Array]
Settings = Mapping[str, Any]
Result = tuple[Array, Slot]
Rule = tuple[Callable[[Array, Settings], Slot], Callable[[Array, Array, Slot, Settings, Array], Result]]


def is_zero(value: Any) -> bool:
    """Return whether a setting is the number 0; one that changes by schedule is not."""
    return isinstance(value, int | float) and value == 0


def log(beta: Any) -> Any:
    if isinstance(beta, int | float):
        return math.log(beta) if beta > 0 else -math.inf
    return jnp.log(beta)


def correction(beta: Any, t: Array) -> Array:
    """Return 1 - beta^t."""
    return -jnp.expm1(t * log(beta))


def decayed(gradient: Array, parameter: Array, s: Settings) -> Array:
    """Return the gradient with that of the weight decay."""
    decay = s["weight_decay"]
    return gradient if is_zero(decay) else gradient + decay * parameter


def either_decay(p: Array, g: Array, s: Settings) -> tuple[Array, Array]:
    """Return parameter and gradient after weight decay, decoupled or not."""
    if not s.get("decoupled_weight_decay"):
        return p, decayed(g, p, s)
    return p * (1 - s["lr"] * s["weight_decay"]), g


def toward(x: Array, y: Array, share: Any) -> Array:
    """Return x + share * (y - x), from the nearer end, as `torch.lerp` rounds it."""
    if isinstance(share, int | float):
        return x + share * (y - x) if share < 0.5 else y - (1 - share) * (y - x)
    return jnp.where(share < 0.5, x + share * (y - x), y - (1 - share) * (y - x))


def chosen(condition: Any, x: Array, y: Array) -> Array:
    """Return x or y, by a product: in a loop over members, that is faster than `where`."""
    if isinstance(condition, bool):
        return x if condition else y
    share = condition.astype(x.dtype)
    return share * x + (1 - share) * y


def second_moment(v: Array, g: Array, beta: Any) -> Array:
    return v * beta + (1 - beta) * g * g


def zeros(*names: str) -> Callable[[Array, Settings], Slot]:
    return lambda p, s: {name: jnp.zeros_like(p) for name in names}


def sgd_state(p: Array, s: Settings) -> Slot:
    return {"buffer": jnp.zeros_like(p), "begun": jnp.zeros((), bool)}


def sgd(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    """The buffer begins with the first gradient at a momentum above 0, undampened.

    At a momentum of 0, the gradient is used as it is, and the buffer stays what it was.
    """
    g, momentum = decayed(g, p, s), s["momentum"]
    if is_zero(momentum):
        return p - s["lr"] * g, slot
    is_used = momentum != 0
    kept = jnp.where(is_used, jnp.where(slot["begun"], momentum, 0.0), 1.0)
    added = jnp.where(is_used, jnp.where(slot["begun"], 1 - s["dampening"], 1.0), 0.0)
    buffer = slot["buffer"] * kept + added * g
    step = g + momentum * buffer if s["nesterov"] else chosen(is_used, buffer, g)
    return p - s["lr"] * step, {"buffer": buffer, "begun": slot["begun"] | is_used}


def adam_state(p: Array, s: Settings) -> Slot:
    names = ("mean", "square", "highest") if s["amsgrad"] else ("mean", "square")
    return zeros(*names)(p, s)


def adam(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    p, g = either_decay(p, g, s)
    beta1, beta2 = s["betas"]
    after = {"mean": toward(slot["mean"], g, 1 - beta1), "square": second_moment(slot["square"], g, beta2)}
    square = after["square"]
    if s["amsgrad"]:
        square = after["highest"] = jnp.maximum(slot["highest"], square)
    deviation = jnp.sqrt(square) / jnp.sqrt(correction(beta2, t)) + s["eps"]
    return p - s["lr"] / correction(beta1, t) * (after["mean"] / deviation), after


def nadam_state(p: Array, s: Settings) -> Slot:
    return {**zeros("mean", "square")(p, s), "product": jnp.ones(())}


def nadam(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    p, g = either_decay(p, g, s)
    (beta1, beta2), lr = s["betas"], s["lr"]
    now, after = (beta1 * (1 - 0.5 * jnp.exp(i * s["momentum_decay"] * math.log(0.96))) for i in (t, t + 1))
    product = slot["product"] * now
    mean, square = toward(slot["mean"], g, 1 - beta1), second_moment(slot["square"], g, beta2)
    deviation = jnp.sqrt(square / correction(beta2, t)) + s["eps"]
    p = p - lr * (1 - now) / (1 - product) * (g / deviation)
    p = p - lr * after / (1 - product * after) * (mean / deviation)
    return p, {"mean": mean, "square": square, "product": product}


def averaged_length(beta: float, t: Array) -> Array:
    """Return RAdam's length of the moving average, rho_t = rho - 2 t beta^t / (1 - beta^t), without loss.

    With x = -t log(beta), it is a small constant plus 2 / -log(beta) * (1 - x / (e^x - 1)).
    """
    rate = -math.log(beta)
    x = t * rate
    near = x / 2 - x**2 / 12 + x**4 / 720 - x**6 / 30240
    far = 1 - x / jnp.expm1(jnp.where(x < 0.5, 1.0, x))
    return (2 / (1 - beta) - 1 - 2 / rate) + 2 / rate * jnp.where(x < 0.5, near, far)


def radam(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    p, g = either_decay(p, g, s)
    beta1, beta2 = s["betas"]
    mean, square = toward(slot["mean"], g, 1 - beta1), second_moment(slot["square"], g, beta2)
    unbiased = mean / correction(beta1, t) * s["lr"]
    longest, length = 2 / (1 - beta2) - 1, averaged_length(beta2, t)
    known = jnp.where(length > 5, length, 6.0)
    share = (known - 4) * (known - 2) * longest / ((longest - 4) * (longest - 2) * known)
    adaptive = jnp.sqrt(correction(beta2, t)) / (jnp.sqrt(square) + s["eps"])
    step = unbiased * jnp.where(length > 5, adaptive * jnp.sqrt(share), 1.0)
    return p - step, {"mean": mean, "square": square}


def adamax(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    g, (beta1, beta2) = decayed(g, p, s), s["betas"]
    mean = toward(slot["mean"], g, 1 - beta1)
    highest = jnp.maximum(slot["highest"] * beta2, jnp.abs(g) + s["eps"])
    return p - s["lr"] / correction(beta1, t) * (mean / highest), {"mean": mean, "highest": highest}


def adadelta(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    g, rho, eps = decayed(g, p, s), s["rho"], s["eps"]
    square = second_moment(slot["square"], g, rho)
    step = jnp.sqrt(slot["steps"] + eps) / jnp.sqrt(square + eps) * g
    return p - s["lr"] * step, {"square": square, "steps": second_moment(slot["steps"], step, rho)}


def adagrad_state(p: Array, s: Settings) -> Slot:
    return {"sum": jnp.full_like(p, s["initial_accumulator_value"])}


def adagrad(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    g = decayed(g, p, s)
    rate, total = s["lr"] / (1 + (t - 1) * s["lr_decay"]), slot["sum"] + g * g
    return p - rate * (g / (jnp.sqrt(total) + s["eps"])), {"sum": total}


def rmsprop(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    g, alpha = decayed(g, p, s), s["alpha"]
    after = {**slot, "square": second_moment(slot["square"], g, alpha)}
    square = after["square"]
    if s["centered"]:
        after["mean"] = toward(slot["mean"], g, 1 - alpha)
        square = square - after["mean"] * after["mean"]
    step = g / (jnp.sqrt(square) + s["eps"])
    if not is_zero(s["momentum"]):  # at one of 0 for a while, the buffer stays what it was
        step = slot["buffer"] * s["momentum"] + step
        after["buffer"] = chosen(s["momentum"] != 0, step, slot["buffer"])
    return p - s["lr"] * step, after


def rprop(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    """Only the sign of a gradient counts, and only the first rate, as the first size of a step."""
    (lower, upper), (least, most) = s["etas"], s["step_sizes"]
    agreement = g * slot["before"]
    factor = jnp.where(agreement > 0, upper, jnp.where(agreement < 0, lower, 1.0))
    size = jnp.clip(jnp.where(t == 1, s["lr"], slot["size"]) * factor, least, most)
    g = jnp.where(agreement < 0, 0.0, g)
    return p - jnp.sign(g) * size, {"before": g, "size": size}


def asgd_state(p: Array, s: Settings) -> Slot:
    return {"rate": jnp.zeros(()), "average": jnp.zeros_like(p)}


def asgd(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    """The weights are not the average, which PyTorch only keeps; a rate counts from the next update on."""
    g, lambd = decayed(g, p, s), s["lambd"]
    rate = jnp.where(t == 1, s["lr"], slot["rate"])
    p = p * (1 - lambd * rate) - rate * g
    share = 1 / jnp.maximum(1.0, t - 1 - s["t0"])
    average = jnp.where(share == 1, p, toward(slot["average"], p, share))
    return p, {"rate": s["lr"] / (1 + lambd * s["lr"] * t) ** s["alpha"], "average": average}


def adafactor_state(p: Array, s: Settings) -> Slot:
    if p.ndim < 2:
        return {"square": jnp.zeros_like(p)}
    return {"rows": jnp.zeros_like(p[..., :1]), "columns": jnp.zeros_like(p[..., :1, :])}


def adafactor(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    least = s["eps"][0] if s["eps"][0] is not None else float(jnp.finfo(p.dtype).eps)
    share, rate = t ** s["beta2_decay"], jnp.minimum(s["lr"], 1 / jnp.sqrt(t))
    rate = jnp.maximum(s["eps"][1], norm(p) / math.sqrt(p.size)) * rate
    p = p * (1 - s["lr"] * s["weight_decay"])
    if p.ndim < 2:
        square = toward(slot["square"], g * g, share)
        after = {"square": square}
    else:
        rows = toward(slot["rows"], jnp.mean(g * g, -1, keepdims=True), share)
        columns = toward(slot["columns"], jnp.mean(g * g, -2, keepdims=True), share)
        square = rows @ columns / jnp.maximum(jnp.mean(rows, -2, keepdims=True), least)
        after = {"rows": rows, "columns": columns}
    step = g / jnp.sqrt(jnp.maximum(square, least * least))
    return p - rate / jnp.maximum(1.0, norm(step) / (math.sqrt(p.size) * s["d"])) * step, after


def muon(p: Array, g: Array, slot: Slot, s: Settings, t: Array) -> Result:
    """Newton-Schulz iterations run in bfloat16, as in PyTorch."""
    buffer = toward(slot["buffer"], g, 1 - s["momentum"])
    direction = toward(g, buffer, s["momentum"]) if s["nesterov"] else buffer
    height, width = p.shape
    adjusted = {None: math.sqrt(max(1, height / width)), "original": math.sqrt(max(1, height / width))}
    factor = adjusted.get(s["adjust_lr_fn"], 0.2 * math.sqrt(max(height, width)))
    step = s["lr"] * factor * orthogonal(direction, s).astype(p.dtype)
    return p * (1 - s["lr"] * s["weight_decay"]) - step, {"buffer": buffer}


def orthogonal(g: Array, s: Settings) -> Array:
    a, b, c = s["ns_coefficients"]
    x = g.astype(jnp.bfloat16)
    tall = g.shape[0] > g.shape[1]
    x = x.T if tall else x
    x = x / jnp.maximum(jnp.sqrt(jnp.sum(x.astype(jnp.float32) ** 2)).astype(x.dtype), s["eps"])
    for _ in range(s["ns_steps"]):
        gram = _rounded_sum(0.0, x, 1.0, x, x.T)
        x = _rounded_sum(a, x, 1.0, _rounded_sum(b, gram, c, gram, gram), x)
    return x.T if tall else x


def _rounded_sum(a: float, x: Array, b: float, y: Array, z: Array) -> Array:
    """Return a x + b y z, rounded once to bfloat16."""
    product = b * jnp.matmul(y, z, preferred_element_type=jnp.float32)
    return (product if a == 0 else a * x.astype(jnp.float32) + product).astype(jnp.bfloat16)


RULES: Mapping[str, Rule] = {
    "SGD": (sgd_state, sgd),
    "Adam": (adam_state, adam),
    "AdamW": (adam_state, adam),
    "NAdam": (nadam_state, nadam),
    "RAdam": (zeros("mean", "square"), radam),
    "Adamax": (zeros("mean", "highest"), adamax),
    "Adadelta": (zeros("square", "steps"), adadelta),
    "Adagrad": (adagrad_state, adagrad),
    "RMSprop": (zeros("square", "mean", "buffer"), rmsprop),
    "Rprop": (zeros("before", "size"), rprop),
    "ASGD": (asgd_state, asgd),
    "Adafactor": (adafactor_state, adafactor),
    "Muon": (zeros("buffer"), muon),
}
