"""A compiled model is the same when it is rebuilt from its config; otherwise it is refused."""

import keras
import numpy as np
import pytest
from keras import constraints, initializers, layers, losses, metrics, regularizers

from stepsize.errors import ProblemError
from stepsize.problems.metrics import metric_of
from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.problem import Problem
from tests.support import incomplete_configs as own
from tests.support.user_models import Bins

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = 3 * X[:, 0] + 1
CLASSES = np.arange(40) % 3


def regression(loss="mse", *more, kind=keras.Sequential, **arguments):
    model = kind([keras.Input((3,)), layers.Dense(1, name="dense", **arguments), *more])
    model.compile("sgd", loss)
    return model


def changed(thing, **attributes):
    """Return a thing after attributes of it were set."""
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


def adapted(layer):
    """Return a layer that has learnt from data."""
    layer.adapt(X)
    return layer


def with_weight(name, **attributes):
    """Return a model one of whose weights has other attributes than its layer gave it."""
    model = regression()
    changed(getattr(model.layers[0], name), **attributes)
    return model


@pytest.mark.parametrize(
    ("loss", "y", "outputs", "kind"),
    [
        (losses.Huber(delta=0.1), Y, 1, "regression"),
        ([losses.Huber(delta=0.1)], Y, 1, "regression"),
        ({"out": losses.Huber(delta=0.1)}, Y, 1, "regression"),
        (losses.CosineSimilarity(axis=0), Y, 1, "regression"),
        (losses.SparseCategoricalCrossentropy(ignore_class=1), CLASSES, 3, "multiclass"),
        (losses.SparseCategoricalCrossentropy(axis=0), np.arange(40) % 4, 4, "multiclass"),
        (losses.MeanSquaredError(dtype="float16"), Y, 1, "regression"),
        (own.ScaledLoss(dtype="float16"), Y, 1, "regression"),
        (changed(losses.MeanSquaredError(), reduction="sum"), Y, 1, "regression"),
    ],
)
def test_a_loss_of_keras_keeps_what_its_config_lacks(loss, y, outputs, kind):
    entry = keras.Input((3,))
    model = keras.Model(entry, layers.Dense(outputs, name="out")(entry))
    model.compile("sgd", loss)
    made = Problem(model, (X, y), from_weights=True)
    again = build(made.travel_form(), {}, DataShape(X, kind, outputs, outputs)).model
    rows, targets = X[:4], y[:4] if outputs > 1 else y[:4, None]
    one, other = (
        float(each.compute_loss(x=rows, y=targets, y_pred=each(rows), training=False))
        for each in (model, again)
    )
    assert one == other != 0


def test_two_deltas_are_two_problems():
    digests = {Problem(regression(losses.Huber(delta)), (X, Y)).digest for delta in (0.1, 0.1, 10.0)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: regression(own.ScaledLoss(5.0)),
            r"ScaledLoss \('scaled_loss'\) lacks factor: it is 5.0, and 1",
        ),
        (lambda: regression([own.ScaledLoss(5.0)]), r"ScaledLoss .*; add it to get_config\(\) and __init__"),
        (lambda: regression(own.CallableLoss(5.0)), "CallableLoss lacks factor"),
        (lambda: regression(kernel_constraint=own.Bound(0.1)), "Bound lacks bound"),
        (lambda: regression(kernel_initializer=own.Filled(5.0)), "Filled lacks value"),
        (lambda: regression(kernel_regularizer=own.Penalty(5.0)), "Penalty lacks factor"),
        (lambda: regression(kernel_initializer=initializers.Identity(0.5)), "Identity lacks gain: it is 0.5"),
        (lambda: regression("mse", changed(own.Scale(), factor=5.0)), "Scale .* lacks factor"),
        (lambda: regression("mse", changed(own.Scale(), function=own.raised(2))), "Scale .* lacks function"),
        (lambda: changed(regression(kind=own.Tempered), temperature=5.0), "Tempered .* lacks temperature"),
        (lambda: with_weight("kernel", constraint=constraints.MaxNorm(0.1)), "lacks kernel.constraint"),
        (lambda: with_weight("bias", regularizer=regularizers.L2(5.0)), "lacks bias.regularizer: it is L2"),
    ],
)
def test_what_a_config_lacks_is_named(make, message):
    for model in (make(), make):
        with pytest.raises(ProblemError, match=rf"(?s){message}.*model='package.module:function'"):
            Problem(model, (X, Y)).travel_form()


@pytest.mark.parametrize(
    ("loss", "name"), [(own.global_loss, "FACTOR"), (own.ScaledLoss(), "ScaledLoss.call")]
)
def test_code_that_was_changed_after_the_import_is_refused_by_the_training_process(loss, name, monkeypatch):
    with monkeypatch.context() as patch:
        value = 5.0 if name == "FACTOR" else lambda self, y, predicted: 5 * (y - predicted)
        patch.setattr(f"tests.support.incomplete_configs.{name}", value)
        form = Problem(regression(loss), (X, Y)).travel_form()
    with pytest.raises(ProblemError, match=r"computes something else when it is rebuilt.*after the import"):
        build(form, {}, DataShape(X, "regression", 1, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: regression(own.ScaledLoss(), own.Scale(), kernel_constraint=own.Bound()),
        lambda: regression("mse", own.Noisy()),
        lambda: regression("mse", adapted(Bins())),
        lambda: regression(
            "mse", layers.Dropout(0.5), layers.BatchNormalization(), layers.Activation("gelu")
        ),
        lambda: regression(own.global_loss, kernel_initializer="orthogonal", kind=own.Tempered),
    ],
)
def test_whole_configs_pass_also_after_training(make):
    model = make()
    model.train_on_batch(X, Y[:, None])
    before = model.get_weights()
    form = Problem(model, (X, Y)).travel_form()
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    build(form, {}, DataShape(X, "regression", 1, 1))


@pytest.mark.parametrize(
    ("make", "mode", "message"),
    [
        (
            lambda: own.ScaledError(5.0),
            "min",
            r"'scaled_error'.*lacks factor: it is 5.0.*add it to get_config",
        ),
        (
            lambda: metrics.CosineSimilarity("c", axis=0),
            None,
            r"lacks _fn_kwargs\['axis'\]: it is 0.*your own",
        ),
        (lambda: own.ScaledError(), "min", None),
        (lambda: metrics.AUC(50, "PR", name="a"), None, None),
        (lambda: metrics.MeanAbsoluteError("m"), None, None),
        (lambda: metrics.F1Score("macro", 0.4, name="f"), None, None),
    ],
)
def test_a_metric_whose_config_lacks_something_is_refused(make, mode, message):
    if message is None:
        assert metric_of(make(), mode, "regression").form
        return
    with pytest.raises(ProblemError, match=message):
        metric_of(make(), mode, "regression")
