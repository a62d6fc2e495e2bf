"""A row whose loss is not finite before the first update is named; rates that are too high are not."""

import keras
import numpy as np
import pytest

from stepsize.engine.first_loss import lost_together
from stepsize.engine.task import Curves, Task
from stepsize.errors import ProblemError
from stepsize.problems.models.model_transport import travel_form
from tests.support.populations import make_block, make_population

ROWS, VALID, BATCH, EPOCHS = 40, 20, 8, 2
SPECS = ("constant(0.01)", "constant(0.001)")


def quantities(change):
    """A regression whose rows `change(x, y)` has spoilt."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS + VALID, 3)).astype(np.float32)
    y = x[:, :1].copy()
    change(x, y)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return Task(travel_form(model, 1), {}, x, y, "regression", 0, 1, ROWS, BATCH, EPOCHS)


def gap_in_training(x, y):
    x[7, 1] = np.nan


def gap_in_validation(x, y):
    x[ROWS + 2, 1] = np.nan


def target_too_large(x, y):
    y[7] = 1e30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gap_in_training, "row 8 of the data: the output of the model for it is not finite before the first"),
        (gap_in_validation, "row 43 of the data: the output of the model"),
        (target_too_large, r"row 8 of the data: the loss for its target, \[1.0\d*e\+30\], is not finite"),
    ],
)
def test_the_row_is_named(change, words):
    task = quantities(change)
    with pytest.raises(ProblemError, match=words):
        make_population(task, 2).train([make_block(task, 3, SPECS)])


def test_a_prediction_that_is_not_finite_is_not_scored():
    task = quantities(gap_in_validation)
    (curves,), _ = make_population(task, 2).run([make_block(task, 3, SPECS)])
    assert np.isnan(curves.metric).all()
    assert (curves.diverged_at == -1).all()


def test_runs_lost_to_their_rates_are_not_blamed_on_a_row():
    task = quantities(lambda x, y: None)
    (curves,) = make_population(task, 2).train([make_block(task, 3, ["constant(1e30)"] * 2)])
    assert lost_together(curves, task.updates_per_epoch)


def test_only_runs_lost_at_one_update_of_the_first_epoch_are_suspicious():
    def curves(diverged_at, metric=0.5):
        series = np.full((2, EPOCHS), metric)
        return Curves(series, series, series, series, np.array(diverged_at))

    assert lost_together(curves([3, 3]), per_epoch=5)
    assert lost_together(curves([-1, -1], np.nan), per_epoch=5)
    assert not lost_together(curves([3, 4]), per_epoch=5)
    assert not lost_together(curves([7, 7]), per_epoch=5)
    assert not lost_together(curves([-1, -1]), per_epoch=5)
