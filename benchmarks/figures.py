"""From what was measured to the figures: of each contender, and of each row of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from statistics import median
from typing import Any, NamedTuple

import work
from accuracy import Accuracy, accuracy, alike

Report = Mapping[str, Any]  # what a contender reported in a round, see processes.run
OURS, TORCH, SKLEARN, KERAS = "stepsize", "PyTorch loop", "scikit-learn MLPClassifier", "Keras on JAX, fit"


class Task(NamedTuple):
    """A network and its rows; times are given by run, or by a run's epoch."""

    title: str
    widths: tuple[int, ...]
    trained: int
    judged: int
    by_epoch: bool
    fit_compiles: bool  # whether the time of Keras is that of whole fits, each of which compiles

    def seconds(self, peer: str, report: Report) -> float:
        """Give the seconds of one run, or of one run's epoch."""
        compiling = report["compile_seconds"] if self.fit_compiles and peer == KERAS else 0.0
        return (report["seconds"] + compiling) / report["runs"] / (report["epochs"] if self.by_epoch else 1)


TASKS = {
    "ionosphere": Task("Ionosphere, a run", (34, 34, 1), 235, 116, False, True),
    "fashion": Task("Fashion-MNIST network, a run's epoch", (784, 512, 10), 60_000, 10_000, True, False),
}


class Figures(NamedTuple):
    """What a contender took and reached, over all rounds; seconds and operations are of one share of work."""

    seconds: float
    spread: tuple[float, float]
    gflops: float
    compile_seconds: float
    rest_seconds: float
    peak_mib: float | None
    accuracy: Accuracy
    equal: bool | None


class Row(NamedTuple):
    """A row of the table: a figure, what it shall reach, and whether it does."""

    work: str
    peer: str
    figure: str
    reach: str
    reached: bool | None
    more: str = ""


def of_task(task: Task, rounds: Mapping[str, Sequence[Report]]) -> dict[str, Figures]:
    """Give the figures of each contender; accuracies are held against ours."""
    scores = {
        peer: accuracy([*chain(*(each["val_accuracy"] for each in reports))])
        for peer, reports in rounds.items()
    }
    return {
        peer: _of_contender(task, peer, reports, scores[peer], alike(scores[peer], scores[OURS], task.judged))
        for peer, reports in rounds.items()
    }


def _of_contender(
    task: Task, peer: str, reports: Sequence[Report], reached: Accuracy, equal: bool | None
) -> Figures:
    seconds = [task.seconds(peer, each) for each in reports]
    operations = work.epoch(task.widths, task.trained, task.judged)
    operations *= 1 if task.by_epoch else reports[0]["epochs"]
    return Figures(
        median(seconds),
        (min(seconds), max(seconds)),
        operations / median(seconds) / 1e9,
        median(each["compile_seconds"] for each in reports),
        median(each["wall_seconds"] - each["seconds"] - each["compile_seconds"] for each in reports),
        peak(reports),
        reached,
        equal,
    )


def peak(reports: Sequence[Report]) -> float | None:
    """Give the most memory that was held in any round, in MiB; None where it cannot be known."""
    return max((each["peak_mib"] for each in reports if each["peak_mib"] is not None), default=None)


def times_faster(
    rounds: Mapping[str, Sequence[Report]], task: Task, peers: Sequence[str]
) -> tuple[float, str]:
    """Give how often our time goes into that of the fastest of `peers`: of medians, and by round in words."""
    each = {peer: [task.seconds(peer, one) for one in reports] for peer, reports in rounds.items()}
    best = min(peers, key=lambda peer: median(each[peer]))
    by_round = [theirs / ours for theirs, ours in zip(each[best], each[OURS], strict=True)]
    more = f"against {best}: " if len(peers) > 1 else ""
    more += "by round " + ", ".join(_shown(ratio) for ratio in by_round)
    if task.fit_compiles and best == KERAS:
        apart = task._replace(fit_compiles=False)
        more += f"; without its compiling {times_faster(rounds, apart, [KERAS])[0]:,.0f}x"
    return median(each[best]) / median(each[OURS]), more


