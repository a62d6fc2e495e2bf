"""The pace of processes, and with it the time left, is that of warm processes."""

import time

import pytest

from stepsize.study.runner import Progress, run_study
from stepsize.study.stores.store import Store
from stepsize.study.study import make_study
from stepsize.study.user_functions.executor import FunctionExecutor
from stepsize.study.user_functions.pace import Pace
from stepsize.study.user_functions.training import Training

EPOCHS = 4
START_UP, RUN = 2.0, 0.08  # seconds

warm = []


def slow_to_start(schedule, seed, report):
    """Import and load what takes long, in the first run of a process."""
    if not warm:
        time.sleep(START_UP)
        warm.append(True)
    for epoch in range(EPOCHS):
        time.sleep(RUN / EPOCHS)
        report(0.5 + schedule(epoch) / 10 + seed / 1000)


def test_the_time_left_is_known_from_warm_processes_alone():
    problem = Training(slow_to_start, EPOCHS, 1, metric="accuracy")
    study = make_study(problem, ["constant(0.1)", "linear(0.1)"], seeds=6)
    seen: list[tuple[float, float | None]] = []

    def listen(progress: Progress) -> None:
        seen.append((progress.done, progress.remaining))

    with Store(":memory:") as store, FunctionExecutor(problem, count=2) as executor:
        cost = run_study(study, store, executor, listen)
    left = [remaining for _, remaining in seen if remaining is not None]
    assert left
    assert all(remaining is None for done, remaining in seen if done < 1)
    assert max(left) < START_UP  # 13 runs of 0.08 s in two processes; with the start-up it is many seconds
    assert cost.runs_per_second > 0.5 * 2 / RUN / 2


def test_the_time_of_processes_that_wait_for_a_round_does_not_count():
    pace = Pace(processes=1)
    for start in (0, 100):
        pace.begin(now=start)
        for epoch in range(1, 5):
            pace.report(0, share=epoch / 4, now=start + epoch)
        pace.end(0, now=start + 4)
    assert pace.seconds == 8


def test_a_run_that_ends_early_is_a_whole_one():
    pace = Pace(processes=1)
    pace.report(0, share=1.0, now=50)
    pace.end(0, now=50)
    for run in range(3):
        pace.report(0, share=0.25, now=51 + 2 * run)
        pace.end(0, now=52 + 2 * run)
    assert pace.seconds == pytest.approx(8, rel=0.05)


def test_the_process_that_replaces_a_dead_one_starts_anew():
    pace = Pace(processes=1)
    pace.report(0, share=0.5, now=10)
    pace.end(0, now=12)
    pace.lose(0)
    pace.report(0, share=0.5, now=30)
    pace.end(0, now=32)
    assert pace.seconds == 8
