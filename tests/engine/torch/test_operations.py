"""Operations with many settings, at random ones: results and gradients are those of PyTorch's own ATen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stepsize.engine.torch.operations import OPERATIONS, RANDOM_OPERATIONS

FEW = settings(max_examples=8)
AXES = st.integers(1, 3)


def numbers(*shape: int) -> torch.Tensor:
    """Return numbers of which no two are equal, so that no maximum is tied."""
    torch.manual_seed(sum(shape))
    count = int(np.prod(shape))
    return ((torch.randperm(count) - count / 2) / max(count, 1) * 4).reshape(shape)


def compare(name: str, tensors: Sequence[torch.Tensor], *settings: Any) -> None:
    """Compare an operation of `tensors` and settings with ATen's, and the gradients of every tensor."""
    packet, _, overload = name.partition(".")
    theirs = getattr(getattr(torch.ops.aten, packet), overload or "default")
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    try:
        expected = first(theirs(*leaves, *settings))
    except (RuntimeError, ValueError):  # settings that PyTorch does not allow
        assume(False)
        raise
    weights = torch.cos(torch.arange(expected.numel(), dtype=torch.float32)).view_as(expected)
    gradients = torch.autograd.grad((expected * weights).sum(), leaves)
    function = OPERATIONS.get(name) or OPERATIONS[packet]

    def total(arrays: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        result = first(function(*arrays, *settings))
        return (result * weights.numpy()).sum(), result

    arrays = [jnp.asarray(tensor.numpy()) for tensor in tensors]
    (_, result), ours = jax.jit(jax.value_and_grad(total, has_aux=True))(arrays)
    np.testing.assert_allclose(result, expected.detach(), rtol=1e-5, atol=1e-5)
    for mine, other in zip(ours, gradients, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)


def first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple | list) else result


def several(data: st.DataObject, axes: int, *bounds: tuple[int, int]) -> list[list[int]]:
    """Draw a list of one size an axis for each pair of bounds."""
    return [data.draw(st.lists(st.integers(*pair), min_size=axes, max_size=axes)) for pair in bounds]


@FEW
@given(st.data())
def test_convolutions(data: st.DataObject) -> None:
    axes, groups = data.draw(AXES), data.draw(st.integers(1, 2))
    bounds = ((4, 6), (1, 3), (1, 2), (0, 2), (1, 2), (0, 1))
    lengths, kernel, stride, padding, dilation, extra = several(data, axes, *bounds)
    tensors = [numbers(2, 2 * groups, *lengths), numbers(2 * groups, 2, *kernel) / 4, numbers(2 * groups)]
    if data.draw(st.booleans()):
        compare(f"conv{axes}d", tensors, stride, padding, dilation, groups)
    else:
        compare(
            f"conv_transpose{axes}d" + ".input" * (axes > 1),
            tensors,
            stride,
            padding,
            extra,
            groups,
            dilation,
        )


@FEW
@given(st.data())
def test_poolings(data: st.DataObject) -> None:
    axes, ceil = data.draw(AXES), data.draw(st.booleans())
    lengths, kernel, stride, padding = several(data, axes, (3, 6), (1, 3), (1, 3), (0, 1))
    x = [numbers(2, 2, *lengths)]
    kind = data.draw(st.sampled_from(("max", "avg", "adaptive")))
    if kind == "max":
        (dilation,) = several(data, axes, (1, 2))
        compare(f"max_pool{axes}d", x, kernel, stride, padding, dilation, ceil)
    elif kind == "avg":
        rest = [data.draw(st.booleans())]
        if axes > 1:
            rest.append(data.draw(st.sampled_from((None, 3))))
        compare(f"avg_pool{axes}d", x, kernel, stride, padding, ceil, *rest)
    else:
        compare(f"adaptive_avg_pool{axes}d", x, kernel)
        compare(f"adaptive_max_pool{axes}d", x, kernel)


