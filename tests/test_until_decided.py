"""Looks at more seeds: they count, they are kept, and `until="decided"` goes on without changing anything."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.comparison import complete, stored_result
from stepsize.errors import StudyError
from stepsize.problems.problem import problem
from stepsize.study.looks import Look, earlier_looks
from stepsize.study.more_seeds import Budget, next_step, read_budget, with_more_seeds
from stepsize.study.protocol import finished_runs, total_runs
from stepsize.study.search.chosen_rates import extra_rounds
from stepsize.study.stores.saved_study import study_id
from stepsize.study.stores.store import Run, Store
from stepsize.study.study import Study, make_study
from stepsize.study.study_files.description import describe_study, plan_study
from stepsize.verdict.recommendation import judge_step

CANDIDATES = ["constant(lr)", "cosine(lr)", "linear(0.001)"]
LEADS = {"constant": 0.0, "cosine": 0.003, "linear": -0.2}


class Drawn:
    """An executor whose scores depend on family, rate and seed; it can stop after some runs."""

    compile_seconds, layout = 0.0, "drawn"

    def __init__(self, stop_after: float = np.inf) -> None:
        self.training_seconds, self.made, self.stop_after = 0.0, 0, stop_after

    def execute(self, stage, runs, advance, claim):
        for start in range(0, len(stage.jobs), 50):
            if self.made >= self.stop_after:
                raise KeyboardInterrupt
            jobs = [job for job in stage.jobs[start : start + 50] if job.key not in runs]
            self.made += len(jobs)
            yield [self.run(job) for job in jobs]

    def run(self, job):
        noise = np.random.default_rng([job.seed, zlib.crc32(str(job.candidate.schedule).encode())])
        family = str(job.candidate.schedule).partition("(")[0]
        height = 0.9 + LEADS[family] - 0.03 * np.log10((job.rate or 0.1) / 0.1) ** 2
        shared = np.random.default_rng(job.seed).normal()
        curves = np.full((4, 2), height + 0.01 * shared + 0.02 * noise.normal(), np.float32)
        return Run(job.candidate.key(job.rate), job.seed, job.rate, None, curves)


def study_of(seeds: int = 12, candidates: Any = CANDIDATES, **options: Any) -> Study:
    chosen = problem("ionosphere", epochs=2)
    described = describe_study(chosen, {"candidates": candidates, "seeds": seeds, **options})
    return plan_study(described, chosen)


def without_cost(result: ss.Result) -> dict[str, Any]:
    return {key: value for key, value in json.loads(result.to_json()).items() if key != "cost"}


def run(study: Study, path: Any, **options: Any) -> ss.Result:
    with Store(path) as store:
        return complete(study, store, Drawn(**options))


def test_seeds_are_added_until_everything_is_decided(tmp_path):
    result = run(study_of(until="decided", budget=100_000), tmp_path / "s.sqlite")
    looks, verdict = result.answer["study"]["looks"], result.verdict
    assert verdict["stopped"] == "decided"
    assert looks == [12 * 2**i for i in range(len(looks))]
    assert len(looks) > 2
    assert len(result.answer["study"]["seeds"]) == looks[-1]
    assert verdict["recommended"] == "constant(lr)"
    constant, cosine, linear = result.answer["candidates"]
    assert (constant["n"], cosine["n"]) == (looks[-1], looks[-1])
    assert cosine["vs_baseline"]["verdict"] in ("equivalent", "better")
    assert (linear["n"], linear["dropped"], linear["in_best_set"]) == (12, True, False)
    assert linear["vs_baseline"]["verdict"] == "worse"
    assert any("linear(0.001) (at 12 seeds)" in note for note in result.answer["notes"])
    assert "linear(0.001)" in repr(result)


@pytest.mark.parametrize("stop_after", [100, 350, 700])
def test_a_kill_and_a_continuation_change_nothing(tmp_path, stop_after):
    study = study_of(until="decided", budget=1_500)
    whole = run(study, tmp_path / "whole.sqlite")
    path = tmp_path / "killed.sqlite"
    again, attempts = None, 0
    while again is None:
        attempts += 1
        with suppress(KeyboardInterrupt):
            again = run(study, path, stop_after=stop_after)
    assert attempts > 1
    assert without_cost(again) == without_cost(whole)
    with Store(path) as store:
        assert without_cost(stored_result(store)) == without_cost(whole)
        assert [study.id for study in store.studies()] == [study_id(study_of(12).definition())]


@pytest.mark.parametrize("budget", [1, 600, 900, 1_500])
def test_a_budget_of_runs_is_kept_but_for_the_first_verdict(tmp_path, budget):
    study = study_of(until="decided", budget=budget, margin=1e-4)
    result = run(study, tmp_path / "s.sqlite")
    with Store(tmp_path / "s.sqlite") as store:
        made = len(store.runs(study.fingerprint))
    assert made <= budget or result.answer["study"]["looks"] == [12]
    assert result.verdict["stopped"] == "budget"
    assert any("could exceed the budget" in note for note in result.answer["notes"])
    exceeded = f"The study cost {made:,} runs, more than its budget of {budget} run"
    assert any(each.startswith(exceeded) for each in result.answer["warnings"]) is (made > budget)
    more = run(study_of(until="decided", budget=3 * made, margin=1e-4), tmp_path / "s.sqlite")
    assert len(more.answer["study"]["looks"]) > len(result.answer["study"]["looks"])


def test_a_budget_of_time_counts_the_runs_of_earlier_processes(tmp_path):
    study = study_of(margin=1e-4, candidates=[*CANDIDATES, "constant(0.11)"])
    with Store(tmp_path / "s.sqlite") as store:
        complete(study, store, Drawn())
        runs = {key: replace(run, seconds=0.1) for key, run in store.runs(study.fingerprint).items()}
    decision = judge_step(study, runs, [])[1]
    following = with_more_seeds(study, decision.droppable)
    likely = total_runs(following, runs, extra_rounds(study, runs))
    assert "constant(0.11)" in [each.name for each in following.candidates]
    fixed = 12  # its runs are not made again
    cost = 0.1 * (len(runs) + likely - finished_runs(following, runs) - fixed)
    assert cost > 0.1 * len(runs)
    assert next_step(study, decision, runs, Budget(seconds=cost - 1)) is None
    assert next_step(study, decision, runs, Budget(seconds=cost + 0.1)).seeds == following.seeds


def test_looks_by_hand_count_and_an_earlier_answer_stays_as_it_was(tmp_path):
    path = tmp_path / "s.sqlite"
    first = run(study_of(12), path)
    second = run(study_of(24), path)
    assert second.answer["study"]["looks"] == [12, 24]
    assert any("second verdict on these candidates: at 12 and 24 seeds" in n for n in second.answer["notes"])
    alone = run(study_of(24), tmp_path / "alone.sqlite")
    assert alone.answer["study"]["looks"] == [24]
    assert not any("verdict on these candidates" in note for note in alone.answer["notes"])
    assert without_cost(run(study_of(12), path)) == without_cost(first)
    fewer = run(study_of(48, candidates=CANDIDATES[:2]), path)
    assert fewer.answer["study"]["looks"] == [12, 24, 48]


def test_only_looks_that_share_two_candidates_and_a_seed_count():
    study = study_of(12)
    constant, cosine, linear = (each.key(None) for each in study.candidates)
    seeds = frozenset(range(6))
    looks = [
        Look(frozenset({constant, "other"}), seeds),
        Look(frozenset({constant, cosine}), frozenset(range(100, 130))),
        Look(frozenset({cosine, linear, "other"}), seeds),
        Look(frozenset({cosine, linear}), frozenset(range(9))),
        Look(frozenset({constant, cosine, linear}), frozenset(range(12))),
        Look(frozenset({constant, cosine, linear}), frozenset(range(24))),
    ]
    assert earlier_looks(study, looks) == (6, 9)


def test_looks_at_as_many_but_other_seeds_count():
    study = study_of(12)
    keys = frozenset(each.key(None) for each in study.candidates)
    looks = [Look(keys, frozenset(range(start, start + 12))) for start in (2, 1, 2, 0, 5)]
    assert earlier_looks(study, looks) == (12, 12)


def test_repeats_are_what_a_cross_validation_counts():
    chosen = problem("ionosphere", epochs=2, split="kfold", folds=3)
    study = make_study(chosen, CANDIDATES, 36)
    keys = frozenset(each.key(None) for each in study.candidates)
    assert earlier_looks(study, [Look(keys, frozenset(range(18)))]) == (6,)


def test_a_step_doubles_the_seeds_and_tunes_by_their_root():
    study = with_more_seeds(study_of(12), ["linear(0.001)"])
    assert study.seeds == tuple(range(24))
    assert len(study.tuning.fine_seeds) == round(2**0.5 * len(study_of(12).tuning.fine_seeds))
    assert [each.name for each in study.candidates] == CANDIDATES[:2]
    assert [len(step.seeds) for step in with_more_seeds(study).steps] == [12, 24, 48]
    again = Study.from_definition(json.loads(json.dumps(study.definition())))
    assert again.definition() == study.definition()
    assert with_more_seeds(make_study(problem("ionosphere"), CANDIDATES, [3, 7])).seeds == (3, 7, 8, 9)


@pytest.mark.parametrize(
    ("value", "budget"),
    [
        (5000, Budget(runs=5000)),
        ("5000", Budget(runs=5000)),
        ("5,000", Budget(runs=5000)),
        ("60s", Budget(seconds=60)),
        ("1.5 h", Budget(seconds=5400)),
        ("10min", Budget(seconds=600)),
    ],
)
def test_budgets(value, budget):
    assert read_budget(value) == budget


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "0s", "60", "1d", "fast", "", None, float("nan")])
def test_a_budget_that_means_nothing(value):
    if value == "60":
        assert read_budget(value) == Budget(runs=60)
        return
    with pytest.raises(StudyError, match="must be a time or a number of runs; write for example budget="):
        read_budget(value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 100}, 'budget=100 needs until="decided"'),
        ({"until": "decided"}, 'until="decided" needs a budget'),
        ({"until": "decide", "budget": 100}, "did you mean 'decided'"),
        ({"until": "decided", "budget": "soon"}, "must be a time or a number of runs"),
    ],
)
def test_until_and_budget_belong_together(options, message):
    with pytest.raises(StudyError, match=message):
        study_of(**options)
