"""Settings of the optimizer: which values are refused, and what each optimizer takes of them."""

from __future__ import annotations

import pytest

import stepsize as ss
from stepsize.errors import ProblemError, StudyError
from stepsize.problems.problem import problem
from stepsize.study.study import make_study
from stepsize.study.study_files.description import describe_study


def test_arguments_of_the_optimizer_are_not_keys_of_a_study():
    with pytest.raises(StudyError, match=r'momentum=0.9 belongs to the optimizer; .*"momentum": 0.9'):
        describe_study("ionosphere", {"momentum": 0.9})
    with pytest.raises(
        ProblemError, match=r"optimizer='adam' is a part of settings here; .*'optimizer': 'adam'"
    ):
        problem("ionosphere", optimizer="adam")


def test_the_momentum_of_sgd_is_not_that_of_another_optimizer(engine):
    candidates = [ss.Candidate("constant(0.01)", optimizer="adam"), "constant(0.1)"]
    quick = {"epochs": 2, "store": ":memory:", "quiet": True, "engine": engine}
    answer = ss.compare("ionosphere", candidates, 2, **quick).answer
    assert "With optimizer=adam, momentum=0.8 of sgd is not used." in answer["notes"]
    adam = ss.problem("ionosphere", epochs=2, settings={"optimizer": "adam"})
    alone = ss.compare(adam, ["constant(0.01)"], 2, store=":memory:", quiet=True, engine=engine)
    assert answer["candidates"][0]["scores"] == alone.answer["candidates"][0]["scores"]


@pytest.mark.parametrize("value", ["false", "True", "0.9", "off"])
def test_a_number_or_a_switch_in_quotes_is_refused(value):
    with pytest.raises(StudyError, match="is text; write a number, true or false without quotes"):
        ss.Candidate("constant(0.1)", nesterov=value)
    with pytest.raises(ProblemError, match="is text; write a number, true or false without quotes"):
        problem("ionosphere", settings={"optimizer": "sgd", "nesterov": value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clipnorm": "a b"}, r"clipnorm='a b' must be a number of at least 0, or None"),
        ({"clipnorm": -1}, r"clipnorm=-1 must be a number of at least 0, or None"),  # Keras would not clip
        ({"clipvalue": [1.0]}, r"clipvalue=\[1.0\] must be a number"),
        ({"momentum": float("nan")}, "momentum=nan must be a finite number of at least 0"),
        ({"momentum": None}, "momentum=None must be a number"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1 must be a number of at least 0"),
        ({"nesterov": 2}, "nesterov=2 must be True or False"),
        ({"loss_reduction": "total"}, "loss_reduction='total' must be 'mean' or 'sum'"),
        ({"optimizer": "adam", "beta_1": 1.0}, "beta_1=1.0 must be a number of at least 0 and below 1"),
        ({"optimizer": "adam", "beta_1": "linear(0.9)"}, "a candidate may have a schedule as its momentum"),
        ({"optimizer": "ftrl", "learning_rate_power": True}, "learning_rate_power=True must be a number"),
    ],
)
def test_a_value_that_keras_ignores_or_cannot_use_is_refused_at_once(settings, message):
    with pytest.raises(StudyError, match=message):
        make_study(problem("ionosphere"), [ss.Candidate("constant(0.1)", **settings)], 2)
    with pytest.raises(ProblemError, match=message):
        problem("ionosphere", settings={"optimizer": "sgd", **settings})


@pytest.mark.parametrize("settings", [{"clipnorm": None}, {"momentum": 0}, {"weight_decay": 0}])
def test_settings_that_switch_something_off(settings):
    make_study(problem("ionosphere"), [ss.Candidate("constant(0.1)", **settings)], 2)


def test_a_momentum_of_zero_is_a_number_of_any_type(engine):
    quick = {"epochs": 2, "store": ":memory:", "quiet": True, "engine": engine}
    candidates = [ss.Candidate("constant(0.1)", momentum=0), ss.Candidate("constant(0.1)", momentum=0.0)]
    first, second = ss.compare("ionosphere", candidates, 2, **quick).answer["candidates"]
    assert first["scores"] == second["scores"]
    usual = ss.problem("ionosphere", epochs=2, settings={"momentum": 0})
    alone = ss.compare(usual, ["constant(0.1)"], 2, store=":memory:", quiet=True, engine=engine).answer
    assert alone["candidates"][0]["scores"] == first["scores"]
    assert alone["study"]["protocol"]["optimizer"] == {"name": "sgd", "momentum": 0}
