"""The split of a problem from `split`, `validation` and `folds`; a size without effect is refused."""

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load
from stepsize.problems.problem import Problem, problem
from stepsize.problems.splitting.splits import Split


def test_a_problem_takes_the_split_that_is_asked_for():
    assert problem("ionosphere", validation=0.2).split == Split("stratified", 0.2)
    assert problem("ionosphere", folds=5).split == Split("kfold", 0.33, 5)
    assert problem("ionosphere", split="lesson").split == Split("lesson", 0.33)
    assert problem("iris", split=Split("kfold")).split == Split("kfold")
    x, y = np.zeros((12, 2)), np.arange(12.0) / 7
    assert Problem("mlp(3)", (x, y)).split.kind == "random"
    assert Problem("mlp(3)", "iris", split="kfold").split == Split("kfold")
    data = load((x, y), groups=np.arange(12) // 2)
    assert Problem("mlp(3)", data).split.kind == "groups"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"split": "stratified", "folds": 4},
            "folds=4 has no effect .*'stratified'; .*split='kfold'",
        ),
        ({"split": Split("lesson"), "folds": 4}, "folds=4 has no effect with split='lesson'"),
        ({"split": "kfold", "validation": 0.3}, "validation=0.3 has no effect with .*split='stratified'"),
        (
            {"split": Split.given([0], [1]), "validation": 0.3},
            "has no effect with split='given'",
        ),
    ],
)
def test_a_size_without_effect_is_refused(changes, words):
    with pytest.raises(ProblemError, match=words):
        problem("ionosphere", **changes)


def test_a_size_without_effect_on_the_parts_of_the_data_is_refused():
    part = np.array(["train", "valid"] * 6)
    with pytest.raises(ProblemError, match=r"validation=0\.3 has no effect with split='column'"):
        problem((np.eye(12), np.arange(12) % 2), part=part, validation=0.3)
