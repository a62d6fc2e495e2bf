"""A Keras run stopped anywhere and gone on with from its files ends as if never stopped, bit for bit."""

import json

import keras
import numpy as np
import pytest

import stepsize as ss
from stepsize.adapters.keras import KerasSchedule, ScheduleCallback

BATCHES, EPOCHS, SIZE = 6, 8, 4
X = np.random.default_rng(3).normal(size=(BATCHES * SIZE, 4)).astype(np.float32)
Y = np.sin(X[:, :1])
SCHEDULE = ss.warmup(7 * ss.updates) >> ss.cosine(0.3, floor=0.01)
FACTOR = ss.plateau(factor=0.5, patience=0, threshold=0.2, metric="val_loss")


def plan(form):
    updates = BATCHES * EPOCHS // (2 if form == "accumulated" else 1)
    return (SCHEDULE * FACTOR if form == "metric" else SCHEDULE).plan(updates=updates)


def built(form):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(1)]
    )
    rate = KerasSchedule(plan(form)) if form == "compiled" else 0.5
    steps = 2 if form == "accumulated" else None
    model.compile(keras.optimizers.SGD(rate, momentum=0.9, gradient_accumulation_steps=steps), loss="mse")
    return model


class Keep(keras.callbacks.Callback):
    """Save the model and the state of its schedule before some batches, counted over the whole run."""

    def __init__(self, folder, batches, callback):
        super().__init__()
        self.folder, self.batches, self.callback, self.seen = folder, set(batches), callback, 0

    def on_train_batch_begin(self, batch, logs=None):
        if self.seen in self.batches:
            self.model.save(self.folder / f"{self.seen}.keras")
            state = self.callback.state_dict() if self.callback else None
            (self.folder / f"{self.seen}.json").write_text(json.dumps(state))
        self.seen += 1


def fit(model, form, callbacks, batch=0, **epochs):
    """Train on the batches from `batch` on, in order."""
    validation = (X[:8], Y[:8]) if form == "metric" else None
    rest = slice(batch * SIZE, None)
    options = {"batch_size": SIZE, "shuffle": False, "verbose": 0, "validation_data": validation}
    model.fit(X[rest], Y[rest], callbacks=callbacks, **options, **epochs)


def end(model, callback):
    """Give what a run ends with: its weights, the optimizer's variables, and the rates it used."""
    variables = [each.numpy() for each in model.optimizer.variables]
    return [*model.get_weights(), *variables], dict(callback.history) if callback else {}


def gone_on_from(folder, done, form):
    """Load what was saved before a batch, train to the end of the run, and give what it ends with."""
    model = keras.models.load_model(folder / f"{done}.keras")
    callback = None
    if form != "compiled":
        callback = ScheduleCallback(plan(form))
        callback.load_state_dict((folder / f"{done}.json").read_text())
    callbacks = [callback] if callback else []
    epoch, batch = divmod(done, BATCHES)
    if batch:
        fit(model, form, callbacks, batch, initial_epoch=epoch, epochs=epoch + 1)
        epoch += 1
    fit(model, form, callbacks, initial_epoch=epoch, epochs=EPOCHS)
    return end(model, callback)


def assert_same_end(found, expected):
    """Fail unless the variables are equal bit for bit, and the rates that were used again are the same."""
    for one, other in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[1].items() <= expected[1].items()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "count"), [("callback", 13), ("compiled", 13), ("accumulated", 14), ("metric", 10)]
)
def test_a_run_stopped_anywhere_goes_on_as_if_it_had_not_been(form, count, tmp_path):
    stops = np.random.default_rng(len(form)).choice(np.arange(1, BATCHES * EPOCHS), count, replace=False)
    model, callback = built(form), None if form == "compiled" else ScheduleCallback(plan(form))
    callbacks = [callback] if callback else []
    fit(model, form, [*callbacks, Keep(tmp_path, stops.tolist(), callback)], epochs=EPOCHS)
    expected = end(model, callback)
    for done in stops.tolist():
        assert_same_end(gone_on_from(tmp_path, done, form), expected)
    if form == "metric":
        assert callback.state_dict()["metric"]["scale"] < 1


def test_the_comparison_above_can_fail():
    weights = np.zeros(2, np.float32)
    with pytest.raises(AssertionError):
        assert_same_end(([np.nextafter(weights, np.float32(1))], {}), ([weights], {}))
    with pytest.raises(AssertionError):
        assert_same_end(([weights], {3: 0.1}), ([weights], {3: 0.2}))
