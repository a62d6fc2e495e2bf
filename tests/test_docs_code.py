"""The code on the pages about adapters and about the start runs as it stands, section by section."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.errors import StudyError
from stepsize.study.study import make_study

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "adapters.md").read_text(encoding="utf-8")
SECTIONS = {
    section.partition("\n")[0]: re.findall(r"```python\n(.*?)```", section, re.S)
    for section in PAGE.split("\n## ")[1:]
}
NEEDS_A_FILE = "state.json"


def run(blocks: list[str], **names: Any) -> dict[str, Any]:
    """Run blocks of code one after another in one namespace."""
    for block in blocks:
        exec(block, names)
    return names


def test_a_loop_of_your_own_and_resuming() -> None:
    made = run(SECTIONS["A loop of your own"] + SECTIONS["Resuming"])
    assert made["schedule"].update == 225
    assert made["resumed"].rate == pytest.approx(made["state"]["rate"])
    assert made["changed"].plan.horizon == 900
    assert made["schedule"].rate == pytest.approx(made["state"]["rate"])


def test_pytorch() -> None:
    made = run(SECTIONS["PyTorch"])
    assert made["optimizer"].param_groups[0]["lr"] == 0
    made["optimizer"].step()
    assert made["optimizer"].param_groups[0]["lr"] == made["plan"](1) > 0


def test_keras() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    x, y = np.zeros((280, 4), np.float32), np.zeros((280, 1), np.float32)
    blocks = [block for block in SECTIONS["Keras"] if NEEDS_A_FILE not in block]
    assert len(blocks) == len(SECTIONS["Keras"]) - 1
    keras.utils.disable_interactive_logging()
    made = run(blocks, keras=keras, model=model, x=x, y=y)
    rates = [rate for _, rate in made["callback"].history]
    horizon = made["callback"].state_dict()["updates"]
    assert len(rates) == horizon > 0
    schedule = made["schedule"].plan(epochs=50, updates_per_epoch=horizon // 50)
    assert rates[: horizon // 10] == pytest.approx(schedule.values[: horizon // 10], rel=1e-6)


def test_optax() -> None:
    import jax.numpy as jnp
    import optax

    first, second = SECTIONS["optax"]
    build, _, use = second.strip().partition("\n\n")
    made = run([first, build], optax=optax)
    params = grads = jnp.ones(2)
    made |= {"params": params, "grads": grads, "loss": 1.0, "step": 9}
    made["state"] = made["optimizer"].init(params)
    made = run(use.splitlines(), **made)
    assert made["updates"].tolist() == pytest.approx([-made["plan"](2)] * 2)
    assert ss.plateau(factor=0.5, patience=3, metric="val_loss") == made["plan"].metric_factor


def start(title: str) -> list[str]:
    """Return the code of a section of the page about the start."""
    text = (DOCS / "start.md").read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", text, re.S)


def test_the_start_in_pytorch(engine, monkeypatch) -> None:
    monkeypatch.setattr("stepsize.comparison.Engine", lambda: nullcontext(engine))
    made = run(start("I train in PyTorch"))
    assert made["scheduler"].last_epoch == 50
    assert made["result"].answer["cost"]["runs"] > 0


def test_the_start_in_keras() -> None:
    import keras

    keras.utils.disable_interactive_logging()
    training, study = start("I train in Keras")
    made = run([training.replace("epochs=50", "epochs=15")])
    rates = [rate for _, rate in made["callbacks"][0].history]
    assert rates == pytest.approx(made["schedule"].plan(epochs=15, updates_per_epoch=9).values, rel=1e-6)
    assert set(rates) == {0.25, 0.125}
    run([study.partition("result =")[0]], **{name: made[name] for name in ("ss", "data", "model")})


EXPERIMENTS = re.findall(r"```python\n(.*?)```", (DOCS / "experiments.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("block", EXPERIMENTS[1:])
def test_every_experiment_can_be_planned(block: str) -> None:
    lists, asked, _ = block.partition("result = ss.compare(problem, schedules)\n")
    made = run([EXPERIMENTS[0], lists])
    assert asked
    make_study(made["problem"], made["schedules"])
    with pytest.raises(StudyError):
        make_study(made["problem"], [*made["schedules"], made["schedules"][-1]])


@pytest.mark.parametrize("number", [0, 1], ids=["keras", "pytorch"])
def test_the_models_of_the_readme(engine, monkeypatch, number) -> None:
    import keras
    import torch

    monkeypatch.setattr("stepsize.comparison.Engine", lambda: nullcontext(engine))
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    block = [each for each in re.findall(r"```python\n(.*?)```", text, re.S) if "make_model" in each][number]
    x = np.random.default_rng(0).normal(size=(120, 8)).astype(np.float32)
    names = {"keras": keras, "torch": torch, "nn": torch.nn, "ss": ss, "x": x, "y": x[:, 0] * x[:, 1]}
    made = run([block], **names, schedules=["constant(0.01)", "cosine(0.01)"])
    assert made["result"].verdict["recommended"] in ("constant(0.01)", "cosine(0.01)")
