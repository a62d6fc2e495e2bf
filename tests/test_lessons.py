"""The two lessons: our figures agree with those of the original code, within sampling error."""

from pathlib import Path

import pytest

import stepsize as ss
from stepsize.problems.loading.fashion_mnist import FASHION_FOLDERS

# Final validation accuracy of the original Keras code over ten seeds: mean and standard deviation.
ORIGINAL = {
    "constant 0.1": (0.9526, 0.0192),
    "constant 0.1, momentum 0.8": (0.9879, 0.0060),
    "time-based per update, momentum 0.8": (0.9871, 0.0061),
    "drop-based, momentum 0.9": (0.9914, 0.0000),
}
ORIGINAL_SEEDS = 10


def assert_agrees(candidate, mean, sd):
    """Check that two means differ by at most three standard errors of their difference, or half a row."""
    error = (sd**2 / ORIGINAL_SEEDS + candidate["sd"] ** 2 / candidate["n"]) ** 0.5
    assert abs(candidate["mean"] - mean) <= max(3 * error, 0.5 / 116)


@pytest.fixture(scope="module")
def lesson(optimized_engine):
    return ss.compare("lesson-ionosphere", store=":memory:", quiet=True, engine=optimized_engine).answer


@pytest.mark.slow
@pytest.mark.parametrize("name", ORIGINAL)
def test_ionosphere_agrees_with_the_original(lesson, name):
    candidate = next(each for each in lesson["candidates"] if each["name"] == name)
    assert_agrees(candidate, *ORIGINAL[name])


def test_agreement_can_fail():
    with pytest.raises(AssertionError):
        assert_agrees({"mean": 0.95, "sd": 0.006, "n": 30}, 0.9879, 0.0060)


@pytest.mark.slow
def test_ionosphere_says_what_is_true(lesson):
    assert lesson["notes"][0].startswith("Momentum made the difference")
    assert "no schedule is shown to add anything that matters" in lesson["notes"][1]
    assert lesson["data"]["majority_baseline"] == pytest.approx(107 / 116)


@pytest.mark.slow
def test_on_fair_splits_the_lessons_schedules_show_no_gain(optimized_engine):
    problem = ss.problem("lesson-ionosphere", split="stratified")
    answer = ss.compare(problem, store=":memory:", quiet=True, engine=optimized_engine).answer
    assert all(0.86 < each["mean"] < 0.93 for each in answer["candidates"])
    assert answer["notes"][0].startswith("Momentum made the difference")
    assert "no schedule is shown to add anything that matters" in answer["notes"][1]


@pytest.mark.slow
def test_fashion_mnist_trains_as_the_lesson_does(optimized_engine):
    if not any(Path(folder).is_dir() for folder in FASHION_FOLDERS):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    problem = ss.problem("lesson-fashion-mnist", epochs=1, rows=30_000)
    answer = ss.compare(
        problem,
        ["constant(0.1)", "constant(0.01)"],
        seeds=2,
        store=":memory:",
        quiet=True,
        engine=optimized_engine,
    ).answer
    high, low = answer["candidates"]
    assert low["mean"] > 0.8
    assert low["mean"] > high["mean"]
    assert answer["data"]["parts"]["validation"]["rows"] == 10_000
    assert any("own test part is used for validation" in note for note in answer["notes"])
