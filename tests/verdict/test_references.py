"""The warning that a simple model does better than every candidate."""

from stepsize.verdict import references
from tests.support.finished_studies import SEEDS, answer_of, noise


def warning_beside(size: float, lost: tuple[int, ...] = ()) -> str:
    """Return the warning on a model that is ahead by 5 points on average, give or take so much."""

    def score(name: str, seed: int) -> float | None:
        return None if seed in lost else 0.8 + noise(seed)

    answer = answer_of(["constant(0.1)"], score)
    scores = [0.85 + noise(seed) + size * (-1) ** seed for seed in range(SEEDS)]
    answer["data"]["references"] = [{"name": "logistic regression", "scores": scores}]
    (warning,) = references.warnings(answer)
    return warning


def test_a_simpler_model_does_better_only_if_that_is_shown():
    assert warning_beside(0.005).endswith(" %: here a simpler model does better, whatever the schedule.")
    assert warning_beside(0.15).endswith(" %: a simpler model may do better, which is not shown.")
    assert warning_beside(0.005, lost=(3,)).endswith("a simpler model may do better, which is not shown.")
