"""The results of `knobs.py` as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

TABLES = (
    "table", "repetitions", "runs of each search", "regret, rate alone", "regret, four knobs",
    "four knobs lead by (95 %)", "promised more than held by",
)  # fmt: skip
COVERAGE = (
    "surface", "studies", "coverage, %: four knobs - rate alone", "two knobs - rate alone",
    "four knobs - two knobs", "studies with a false word, %", "true lead of four knobs",
    "promised more than true by",
)  # fmt: skip
SAMPLERS = (
    "sampler", "surface", "studies", "regret", "90th percentile", "promised more than true by",
    "seconds a study",
)  # fmt: skip
T95 = {10: 2.262}  # of the 95 % interval of a mean, by number of repetitions


def markdown(results: Mapping[str, Any]) -> str:
    """Give the page; scores are in points, with the standard error of their mean."""
    machine, versions = results["machine"], results["versions"]
    where = f"{machine['processor']}, {machine['cores']} cores; Optuna {versions['optuna']}."
    parts = [f"# Several knobs\n\n{where} All scores are in points, ± the standard error of the mean."]
    for title, header, part, line in (
        ("Four knobs beside the rate alone, at an equal number of runs", TABLES, "tables", _table),
        ("Whole studies whose truth is known", COVERAGE, "coverage", _coverage),
        ("Optuna's samplers", SAMPLERS, "samplers", _sampler),
    ):
        if rows := results[part]:
            dates = ", ".join(sorted({row["date"] for row in rows}))
            parts.append(f"## {title}\n\nMeasured {dates}.\n\n" + _lines(header, map(line, rows)))
    return "\n\n".join(parts) + "\n"


def _lines(header: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _table(row: Mapping[str, Any]) -> list[str]:
    repetitions, lead = row["repetitions"], row["lead"]
    runs = [sorted({each["runs"][place] for each in repetitions}) for place in (0, 1)]
    half = T95.get(len(repetitions), 2.0) * lead["se"]
    return [
        row["table"],
        str(len(repetitions)),
        f"{runs[0][0]} to {runs[0][-1]}; {runs[1][0]}",
        _text(row["regret"]["rate alone"]),
        _text(row["regret"]["four knobs"]),
        f"{lead['mean']:+.2f} ± {half:.2f}",
        _text(row["gap"]),
    ]


def _coverage(row: Mapping[str, Any]) -> list[str]:
    return [
        row["surface"],
        str(row["studies"]),
        *(f"{share:.1f}" for share in row["coverage"].values()),
        f"{row['false_words']:.1f}",
        _text(row["lead"]),
        _text(row["gap"]),
    ]


def _sampler(row: Mapping[str, Any]) -> list[str]:
    return [
        row["sampler"],
        row["surface"],
        str(row["studies"]),
        _text(row["regret"]),
        f"{row['regret']['p90']:.2f}",
        _text(row["gap"]),
        f"{row['seconds']:.1f}",
    ]


def _text(figures: Mapping[str, float]) -> str:
    return f"{figures['mean']:.2f} ± {figures['se']:.2f}"
