"""Notes on several knobs that were searched together."""

from __future__ import annotations

from typing import Any

from stepsize.verdict import knob_notes
from tests.support.answers import recorded_answer


def searched(**changes: Any):
    """Give the recorded answer, whose last candidate but two has searched knobs."""
    answer = recorded_answer()
    candidate: Any = answer["candidates"][3]
    candidate |= {"name": "both", "knobs": {"lr": 0.12, "m": 0.9}, "promised": 0.92, "mean": 0.9, **changes}
    return answer


def test_a_note_says_what_was_promised_and_held() -> None:
    chosen, about = knob_notes.notes(searched())
    assert chosen == (
        "both: lr=0.12, m=0.9 were chosen together; the search promised 92.0 %, "
        "and 12 fresh seeds held 90.0 %."
    )
    assert "not about the best ones" in about
    assert list(knob_notes.notes(recorded_answer())) == []


def test_runs_that_all_diverged_promise_nothing() -> None:
    chosen, _ = knob_notes.notes(searched(promised=None))
    assert chosen == "both: lr=0.12, m=0.9 were chosen together."


def test_a_warning_names_the_knobs_at_an_end() -> None:
    (one,) = knob_notes.warnings(searched(knobs_at_edge=["m"])["candidates"])
    assert one == "both: m lies at the end of its range; a better value may lie beyond."
    (two,) = knob_notes.warnings(searched(knobs_at_edge=["lr", "m"])["candidates"])
    assert two == "both: lr and m lie at the end of their ranges; a better value may lie beyond."
