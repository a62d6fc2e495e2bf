"""Optimizers: by name, or those of a compiled model, sent to the training process."""

import pickle

import keras
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.models.keras_models import build
from stepsize.problems.models.model_transport import travel_form
from stepsize.problems.models.optimizers import REFUSED
from tests.support.rebuilt_models import IRIS, rebuilt
from tests.support.user_models import compiled


def test_optimizers_by_name():
    assert rebuilt("mlp(3)", settings={"optimizer": "Adam", "beta_1": 0.8}).model.optimizer.beta_1 == 0.8
    with pytest.raises(ProblemError, match="did you mean 'adam'"):
        rebuilt("mlp(3)", settings={"optimizer": "adamm"})
    with pytest.raises(ProblemError, match="does not accept"):
        rebuilt("mlp(3)", settings={"optimizer": "sgd", "momentun": 0.8})
    with pytest.raises(
        ProblemError, match=r"does not accept 'kernel_initializer'; a candidate may set .*beta_1"
    ):
        rebuilt("mlp(3)", settings={"optimizer": "adam", "kernel_initializer": "normal"})


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "mixed precision"),
        (lambda: keras.optimizers.SGD(gradient_accumulation_steps=4), "batch_size 4 times as large"),
    ],
)
def test_optimizers_that_are_refused(optimizer, words):
    with pytest.raises(ProblemError, match=words):
        travel_form(compiled(optimizer=optimizer()), 3)


@pytest.mark.skipif(not hasattr(keras.optimizers, "ScheduleFreeAdamW"), reason="this Keras has none")
def test_an_optimizer_that_takes_no_schedule_is_refused():
    with pytest.raises(ProblemError, match="without a schedule"):
        travel_form(compiled(optimizer=keras.optimizers.ScheduleFreeAdamW()), 3)
    with pytest.raises(ProblemError, match="without a schedule"):
        rebuilt("mlp(3)", settings={"optimizer": "schedulefreeadamw"})


def test_a_class_of_the_users_own_is_not_taken_for_the_one_of_keras():
    own = type("SGD", (keras.optimizers.SGD,), {})
    with pytest.raises(ProblemError, match="optimizer 'SGD' is a class of your own"):
        travel_form(compiled(optimizer=own(0.1)), 3)


def test_exclusions_from_weight_decay_travel():
    optimizer = keras.optimizers.AdamW(weight_decay=0.1)
    model = compiled(keras.layers.Dense(5), optimizer=optimizer)
    optimizer.exclude_from_weight_decay([model.trainable_variables[0]], ["bias"])
    again = rebuilt(model).model
    kept = [again.optimizer._use_weight_decay(variable) for variable in again.trainable_variables]
    assert kept == [False, False, True, False]
    other = rebuilt(model, settings={"optimizer": "adamw"}).model
    assert all(other.optimizer._use_weight_decay(variable) for variable in other.trainable_variables)


def test_every_optimizer_can_be_sent():
    kinds = {
        name: kind
        for name, kind in vars(keras.optimizers).items()
        if isinstance(kind, type)
        and issubclass(kind, keras.optimizers.Optimizer)
        and name not in (*REFUSED, "Optimizer")
    }
    assert len(kinds) > 10
    for name, kind in kinds.items():
        options = {"exclude_layers": ["head"]} if name == "Muon" else {}
        form = pickle.loads(pickle.dumps(travel_form(compiled(optimizer=kind(**options)), 3)))
        assert type(build(form, {}, IRIS).model.optimizer) is kind
        assert form["optimizer"][1].get("exclude_layers", ["head"]) == ["head"]
