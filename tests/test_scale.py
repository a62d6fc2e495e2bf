"""Studies of very many runs: every step looks at each run a few times, and what people read stays small."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import pytest

from stepsize.comparison import judge
from stepsize.report.terminal import answer as terminal
from stepsize.result import Result
from stepsize.study.protocol import finished_runs, rounds, total_runs
from stepsize.study.runner import run_study
from stepsize.study.stores.store import Run, Store
from stepsize.study.study import Study
from tests.support.untrained_runs import MadeUp, ionosphere_study, made_up


class Counted(dict[tuple[str, int], Run]):
    """Runs that count how often they are looked at."""

    looks = 0

    def __contains__(self, key: object) -> bool:
        self.looks += 1
        return super().__contains__(key)

    def __getitem__(self, key: tuple[str, int]) -> Run:
        self.looks += 1
        return super().__getitem__(key)


def finished(study: Study) -> Counted:
    runs = Counted()
    for stage in rounds(study, runs):
        runs.update({(run.candidate, run.seed): run for run in made_up(list(stage.jobs), epochs=2)})
    return runs


def answered(study: Study, path: Path | str) -> Result:
    with Store(path) as store:
        maker = MadeUp()
        cost = asdict(run_study(study, store, maker))
        assert (
            cost["runs"]
            == total_runs(study, store.runs(study.fingerprint))
            == len(maker.made)
            == len(set(maker.made))
        )
        return judge(study, store, cost)


@pytest.mark.parametrize(("candidates", "seeds"), [(4, 100), (4, 1000), (2, 5000)])
def test_going_through_a_study_looks_at_each_run_once_and_at_tuning_runs_a_few_times(candidates, seeds):
    study = ionosphere_study(candidates, seeds, tuned=True)
    runs = finished(study)
    runs.looks = 0
    assert finished_runs(study, runs) == len(runs) == total_runs(study, runs)
    tuning = len(runs) - candidates * seeds
    assert runs.looks <= 2 * candidates * seeds + 16 * tuning  # with two rounds added to the finer search


def test_a_run_in_memory_takes_little_more_than_its_curves(tmp_path):
    study = ionosphere_study(100, 50)
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        run_study(study, store, MadeUp())
        tracemalloc.start()
        runs = store.runs(study.fingerprint)
        used, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(runs) == 5000
    curves = 4 * 50 * 4
    assert used < (curves + 700) * len(runs)
    assert peak < 1.2 * used


def test_a_stopped_study_makes_only_what_is_missing(tmp_path):
    study, whole, half = ionosphere_study(4, 100, tuned=True), MadeUp(), MadeUp()
    with Store(tmp_path / "whole.sqlite") as store:
        run_study(study, store, whole)
        made = store.runs(study.fingerprint)
    kept = [made[key] for key in whole.made[::3]]
    with Store(tmp_path / "half.sqlite") as store:
        store.add(study.fingerprint, kept)
        cost = run_study(study, store, half)
        assert cost.runs == len(half.made)
        assert not set(half.made) & {(run.candidate, run.seed) for run in kept}
        assert finished_runs(study, runs := store.runs(study.fingerprint)) == total_runs(study, runs)


def test_runs_of_a_later_round_that_are_there_count_as_found(tmp_path):
    study, seen = ionosphere_study(2, 6, tuned=True), []
    with Store(tmp_path / "s.sqlite") as store:
        run_study(study, store, MadeUp())
        runs = store.runs(study.fingerprint)
    judged_runs = [run for run in runs.values() if run.seed < 6]
    with Store(tmp_path / "t.sqlite") as store:
        store.add(study.fingerprint, judged_runs)
        cost = run_study(
            study, store, MadeUp(), lambda progress: seen.append((progress.done, progress.found))
        )
    assert cost.runs == total_runs(study, runs) - len(judged_runs)
    assert all(done >= found for done, found in seen)


@pytest.mark.parametrize(("candidates", "seeds"), [(5, 2000), (200, 50)])
def test_ten_thousand_runs_make_a_small_page_and_a_short_text(tmp_path, candidates, seeds):
    result = answered(ionosphere_study(candidates, seeds), tmp_path / "s.sqlite")
    page = result.report(tmp_path / "page.html").read_text("utf-8")
    assert len(page) < 2_500_000
    assert page.count("<td") < 5000
    said = terminal.render(result.answer, result.details)
    assert said.count("\n") < 130
    assert len(result.details["curves"]) <= 42
    whole = json.loads(result.to_json())
    assert [len(candidate["scores"]) for candidate in whole["candidates"]] == [seeds] * candidates


@pytest.mark.slow
@pytest.mark.parametrize(
    ("candidates", "seeds", "tuned", "store"),
    [(5, 10_000, True, "s.sqlite"), (1000, 100, False, ":memory:")],
)
def test_a_hundred_thousand_runs(tmp_path, candidates, seeds, tuned, store):
    result = answered(ionosphere_study(candidates, seeds, tuned), store)
    assert result.answer["cost"]["runs"] > 95_000
    assert result.verdict["recommended"] in result.verdict["best_set"]
    assert [len(candidate["scores"]) for candidate in result.answer["candidates"]] == [seeds] * candidates
    assert len(result.report(tmp_path / "page.html").read_bytes()) < 5_000_000
