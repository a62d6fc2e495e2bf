"""A model that trains in PyTorch, in series, has the runs of the same model in a population."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import stepsize as ss
from stepsize.errors import EngineError, ProblemError, StudyError
from stepsize.problems.problem import Problem
from stepsize.study.candidates import Candidate
from stepsize.study.final_run import make_series_run
from stepsize.study.jobs import Job
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run
from stepsize.study.study import Study, make_study
from stepsize.study.user_functions.executor import FunctionExecutor
from stepsize.study.user_functions.torch_series import TorchSeries

pytestmark = pytest.mark.usefixtures("series_process")
Made = dict[tuple[str, int], Run]

SGD = partial(torch.optim.SGD, momentum=0.9, weight_decay=0.01)
CANDIDATES = (
    "cosine(0.03)",
    Candidate("constant(0.03) * plateau(factor=0.5, patience=0)"),
    Candidate("constant(0.02)", batch_size=10, multipliers={"3": 0.1}),
    Candidate("constant(0.02)", clip_grad_norm=0.5, weight_decay=0.1),
    Candidate("cosine(0.02)", momentum="one_cycle_momentum(0.95)"),
    Candidate(
        "constant(0.02)",
        momentum="piecewise_constant([0, 0.9, 0, 0.8], at=[3*updates, 9*updates, 12*updates])",
    ),
    Candidate("constant(0.01)", epochs=2),
)


def mlp() -> nn.Module:
    """Make a network without parameters that have no gradient but rounding, which Adam would amplify."""
    return nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


class Branching(nn.Module):
    """The same network, whose graph depends on its data, although no branch changes anything."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.net(x)
        return y if y.sum() > 1e9 else y.clone()


def grouped(model: nn.Module) -> torch.optim.Optimizer:
    first, *others = model.parameters()
    return torch.optim.AdamW(
        [{"params": [first], "lr": 1e-4, "weight_decay": 0.3}, {"params": others}], lr=1e-3
    )


def right(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (outputs.argmax(1) == y).float()


def iris(model: Callable[[], nn.Module] = mlp, **changes: Any) -> Problem:
    usual = {"loss": nn.CrossEntropyLoss(), "optimizer": SGD, "epochs": 4, "prepare": True}
    return Problem(model, ss.problem("iris").data, **{**usual, **changes})


def regression() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def quantities(**changes: Any) -> Problem:
    x = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    data = (x, np.float32(5 + x.sum(1)))
    usual = {"loss": nn.MSELoss(reduction="sum"), "optimizer": torch.optim.AdamW, "epochs": 4}
    return Problem(regression, data, **{**usual, **changes})


def jobs_of(study: Study) -> Round:
    jobs = tuple(Job(each, None, seed) for seed in study.seeds for each in study.candidates)
    return Round("comparing on fresh seeds", jobs, judge=True)


def in_series(problem: Problem, study: Study) -> Made:
    with FunctionExecutor(TorchSeries.of(problem, study), count=1) as executor:
        made = executor.execute(jobs_of(study), {}, lambda done: None)
        return {(run.candidate, run.seed): run for runs in made for run in runs}


def in_populations(problem: Problem, study: Study, engine: Any) -> Made:
    made = PopulationExecutor(engine, problem, study).execute(jobs_of(study), {}, lambda done: None)
    return {(run.candidate, run.seed): run for runs in made for run in runs}


CASES: dict[str, Callable[[], Problem]] = {
    "SGD": iris,
    "AdamW and a metric of the user's": lambda: iris(
        optimizer=partial(torch.optim.AdamW, weight_decay=0.1), metric=right, mode="max"
    ),
    "groups and a metric by name": lambda: iris(optimizer=grouped, metric="auc"),
    "quantities and a summed loss": quantities,
}


@pytest.mark.parametrize("case", CASES)
def test_both_roads_make_the_same_runs(case: str, engine: Any) -> None:
    problem = CASES[case]()
    specs = CANDIDATES if case == "SGD" else CANDIDATES[:2]
    study = make_study(problem, specs, seeds=3)
    ours = in_series(problem.in_series("a test says so"), study)
    theirs = in_populations(problem, study, engine)
    assert ours.keys() == theirs.keys()
    for key, run in ours.items():
        expected = theirs[key]
        assert run.diverged_at is expected.diverged_at is None
        np.testing.assert_allclose(run.curves[[0, 1, 3]], expected.curves[[0, 1, 3]], rtol=1e-4)
        np.testing.assert_allclose(run.curves[2], expected.curves[2], rtol=1e-5, atol=1e-4)
    for name in {name for name, _ in ours}:
        keys = [key for key in ours if key[0] == name]
        means = [np.mean([made[key].curves[2, -1] for key in keys]) for made in (ours, theirs)]
        assert abs(means[0] - means[1]) < 0.002


def test_a_momentum_with_which_pytorch_fails_is_refused() -> None:
    momentum = "piecewise_constant([0, 0.9], at=[1*epochs])"
    problem = iris(optimizer=partial(torch.optim.RMSprop, momentum=0.9)).in_series("a test says so")
    study = make_study(problem, [Candidate("constant(0.01)", momentum=momentum)], seeds=2)
    with pytest.raises(StudyError, match="begins with 0; RMSprop then has no buffer"):
        TorchSeries.of(problem, study)


def test_a_branch_that_changes_nothing_is_the_other_road(engine: Any) -> None:
    branching = iris(Branching)
    assert branching.series is not None
    study = make_study(branching, CANDIDATES[:1], seeds=2)
    ours = in_series(branching, study)
    theirs = in_populations(iris(), make_study(iris(), CANDIDATES[:1], seeds=2), engine)
    for key, run in ours.items():
        np.testing.assert_allclose(run.curves, theirs[key].curves, rtol=1e-4)


def test_a_run_diverges_at_the_same_update(engine: Any) -> None:
    problem = quantities(optimizer=torch.optim.SGD)
    study = make_study(problem, ["constant(0.1)"], seeds=2)
    ours, theirs = in_series(problem.in_series("-"), study), in_populations(problem, study, engine)
    for key, run in ours.items():
        assert run.score is None
        assert run.diverged_at == theirs[key].diverged_at


@pytest.mark.parametrize(
    ("rate", "size", "epochs", "update"),
    [
        ("1e+10", 30, 1, 1),  # its loss at the second of two updates
        ("1e+38", 60, 1, 0),  # only its score, after the only update
        ("1e+18", 60, 2, 1),  # first its score, then its loss
    ],
)
def test_a_run_is_lost_at_one_of_its_updates(rate: str, size: int, epochs: int, update: int, engine: Any):
    problem = quantities(optimizer=torch.optim.SGD, epochs=epochs, batch_size=size)
    study = make_study(problem, [f"constant({rate})"], seeds=1)
    roads = [in_series(problem.in_series("-"), study)]
    if rate == "1e+38":
        roads.append(in_populations(problem, study, engine))
    for runs in roads:
        (run,) = runs.values()
        assert run.score is None
        assert run.diverged_at == update
        assert run.curves[3] == pytest.approx(float(rate))


def probable() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3), nn.Sigmoid())


