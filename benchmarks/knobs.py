"""What is a joint search of several knobs worth, which sampler is best at it, and do its intervals hold?

`--samplers` compares Optuna's samplers, and `--coverage` whole studies with their known truth, both on the
synthetic trainers of `replay/surfaces.py`; `--tables` trains digits and Ionosphere: at an equal number of
runs, does a search of four knobs find better settings than one of the learning rate alone?

    python benchmarks/knobs.py --samplers 20 --coverage 200 --tables 10 --output benchmarks/knobs
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from knob_page import markdown
from machine import machine, versions
from replay.surfaces import KNOBS, SETTINGS, SURFACES, Surface, best, best_rate, mean, run

import stepsize as ss
from stepsize.engine.client import Engine
from stepsize.study.jobs import Job
from stepsize.study.knobs import proposals
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.protocol import Round, rounds
from stepsize.study.search.chosen_rates import tuned_candidates
from stepsize.study.study import Study, make_study
from stepsize.study.tuning import TUNING_SEEDS, Tuning
from stepsize.verdict.recommendation import judge_step

POINTS = 100  # of a share
FREE = {"momentum": "m", "weight_decay": "wd", "clipnorm": "c"}
ALONE = ss.Candidate("constant(lr)", "rate alone", **SETTINGS)
FOUR = ss.Candidate("constant(lr)", "four knobs", **FREE)
TWO = ss.Candidate("constant(lr)", "two knobs", **{**SETTINGS, "momentum": "m"})
TRUTH_SEEDS = 200  # on which every chosen setting is judged
SEED_BLOCK = 1000  # between the tuning seeds of two repetitions
TRAINED = {"w": [0.0, 0.3], "f": [0.001, 1.0, "log"], "m": [0.0, 0.98]}
TRAINED_CANDIDATES = (
    ss.Candidate("cosine(lr)", "rate alone"),
    ss.Candidate("warmup(w*run) >> cosine(lr, floor=f*lr)", "four knobs", momentum="m"),
)


def planned(problem: Any, candidates: Any, knobs: dict[str, Any], repetition: int) -> Study:
    """Return the study of a repetition, which has tuning seeds of its own."""
    first = TUNING_SEEDS + SEED_BLOCK * repetition
    tuning = Tuning(seeds=tuple(range(first, first + 8)), fine_seeds=tuple(range(first + 8, first + 46)))
    return make_study(problem, candidates, 30, tuning=tuning, knobs=knobs, margin=0.005)


def simulated(study: Study, surface: Surface, number: int) -> dict:
    """Return all runs of a study of a synthetic trainer."""
    runs: dict = {}
    for stage in rounds(study, runs):
        runs |= {job.key: run(surface, job, number) for job in stage.jobs}
    return runs


def random_sampler(seed: int) -> Any:
    """Return the sampler that draws at random."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def cma_sampler(seed: int) -> Any:
    """Return CMA-ES with a population as large as a batch."""
    from optuna.samplers import CmaEsSampler

    return CmaEsSampler(seed=seed, popsize=proposals.BATCH, n_startup_trials=1)


def gp_sampler(seed: int) -> Any:
    """Return the Gaussian process, told that scores are noisy."""
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, n_startup_trials=proposals.BATCH, deterministic_objective=False)


SAMPLERS: dict[str, Callable[[int], Any]] = {
    "TPE": proposals.sampler_of,
    "CMA-ES": cma_sampler,
    "random": random_sampler,
    "GP": gp_sampler,
}


def compare_samplers(names: list[str], repetitions: int) -> list[dict[str, Any]]:
    """Return the regret of the settings that each sampler leads to, in points."""
    problem, rows = ss.problem("iris"), []
    for name in names:
        proposals.sampler_of = SAMPLERS[name]
        for label, surface in SURFACES.items():
            proposals.proposals.cache_clear()
            began, regrets, gaps = time.perf_counter(), [], []
            for number in range(repetitions):
                study = planned(problem, [FOUR], KNOBS, number)
                outcome = tuned_candidates(study, simulated(study, surface, number))[FOUR.name].knobs
                assert outcome is not None
                assert outcome.promised is not None
                regrets.append(best(surface) - mean(surface, outcome.candidate))
                gaps.append(outcome.promised - mean(surface, outcome.candidate))
            rows.append(
                {"sampler": name, "surface": label, "studies": repetitions}
                | {"regret": _figures(regrets), "gap": _figures(gaps)}
                | {"seconds": round((time.perf_counter() - began) / repetitions, 2)}
            )
            print(rows[-1], file=sys.stderr, flush=True)
    proposals.sampler_of = SAMPLERS["TPE"]
    proposals.proposals.cache_clear()
    return rows


def coverage(studies: int) -> list[dict[str, Any]]:
    """Return how often the 95 % intervals of whole studies contain the truth, and the words are false."""
    problem, rows = ss.problem("iris"), []
    for label, surface in SURFACES.items():
        inside: dict[str, list[bool]] = {"four - alone": [], "two - alone": [], "four - two": []}
        false, gaps, led = [], [], []
        for number in range(studies):
            study = planned(problem, [ALONE, TWO, FOUR], KNOBS, number)
            runs = simulated(study, surface, number)
            truth = {
                name: mean(surface, tuned_candidates(study, runs)[each.name].candidate)
                for name, each in _JOINT.items()
            }
            truth["alone"] = best_rate(surface)  # a rate that is searched alone is judged at its best
            decision = judge_step(study, runs, ())[1]
            words = []
            for pair, covered in inside.items():
                first, second = pair.split(" - ")
                between = decision.between(_NAMES[first], _NAMES[second])
                difference = truth[first] - truth[second]
                assert between.ci95 is not None
                covered.append(between.ci95[0] <= difference <= between.ci95[1])
                words.append(
                    (between.word == "better" and difference < 0.00125)  # a quarter of the margin
                    or (between.word == "worse" and difference > -0.00125)
                )
                if pair == "four - alone":
                    led.append(difference)
            false.append(any(words))
            outcome = tuned_candidates(study, runs)[FOUR.name].knobs
            assert outcome is not None
            assert outcome.promised is not None
            gaps.append(outcome.promised - truth["four"])
        rows.append(
            {"surface": label, "studies": studies, "false_words": POINTS * float(np.mean(false))}
            | {"coverage": {pair: POINTS * float(np.mean(each)) for pair, each in inside.items()}}
            | {"lead": _figures(led), "gap": _figures(gaps)}
        )
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


