"""What members side by side compute is what `jax.vmap` computes, member by member."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from stepsize.engine.batching import side_by_side as engine
from stepsize.engine.batching.batched_value import Value
from stepsize.engine.batching.batching_rules import RULES
from stepsize.engine.batching.side_by_side import replicated, split_members
from tests.support.vmapped import Function, assert_as_vmap, beside, drawn, numbers, own

ROWS = jnp.asarray(np.random.default_rng(1).normal(size=(5, 7)), jnp.float32)
LABELS = jnp.array([[0], [1], [2], [3], [0]])


def gradient(loss: Function) -> Function:
    return own(jax.grad(loss))


def normalised(o: Any, x: Any) -> Any:
    return (x @ o - jnp.mean(x @ o, 0)) / jnp.sqrt(jnp.var(x @ o, 0, keepdims=True) + 1e-3)


def attended(o: Any, x: Any) -> Any:
    return jnp.einsum("bhd,chd->hbc", (x @ o).reshape(5, 2, 2), (x @ o * 2).reshape(5, 2, 2))


def of_image(o: Any, x: Any) -> Any:
    axes = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x.reshape(1, 5, 7, 1), o, (1, 1), "SAME", dimension_numbers=axes)


@jax.custom_vjp
def doubled_backward(x: Any) -> Any:
    return jnp.sin(x)


doubled_backward.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (2 * ct * x,))
KERNEL, BIAS, SECOND, SINGLE = numbers(7, 4), numbers(4), numbers(4, 3), numbers(4, 1)

PROGRAMS: dict[str, tuple[Function, Any]] = {
    # layers and what training makes of them
    "dense": (own(lambda o, x: jnp.tanh(x @ o[0] + o[1])), (KERNEL, BIAS)),
    "two layers": (own(lambda o, x: jnp.tanh(x @ o[0]) @ o[1]), (KERNEL, SECOND)),
    "gradients": (
        gradient(lambda o, x: jnp.sum(jax.nn.softmax(jax.nn.relu(x @ o[0] + o[1]) @ o[2]) ** 2)),
        (KERNEL, BIAS, SECOND),
    ),
    "gradients, one output": (
        gradient(lambda o, x: jnp.mean(jax.nn.sigmoid(jax.nn.relu(x @ o[0] + o[1]) @ o[2]) ** 2)),
        (KERNEL, BIAS, SINGLE),
    ),
    "gradients, two outputs": (
        gradient(lambda o, x: jnp.mean(jax.nn.sigmoid(jax.nn.relu(x @ o[0] + o[1]) @ o[2]) ** 2)),
        (KERNEL, BIAS, numbers(4, 2)),
    ),
    "products of few terms": (
        own(lambda o, x: (o @ o.T, jnp.einsum("abc,dcb->ad", o.reshape(7, 2, 2), o.reshape(7, 2, 2)))),
        KERNEL,
    ),
    "gradient of an input": (
        own(lambda o, x: jax.grad(lambda x: jnp.sum(jnp.tanh(x @ o)))(x)),
        KERNEL,
    ),
    "second derivatives": (
        own(lambda o, x: jax.hessian(lambda o: jnp.sum(jnp.tanh(x[0, :4] * o) ** 3))(o)),
        BIAS,
    ),
    "normalised over rows": (own(normalised), KERNEL),
    "gradient of the same": (gradient(lambda o, x: jnp.sum(normalised(o, x) ** 3)), KERNEL),
    "normalised over units": (
        own(lambda o, x: (x @ o - jnp.mean(x @ o, -1, keepdims=True)) / jnp.std(x @ o, -1, keepdims=True)),
        KERNEL,
    ),
    "convolution": (own(of_image), numbers(2, 2, 1, 3)),
    "gradient of a convolution": (
        gradient(lambda o, x: jnp.sum(jnp.sin(of_image(o, x)))),
        numbers(2, 2, 1, 3),
    ),
    "attention": (own(attended), KERNEL),
    "activations": (
        own(lambda o, x: (jax.nn.relu(o) + jax.nn.silu(o) + jax.nn.gelu(o), jax.nn.logsumexp(o, 0))),
        KERNEL,
    ),
    # axes
    "transposes": (own(lambda o, x: o.T @ x.T), KERNEL),
    "new axes": (own(lambda o, x: (o @ x.T)[None, :, :, None]), numbers(4, 7)),
    "reshapes": (own(lambda o, x: ((x @ o).reshape(2, -1, 5)[0], o.reshape(1, 7, 1, 4).squeeze(2))), KERNEL),
    "outer product": (own(lambda o, x: jnp.outer(o[0], o[1])), (numbers(7), BIAS)),
    "inner product": (own(lambda o, x: (o[0] @ o[1], jnp.vdot(o[0], x[0]))), (numbers(7), numbers(7))),
    "products in batches": (own(lambda o, x: jnp.einsum("bi,bij->bj", x, o)), numbers(5, 7, 2)),
    "own products in batches": (
        own(lambda o, x: jnp.einsum("bi,bij->bj", *o)),
        (numbers(5, 7), numbers(5, 7, 1)),
    ),
    "rows and columns": (own(lambda o, x: (o[0][:, None] * o[1], o[0][:, None] - x[:4, 0])), (BIAS, BIAS)),
    "single numbers": (
        own(
            lambda o, x: (o[0] * o[1] + x.sum(), jnp.where(o[0] > 0, o[1], 2 * o[1]), o[1] * jnp.ones((3, 4)))
        ),
        (numbers(), numbers(1)),
    ),
    "no numbers": (own(lambda o, x: (o.sum(0), o.T, 2 * o, x[:2, :3] @ o)), numbers(3, 0)),
    "several axes summed": (
        own(lambda o, x: (o.sum((0, 2)), o.max((1, 2)), o.prod(), o.mean(1))),
        numbers(2, 3, 4),
    ),
    "broadcasts": (own(lambda o, x: jnp.broadcast_to(o[:, None, None], (4, 3, 2)).sum((0, 1)) + o[0]), BIAS),
    # operations without a rule
    "loop": (
        own(lambda o, x: lax.scan(lambda c, row: (jnp.tanh(c @ o + row), c), jnp.zeros(7), x)),
        numbers(7, 7),
    ),
    "loop, a part of it looked at": (
        own(lambda o, x: lax.scan(lambda c, _: (c / 2, (c, c + 1)), o, None, length=3)[1][1]),
        BIAS,
    ),
    "loop until": (
        own(
            lambda o, x: lax.while_loop(
                lambda c: (c[0] < 9) & (c[1].sum() < 3), lambda c: (c[0] + 1, c[1] + 1), (0, o)
            )
        ),
        BIAS,
    ),
    "either": (own(lambda o, x: lax.cond(o[0] > 0, jnp.sin, jnp.cos, o)), BIAS),
    "looked up": (
        own(lambda o, x: jnp.take_along_axis(jax.nn.log_softmax(x @ o), LABELS, 1)),
        KERNEL,
    ),
    "sums so far, in order": (
        own(lambda o, x: (jnp.cumsum(x @ o, 0), lax.sort((o, 2 * o), num_keys=1)[1], lax.top_k(o, 2)[1])),
        KERNEL,
    ),
    "combined as asked": (own(lambda o, x: lax.clamp(o[0], o[1], o[0] + 1)), (numbers(), KERNEL)),
    "with bounds": (own(lambda o, x: (lax.clamp(-1.0, o, 1.0), jnp.clip(x[0, 0], o, o + 1))), KERNEL),
    "between two bounds of its own": (own(lambda o, x: lax.clamp(o, jnp.float32(0.5), o + 1)), numbers()),
    "a gradient of two terms": (gradient(lambda o, x: o + o * o), numbers()),
    "reduced by a function": (
        own(lambda o, x: lax.reduce(o, jnp.float32(0), lambda a, b: jnp.maximum(a, jnp.abs(b)), (0,))),
        KERNEL,
    ),
    "reshaped in another order": (own(lambda o, x: lax.reshape(o, (14, 2), dimensions=(1, 0))), KERNEL),
    "random": (
        own(
            lambda o, x: (
                o * jax.random.normal(jax.random.fold_in(jax.random.key(3), x[0, 0].astype(int)), (4,))
            )
        ),
        BIAS,
    ),
    "random, each its own": (
        own(lambda o, x: jax.random.normal(jax.random.key(o), (4,))),
        numbers(dtype=jnp.uint32),
    ),
    # calls
    "derivative of the author's own": (
        own(lambda o, x: (doubled_backward(o), jax.grad(lambda o: doubled_backward(o).sum())(o))),
        BIAS,
    ),
    "computed again": (gradient(jax.checkpoint(lambda o, x: jnp.sum(jnp.sin(jnp.sin(o))))), BIAS),
    "compiled inside": (own(lambda o, x: jax.jit(lambda o: (o, o + x[0, :4]))(o)[1]), BIAS),
    # what comes out
    "the same twice": (own(lambda o, x: (o, o, o * o, o @ o)), BIAS),
    "the same for all": (lambda o, x: ((2 * x, o), (x, x.sum())), KERNEL),
    "nothing of the member": (own(lambda o, x: (jnp.float32(1), jnp.uint8(3), jnp.ones(3, bool), x)), KERNEL),
    "closed over": (own(lambda o, x: o * np.arange(4, dtype=np.float32) + jnp.arange(4.0)), BIAS),
    # kinds of numbers
    "integers": (
        own(lambda o, x: (o[:, None] * o, o.sum(), o.max(), o // 2, o % 3, jnp.where(o > 0, o, 0), o / 2)),
        numbers(4, dtype=jnp.int32),
    ),
    "bytes": (
        own(lambda o, x: (o >> 1, o ^ 3, o[:, None] | o, o.astype(jnp.int8).sum())),
        numbers(4, dtype=jnp.uint8),
    ),
    "truths": (
        own(lambda o, x: (~o, o & o[::-1], o[:, None] & o, o.sum(), jnp.any(o), jnp.all(o), jnp.argmax(o))),
        numbers(4, dtype=bool),
    ),
    "places": (own(lambda o, x: (jnp.argmax(x @ o, -1), lax.argmin(o, 0, jnp.int16), jnp.argmax(o))), KERNEL),
    "complex": (own(lambda o, x: jnp.abs(jnp.fft.fft(o)[:, None] * (o - 2j))), BIAS),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_side_by_side_is_vmap(name: str) -> None:
    """And a lost member disturbs nobody."""
    function, like = PROGRAMS[name]
    members = drawn(like)
    run = beside(function, members, ROWS)
    assert_as_vmap(function, members, ROWS, run=run)
    assert_undisturbed(run, members)


@pytest.mark.parametrize("members", [1, 2, 5])
def test_any_number_of_members(members: int) -> None:
    for name in ("gradients, one output", "the same for all", "single numbers"):
        function, like = PROGRAMS[name]
        assert_as_vmap(function, drawn(like, members), ROWS)


def test_half_precision_stays_half() -> None:
    def loss(o: Any, x: Any) -> Any:
        hidden = jnp.tanh(x.astype(jnp.bfloat16) @ o[0] + o[1])
        return jnp.sum(jnp.where(hidden > 0, hidden, 0.0) @ o[2], dtype=jnp.float32) / 5

    half = [numbers(*one.shape, dtype=jnp.bfloat16) for one in (KERNEL, BIAS, SECOND)]
    assert_as_vmap(gradient(loss), drawn(half), ROWS, tolerance=0.03)


@pytest.mark.parametrize(
    ("left", "right", "out"),
    [
        (jnp.bfloat16, jnp.bfloat16, jnp.float32),
        (jnp.int8, jnp.int8, jnp.int32),
        (jnp.bfloat16, jnp.float32, jnp.float32),
    ],
)
@pytest.mark.parametrize("columns", [1, 5])
def test_products_are_of_the_kind_asked_for(left: Any, right: Any, out: Any, columns: int) -> None:
    def product(o: Any) -> Any:
        over = (((0,), (0,)), ((), ()))
        return lax.dot_general(*o, over, preferred_element_type=out)

    whole = np.random.default_rng(2).integers(-100, 101, size=(3, 3, 7 + columns))
    left_factor, right_factor = jnp.asarray(whole[..., :7], left), jnp.asarray(whole[..., 7:], right)
    assert_as_vmap(own(product), (left_factor, right_factor))


# -- the comparison itself -----------------------------------------------------------------------------


def spoilt(rule: str, change: Function) -> dict[str, Any]:
    """Give rules of which one changes the array that it makes."""

    def wrong(*arguments: Any) -> Value:
        value = RULES[rule](*arguments)
        return value._replace(array=change(value.array))

    return {**RULES, rule: wrong}


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RULES", spoilt("tanh", lambda array: array + 1e-3))
    function, like = PROGRAMS["dense"]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_as_vmap(function, drawn(like), ROWS)


def test_members_may_not_differ_in_what_they_share() -> None:
    with pytest.raises((AssertionError, TypeError), match="members differ in a result"):
        beside(lambda o, x: (o, x[0, 0] * o), drawn(BIAS), ROWS)(drawn(BIAS))


def test_what_all_have_alike_is_kept_for_each() -> None:
    alike = {"kernel": ROWS, "step": jnp.int32(4), "mask": jnp.array([True, False])}
    back = split_members(replicated(alike, 3), 3, alike)
    for name, value in alike.items():
        np.testing.assert_array_equal(back[name], np.stack([value] * 3))
        assert back[name].dtype == value.dtype


# -- members among themselves --------------------------------------------------------------------------


def with_member(own: Any, member: int, number: float) -> Any:
    """Fill the real numbers of one member with `number`."""

    def one(array: jax.Array) -> jax.Array:
        return array.at[member].set(number) if jnp.issubdtype(array.dtype, jnp.floating) else array

    return jax.tree.map(one, own)


def assert_undisturbed(run: Function, own: Any) -> None:
    """Compare, bit for bit, all others with what they are when one member is as they are."""
    sound = jax.tree.leaves(run(own)[0])
    for number in (np.nan, np.inf):
        disturbed = jax.tree.leaves(run(with_member(own, 1, number))[0])
        for before, after in zip(sound, disturbed, strict=True):
            np.testing.assert_array_equal(before[np.array([0, 2])], after[np.array([0, 2])])


def test_the_check_of_disturbance_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RULES", spoilt("tanh", lambda array: array + 0 * array.sum()))
    function, like = PROGRAMS["dense"]
    with pytest.raises(AssertionError, match="not equal"):
        assert_undisturbed(beside(function, drawn(like), ROWS), drawn(like))
