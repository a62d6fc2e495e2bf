"""What `from_torch` makes of `SequentialLR` and `ChainedScheduler`, and which of their parts it refuses."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest

from stepsize.dialects import from_torch
from stepsize.errors import ScheduleError
from stepsize.schedules.foreign.torch import torch_chained, torch_cosine
from stepsize.units import updates

torch = pytest.importorskip("torch")
from torch.optim import lr_scheduler as theirs  # noqa: E402

from tests.support.torch_optimizers import optimizer  # noqa: E402


def test_a_sequence_reads_as_its_pieces() -> None:
    owner = optimizer(0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [theirs.LinearLR(owner, 0.5, total_iters=5), theirs.CosineAnnealingLR(owner, 20)]
        ours = from_torch(theirs.SequentialLR(owner, parts, [5]))
    assert repr(ours) == "warmup(5*updates, start=0.05) >> torch_cosine(0.1, t_max=20*updates)"


@pytest.mark.parametrize("kind", [theirs.LinearLR, functools.partial(theirs.CosineAnnealingLR, T_max=9)])
def test_a_sequence_begins_where_its_one_cycle_says(kind: Any) -> None:
    """OneCycleLR changes initial_lr, to which SequentialLR goes back, whatever was built before."""
    owner = optimizer(0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [kind(owner), theirs.OneCycleLR(owner, max_lr=0.5, total_steps=20)]
        ours = from_torch(theirs.SequentialLR(owner, parts, [5])).plan(updates=6).values
    assert ours[0] == pytest.approx(owner.param_groups[0]["lr"])
    assert ours[5] == pytest.approx(0.02)


def test_a_chain_reads_as_a_product() -> None:
    owner = optimizer(0.1)
    parts = [theirs.ConstantLR(owner, 0.5, total_iters=4), theirs.ExponentialLR(owner, 0.9)]
    assert repr(from_torch(theirs.ChainedScheduler(parts))) == (
        "0.1 * (constant(0.5, length=4*updates) >> constant(1)) * exponential(1, factor=0.9, every=1*updates)"
    )


def test_a_long_chain_is_read() -> None:
    owner = optimizer(0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [theirs.LinearLR(owner, 0.5, total_iters=20_000), theirs.CosineAnnealingLR(owner, 40_000)]
        assert from_torch(theirs.ChainedScheduler(parts)).plan(updates=20_000)(0) == 0.05


def test_a_chain_with_a_cosine_that_divides_by_zero_is_refused_at_any_length() -> None:
    """PyTorch divides by 0 after a bottom that lies between the updates that it compares with T_max."""
    chain = torch_chained([torch_cosine(1, t_max=1 / 3 * updates)], base=1)
    for horizon in range(2, 200):
        with pytest.raises(ScheduleError, match="is nan at update 2"):
            chain.plan(updates=horizon)
    with pytest.raises(ScheduleError, match="begins at its peak; leave its offset out"):
        torch_chained([torch_cosine(1, t_max=3 * updates, offset=3 * updates)], base=1)


def built_on(owner: Any, kind: str) -> Any:
    """Return a scheduler that has no curve of its own in a combination."""
    if kind == "SWALR":
        return torch.optim.swa_utils.SWALR(owner, swa_lr=0.05, anneal_epochs=5)
    return pytest.importorskip("transformers").get_constant_schedule_with_warmup(owner, 5)


@pytest.mark.parametrize("kind", ["LambdaLR", "SWALR"])
@pytest.mark.parametrize("first", [True, False])
def test_what_a_chain_does_not_multiply_is_refused(kind: str, first: bool) -> None:
    """PyTorch's LambdaLR discards what the others did; a SWALR goes on from it."""
    owner = optimizer(0.1)
    parts = [theirs.ExponentialLR(owner, 0.9), built_on(owner, kind)]
    with pytest.raises(ScheduleError, match=f"{kind} in a ChainedScheduler .* first >> second"):
        from_torch(theirs.ChainedScheduler(parts[::-1] if first else parts))


def test_a_swalr_after_another_is_refused() -> None:
    owner = optimizer(0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [theirs.ExponentialLR(owner, 0.9), built_on(owner, "SWALR")]
        sequence = theirs.SequentialLR(owner, parts, [3])
    with pytest.raises(ScheduleError, match="SWALR in a SequentialLR starts from the rate"):
        from_torch(sequence)
