"""Libraries that are passed a plan as a function of something else than the update."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import keras
import numpy as np
import optax
import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.study.user_functions.training_api import LivePlan
from stepsize.units import epochs

SCHEDULE = ss.step_decay(0.1, factor=0.5, every=2 * epochs)
PLAN = SCHEDULE.plan(epochs=6, updates_per_epoch=3)
PLANS = pytest.mark.parametrize("plan", [PLAN, LivePlan(SCHEDULE, 6, 3)], ids=["plan", "live"])


def fit(rate: object, *callbacks: keras.callbacks.Callback) -> dict[str, list[float]]:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    ones = np.ones((6, 2), np.float32)
    return model.fit(ones, ones[:, :1], batch_size=2, epochs=6, verbose=0, callbacks=[*callbacks]).history


def sgd(rate: float | torch.Tensor) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def used(kind: type, optimizer: torch.optim.SGD, plan: ss.Plan) -> list[float]:
    """Return the rates that updates use under a scheduler of PyTorch."""
    rates, scheduler = [], kind(optimizer, plan)
    for _ in range(18):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


@PLANS
def test_keras_scheduler_gets_the_epoch_s_rate_and_never_the_update_s(plan: ss.Plan) -> None:
    with pytest.raises(ScheduleError, match=r"write LearningRateScheduler\(plan\.at_epoch\)"):
        fit(0.1, keras.callbacks.LearningRateScheduler(plan))
    rates = fit(0.1, keras.callbacks.LearningRateScheduler(plan.at_epoch))["learning_rate"]
    np.testing.assert_array_equal(np.float32(rates), np.float32(PLAN.values[::3]))


@PLANS
def test_a_keras_optimizer_gets_no_function(plan: ss.Plan) -> None:
    with pytest.raises(ScheduleError, match=r"write KerasSchedule\(plan\)"):
        fit(plan)


@PLANS
@pytest.mark.parametrize("kind", [LambdaLR, MultiplicativeLR])
@pytest.mark.parametrize("rate", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
def test_pytorch_does_not_multiply_a_plan(plan: ss.Plan, kind: type, rate: object) -> None:
    optimizer = sgd(rate)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ScheduleError, match=rf"{kind.__name__} .*write TorchScheduler\(optimizer, plan\)"):
        used(kind, optimizer, plan)


@pytest.mark.parametrize(
    ("rate", "plan"), [(1.0, PLAN), (0.1, ss.rescale(SCHEDULE, peak=1).plan(epochs=6, updates_per_epoch=3))]
)
def test_a_product_that_is_the_plan_is_allowed(rate: float, plan: ss.Plan) -> None:
    np.testing.assert_allclose(used(LambdaLR, sgd(rate), plan), PLAN.values)


def test_compiled_code_is_told_of_the_adapters() -> None:
    optimizer = optax.sgd(PLAN)  # pyright: ignore[reportArgumentType]
    ones = np.ones(2, np.float32)
    with pytest.raises(ScheduleError, match=r"write optax_schedule\(plan\)"):
        jax.jit(optimizer.update)(ones, optimizer.init(ones))


def test_a_function_around_the_plan_is_looked_through() -> None:
    with pytest.raises(ScheduleError, match=r"LambdaLR multiplies .* by the optimizer's lr=0\.5"):
        used(LambdaLR, sgd(0.5), lambda t: PLAN(t))
    with pytest.raises(ScheduleError, match=r"by the optimizer's lr=0\.5"):
        used(LambdaLR, sgd(0.5), lambda epoch: PLAN.at_epoch(epoch))
    np.testing.assert_allclose(used(LambdaLR, sgd(0.5), lambda t: PLAN(t) / 0.5), PLAN.values)


@pytest.mark.parametrize("wrap", [lambda plan: plan, lambda plan: lambda t: plan(t)], ids=["plan", "lambda"])
def test_a_scheduler_that_is_stepped_once_an_epoch_is_refused(wrap: Any) -> None:
    optimizer = sgd(1.0)
    scheduler = LambdaLR(optimizer, wrap(PLAN))
    for _ in range(3):
        optimizer.step()
    with pytest.raises(ScheduleError, match=r"3 updates were made before LambdaLR asked for update 1"):
        scheduler.step()
    scheduler = LambdaLR(optimizer := sgd(1.0), PLAN.at_epoch)
    rates = []
    for _ in range(6):
        rates.append(scheduler.get_last_lr()[0])
        for _ in range(3):
            optimizer.step()
        scheduler.step()
    assert rates == PLAN.values[::3].tolist()


def test_keras_scheduler_that_passes_the_epoch_by_a_function_is_refused() -> None:
    with pytest.raises(ScheduleError, match=r"in epoch 1 for update 1, .*\(plan\.at_epoch\)"):
        fit(0.1, keras.callbacks.LearningRateScheduler(lambda epoch: PLAN(epoch)))
    rates = fit(0.1, keras.callbacks.LearningRateScheduler(lambda epoch: PLAN(3 * epoch)))["learning_rate"]
    np.testing.assert_array_equal(np.float32(rates), np.float32(PLAN.values[::3]))


def test_values_are_not_read_by_the_epoch() -> None:
    unknown = SCHEDULE.plan(updates=18, updates_per_epoch=3)
    object.__setattr__(unknown, "updates_per_epoch", None)  # then the length of an epoch is that of fit
    for plan in (PLAN, unknown):
        with pytest.raises(ScheduleError, match=r"epoch 2 .* plan\.values\[2\], .* 6; .*\(plan\.at_epoch\)"):
            fit(0.1, keras.callbacks.LearningRateScheduler(lambda epoch, rate, plan=plan: plan.values[epoch]))
        right = keras.callbacks.LearningRateScheduler(lambda epoch, rate, plan=plan: plan.values[3 * epoch])
        np.testing.assert_array_equal(
            np.float32(fit(0.1, right)["learning_rate"]), np.float32(PLAN.values[::3])
        )


def test_values_are_neither_multiplied_nor_read_once_an_epoch() -> None:
    with pytest.raises(ScheduleError, match=r"LambdaLR multiplies .* by the optimizer's lr=0\.5"):
        used(LambdaLR, sgd(0.5), lambda t: PLAN.values[min(t, 17)])
    np.testing.assert_allclose(used(LambdaLR, sgd(0.5), lambda t: PLAN.values[min(t, 17)] / 0.5), PLAN.values)
    np.testing.assert_allclose(used(LambdaLR, sgd(1.0), lambda t: PLAN.values[min(t, 17)]), PLAN.values)
    plan = ss.linear(0.1).plan(epochs=6, updates_per_epoch=3)
    for each, is_wrong in ((1, True), (3, False)):
        scheduler = LambdaLR(optimizer := sgd(1.0), lambda t, each=each: plan.values[each * t])
        for epoch in range(3):
            for _ in range(3):
                optimizer.step()
            if is_wrong and epoch == 1:
                with pytest.raises(
                    ScheduleError, match="6 updates were made before LambdaLR asked for update 2"
                ):
                    scheduler.step()
                break
            scheduler.step()


@pytest.mark.parametrize(
    ("schedule", "after", "warned"),
    [
        (ss.linear(1), "hold", [5]),
        (ss.linear(1, floor=0.001), "hold", [5]),
        (ss.linear(1, floor=0.1), "hold", []),
        (ss.linear(1), "repeat", []),
    ],
)
def test_a_scheduler_past_the_end_of_a_plan_warns_once(
    schedule: ss.Schedule, after: Any, warned: list[int]
) -> None:
    plan = schedule.plan(updates=4, after=after)
    optimizer, updates = sgd(1.0), []
    scheduler = LambdaLR(optimizer, plan)
    for update in range(1, 8):
        optimizer.step()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scheduler.step()
        updates += [update for each in caught if f"update {update} is past the end" in str(each.message)]
    assert updates == warned


def test_keras_scheduler_past_the_end_of_a_plan_warns_once() -> None:
    plan = ss.linear(0.1).plan(epochs=4, updates_per_epoch=3)
    for _ in range(2):  # the next run with the same plan warns too
        with pytest.warns(UserWarning, match=r"update 12 is past the end of linear\(0\.1\)") as caught:
            fit(0.1, keras.callbacks.LearningRateScheduler(plan.at_epoch))
        assert len([each for each in caught if "past the end" in str(each.message)]) == 1


def test_a_state_of_pytorch_does_not_replace_a_plan() -> None:
    other = ss.linear(0.5).plan(updates=9)
    saved = LambdaLR(sgd(1.0), other).state_dict()
    scheduler = LambdaLR(sgd(1.0), PLAN)
    scheduler.load_state_dict(saved)
    assert (PLAN.schedule, PLAN.horizon) == (SCHEDULE, 18)
    assert saved["lr_lambdas"] == [{}]


def test_an_optimizer_without_hooks_is_not_counted() -> None:
    class Wrapper(torch.optim.Optimizer):
        def __init__(self, inner: torch.optim.SGD) -> None:  # as of timm's Lookahead: the groups of another
            self.inner, self.param_groups, self.defaults = inner, inner.param_groups, inner.defaults

        def step(self, closure: Any = None) -> Any:
            return self.inner.step(closure)

    optimizer = Wrapper(sgd(1.0))
    assert used(LambdaLR, optimizer, PLAN) == PLAN.values.tolist()  # pyright: ignore[reportArgumentType]
