"""The results as a page of Markdown: the rows, then what is behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from figures import OURS, TASKS, Figures, Row, Task, costs, median_sgemm, of_task, rows, sgemm

QUICK = " **A quick look: so few runs that its figures say little.**"


def markdown(results: Mapping[str, Any]) -> str:
    """Give the page."""
    measured = results["measured"]
    rate = median_sgemm(measured)
    tasks = {name: task for name, task in TASKS.items() if not isinstance(measured[name], str)}
    found = {name: of_task(task, measured[name]) for name, task in tasks.items()}
    parts = [
        f"# Beside its peers\n\n{_told(results)}{QUICK if results['quick'] else ''}",
        _rows(rows(measured)),
        *(_contenders(task, found[name], rate) for name, task in tasks.items()),
        _remarks(found),
        _sgemm(measured),
        _scale(measured["scale"]),
    ]
    return "\n\n".join(parts) + "\n"


def _told(results: Mapping[str, Any]) -> str:
    said, versions = results["machine"], results["versions"]
    caches = ", ".join(f"{level} {size}" for level, size in said.get("caches", {}).items())
    software = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{results['date']}. {said['processor']}, {said['cores']} cores, {caches}, "
        f"{said.get('memory_gib', '?')} GiB, {said['system']}; {software}. Medians of {results['rounds']} "
        f"round{'s' if results['rounds'] > 1 else ''}, all contenders in turn in each."
    )


def _rows(found: Sequence[Row]) -> str:
    words = {True: "yes", False: "**no**", None: "–"}
    lines = [[r.work, r.peer, r.figure, r.reach, words[r.reached], r.more] for r in found]
    return _grid(["work", "peer", "measured", "to reach", "reached", "more"], lines)


def _contenders(task: Task, found: Mapping[str, Figures], sgemm: float) -> str:
    heads = [
        "contender", "seconds", "fastest and slowest round", "GFLOP/s", "share of sgemm", "compiling, s",
        "start and the rest, s", "peak memory, MiB", "accuracy",
    ]  # fmt: skip
    lines = [
        [
            peer, f"{f.seconds:.3g}", f"{f.spread[0]:.3g} to {f.spread[1]:.3g}", f"{f.gflops:,.3g}",
            f"{100 * f.gflops / sgemm:.2g} %", f"{f.compile_seconds:.1f}", f"{f.rest_seconds:.1f}",
            "–" if f.peak_mib is None else f"{f.peak_mib:,.0f}", str(f.accuracy),
        ]
        for peer, f in found.items()
    ]  # fmt: skip
    kept = (
        "\n\nThe seconds of Keras hold its compiling: each `fit` of a new model does it."
        if task.fit_compiles
        else ""
    )
    return f"## {task.title}\n\n{_grid(heads, lines)}{kept}"


def _remarks(found: Mapping[str, Mapping[str, Figures]]) -> str:
    """Say whose accuracy is not ours."""
    lines = [
        f"{TASKS[name].title}: {peer} reached {figures.accuracy}, {OURS} {contenders[OURS].accuracy}, "
        + ("**which is more than chance**." if figures.equal is False else "too few runs to judge.")
        for name, contenders in found.items()
        for peer, figures in contenders.items()
        if not figures.equal and peer != OURS
    ]
    rule = "no more than three standard errors of the difference and one judged row"
    return "\n\n".join(lines) or f"Equal work: all accuracies differ from ours by {rule}."


def _sgemm(measured: Mapping[str, Any]) -> str:
    lines = [
        [library, f"{median(each):,.0f}", f"{max(each):,.0f}", f"{min(each):,.0f}", str(len(each))]
        for library, each in sgemm(measured).items()
    ]
    heads = ["library", "median, GFLOP/s", "best", "worst", "products"]
    medians = (max(map(median, told["gflops"].values())) for told in measured["sgemm"])
    order = "Medians of the faster, in the order of measuring: " + ", ".join(
        f"{each:,.0f}" for each in medians
    )
    return f"## Matrix products, 2,048³, single precision, all cores\n\n{_grid(heads, lines)}\n\n{order}."


def _scale(sizes: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    lines = [
        [
            f"{cost.runs:,}", f"{1000 * cost.training:.2f}", f"{1000 * cost.whole:.2f}",
            "–" if cost.peak_mib is None else f"{cost.peak_mib:,.0f}",
        ]
        for cost in costs(sizes)
    ]  # fmt: skip
    heads = ["runs of a study", "training, ms a run", "all but the fixed cost, ms a run", "peak memory, MiB"]
    return f"## Studies of growing size\n\n{_grid(heads, lines)}"


def _grid(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    every = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in every)