def _shown(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def rows(measured: Mapping[str, Any]) -> list[Row]:
    """Give the table's rows for what was measured."""
    return [
        *_rows_of_ionosphere(measured["ionosphere"]),
        *_rows_of_fashion(measured["fashion"], median_sgemm(measured)),
        _row_of_cold(measured["cold"]),
        *_rows_of_starts(measured["starts"]),
        _row_of_plans(measured["plans"]),
        *(_rows_of_scale(measured["scale"]) if "scale" in measured else ()),
    ]


def median_sgemm(measured: Mapping[str, Any]) -> float:
    """Give the machine's rate, in GFLOP/s: the median of all products of the faster library."""
    return max(median(every) for every in sgemm(measured).values())


def sgemm(measured: Mapping[str, Any]) -> dict[str, list[float]]:
    """Give the rates of all products by library."""
    reports = [each["gflops"] for each in measured["sgemm"]]
    return {library: [*chain(*(each[library] for each in reports))] for library in reports[0]}


def _rows_of_ionosphere(rounds: Mapping[str, Sequence[Report]]) -> list[Row]:
    task = TASKS["ionosphere"]
    what = f"Ionosphere, one run's share of a population of {rounds[OURS][0]['runs']:,}"
    found = []
    for peer, reach in ((TORCH, 120), (SKLEARN, 75), (KERAS, 1_500)):
        ratio, more = times_faster(rounds, task, [peer])
        found.append(Row(what, peer, f"{ratio:,.0f}x faster", f"≥ {reach:,}x", ratio >= reach, more))
    return found


def _rows_of_fashion(rounds: Mapping[str, Sequence[Report]] | str, sgemm: float) -> list[Row]:
    task, what = TASKS["fashion"], "Fashion-MNIST network, one run's epoch of a population"
    best, share = "best of PyTorch loop and Keras on JAX", "share of the machine's own sgemm rate"
    if isinstance(rounds, str):
        return [Row(what, best, "–", "≥ 3x", None, rounds), Row(what, share, "–", "≥ 50 %", None, rounds)]
    what += f" of {rounds[OURS][0]['runs']}"
    ratio, more = times_faster(rounds, task, [TORCH, KERAS])
    rate = of_task(task, rounds)[OURS].gflops
    return [
        Row(what, best, f"{ratio:.2f}x faster", "≥ 3x", ratio >= 3, more),
        Row(
            what, share, f"{100 * rate / sgemm:.0f} %", "≥ 50 %", rate >= sgemm / 2,
            f"{rate:,.0f} of {sgemm:,.0f} GFLOP/s",
        ),
    ]  # fmt: skip


def _row_of_cold(rounds: Sequence[Report]) -> Row:
    seconds, runs = median(each["wall_seconds"] for each in rounds), rounds[0]["cost"]["runs"]
    first = [each["first_runs_seconds"] for each in rounds if each["first_runs_seconds"] is not None]
    more = (
        f"{runs:,} runs; the first of them trained after {median(first):.1f} s" if first else f"{runs:,} runs"
    )
    reached = seconds <= 20 and runs >= 700
    what = "`stepsize compare ionosphere`, whole process, cold"
    return Row(what, "", f"{seconds:.1f} s", "≤ 20 s, ≥ 700 runs", reached, more)


def _rows_of_starts(rounds: Sequence[Report]) -> list[Row]:
    ours, numpy, shown = (
        median(chain(*(each[key] for each in rounds))) for key in ("stepsize", "numpy", "help")
    )
    more = f"{1000 * ours:.0f} ms, that of NumPy in it, and {1000 * numpy:.0f} ms"
    return [
        Row(
            "`import stepsize`", "`import numpy`", f"{ours / numpy:.2f}x", "≤ 1.5x", ours <= 1.5 * numpy, more
        ),
        Row("`stepsize --help`, whole process", "", f"{shown:.2f} s", "≤ 0.3 s", shown <= 0.3),
    ]


def _row_of_plans(report: Report) -> Row:
    spec, lead = min(report["leads"].items(), key=lambda item: item[1])
    what = f"{report['updates']:,} values of a plan, the smallest lead known"
    more = f"of `{spec}`; all families are in schedules.md"
    return Row(what, "PyTorch's scheduler stepping", f"{lead:,.0f}x faster", "≥ 100x", lead >= 100, more)


class Cost(NamedTuple):
    """Seconds a run at one size of a study."""

    runs: int
    training: float
    whole: float
    peak_mib: float | None


def costs(sizes: Sequence[Sequence[Report]]) -> list[Cost]:
    """Give the cost of a run by size of the study.

    `training` is that of the engine's calls. `whole` is that of everything, the store, the statistics and
    the report included, but for compiling and for what a process costs whatever its size: the rest of the
    smallest study, its training apart.
    """
    keys = ("runs", "seconds", "compile_seconds", "wall_seconds")
    middle = [{key: median(each[key] for each in reports) for key in keys} for reports in sizes]
    beside = [one["wall_seconds"] - one["compile_seconds"] - one["seconds"] for one in middle]
    return [
        Cost(
            int(one["runs"]),
            one["seconds"] / one["runs"],
            (one["seconds"] + rest - beside[0]) / one["runs"],
            peak(reports),
        )
        for one, rest, reports in zip(middle, beside, sizes, strict=True)
    ]


def _rows_of_scale(sizes: Sequence[Sequence[Report]]) -> list[Row]:
    found = costs(sizes)
    each = [cost.whole for cost in found]
    spread, most = max(each) / min(each) - 1, max(cost.peak_mib or 0.0 for cost in found)
    what = f"cost of a run in studies of {found[0].runs:,} to {found[-1].runs:,} runs"
    more = "ms a run: " + ", ".join(f"{1000 * cost:.2f}" for cost in each)
    return [
        Row(what, "", f"within {100 * spread:.0f} %", "within 20 %", spread <= 0.2, more),
        Row(
            "peak memory of those", "", f"{most / 1024:.2f} GiB" if most else "–", "≤ 2 GB",
            most * 2**20 <= 2e9 if most else None, "all processes, each at its own peak",
        ),
    ]  # fmt: skip
