"""The values of optimizers that need no mention: their momentum is what the engine sets as such."""

import keras
import pytest
import torch

from stepsize.engine.keras.driven_settings import momentum_name
from stepsize.errors import StudyError
from stepsize.problems.optimizer_facts import compiled_optimizer
from stepsize.problems.torch.optimizer_groups import NAMES
from stepsize.problems.usual_settings import usual_of_keras, usual_of_torch

MOMENTA = {"momentum", "beta_1", "betas"}
OF_KERAS = [
    name
    for name, kind in vars(keras.optimizers).items()
    if isinstance(kind, type)
    and name not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
]


@pytest.mark.parametrize("name", OF_KERAS)
def test_an_optimizer_of_keras_has_the_momentum_that_a_schedule_sets(name):
    optimizer = getattr(keras.optimizers, name)()
    try:
        momentum = {momentum_name(optimizer): getattr(optimizer, momentum_name(optimizer))}
    except StudyError:
        momentum = {}
    usual = usual_of_keras(name)
    assert {key: usual[key] for key in MOMENTA & usual.keys()} == momentum
    assert not MOMENTA & compiled_optimizer({"optimizer": [name, optimizer.get_config()]}).keys()


@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_of_pytorch_has_the_momentum_that_a_schedule_sets(name):
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    own = getattr(torch.optim, name)([weight], lr=0.1).defaults
    usual = usual_of_torch(name)
    momentum = {key: own[key] for key in MOMENTA & own.keys()}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in momentum.items()}
    assert {key: usual[key] for key in MOMENTA & usual.keys()} == plain


def test_of_an_unknown_optimizer_the_momentum_is_mentioned():
    form = {"optimizer": ["Mine", {"beta_1": 0.9, "momentum": 0.0}]}
    assert compiled_optimizer(form) == {"name": "Mine", "beta_1": 0.9, "momentum": 0.0}
