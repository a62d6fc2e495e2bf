"""A study does not depend on how its populations are laid out, beyond float rounding."""

import numpy as np
import pytest

import stepsize as ss
from stepsize.engine.planner import Layout
from stepsize.engine.population import Population
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.runner import run_study
from stepsize.study.stores.store import Store
from stepsize.study.study import make_study
from stepsize.study.tuning import Tuning
from stepsize.verdict.summary import summarise_study

SPECS = ("constant(lr)", "cosine(lr)", "warmup(2*epochs) >> linear(lr)", "constant(0.003)")
SIDE_BY_SIDE = Layout(2, 8, 4, 6, "four side by side, on two devices")
IN_SERIES = Layout(1, 6, 1, 1, "in series, three at once, an epoch a call", abreast=3)


class Here:
    """A trainer in this process, with a layout of our choice."""

    compile_seconds = 0.0

    def __init__(self, layout):
        self._layout, self._populations = layout, {}

    def open(self, key, task, candidates, seeds):
        if key not in self._populations:
            self._populations[key] = Population(task)
            self._populations[key].compile(self._layout)
        return self._layout

    def train(self, key, blocks, on_progress, checkpoint=None):
        return self._populations[key].train(blocks, on_progress)


def study_by(layout):
    """Give the answer and the runs of one study under a layout."""
    problem = ss.problem("iris", epochs=6)
    tuning = Tuning(rates=(0.003, 0.03, 0.3), rounds=1, seeds=(1_000_000, 1_000_001))
    study = make_study(problem, SPECS, seeds=7, tuning=tuning)
    with Store(":memory:") as store:
        run_study(study, store, PopulationExecutor(Here(layout), problem, study))
        runs = store.runs(study.fingerprint)
    return summarise_study(study, runs, {}), runs


@pytest.mark.slow
def test_two_layouts_give_one_verdict():
    together, runs = study_by(SIDE_BY_SIDE)
    alone, same_runs = study_by(IN_SERIES)
    assert runs.keys() == same_runs.keys()
    for name, run in runs.items():
        np.testing.assert_allclose(run.curves[:, :3], same_runs[name].curves[:, :3], rtol=1e-3, atol=1e-5)
    for key in ("status", "best_set", "recommended", "sentence"):
        assert together["verdict"][key] == alone["verdict"][key]
    for ours, theirs in zip(together["candidates"], alone["candidates"], strict=True):
        assert (ours["spec"], ours["lr"], ours["n"]) == (theirs["spec"], theirs["lr"], theirs["n"])
        assert ours["mean"] == pytest.approx(theirs["mean"], abs=1e-3)
        assert ours["vs_baseline"] is None or (
            ours["vs_baseline"]["verdict"] == theirs["vs_baseline"]["verdict"]
        )


@pytest.mark.slow
def test_numbers_of_an_optimizer_of_ones_own_train_apart():
    """It may use them while it is built, so each gets a program; the runs are those of a study of its own."""

    def scores(momenta):
        problem = ss.problem("iris", model="tests.support.user_models:own_optimizer", epochs=2)
        candidates = [ss.Candidate("constant(0.1)", momentum=momentum) for momentum in momenta]
        study = make_study(problem, candidates, seeds=2)
        with Store(":memory:") as store:
            run_study(study, store, PopulationExecutor(Here(IN_SERIES), problem, study))
            return {key: run.curves[1, -1] for key, run in store.runs(study.fingerprint).items()}

    together, alone = scores([0.2, 0.9]), scores([0.9])
    assert len(together) == 4
    assert len(set(together.values())) == 4
    assert alone.items() <= together.items()
