"""The law in numbers and in words."""

from __future__ import annotations

import pytest

from stepsize.scaling.summary import law_answer, law_of, notes_of, predicted, sentence


def values(pairs, status="ok"):
    return [
        {
            "value": value,
            "epochs": 5,
            "updates": 50,
            "status": status if rate else "all_diverged",
            "rate": rate,
            "range": rate and [rate / 3, rate * 3],
            "mean": 0.9,
        }
        for value, rate in pairs
    ]


@pytest.mark.parametrize(
    ("along", "pairs", "words"),
    [
        (
            "batch_size",
            [(8, 0.01), (16, 0.021), (32, 0.04), (64, 0.081)],
            "the best rate grows as batch_size^(1.00 ±",
        ),
        (
            "batch_size",
            [(8, 0.01), (16, 0.021), (32, 0.04)],
            "The linear rule (exponent 1) fits. The square-root",
        ),
        (
            "epochs",
            [(5, 0.4), (10, 0.2), (20, 0.1), (40, 0.05)],
            "the best rate falls as epochs^(-1.00 ± 0.00).",
        ),
        ("width", [(8, 0.1), (16, 0.12), (32, 0.09)], "no change in the best rate is shown (exponent"),
        ("momentum", [(0.0001, 1.0), (0.5, 0.5), (0.9, 0.1)], "grows as (1 - momentum)^(1.00 ± 0.00)"),
        (
            "width",
            [(8, 0.1), (16, None), (32, 0.2)],
            "No law: 2 of 3 values have a rate, and three are needed.",
        ),
    ],
)
def test_sentences(along, pairs, words):
    rows = values(pairs)
    law = law_of(along, rows)
    assert words in sentence(along, "epochs", rows, law and law_answer(along, law))


def test_a_loss_that_adds_up_has_a_rule_of_its_own():
    rows = values([(8, 0.04), (16, 0.02), (32, 0.011)])
    law = law_answer("batch_size", law_of("batch_size", rows), summed=True)
    assert sentence("batch_size", "updates", rows, law).endswith("The inverse rule (exponent -1) fits.")


def test_a_bend_is_told():
    pairs = [(2.0**k, 0.01 * min(2.0**k, 32) * (1.02 if k % 2 else 0.98)) for k in range(1, 10)]
    law = law_of("batch_size", values(pairs))
    answer = law_answer("batch_size", law)
    assert answer["bend"]["at"] == pytest.approx(32)
    assert "The law bends at 32: the exponent is 1 below it and 0" in sentence(
        "batch_size", "epochs", values(pairs), answer
    )


def test_a_bend_along_momentum_is_a_value_of_momentum():
    momenta = [0.01, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99]
    pairs = [(m, min(1 - m, 0.1) * (1.01 if k % 2 else 0.99)) for k, m in enumerate(momenta)]
    law = law_of("momentum", values(pairs))
    answer = law_answer("momentum", law)
    assert answer["bend"]["at"] == pytest.approx(0.9)
    assert answer["bend"]["before"] == pytest.approx(0, abs=0.05)
    assert answer["bend"]["after"] == pytest.approx(1, abs=0.05)
    assert "The law bends at 0.9: the exponent is" in sentence("momentum", "epochs", values(pairs), answer)


def test_notes_name_values_that_mean_little():
    rows = values([(8, 0.1), (16, None)]) + values([(32, 0.2)], "open_above") + values([(64, 0.2)], "flat")
    text = " ".join(notes_of("batch_size", "epochs", rows, None))
    assert "batch_size=16: every run diverged" in text
    assert "batch_size=32: higher rates may be as good" in text
    assert "batch_size=64: no rate is shown to be worse" in text


def test_a_prediction_says_whether_it_is_extrapolated():
    law = law_of("momentum", values([(0.1, 0.9), (0.5, 0.5), (0.9, 0.11)]))
    inside = predicted(law, "momentum", 0.8, [0.1, 0.5, 0.9])
    assert inside["rate"] == pytest.approx(0.2, rel=0.1)
    assert not inside["extrapolated"]
    assert predicted(law, "momentum", 0.95, [0.1, 0.5, 0.9])["extrapolated"]
