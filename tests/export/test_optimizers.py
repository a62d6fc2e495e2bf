"""Exported code that makes the optimizer, too: the settings of one library in another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stepsize.errors import ScheduleError
from stepsize.export import export
from stepsize.export.optimizers import optimizer_code
from stepsize.schedules import constant, cosine, one_cycle
from tests.support.exported_code import run

PLAN = cosine(0.1).plan(epochs=5, updates_per_epoch=4)


def code(to: str, name: str, library: str | None = None, **settings: Any) -> str:
    return export(PLAN, to, {"name": name, **settings}, library)


def torch_group(text: str) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    names: dict[str, Any] = {"model": torch.nn.Linear(2, 1)}
    exec(compile(text, "exported.py", "exec"), names)
    assert names["optimizer"].param_groups[0]["lr"] == pytest.approx(PLAN(0))
    return {**names["optimizer"].defaults, "kind": type(names["optimizer"]).__name__}


@pytest.mark.parametrize("to", ["torch", "transformers"])
def test_sgd_with_momentum_runs_in_pytorch(to: str) -> None:
    group = torch_group(code(to, "sgd", "keras", momentum=0.8, nesterov=True))
    assert (group["kind"], group["momentum"], group["nesterov"]) == ("SGD", 0.8, True)


def test_the_defaults_of_keras_are_written_out_in_pytorch() -> None:
    group = torch_group(code("torch", "Adam", "keras", beta_1=0.8))
    assert (group["kind"], group["betas"], group["eps"]) == ("Adam", (0.8, 0.999), 1e-7)
    group = torch_group(code("torch", "adamw", "keras"))
    assert (group["weight_decay"], group["eps"]) == (0.004, 1e-7)
    assert torch_group(code("torch", "RMSprop", "keras"))["alpha"] == 0.9


def test_weight_decay_keeps_its_meaning_or_is_left_out_with_a_comment() -> None:
    assert torch_group(code("torch", "adam", "keras", weight_decay=0.01))["kind"] == "AdamW"
    text = code("torch", "sgd", "keras", weight_decay=0.01)
    assert torch_group(text)["weight_decay"] == 0
    assert "# weight_decay=0.01 of the study is left out" in text
    assert torch_group(code("torch", "SGD", weight_decay=0.01))["weight_decay"] == 0.01


def test_the_settings_of_pytorch_run_in_keras() -> None:
    keras = pytest.importorskip("keras")
    names = run(code("keras", "AdamW", "torch", betas=(0.8, 0.99), weight_decay=0.05, foreach=True))
    optimizer = names["optimizer"]
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert (optimizer.beta_1, optimizer.beta_2) == (0.8, 0.99)
    assert (optimizer.weight_decay, optimizer.epsilon) == (0.05, 1e-8)
    assert "foreach=True of the study has no equal argument" in code("keras", "AdamW", "torch", foreach=True)


@pytest.mark.parametrize(
    ("to", "name", "expected"),
    [("keras", "nadam", "keras.optimizers.Nadam("), ("torch", "radam", "torch.optim.RAdam(")],
)
def test_an_optimizer_of_one_library_is_spelled_as_there(to: str, name: str, expected: str) -> None:
    call = optimizer_code(name, {}, to, "0.1").call
    assert call is not None
    assert call.startswith(expected)


def test_optax_takes_them_by_its_own_names() -> None:
    pytest.importorskip("optax")
    for name, settings in (
        ("sgd", {"momentum": 0.8}),
        ("adam", {"beta_1": 0.8, "epsilon": 1e-6}),
        ("adamw", {"weight_decay": 0.1}),
        ("rmsprop", {"rho": 0.8, "centered": True}),
    ):
        optimizer = run(code("optax", name, "keras", **settings))["optimizer"]
        assert callable(optimizer.update)


def test_what_is_no_argument_of_an_optimizer_becomes_a_comment() -> None:
    text = code(
        "torch",
        "sgd",
        "keras",
        batch_size=64,
        multipliers={"dense": 0.1},
        momentum="linear(0.9)",
        clipnorm=1.0,
    )
    for comment in (
        "# Train in batches of 64 rows.",
        "# The study multiplied the rates of layers, and this code does not: dense by 0.1.",
        "# The study scheduled the momentum, too, and this code does not: linear(0.9).",
        "# clipnorm=1 of the study has no equal argument here.",
    ):
        assert comment in text
    assert torch_group(text)["momentum"] == 0


def test_clipping_is_a_call_beside_the_optimizer() -> None:
    text = code("torch", "SGD", clip_grad_norm=1.0)
    assert "# Before optimizer.step(): torch.nn.utils.clip_grad_norm_(model.parameters(), 1)" in text
    assert torch_group(text)["kind"] == "SGD"
    assert "# The study clipped its gradients: clip_grad_norm=1." in code(
        "keras", "SGD", "torch", clip_grad_norm=1.0
    )


GROUPS = [
    {"parameters": ["weight"], "multiplier": 1.0, "settings": {"weight_decay": 0.05}},
    {"parameters": ["bias"], "multiplier": 0.5, "settings": {"weight_decay": 0.0, "betas": [0.8, 0.9]}},
]


@pytest.mark.parametrize("to", ["torch", "transformers"])
def test_groups_keep_their_settings_and_the_ratio_of_their_rates(to: str) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(2, 1)
    plan = one_cycle(0.1).plan(updates=20)  # PyTorch's own class would set one rate for all groups
    names: dict[str, Any] = {"model": model}
    exec(export(plan, to, {"name": "AdamW", "groups": GROUPS, "amsgrad": True}), names)
    optimizer = names["optimizer"]
    if to == "transformers":
        names["make_scheduler"](optimizer)
    first, second = optimizer.param_groups
    assert first["params"][0] is model.weight
    assert second["params"][0] is model.bias
    assert (first["weight_decay"], first["betas"], first["amsgrad"]) == (0.05, (0.9, 0.999), True)
    assert (second["weight_decay"], second["betas"], second["amsgrad"]) == (0, (0.8, 0.9), True)
    assert (first["lr"], second["lr"]) == pytest.approx((plan(0), plan(0) / 2))


def test_another_library_gets_groups_in_words() -> None:
    text = code("keras", "AdamW", "torch", groups=GROUPS, weight_decay=0.1)
    assert "# The study used AdamW(weight_decay=0.1) with 2 groups of parameters: 1 parameter with" in text
    assert "\noptimizer = " not in text


def test_an_optimizer_without_an_equal_is_named_and_not_guessed() -> None:
    text = code("torch", "Lion", "keras", beta_1=0.8)
    assert "# The study used Lion(beta_1=0.8): choose its equal here." in text
    assert "\noptimizer = " not in text
    assert run(text)["BASE_RATE"] == 0.1


def test_plain_python_has_no_optimizer() -> None:
    assert code("plain", "sgd", momentum=0.8) == export(PLAN, "plain")


def test_a_library_gets_its_own_settings_as_they_are() -> None:
    given = optimizer_code("Adafactor", {"relative_step": True}, "keras", "learning_rate=schedule")
    assert given.call == "keras.optimizers.Adafactor(learning_rate=schedule, relative_step=True)"


@pytest.mark.parametrize(
    ("name", "settings", "to", "words"),
    [
        ("Muon", {"momentum": 0.0, "nesterov": False}, "torch", "momentum=0, nesterov=False"),
        ("Adafactor", {"relative_step": False}, "keras", "relative_step=False"),
    ],
)
def test_a_switch_that_is_on_by_default_is_written_when_it_is_off(name, settings, to, words):
    call = optimizer_code(name, settings, to, "x", to).call
    assert call is not None
    assert call.endswith(f"(x, {words})")


@pytest.mark.parametrize(
    ("library", "to", "words"),
    [
        ("torch", "optax", ["Keras and optax keep past rates"]),
        ("keras", "torch", ["under the square root", "Keras and optax keep past rates"]),
        ("keras", "optax", []),
        ("torch", "keras", ["under the square root", "Keras and optax keep past rates"]),
    ],
)
def test_rmsprop_says_what_differs(library, to, words):
    names = {"rho": 0.9} if library == "keras" else {"alpha": 0.9}
    code = optimizer_code("rmsprop", {"momentum": 0.5, **names}, to, "x", library)
    assert [word in text for word, text in zip(words, code.comments, strict=True)] == [True] * len(words)


def test_rmsprop_of_pytorch_makes_the_same_steps_in_optax_at_a_constant_rate() -> None:
    optax, torch = pytest.importorskip("optax"), pytest.importorskip("torch")
    code = optimizer_code("RMSprop", {"eps": 1e-3, "momentum": 0.5}, "optax", "0.1", "torch")
    theirs = eval(str(code.call), {"optax": optax})
    weight = torch.nn.Parameter(torch.ones(1))
    ours, x = torch.optim.RMSprop([weight], lr=0.1, eps=1e-3, momentum=0.5), np.ones(1, np.float32)
    state = theirs.init(x)
    for gradient in (1e-3, -2e-3, 5e-4):
        weight.grad = torch.full((1,), gradient)
        ours.step()
        step, state = theirs.update(np.full(1, gradient, np.float32), state, x)
        x = x + np.asarray(step)
    np.testing.assert_allclose(x, weight.detach(), rtol=1e-5)


def test_a_schedule_of_keras_is_refused_where_it_would_count_accumulated_batches() -> None:
    with pytest.raises(
        ScheduleError, match=r"accumulation_steps=3 .*use .*KerasSchedule\(plan, accumulate=3\)"
    ):
        code("keras", "sgd", gradient_accumulation_steps=3)
    assert "CosineDecay" in code("keras", "sgd", gradient_accumulation_steps=None)
    steady = constant(0.1).plan(updates=9)
    optimizer = {"name": "sgd", "gradient_accumulation_steps": 3}
    assert "gradient_accumulation_steps=3" in export(steady, "keras", optimizer)
