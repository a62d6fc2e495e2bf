"""`from_torch` in mid-run: exact wherever a scheduler keeps what it began with, refused where it does not."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from stepsize.dialects import from_torch
from stepsize.errors import ScheduleError

torch = pytest.importorskip("torch")
from torch.optim import lr_scheduler as theirs  # noqa: E402


def optimizer(rate: float) -> Any:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate, momentum=0.9)


def chained(owner: Any, *builds: Any) -> Any:
    return theirs.ChainedScheduler([build(owner) for build in builds])


def stepped(scheduler: Any, times: int) -> Any:
    for _ in range(times):
        scheduler.optimizer.step()
        scheduler.step()
    return scheduler


def test_a_chain_of_one_is_that_one() -> None:
    """The end of a SWALR is a rate of its own, not a multiple of the first one."""
    owner = optimizer(0.1)
    averaging = chained(owner, lambda o: torch.optim.swa_utils.SWALR(o, swa_lr=0.05, anneal_epochs=5))
    assert repr(from_torch(averaging)) == "cosine(0.1, floor=0.05, length=5*updates)"


@pytest.mark.parametrize("reload", [False, True])
def test_a_chain_is_read_in_mid_run(reload: bool) -> None:
    builds = (
        functools.partial(theirs.LinearLR, start_factor=0.5, total_iters=4),
        functools.partial(theirs.ExponentialLR, gamma=0.9),
    )
    whole = from_torch(chained(optimizer(0.1), *builds))
    read = stepped(chained(optimizer(0.1), *builds), 7)
    if reload:
        again = chained(optimizer(0.3), *builds)
        again.load_state_dict(read.state_dict())
        read = again
    assert from_torch(read) == whole


@pytest.mark.parametrize(
    ("builds", "is_known"),
    [
        ((lambda o: theirs.ExponentialLR(o, 0.9), lambda o: theirs.CyclicLR(o, 0.1, 0.5, 4)), True),
        ((lambda o: theirs.ExponentialLR(o, 0.9), lambda o: theirs.CyclicLR(o, 0.01, 0.5, 4)), False),
        ((lambda o: theirs.LinearLR(o, 0.5), lambda o: theirs.CyclicLR(o, 0.1, 0.5, 4)), False),
        ((lambda o: theirs.LinearLR(o, 0.5), lambda o: theirs.CosineAnnealingWarmRestarts(o, 4)), False),
        ((lambda o: theirs.StepLR(o, 3), lambda o: theirs.CosineAnnealingWarmRestarts(o, 4)), True),
        ((lambda o: theirs.OneCycleLR(o, 0.5, 90), lambda o: theirs.StepLR(o, 3)), True),
        ((lambda o: theirs.OneCycleLR(o, 0.5, 90), lambda o: theirs.CyclicLR(o, 0.02, 0.5, 4)), False),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_chain_in_mid_run_whose_first_rate_nothing_shows_is_refused(builds: Any, is_known: bool) -> None:
    """CyclicLR, OneCycleLR and restarts overwrite the rate; which one did last at update 0 is not kept."""
    owner = optimizer(0.1)
    scheduler = chained(owner, *builds)
    used = [owner.param_groups[0]["lr"]]
    for _ in range(20):
        used.append(stepped(scheduler, 1).optimizer.param_groups[0]["lr"])
    if is_known:
        np.testing.assert_allclose(from_torch(scheduler).plan(updates=90).values[:21], used, rtol=1e-9)
    else:
        with pytest.raises(ScheduleError, match="was stepped, and the rate of update 0 depends on the order"):
            from_torch(scheduler)


def test_a_sequence_of_another_optimizer_is_refused() -> None:
    def build(owner: Any) -> Any:
        return theirs.SequentialLR(owner, [theirs.ExponentialLR(owner, 0.9), theirs.StepLR(owner, 3)], [4])

    saved, other = stepped(build(optimizer(0.1)), 6), build(optimizer(0.2))
    whole = from_torch(build(optimizer(0.1)))
    assert from_torch(saved) == whole
    other.load_state_dict(saved.state_dict())
    with pytest.raises(ScheduleError, match=r"has initial_lr=0.2, and its ExponentialLR was built on 0.1"):
        from_torch(other)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_cosine_that_rises_to_another_rate_is_refused() -> None:
    def build(milestone: int) -> Any:
        owner = optimizer(0.1)
        parts = [theirs.CosineAnnealingLR(owner, 5), theirs.OneCycleLR(owner, 0.5, 40)]
        return theirs.SequentialLR(owner, parts, [milestone])

    assert from_torch(build(5)).plan(updates=9)(0) == pytest.approx(0.02)
    with pytest.raises(ScheduleError, match=r"begins at 0.02, which a OneCycleLR has set, and rises again"):
        from_torch(build(8))


def test_a_plateau_that_may_have_cut_the_rate_is_refused() -> None:
    owner = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = theirs.ReduceLROnPlateau(owner, factor=0.5, patience=1)
    whole = from_torch(scheduler)
    for metric in (1.0, 1.0):
        scheduler.step(metric)
    assert from_torch(scheduler) == whole
    scheduler.step(0.5)
    assert from_torch(scheduler) == whole  # still the rate of the constructor
    for _ in range(2):
        scheduler.step(1.0)
    with pytest.raises(ScheduleError, match=r"has observed 5 metrics and may have cut the rate, .* now 0.05"):
        from_torch(scheduler)
    again = theirs.ReduceLROnPlateau(torch.optim.SGD([torch.zeros(1)], lr=0.1), factor=0.5, patience=1)
    again.load_state_dict(scheduler.state_dict())
    with pytest.raises(ScheduleError, match="may have cut the rate"):
        from_torch(again)


def test_a_polynomial_of_transformers_on_a_tensor_is_refused() -> None:
    kind = pytest.importorskip("transformers").get_polynomial_decay_schedule_with_warmup
    owner = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=torch.tensor(0.1))
    with pytest.raises(ScheduleError, match=r"was built on a rate in a tensor, .* a float, lr=0.1"):
        from_torch(kind(owner, 5, 20))
