"""Does a map of rates say the same again? Maps of disjoint seeds, beside the best rate of 200 seeds.

    python benchmarks/rate_maps.py --output benchmarks/rate_maps

Ten maps of each problem are made by the package's own protocol, each on twenty seeds of its own. The truth is
the peak of the curve through 200 more seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, versions

import stepsize as ss
from stepsize.engine.client import Engine
from stepsize.finding import plan_maps
from stepsize.rate_map.rounds import MapOfRates, map_rounds
from stepsize.rate_map.summary import summarise_rates
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.protocol import Round
from stepsize.study.runner import run_study
from stepsize.study.stores.store import Runs, Store
from stepsize.study.study import Study
from stepsize.study.tuning import TUNING_SEEDS

MAPS, SEEDS, TRUTH = 10, 20, 200


def problems() -> dict[str, ss.Problem]:
    """Return the problems of the study."""
    from sklearn.datasets import load_diabetes

    diabetes = ss.problem(load_diabetes(return_X_y=True), name="diabetes", model="mlp(32)", epochs=40)
    return {name: ss.problem(name) for name in ("ionosphere", "wine", "breast-cancer", "digits")} | {
        "diabetes": diabetes
    }


def maps_of(problem: ss.Problem, engine: Engine, store: Store) -> tuple[list[dict[str, Any]], float]:
    """Return the first maps of a problem's answers, and the best rate of many seeds."""
    study, answers = plan_maps(problem, SEEDS), []
    executor = PopulationExecutor(engine, problem, study)
    for number in range(MAPS):
        first = TUNING_SEEDS + number * SEEDS
        seeds = tuple(range(first, first + SEEDS))
        each = replace(study, tuning=replace(study.tuning, seeds=seeds))
        run_study(each, store, executor, plan=map_rounds)
        answers.append(dict(summarise_rates(each, store.runs(study.fingerprint), {}, "")["maps"][0]))
    return answers, best_rate(study, answers, executor, store)


def best_rate(
    study: Study, answers: list[dict[str, Any]], executor: PopulationExecutor, store: Store
) -> float:
    """Return the peak of the curve through the scores of many more seeds, at every rate that a map tried."""
    first = TUNING_SEEDS + MAPS * SEEDS
    seeds = tuple(range(first, first + TRUTH))
    rates = sorted({row["rate"] for answer in answers for row in answer["rates"] if not row["diverged"]})
    best = np.median([answer["best"]["rate"] for answer in answers])
    near = [rate for rate in rates if best / 12 < rate < best * 12]
    tuning = replace(study.tuning, rates=tuple(near), seeds=seeds, rounds=0)

    def whole(study: Study, runs: Runs) -> Iterator[Round]:
        (each,) = (MapOfRates(study, finished_maps_candidate(study)),)
        yield Round("the truth", tuple(each.jobs(near)), judge=False)

    large = replace(study, tuning=tuning)
    run_study(large, store, executor, plan=whole, count=lambda study, runs: len(near) * TRUTH)
    return MapOfRates(large, finished_maps_candidate(large)).curve(store.runs(study.fingerprint)).rate


def finished_maps_candidate(study: Study) -> Any:
    """Return the candidate of the only map of a study."""
    from stepsize.study.candidates import Candidate

    return Candidate("constant(lr)", **study.candidates[0].settings)


def figures(answers: list[dict[str, Any]], best: float) -> dict[str, Any]:
    """Return how far maps agree with each other and with the best rate."""
    rates = [answer["best"]["rate"] for answer in answers]
    words = [{row["rate"]: kind(row["word"]) for row in answer["rates"]} for answer in answers]
    same = [
        one[rate] == other[rate]
        for one, other in combinations(words, 2)
        for rate in one.keys() & other.keys()
    ]
    holds = [answer["best"]["range"][0] <= best <= answer["best"]["range"][1] for answer in answers]
    return {
        "best": best,
        "lowest": min(rates),
        "highest": max(rates),
        "factor": max(rates) / min(rates),
        "holds": 100 * float(np.mean(holds)),
        "words": 100 * float(np.mean(same)),
        "pairs": len(same),
    }


def kind(word: str) -> str:
    """Return a word; the best rate is a good one."""
    return "good" if word == "best" else word


def markdown(rows: dict[str, dict[str, Any]], where: str) -> str:
    """Return the table."""
    lines = [
        "| problem | best rate of 200 seeds | chosen by ten maps | highest / lowest "
        "| ranges that hold the best, % | same word in two maps, % |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['best']:.3g} | {row['lowest']:.2g} to {row['highest']:.2g} "
            f"| {row['factor']:.2f} | {row['holds']:.0f} | {row['words']:.1f} |"
        )
    return f"{where}\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", metavar="PROBLEM", help="some of the problems")
    parser.add_argument("--output", type=Path, help="where to write PATH.md and PATH.json")
    options = parser.parse_args()
    rows = {}
    with Engine() as engine, Store(":memory:") as store:
        for name, problem in problems().items():
            if not options.only or name in options.only:
                rows[name] = figures(*maps_of(problem, engine, store))
                print(name, rows[name], file=sys.stderr, flush=True)
    results = {"machine": machine(), "versions": versions(), "date": time.strftime("%Y-%m-%d"), "rows": rows}
    text = markdown(rows, f"{results['machine']['processor']}, {results['date']}.")
    print(text)
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        options.output.with_suffix(".md").write_text(f"# Do maps of rates agree?\n\n{text}")


if __name__ == "__main__":
    main()
