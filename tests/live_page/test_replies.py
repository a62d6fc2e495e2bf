"""The sentence of the page about a schedule and the baseline: lost runs are named, and no size misleads."""

import numpy as np
import pytest

from stepsize.live_page.pair import judge_pair
from stepsize.live_page.replies import scored_reply
from stepsize.live_page.session import Scored
from stepsize.problems.problem import problem
from stepsize.study.study import make_study
from tests.support.finished_studies import finish, noise


def headline_of(score, seeds=30):
    names = ["linear(0.1)", "constant(0.5)"]
    study = make_study(problem("ionosphere"), names, seeds, names[1])
    pair = judge_pair(study, finish(study, score), names[0])
    fields = {name: 0 for name in Scored.__dataclass_fields__ if name != "pair"}
    return scored_reply(Scored(pair=pair, **fields))["headline"]


@pytest.mark.parametrize(
    ("loser", "words"),
    [
        ("constant(0.5)", "better than the baseline, constant(0.5), which lost 10 of 30 runs."),
        ("linear(0.1)", "worse than the baseline, constant(0.5): it lost 10 of 30 runs."),
    ],
)
def test_a_word_that_rests_on_lost_runs_says_so(loser, words):
    """Over the seeds that both finished, the one that lost runs is two points ahead."""

    def score(name, seed):
        if name == loser and seed % 3 == 0:
            return None
        return 0.8 + 0.02 * (name == loser) + noise(seed, 0.02) + noise(seed + 1000 * len(name), 0.002)

    assert headline_of(score) == f"On these 30 seeds, it is shown to be {words}"


def test_a_small_lead_may_be_less_than_the_margin():
    def score(name, seed):
        own = float(np.random.default_rng(seed + 1000 * len(name)).normal())
        return 0.8 + 0.01 * (name == "linear(0.1)") + noise(seed, 0.02) + 0.004 * own

    assert headline_of(score).endswith("constant(0.5), perhaps by less than the margin, 0.86 points.")