def one_hot(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.binary_cross_entropy(outputs, nn.functional.one_hot(y, 3).float())


def test_a_loss_that_refuses_the_outputs_of_lost_weights_is_a_divergence() -> None:
    """PyTorch's cross-entropy of probabilities raises for those that are not finite."""
    growing = partial(torch.optim.SGD, weight_decay=1.0)  # weights that overflow, whatever the gradients are
    problem = iris(probable, loss=one_hot, optimizer=growing).in_series("-")
    study = make_study(problem, ["constant(1e30)"], seeds=1)
    (run,) = in_series(problem, study).values()
    assert run.diverged_at is not None


def test_a_seed_has_one_set_of_dropout_masks_and_another_seed_another() -> None:
    problem = iris(lambda: nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))).in_series("-")
    study = make_study(problem, ["constant(1e-9)", "linear(1e-9)"], seeds=2)
    losses = {key: run.curves[0, 0] for key, run in in_series(problem, study).items()}
    first, same, other = (losses[key] for key in sorted(losses, key=lambda key: key[1])[:3])
    assert first == pytest.approx(same, rel=1e-5)
    assert abs(first - other) > 1e-3


def test_a_run_made_once_more_is_the_same_and_has_weights() -> None:
    problem = iris().in_series("-")
    study = make_study(problem, ["constant(0.01)"], seeds=2)
    job = Job(study.candidates[0], None, 1)
    final, made = make_series_run(problem, study, job), in_series(problem, study)
    np.testing.assert_array_equal(final.run.curves, made["constant(0.01)", 1].curves)
    assert {"0.weight", "1.running_mean", "3.bias"} <= set(final.weights)


class Raising(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) == 7:
            raise ValueError("seven rows")
        return self.linear(x)


def infinite(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(outputs, y) / (y != 2).all()


BAD: dict[str, tuple[Callable[[], Problem], Any, Any, str]] = {
    "multipliers": (iris, Candidate("constant(0.1)", multipliers={"5": 0.1}), StudyError, "layer in multi"),
    "momentum": (
        lambda: iris(optimizer=torch.optim.Adagrad),
        Candidate("constant(0.1)", momentum="linear(0.9)"),
        StudyError,
        "'Adagrad' has no momentum that a schedule could set",
    ),
    "a row": (lambda: iris(loss=infinite), "constant(0.1)", ProblemError, r"row \d+ of the data: the loss"),
    "a model": (
        lambda: iris(Raising, batch_size=7),
        "constant(0.1)",
        EngineError,
        "Raising raised ValueError: seven rows",
    ),
    "a lock": (
        lambda: iris(partial(lambda lock: mlp(), __import__("threading").Lock())),
        "constant(0.1)",
        ProblemError,
        "cannot be sent to another process: cannot pickle",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_trained_is_refused_in_one_sentence(case: str) -> None:
    make, candidate, error, words = BAD[case]
    problem = make().in_series("-")
    with pytest.raises(error, match=words) as refusal:
        in_series(problem, make_study(problem, [candidate], seeds=1))
    assert "\n" not in str(refusal.value)
