"""What `scale` moves along: values that can be used, and the problems that they make."""

from __future__ import annotations

import pytest

from stepsize.errors import ProblemError, StudyError
from stepsize.problems.problem import problem
from stepsize.scaling.axes import adds_up, check_axis, variant
from stepsize.scaling_law import scale


@pytest.fixture(scope="module")
def ionosphere():
    return problem("ionosphere", epochs=12)


@pytest.mark.parametrize(
    ("along", "hold", "message"),
    [
        ("batch_size", "epochs", "must have one name and its values"),
        ({}, "epochs", "must have one name"),
        ({"batch_size": [8, 16, 32], "epochs": [1, 2, 3]}, "epochs", "must have one name"),
        ({"batch_size": 8}, "epochs", "must have a list of positive numbers"),
        ({"batch_size": [8, 0, 16]}, "epochs", "must have a list of positive numbers"),
        ({"batch_size": [8, 16]}, "epochs", "must have 3 or more different values"),
        ({"batch_size": [8, 16, 16]}, "epochs", "must have 3 or more different values"),
        ({"batch_size": [8, 16, 32.5]}, "epochs", "must have whole numbers"),
        ({"momentum": [0.5, 0.9, 1.0]}, "epochs", "must have only values below 1"),
        ({"batch_size": [8, 16, 32]}, "time", 'must be "epochs", "updates" or "both"'),
        ({"epochs": [8, 16, 32]}, "updates", "can only be used along batch_size or rows; leave it out"),
        ({"epochs": [8, 16, 32]}, "both", 'hold="both" can only be used along batch_size or rows'),
    ],
)
def test_what_cannot_be_used(along, hold, message):
    with pytest.raises(StudyError, match=message):
        check_axis(along, hold)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"momentum": 0.5}, "momentum is both in along and in settings; leave it out of settings"),
        (
            {"batch_size": 8},
            "batch_size=8 in settings is not a setting of the optimizer; set it on the problem",
        ),
        ({"epochs": 5}, "epochs=5 in settings is not a setting of the optimizer"),
    ],
)
def test_settings_that_would_replace_what_varies(settings, message):
    with pytest.raises(StudyError, match=message):
        scale("ionosphere", {"momentum": [0.5, 0.8, 0.9]}, settings=settings)


def test_values_are_in_rising_order():
    assert check_axis({"batch_size": [32, 8, 16.0]}, "epochs") == ("batch_size", [8, 16, 32])


def test_a_larger_batch_gets_more_epochs_if_the_updates_are_held(ionosphere):
    usual = ionosphere.updates_per_epoch * ionosphere.epochs  # 9 * 12
    for size, epochs in ((1, 1), (14, 6), (28, 12), (56, 22), (128, 54), (235, 108)):
        larger, settings = variant(ionosphere, "batch_size", size, "updates")
        assert (larger.batch_size, settings, larger.epochs) == (size, {}, epochs)
        assert larger.updates_per_epoch * epochs == (235 if size == 1 else pytest.approx(usual, rel=0.06))
    assert variant(ionosphere, "batch_size", 56, "epochs")[0].epochs == 12
    for hold in ("epochs", "updates"):
        with pytest.raises(StudyError, match="batch_size=256 needs 256 training rows, and there are 235"):
            variant(ionosphere, "batch_size", 256, hold)


def test_the_other_axes(ionosphere):
    assert variant(ionosphere, "epochs", 3, "epochs")[0].epochs == 3
    wider, _ = variant(ionosphere, "width", 128, "epochs")
    assert wider.model == 'mlp(128, initializer="random_normal")'
    deeper, _ = variant(ionosphere, "depth", 3, "epochs")
    assert deeper.model == 'mlp(34, 34, 34, initializer="random_normal")'
    fewer, _ = variant(ionosphere, "rows", 60, "epochs")
    assert (len(fewer.parts(0).train), fewer.epochs) == (60, 12)
    held, _ = variant(ionosphere, "rows", 60, "updates")
    assert held.epochs * held.updates_per_epoch == ionosphere.epochs * ionosphere.updates_per_epoch
    same, settings = variant(ionosphere, "momentum", 0.5, "epochs")
    assert (same, settings) == (ionosphere, {"momentum": 0.5})


def test_a_loss_that_adds_up_is_that_of_the_study_or_of_the_problem(ionosphere):
    assert not adds_up(ionosphere, {})
    assert adds_up(ionosphere, {"loss_reduction": "sum"})
    summed = problem("ionosphere", settings={"loss_reduction": "sum"})
    assert adds_up(summed, {})
    assert not adds_up(summed, {"loss_reduction": "mean"})


def test_more_rows_than_there_are_come_to_light_before_anything_is_trained(ionosphere):
    with pytest.raises(ProblemError, match="rows=300 is more than the 235 rows"):
        variant(ionosphere, "rows", 300, "epochs")


@pytest.mark.parametrize(
    ("model", "message"), [("logistic", "a model with hidden layers"), (dict, "a text model")]
)
def test_a_width_needs_hidden_layers(ionosphere, model, message):
    with pytest.raises(StudyError, match=f"along width needs {message}"):
        variant(type("Other", (), {"model": model})(), "width", 8, "epochs")
