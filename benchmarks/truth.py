"""Is what a study says true? Whole studies, tuning included, replayed from recorded runs.

The engine records six schedules at many rates over many seeds, once for each table. Studies are then replayed
by the package's own protocol and decision, with tuning and verdict seeds drawn from the record, and held
against its means. Beside them stands the same study with every schedule at its best rate, known beforehand.

    python benchmarks/truth.py --banks FOLDER --studies 200 --output benchmarks/truth
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from replay.bank import recorded
from replay.measures import Figures, figures, is_false
from replay.population import Population, Recorded, Trainer
from replay.studies import Replay, oracle, plan, replay
from replay.synthetic import SYNTHETIC
from replay.tables import TABLES

import stepsize as ss
from stepsize.study.study import Study

SEEDS = (30, 100)
LOOKS = (30, 60, 120)
Judge = Callable[[Study, Population, Trainer, Sequence[int]], Replay]


def measure(population: Population, studies: int, points: float, problem: Any) -> list[dict[str, Any]]:
    """Return the figures at every number of seeds, and of three looks at growing numbers of seeds."""
    rows, first = [], {}
    for seeds in SEEDS:
        usual = plan(problem, seeds, population.margin)
        short = plan(problem, seeds, population.margin, quarter=True)
        tuned = [replay(usual, population, trainer(population, i), ()) for i in range(studies)]
        known = [oracle(usual, population, trainer(population, i), ()) for i in range(studies)]
        quarter = [replay(short, population, trainer(population, i), ()) for i in range(studies // 2)]
        rows.append(
            {"table": population.name, "seeds": seeds, "points": points, "margin": population.margin}
            | {"studies": studies, "date": datetime.now(UTC).date().isoformat()}
            | {"tuned": asdict(figures(tuned, population)), "oracle": asdict(figures(known, population))}
            | {"quarter": asdict(figures(quarter, population))}
        )
        first[seeds] = {"any_look": tuned[: studies // 2], "any_look_oracle": known[: studies // 2]}
        print(line(rows[-1]), file=sys.stderr, flush=True)
    for name, judge in (("any_look", replay), ("any_look_oracle", oracle)):
        rows[0][name] = 100 * _at_any_look(judge, population, first[LOOKS[0]][name], problem)
    return rows


def trainer(population: Population, study: int) -> Any:
    """Return the trainer of a study: the same for every rule, so that they meet on the same seeds."""
    return population.trainer(np.random.default_rng(study))


def _at_any_look(judge: Judge, population: Population, first: Sequence[Replay], problem: Any) -> float:
    """Return the share of studies with a false word at any of the looks; `first` are the first ones."""
    is_wrong = is_false(first, population)
    for look, seeds in enumerate(LOOKS[1:], 1):
        study = plan(problem, seeds, population.margin)
        replays = [
            judge(study, population, trainer(population, number), LOOKS[:look])
            for number in range(len(first))
        ]
        is_wrong |= is_false(replays, population)
    return float(is_wrong.mean())


HEADER = (
    "| table | seeds | studies | tuning runs | regret, mean (90 %) | rates p90/p10 | false words "
    "| at best rates | coverage | at best rates | word changes | at best rates "
    "| a quarter of the tuning: false, coverage |"
)


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    tuned, best, quarter = (Figures(**row[name]) for name in ("tuned", "oracle", "quarter"))
    cells = [
        row["table"],
        str(row["seeds"]),
        str(row["studies"]),
        f"{tuned.runs:.0f}",
        f"{row['points'] * tuned.regret:.3f} ({row['points'] * tuned.regret_p90:.2f})",
        f"{tuned.spread:.1f}",
        f"{tuned.false_words:.1f}",
        f"{best.false_words:.1f}",
        f"{tuned.coverage:.1f}",
        f"{best.coverage:.1f}",
        f"{tuned.changes:.1f}",
        f"{best.changes:.1f}",
        f"{quarter.false_words:.1f}, {quarter.coverage:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def markdown(results: dict[str, Any]) -> str:
    """Return the page."""
    held_out = [row for row in results["rows"] if row["held_out"]]
    known = [row for row in results["rows"] if not row["held_out"]]
    lines = [
        "# Is what a study says true?",
        "",
        f"{results['date']}, {results['machine']}. Percent unless said; regret is in points (hundredths of "
        "R2 where the target is a quantity).",
    ]
    for title, rows in (("Tables and synthetic trainers", known), ("Looked at once, at the end", held_out)):
        if rows:
            lines += ["", f"## {title}", "", HEADER, "| --- |" + " ---: |" * (HEADER.count("|") - 2)]
            lines += [line(row) for row in rows]
    looks = [
        f"{row['table']} {row['any_look']:.1f} ({row['any_look_oracle']:.1f})"
        for row in results["rows"]
        if "any_look" in row
    ]
    lines += [
        "",
        f"False words at any of the looks at {', '.join(map(str, LOOKS))} seeds, and in brackets at best "
        f"rates: {'; '.join(looks)}.",
        "",
    ]
    return "\n".join(lines)


def write(output: Path, rows: list[dict[str, Any]]) -> None:
    """Write PATH.json and PATH.md; rows of other tables that are already there stay."""
    path = output.with_suffix(".json")
    measured = {row["table"] for row in rows}
    earlier = json.loads(path.read_text())["rows"] if path.exists() else []
    order = {name: place for place, name in enumerate([*TABLES, *(each.name for each in SYNTHETIC)])}
    rows = rows + [row for row in earlier if row["table"] not in measured and row["table"] in order]
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, {platform.machine()}",
        "rows": sorted(rows, key=lambda row: (order[row["table"]], row["seeds"])),
    }
    path.write_text(json.dumps(results, indent=1) + "\n")
    output.with_suffix(".md").write_text(markdown(results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--banks", type=Path, default=Path("stepsize-results/banks"), help="where runs are kept"
    )
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--only", nargs="*", help="names of tables or trainers; default: all but held out")
    parser.add_argument("--held-out", action="store_true", help="also the tables kept for the end")
    parser.add_argument("--output", type=Path, help="write PATH.json and PATH.md after every table")
    options = parser.parse_args()
    options.banks.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []

    def add(population: Population, points: float, problem: Any, held_out: bool) -> None:
        measured = measure(population, options.studies, points, problem)
        rows.extend({**row, "held_out": held_out} for row in measured)
        if options.output:
            write(options.output, rows)

    print(HEADER, file=sys.stderr)
    for name, table in TABLES.items():
        if name in options.only if options.only else options.held_out or not table.held_out:
            population = Recorded(recorded(name, table, options.banks))
            add(population, table.scale, table.problem(), table.held_out)
    for population in SYNTHETIC:
        if not options.only or population.name in options.only:
            add(population, 100.0, ss.problem("iris"), False)


if __name__ == "__main__":
    main()