_NAMES = {"four": "four knobs", "two": "two knobs", "alone": "rate alone"}
_JOINT = {"four": FOUR, "two": TWO}


def train(name: str, repetitions: int) -> dict[str, Any]:
    """Return the true scores of what both searches choose on a table, over repetitions."""
    problem, chosen = ss.problem(name), []
    with Engine() as engine:
        for number in range(repetitions):
            study = planned(problem, TRAINED_CANDIDATES, TRAINED, number)
            executor, runs, counts = PopulationExecutor(engine, problem, study), {}, [0, 0]
            for stage in rounds(study, runs):
                if stage.judge:
                    break
                for job in stage.jobs:
                    counts[job.candidate.name == "four knobs"] += 1
                for fresh in executor.execute(stage, runs, lambda done: None):
                    runs |= {(each.candidate, each.seed): each for each in fresh}
            pair = [tuned_candidates(study, runs)[each.name] for each in study.candidates]
            jobs = tuple(each.job(seed) for seed in range(TRUTH_SEEDS) for each in pair)
            scores: dict[tuple[str, int], float | None] = {}
            for fresh in executor.execute(Round("truth", jobs, judge=True), {}, lambda done: None):
                scores |= {(each.candidate, each.seed): each.score for each in fresh}
            values = np.array([_score(scores, job) for job in jobs]).reshape(TRUTH_SEEDS, 2)
            outcome = pair[1].knobs
            assert outcome is not None
            chosen.append(
                {
                    "lr": pair[0].chosen,
                    "knobs": dict(outcome.values),
                    "promised": outcome.promised,
                    "runs": counts,
                }
                | {"means": values.mean(axis=0).tolist()}
                | {"se": float(values[:, 1].std(ddof=1) / TRUTH_SEEDS**0.5)}
            )
            print(name, chosen[-1], file=sys.stderr, flush=True)
    means = POINTS * np.array([each["means"] for each in chosen])
    promised = POINTS * np.array([each["promised"] for each in chosen])
    top = means.max()
    return {
        "table": name,
        "repetitions": chosen,
        "regret": {
            "rate alone": _figures(top - means[:, 0], 1),
            "four knobs": _figures(top - means[:, 1], 1),
        },
        "lead": _figures(means[:, 1] - means[:, 0], 1),
        "gap": _figures(promised - means[:, 1], 1),
    }


def _score(scores: dict[tuple[str, int], float | None], job: Job) -> float:
    value = scores[job.key]
    return 0.0 if value is None else value  # a run that diverged answers nothing right


def _figures(values: Any, scale: float = POINTS) -> dict[str, float]:
    """Return mean, standard error and 90th percentile, in points."""
    each = scale * np.asarray(values, float)
    error = each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else float("nan")
    return {"mean": float(each.mean()), "se": float(error), "p90": float(np.quantile(each, 0.9))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", type=int, default=0, help="studies of each sampler and surface")
    parser.add_argument("--names", nargs="*", default=list(SAMPLERS), help="the samplers")
    parser.add_argument("--coverage", type=int, default=0, help="studies of each surface")
    parser.add_argument("--tables", type=int, default=0, help="repetitions on each table")
    parser.add_argument("--only", nargs="*", default=["digits", "ionosphere"], help="the tables")
    parser.add_argument("--output", type=Path, help="write PATH.json and PATH.md; parts not measured stay")
    options = parser.parse_args()
    measured: dict[str, Any] = {}
    if options.samplers:
        measured["samplers"] = compare_samplers(options.names, options.samplers)
    if options.coverage:
        measured["coverage"] = coverage(options.coverage)
    if options.tables:
        measured["tables"] = [train(name, options.tables) for name in options.only]
    if options.output:
        write(options.output, measured)


def write(output: Path, measured: dict[str, Any]) -> None:
    """Write PATH.json and PATH.md; rows of other parts, samplers and tables that are there already stay."""
    path = output.with_suffix(".json")
    earlier = json.loads(path.read_text()) if path.exists() else {}
    today = datetime.now(UTC).date().isoformat()
    facts = {"machine": machine(), "versions": {**versions(), "optuna": version("optuna")}}
    kept = {part: earlier.get(part, []) for part in PARTS}
    for part, rows in measured.items():
        names = {row[PARTS[part]] for row in rows}
        old = [row for row in kept[part] if row[PARTS[part]] not in names]
        kept[part] = old + [{"date": today, **row} for row in rows]
    path.write_text(json.dumps({**facts, **kept}, indent=1) + "\n")
    output.with_suffix(".md").write_text(markdown({**facts, **kept}))


PARTS = {"tables": "table", "coverage": "surface", "samplers": "sampler"}  # what names the rows of a part


if __name__ == "__main__":
    main()
