"""The rates that runs used, from what is kept of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import stepsize as ss
from stepsize.problems.problem import Problem, problem
from stepsize.study.candidates import Candidate
from stepsize.study.search.rate_search import Tuned
from stepsize.study.stores.store import Run
from stepsize.study.study import make_study
from stepsize.study.used_rates import UsedRates

Scores = list[list[float]]

PER_EPOCH, EPOCHS = 5, 6
CYCLES = f"repeat(linear(0.2, length=1*epochs, closed=True), times={EPOCHS})"  # each epoch ends at 0
DRIVEN = [
    "cosine(0.3) * plateau(factor=0.5, patience=0)",
    f"{CYCLES} * plateau(factor=0.5, patience=0)",
    "(warmup(3*updates) >> linear(0.3)) * two_way(factor=0.5, growth=1.3, patience=0)",
]
HALVING = 'constant(0.4) * plateau(factor=0.5, patience=0, metric="val_accuracy")'


def shows_its_rates(schedule, seed, report) -> None:
    """Report the rates of an epoch's first and third update as the losses; some runs are lost on the way."""
    draws = np.random.default_rng(seed)
    for epoch in range(EPOCHS):
        rates = [schedule(epoch * PER_EPOCH + batch) for batch in range(PER_EPOCH)]
        is_lost = seed % 4 == 3 and epoch == 3
        report(math.nan if is_lost else draws.random(), loss=rates[0], val_loss=rates[2])


@pytest.mark.usefixtures("one_process")
def test_the_rates_of_a_training_function_are_those_that_it_used() -> None:
    followed = [spec.replace("patience=0", 'patience=0, metric="val_noise", mode="min"') for spec in DRIVEN]
    training = ss.Training(
        shows_its_rates, epochs=EPOCHS, updates_per_epoch=PER_EPOCH, metric="noise", higher_is_better=False
    )
    candidates = [Candidate(spec, str(k)) for k, spec in enumerate(followed)]
    result = ss.compare(training, candidates, seeds=6, store=":memory:", quiet=True)
    for candidate, spec in zip(candidates, DRIVEN, strict=True):
        curves, plan = result.details["curves"][candidate.name], result.details["plans"][candidate.name]
        used = np.reshape(plan["lr"], (EPOCHS, PER_EPOCH))
        np.testing.assert_allclose(used[:, 0], curves["train_loss"]["mean"], rtol=1e-12)
        np.testing.assert_allclose(used[:, 2], curves["val_loss"]["mean"], rtol=1e-12)
        planned = ss.parse(spec).plan(epochs=EPOCHS, updates_per_epoch=PER_EPOCH).values
        assert np.any(used.ravel() < planned / 1.5)  # the rule has fired


@pytest.mark.parametrize("settings", [{}, {"momentum": "linear(0.9)", "batch_size": 100, "epochs": 2}])
def test_a_rule_that_never_fires_leaves_the_rates_of_the_plan(engine, settings) -> None:
    specs = ["cosine(0.3)", "cosine(0.3) * plateau(factor=0.5, patience=100)"]
    plain, driven = (Candidate(spec, **settings) for spec in specs)
    trained = problem("ionosphere", epochs=3, batch_size=140)
    result = ss.compare(trained, [plain, driven], seeds=2, store=":memory:", quiet=True, engine=engine)
    plans = result.details["plans"]
    assert plans[driven.name] == plans[plain.name]


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def in_series() -> Problem:
    rows = problem("iris").data
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD
    return Problem(perceptron, rows, loss=loss, optimizer=optimizer, epochs=4, batch_size=40).in_series("-")


@pytest.mark.usefixtures("series_process")
@pytest.mark.parametrize("makes", [lambda: problem("ionosphere", epochs=4, batch_size=100), in_series])
def test_a_schedule_with_the_rates_that_a_rule_gave_makes_the_same_run(makes, engine) -> None:
    trained = makes()

    def trains(spec: str) -> ss.Result:
        alone = [Candidate(spec, "driven", momentum="linear(0.9)")]
        return ss.compare(trained, alone, seeds=[1], store=":memory:", quiet=True, engine=engine)

    driven = trains(f"{CYCLES} * plateau(factor=0.5, patience=0, threshold=0.9)")
    rates = np.reshape(driven.details["plans"]["driven"]["lr"], (4, -1))
    factors = (rates[:, 0] / 0.2).tolist()
    assert factors == [1.0, 1.0, 0.5, 0.25]
    known = f"piecewise_constant({factors}, at=[1*epochs, 2*epochs, 3*epochs])"
    assert trains(f"{CYCLES} * {known}").details["curves"] == driven.details["curves"]


def judged(spec: str, scores: Scores, diverged_at: int | None = None) -> tuple[UsedRates, list[Run]]:
    """Return the rates of runs of 4 epochs of 9 updates with these scores, of which no rate is kept."""
    study = make_study(problem("ionosphere", epochs=4), [spec], 1)
    curves = np.full((len(scores), 4, 4), np.nan, np.float32)
    curves[:, 2] = scores
    used = UsedRates.of(study, Tuned(study.candidates[0]))
    return used, [Run(spec, 0, None, diverged_at, each) for each in curves]


def test_the_mean_is_over_the_runs_that_still_train() -> None:
    rising, stuck, lost = [0.1, 0.2, 0.3, 0.4], [0.1, 0.1, 0.1, 0.1], [0.1, 0.1, math.nan, math.nan]
    used, runs = judged(HALVING, [rising, stuck, lost])
    firsts = np.arange(4) * 9
    assert used.mean(runs, firsts) == pytest.approx([0.4, 0.4, 0.8 / 3, 0.25])
    assert used.mean(runs, firsts + 8) == pytest.approx([0.4, 0.4, 0.8 / 3, 0.25])
    assert used.mean(runs[2:], firsts) == pytest.approx([0.4, 0.4, 0.2, math.nan], nan_ok=True)


def test_the_highest_rate_is_that_of_the_updates_up_to_the_divergence() -> None:
    for spec, update, highest in (
        ("exponential(8, floor=0.001)", 2, 8.0),
        ("warmup(1*epochs) >> cosine(0.9)", 3, 0.3),
        ("triangular(8, up=0.5*epochs, floor=0.001)", 30, 8.0),
        (HALVING, 20, 0.4),
    ):
        used, (run,) = judged(spec, [[0.1, 0.1, math.nan, math.nan]], update)
        assert used.highest(run) == pytest.approx(highest), spec


def test_the_highest_rate_has_the_factor_of_its_epoch() -> None:
    climbing = HALVING.replace("constant(0.4)", "(warmup(4*epochs, closed=True) >> constant(0.4))")
    used, (run,) = judged(climbing, [[0.1, 0.1, math.nan, math.nan]], 20)
    planned = used.plan.values
    assert used.highest(run) == pytest.approx(max(planned[17], planned[20] / 2))


def test_a_training_function_that_is_lost_after_an_epoch_used_all_of_its_rates() -> None:
    training = ss.Training(shows_its_rates, epochs=2, updates_per_epoch=5, metric="accuracy")
    study = make_study(training, ["warmup(1*run) >> constant(1)"], 1)
    run = Run("", 0, None, 4, np.full((4, 2), np.nan))
    assert UsedRates.of(study, Tuned(study.candidates[0])).highest(run) == pytest.approx(0.4)
