"""Problems: what they refuse, and that their digest follows what changes results."""

from typing import Any

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.problem import Problem, problem


def test_problem_refuses():
    with pytest.raises(ProblemError, match="epochs=0"):
        problem("iris", epochs=0)
    with pytest.raises(ProblemError, match=r"batch_size=2\.5"):
        problem("iris", batch_size=2.5)
    with pytest.raises(ProblemError, match="did you mean 'ionosphere'"):
        problem("ionosphre")
    with pytest.raises(ProblemError, match="got int"):
        Problem(3, "iris")


def test_digest_follows_what_changes_results():
    base = problem("ionosphere")
    assert base.digest == problem("ionosphere").digest
    changes = [{"epochs": 49}, {"batch_size": 29}, {"split": "lesson"}, {"model": "mlp(33)"}]
    for change in [*changes, {"metric": "auc"}, {"class_weight": {"g": 2.0}}]:
        assert problem("ionosphere", **change).digest != base.digest


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"clip_grad_norm": 1.0}, r"write settings=\{'clip_grad_norm': 1.0\}"),
        ({"lr": 0.1}, "lr=0.1 has no effect: the schedules set the rate"),
        ({"epoch": 5}, "unknown argument 'epoch'; did you mean 'epochs'"),
    ],
)
def test_an_argument_that_a_problem_lacks_is_refused_with_what_to_write(
    arguments: dict[str, Any], refusal: str
) -> None:
    x = np.zeros((20, 2), np.float32)
    with pytest.raises(ProblemError, match=refusal):
        Problem("logistic", (x, np.arange(20) % 2), **arguments)


def test_parts_of_your_own_are_named_with_their_sizes() -> None:
    x = np.arange(60, dtype=np.float32).reshape(30, 2)
    y = np.arange(30) % 2
    made = Problem("logistic", {"train": (x[:20], y[:20]), "valid": (x[20:], y[20:])})
    assert made.facts()["protocol"]["split"] == "your own parts: 20 train, 10 valid"
