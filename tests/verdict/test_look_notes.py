"""The notes on what is not shown although its interval misses 0."""

import pytest

from tests.support.finished_studies import answer_of, noise

ALTHOUGH = "Not shown, although the interval does not contain 0: "


def near_miss(size, lost):
    """Return an answer with a candidate that is ahead, with so much noise of its own; some seeds diverge."""

    def score(name, seed):
        if name == "linear(0.1)" and seed in lost:
            return None
        lead = {"linear(0.1)": 0.02, "cosine(0.1)": 0.0005}.get(name, 0.0)
        return 0.9 + lead + noise(seed) + noise(seed + 1000 * len(name), size)

    return answer_of(["constant(0.1)", "linear(0.1)", "cosine(0.1)"], score)


@pytest.mark.parametrize(("size", "lost"), [(0.025, ()), (0.005, (1, 4))])
def test_why_a_difference_is_not_shown(size, lost):
    answer = near_miss(size, lost)
    linear = answer["candidates"][1]["vs_baseline"]
    assert linear["verdict"] == "not shown"
    assert linear["ci95"][0] > 0
    (note,) = (note for note in answer["notes"] if note.startswith(ALTHOUGH + "linear(0.1). "))
    reason = note.removeprefix(ALTHOUGH + "linear(0.1). ")
    if lost:
        assert reason == (
            "The interval leaves out the runs that diverged, "
            "and the test ranks them below every finished one."
        )
    else:
        assert reason == "With 3 comparisons, p (Holm) must be at most 0.035; more seeds will tell."