@FEW
@given(st.data())
def test_up_sampling(data: st.DataObject) -> None:
    kinds = ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "bicubic2d", "trilinear3d")
    kind = data.draw(st.sampled_from((*kinds, "nearest-exact2d")))
    axes = int(kind[-2])
    lengths, size = several(data, axes, (2, 4), (1, 7))
    factors = data.draw(st.lists(st.sampled_from((1.0, 1.6, 2.0, 2.5)), min_size=axes, max_size=axes))
    chosen = data.draw(st.sampled_from(((size, None), (None, factors))))
    aligned = [] if "nearest" in kind else [data.draw(st.booleans())]
    name = f"_upsample_{kind.replace('-', '_')}" if "exact" in kind else f"upsample_{kind}"
    compare(f"{name}.vec", [numbers(2, 2, *lengths)], chosen[0], *aligned, chosen[1])


@FEW
@given(st.data())
def test_padding(data: st.DataObject) -> None:
    axes = data.draw(AXES)
    mode = data.draw(st.sampled_from(("constant", "reflect", "replicate", "circular")))
    low = -1 if mode == "constant" else 0
    sizes = data.draw(st.lists(st.integers(low, 2), min_size=2 * axes, max_size=2 * axes))
    compare("pad", [numbers(2, 2, *[4] * axes)], sizes, mode, 1.5 if mode == "constant" else None)


@FEW
@given(st.data())
def test_reductions(data: st.DataObject) -> None:
    x, axis, keep = [numbers(2, 3, 4)], data.draw(st.integers(-3, 2)), data.draw(st.booleans())
    name = data.draw(
        st.sampled_from(("sum.dim_IntList", "mean.dim", "amax", "logsumexp", "var.dim", "std.dim"))
    )
    if "." in name and name[:3] in ("var", "std"):
        compare(name, x, [axis], data.draw(st.booleans()), keep)
    else:
        compare(name, x, [axis], keep)
    compare(data.draw(st.sampled_from(("max.dim", "min.dim", "median.dim"))), x, axis, keep)
    compare("linalg_vector_norm", x, data.draw(st.sampled_from((1, 2, 3, float("inf")))), [axis], keep)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("relu", ()),
        ("hardtanh", (-1.0, 1.0)),
        ("clamp", (-1.0, 1.0)),
        ("leaky_relu", (0.1,)),
        ("elu", ()),
        ("celu", ()),
        ("selu", ()),
        ("softplus", (1.0, 1.0)),
        ("hardsigmoid", ()),
        ("hardswish", ()),
        ("softshrink", (1.0,)),
        ("hardshrink", (1.0,)),
        ("threshold", (1.0, 0.0)),
        ("abs", ()),
        ("sign", ()),
        ("log_sigmoid", ()),
        ("gelu", ()),
        ("linalg_vector_norm", ()),
        ("std", ()),
        ("pow.Tensor_Scalar", (2,)),
        ("pow.Tensor_Scalar", (1,)),
    ],
)
def test_gradients_at_kinks(name: str, settings: tuple[Any, ...]) -> None:
    compare(name, [torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0, 20.0, 50.0])], *settings)
    compare(name, [torch.zeros(3)], *settings)


TIED = torch.tensor([1.0, 1, 0, 0, 2, 2, 2, 1, 1, 1, 3, 3, 0, 0, 0, 0, 1, 2, 2, 1, 2, 1, 2, 1]).reshape(
    1, 1, 4, 6
)
CERTAIN = torch.tensor([0.0, 1.0, 0.5, 1e-30, 0.0, 1.0, 1e-5])
VECTORS = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1e-9, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("name", "tensors", "settings"),
    [
        ("max_pool1d", [TIED[0]], ([3],)),
        ("max_pool1d", [TIED[0]], ([3], [1], [1], [2])),
        ("max_pool2d_with_indices", [TIED], ([2, 2], [1, 1], [0, 0], [2, 2])),
        ("adaptive_max_pool1d", [TIED[0]], ([1],)),
        ("adaptive_max_pool1d", [TIED[0]], ([4],)),
        ("adaptive_max_pool2d", [TIED], ([1, 1],)),
        ("adaptive_max_pool2d", [TIED], ([3, 4],)),
        ("max.dim", [TIED], (3,)),
        ("amax", [TIED], ([2, 3],)),
        ("max", [TIED], ()),
        ("median", [TIED], ()),
        ("median.dim", [TIED], (2,)),
    ],
)
def test_gradients_of_equal_numbers(
    name: str, tensors: list[torch.Tensor], settings: tuple[Any, ...]
) -> None:
    compare(name, tensors, *settings)


