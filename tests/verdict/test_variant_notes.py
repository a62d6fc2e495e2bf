"""Notes on candidates with a model of their own."""

from __future__ import annotations

from stepsize.verdict.variant_notes import notes
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
