"""Notes on candidates with a model of their own."""

from __future__ import annotations

from stepsize.verdict.variant_notes import notes, warnings
from tests.support.answers import recorded_answer


def test_an_optimizer_that_is_not_the_studys_is_named_once():
    answer = recorded_answer()
    assert list(notes(answer)) == []
    compiled = {"name": "Adam", "beta_1": 0.8}
    own = {"model": "wide-1a2b3c", "optimizer": {"name": "as compiled"}, "compiled_optimizer": compiled}
    for candidate in answer["candidates"][1:4]:
        candidate["protocol"] = {**own, "model_notes": ["its layer is frozen"]}
    answer["candidates"][4].update(settings={"optimizer": "sgd"}, protocol=own)
    answer["candidates"][5]["protocol"] = {"model": "nets:make", "optimizer": {"name": "as compiled"}}
    assert list(notes(answer)) == [
        "With model=wide-1a2b3c: its layer is frozen.",
        "With model=wide-1a2b3c: the optimizer is Adam with beta_1=0.8.",
        "With model=nets:make: the optimizer is the one that it is compiled with.",
    ]


def test_what_is_wrong_with_a_model_is_a_warning_once():
    answer = recorded_answer()
    assert list(warnings(answer)) == []
    answer["study"]["protocol"]["model_warnings"] = ["it ends with softmax"]
    for candidate, text in zip(answer["candidates"][1:4], ("softmax", "sigmoid", "sigmoid"), strict=True):
        candidate["protocol"] = {"model": "nets:make", "model_warnings": [f"it ends with {text}"]}
    assert list(warnings(answer)) == [
        "Model: it ends with softmax.",
        "With model=nets:make: it ends with sigmoid.",
    ]
