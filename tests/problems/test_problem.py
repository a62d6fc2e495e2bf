"""Problems: what they refuse, and that their digest follows what changes results."""

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
