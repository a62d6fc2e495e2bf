"""The warning about a budget that was exceeded says what took more than expected."""

from dataclasses import replace

import pytest

from stepsize.problems.problem import problem
from stepsize.study.more_seeds import with_more_seeds
from stepsize.study.study import make_study
from stepsize.verdict.look_notes import budget_warnings
from tests.support.finished_studies import finish, noise


@pytest.mark.parametrize(
    ("budget", "cost", "what"),
    [
        (30, "48 runs, more than its budget of 30 runs", "needed more runs"),
        ("30s", "48.0 s, more than its budget of 30s", "took longer"),
    ],
)
def test_a_later_step_that_exceeds_the_budget(budget, cost, what):
    study = make_study(problem("ionosphere"), ["constant(0.1)", "cosine(0.1)"], 12)
    protocol = {**study.facts["protocol"], "budget": budget}
    study = with_more_seeds(replace(study, facts={**study.facts, "protocol": protocol}))
    runs = finish(study, lambda name, seed: 0.9 + noise(seed))
    runs = {key: replace(run, seconds=1.0) for key, run in runs.items()}
    assert list(budget_warnings(study, runs)) == [
        f"The study cost {cost}: the last step {what} than the steps before it suggested."
    ]
