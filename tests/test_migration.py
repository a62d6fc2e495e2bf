"""The migration page: both sides of every row are run, and compared at every update."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.adapters import PlainSchedule
from tests.support.exported_code import of_schedule

PAGE = (Path(__file__).parents[1] / "docs" / "migration.md").read_text(encoding="utf-8")
EPOCHS, UPDATES_PER_EPOCH, RATE = 50, 9, 0.1
LOSSES = [1 / (1 + min(epoch, 12)) for epoch in range(EPOCHS)]  # it stops improving


def rows() -> list[tuple[str, str, str]]:
    """Every row of the page: its section, and the code on both sides."""
    found = []
    for section in PAGE.split("\n## ")[1:]:
        title = section.partition("\n")[0]
        found += [(title, *pair) for pair in re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", section, re.M)]
    return found


def here(spec: str) -> list[float]:
    """Our rates, with the losses observed after each epoch where a metric drives them."""
    follower = PlainSchedule(ss.parse(spec).plan(epochs=EPOCHS, updates_per_epoch=UPDATES_PER_EPOCH))
    rates = []
    for loss in LOSSES:
        for _ in range(UPDATES_PER_EPOCH):
            rates.append(follower.rate)
            follower.step()
        if follower.plan.metric_factor is not None:
            follower.observe(loss)
    return rates


def keras_2(call: str) -> list[float]:
    """The rule of the optimizers of Keras 2, which is not installed: lr / (1 + decay * iterations)."""

    def rates(learning_rate: float, decay: float) -> list[float]:
        return [learning_rate / (1 + decay * t) for t in range(EPOCHS * UPDATES_PER_EPOCH)]

    return eval(call, {"SGD": rates})


def keras_callback(call: str) -> list[float]:
    """The rates that a callback leaves in a real optimizer, epoch by epoch."""
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(RATE), loss="mse")
    block = re.search(r"```python\n(def step_decay.*?)```", PAGE, re.S)
    names: dict[str, Any] = {"math": math, **vars(keras.callbacks)}
    assert block is not None
    exec(block.group(1), names)
    callback = eval(call, names)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(LOSSES):
        callback.on_epoch_begin(epoch)
        rates += [float(model.optimizer.learning_rate)] * UPDATES_PER_EPOCH
        callback.on_epoch_end(epoch, {"val_loss": loss})
    return rates


def keras_schedule(call: str) -> list[float]:
    schedule = eval(call, dict(vars(pytest.importorskip("keras").optimizers.schedules)))
    return of_schedule({"schedule": schedule}, EPOCHS * UPDATES_PER_EPOCH)


def stepped(module: str, call: str, updates: int) -> list[float]:
    """The rates of a PyTorch optimizer whose scheduler steps after so many updates."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE, momentum=0.9)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR steps in a way that PyTorch itself calls deprecated
        scheduler = eval(call, {"optimizer": optimizer, **vars(pytest.importorskip(module))})
        needs_metric = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
        for t in range(EPOCHS * UPDATES_PER_EPOCH):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if (t + 1) % updates == 0:
                scheduler.step(*[LOSSES[t // UPDATES_PER_EPOCH]] * needs_metric)
    return rates


THERE: dict[str, Callable[[str], list[float]]] = {
    "Keras 2": keras_2,
    "Keras callbacks": keras_callback,
    "Keras schedules": keras_schedule,
    "PyTorch, with a step once an epoch": lambda call: stepped(
        "torch.optim.lr_scheduler", call, UPDATES_PER_EPOCH
    ),
    "PyTorch, with a step after every update": lambda call: stepped("torch.optim.lr_scheduler", call, 1),
    "transformers": lambda call: stepped("transformers.optimization", call, 1),
}


def assert_same(theirs: list[float], spec: str) -> None:
    """Check rates against a spec; Keras counts in single precision."""
    np.testing.assert_allclose(theirs, here(spec), rtol=2e-6, atol=1e-8)


def test_every_row_of_the_page_is_read() -> None:
    assert {section for section, _, _ in rows()} == set(THERE)
    assert len(rows()) == PAGE.count("\n| `")


@pytest.mark.parametrize(("section", "there", "spec"), rows(), ids=lambda text: text)
def test_both_sides_have_the_same_rates(section: str, there: str, spec: str) -> None:
    assert_same(THERE[section](there), spec)


def test_the_check_above_can_fail() -> None:
    with pytest.raises(AssertionError):
        assert_same(keras_2("SGD(learning_rate=0.1, decay=0.002)"), "inverse_time(0.1, rate=0.0021)")
    with pytest.raises(AssertionError):
        assert_same(keras_callback("ReduceLROnPlateau(factor=0.5, patience=5)"), "constant(0.1)")