@pytest.mark.parametrize(
    ("name", "tensors", "settings"),
    [
        ("atan2", [torch.tensor([0.0, 0, 1, -1, 1e-30]), torch.tensor([0.0, 1, 0, 0, 1e-30])], ()),
        ("linalg_vector_norm", [torch.tensor([0.0, 1, -2, 0])], (0.5,)),
        ("linalg_vector_norm", [torch.zeros(3)], (1.5,)),
        ("linalg_vector_norm", [torch.zeros(3)], (3,)),
        ("prod", [torch.tensor([0.0, 1, 2, 0])], ()),
        ("cumprod", [torch.tensor([2.0, 0, 3, 0, 4])], (0,)),
        ("_weight_norm", [torch.tensor([1.0, -2, 3]), torch.tensor([2.0, 2, 2])], (0,)),
    ],
)
def test_gradients_at_zero(name: str, tensors: list[torch.Tensor], settings: tuple[Any, ...]) -> None:
    compare(name, tensors, *settings)


@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_gradients_of_losses_at_their_ends(reduction: int) -> None:
    """A loss is finite where a probability is 0 or 1, or a vector 0, and its slope is PyTorch's."""
    for y in (CERTAIN.round(), 1 - CERTAIN.round(), CERTAIN):
        compare_slopes("binary_cross_entropy", [CERTAIN], y, None, reduction)
        compare_slopes("binary_cross_entropy", [CERTAIN], y, 2 + CERTAIN, reduction)
        far = torch.tensor([0.0, 1, -1, 100, -100, 1e4, -1e4])
        compare_slopes("binary_cross_entropy_with_logits", [far], y, None, None, reduction)
        compare_slopes("soft_margin_loss", [far.clamp(-50, 50)], 2 * y.round() - 1, reduction)
    signs = torch.tensor([1.0, -1, 1, -1])
    for other in (VECTORS, VECTORS.flip(0), torch.zeros(4, 2)):
        compare_slopes("cosine_embedding_loss", [VECTORS, other], signs, 0.0, reduction)


def compare_slopes(name: str, inputs: list[torch.Tensor], *others: Any) -> None:
    """Compare a loss and its gradients in the inputs, which may be as large as 1e12."""
    leaves = [each.clone().requires_grad_() for each in inputs]
    expected = getattr(torch.ops.aten, name)(*leaves, *others)
    slopes = torch.autograd.grad(expected.sum(), leaves)
    plain = [jnp.asarray(each.numpy()) if isinstance(each, torch.Tensor) else each for each in others]

    def total(arrays: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        losses = OPERATIONS[name](*arrays, *plain)
        return losses.sum(), losses

    arrays = [jnp.asarray(each.numpy()) for each in inputs]
    (_, losses), ours = jax.value_and_grad(total, has_aux=True)(arrays)
    np.testing.assert_allclose(losses, expected.detach(), rtol=1e-5, atol=1e-6)
    for mine, other in zip(ours, slopes, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


def test_every_operation_is_one_of_pytorchs() -> None:
    python = {"getitem", "truediv", "floordiv", "mod", "sym_size", "sym_numel"}
    names = {name.partition(".")[0] for name in (*OPERATIONS, *RANDOM_OPERATIONS)} - python
    assert [name for name in sorted(names) if not hasattr(torch.ops.aten, name)] == []


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = [numbers(3, 4)]
    compare("relu", tensors)
    monkeypatch.setitem(OPERATIONS, "relu", lambda x: x)
    with pytest.raises(AssertionError):
        compare("relu", tensors)
    monkeypatch.setitem(OPERATIONS, "relu", lambda x: jax.lax.stop_gradient(jnp.maximum(x, 0)))
    with pytest.raises(AssertionError):  # the gradients are compared, too
        compare("relu", tensors)
