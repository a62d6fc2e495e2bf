"""Realistic answers: a recorded one, and variations with scores and series from simple formulas."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from stepsize.verdict.answer import Answer, CandidateAnswer, VersusBaseline
from stepsize.verdict.series import Band, CurveSeries, Details, PlanSeries, RatePoint
from tests.support.answers import recorded_answer

Study = tuple[Answer, Details]

SHAPES: dict[str, Callable[[float], float]] = {
    "constant(lr)": lambda x: 1.0,
    "inverse_time(lr, rate=0.002)": lambda x: 1 / (1 + 0.9 * x),
    "step_decay(lr, every=10*epochs)": lambda x: 0.5 ** math.floor(5 * x),
    "exponential(lr, floor=0.001)": lambda x: 0.01**x,
    "linear(lr)": lambda x: 1 - x,
    "cosine(lr)": lambda x: 0.5 * (1 + math.cos(math.pi * x)),
    "warmup(5*epochs) >> cosine(lr)": lambda x: min(10 * x, 0.5 * (1 + math.cos(math.pi * x))),
    "one_cycle(lr)": lambda x: x / 0.3 if x < 0.3 else 0.5 * (1 + math.cos(math.pi * (x - 0.3) / 0.7)),
    "warmup(0.02*run) >> wsd(lr, decay=0.2*run)": lambda x: min(50 * x, 1.0, 5 * (1 - x)),
    "inverse_sqrt(lr)": lambda x: 1 / math.sqrt(1 + 20 * x),
    "polynomial(lr, power=2)": lambda x: (1 - x) ** 2,
    "constant(lr) * plateau(factor=0.5, patience=5)": lambda x: 0.5 ** math.floor(2.5 * x),
}
EPOCHS, UPDATES = 50, 9
TUNING = {
    "seeds": [0, 1, 2, 3, 4, 5],
    "first_rates": [0.01, 0.1, 1.0],
    "first_seeds": 2,
    "fine_rates": 5,
    "fine_seeds": 4,
    "extra_seeds": 0,
}


def interval(values: list[float]) -> tuple[float, float | None, list[float] | None]:
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, None, None
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    half = 2.05 * sd / math.sqrt(len(values))
    return mean, sd, [mean - half, mean + half]


def candidate(
    name: str, lr: float | None, scores: list[float], base: list[float] | None, k: int
) -> CandidateAnswer:
    """A recorded candidate with a name and scores of its own."""
    recorded = recorded_answer()["candidates"][0 if base is None else 1]
    mean, sd, ci = interval(scores)
    spec = name if lr is None else name.replace("lr", f"{lr:.3g}")
    recorded.update(
        name=name, spec=spec, settings={}, lr=lr, n=len(scores), replicates=len(scores), mean=mean, sd=sd,
        ci95=ci, scores=scores, in_best_set=mean > 0.894,
    )  # fmt: skip
    if base is not None:
        gap, _, gap_ci = interval([a - b for a, b in zip(scores, base, strict=True)])
        verdict = "not shown"
        if gap_ci is not None and gap_ci[1] < 0:
            verdict = "worse"
        elif gap_ci is not None and gap_ci[0] > 0:
            verdict = "better" if gap > 0.008 else "equivalent"
        better = sum(a > b for a, b in zip(scores, base, strict=True)) / len(scores)
        p = 0.0002 if verdict in ("better", "worse") else 0.21
        recorded["vs_baseline"] = VersusBaseline(
            mean=gap, ci95=gap_ci, p=p, p_holm=min(1.0, p * k), p_better=better, verdict=verdict
        )
    return recorded


def band(values: list[float], spread: float) -> Band:
    return {
        "mean": [*values],
        "low": [v - spread * (1 + i % 3 / 10) for i, v in enumerate(values)],
        "high": [v + spread * (1 + i % 2 / 10) for i, v in enumerate(values)],
    }


def curves(level: float, speed: float, rng: random.Random) -> CurveSeries:
    def at(start: float, end: float, noise: float) -> list[float]:
        return [
            end + (start - end) * math.exp(-e * speed) + rng.gauss(0, noise) for e in range(1, EPOCHS + 1)
        ]

    return {
        "epoch": list(range(1, EPOCHS + 1)),
        "train_loss": band(at(0.66, 0.08, 0.002), 0.02),
        "val_loss": band(at(0.67, 0.31 - level / 10, 0.004), 0.05),
        "metric": band(at(0.64, level, 0.002), 0.025),
    }


def sweep(peak: float, level: float, rng: random.Random) -> list[RatePoint]:
    points: list[RatePoint] = []
    for lr in [10 ** (-3 + 0.4 * i) for i in range(11)]:
        mean = level - 0.06 * math.log10(lr / peak) ** 2
        scores: list[float | None] = [round(116 * (mean + rng.gauss(0, 0.01))) / 116 for _ in range(5)]
        if lr > 5:
            scores[1] = scores[3] = None
        points.append({"lr": lr, "scores": scores, "mean": mean, "chosen": False})
    max(points, key=lambda p: p["mean"])["chosen"] = True
    return points


def plan(shape: Callable[[float], float], lr: float) -> PlanSeries:
    last = EPOCHS * UPDATES
    updates = [round(i * last / 399) for i in range(400)]
    return {"epoch": [u / UPDATES for u in updates], "lr": [lr * shape(u / last) for u in updates]}


def recorded_study() -> Study:
    """The recorded answer as it is, with series from formulas."""
    answer, rng = recorded_answer(), random.Random(7)
    names = [c["name"] for c in answer["candidates"]]
    free = [c for c in answer["candidates"] if c["lr"]]
    return answer, Details(
        plans={name: plan(SHAPES["cosine(lr)"], 0.1) for name in names},
        curves={name: curves(0.9, 0.1, rng) for name in names},
        sweep={c["name"]: sweep(c["lr"] or 0.1, c["mean"], rng) for c in free},
    )


def make_study(k: int = 6, n: int = 30, names: list[str] | None = None, tuned: bool = True) -> Study:
    """The recorded study with k candidates and n seeds of its own, accuracies in steps of 1/116."""
    rng, shapes = random.Random(7), list(SHAPES.values())
    names = list(SHAPES)[:k] if names is None else names
    seed_effect = [rng.gauss(0, 0.015) for _ in range(n)]
    candidates, plans, all_curves, sweeps = [], {}, {}, {}
    base: list[float] | None = None
    for i, name in enumerate(names):
        level = 0.889 + 0.0025 * ((5 * i) % 12 - 4 if i else 0)
        lr = 0.1 * (1 + i % 4)
        scores = [round(116 * min(1, level + e + rng.gauss(0, 0.009))) / 116 for e in seed_effect]
        candidates.append(candidate(name, lr if tuned else None, scores, base, k))
        base = scores if base is None else base
        plans[name] = plan(shapes[i % 12], lr)
        all_curves[name] = curves(level, 0.08 + 0.02 * (i % 5), rng)
        sweeps[name] = sweep(lr, level, rng)
    answer = recorded_answer()
    answer["candidates"] = candidates
    answer["study"]["seeds"] = list(range(1000, 1000 + n))
    answer["study"]["protocol"]["baseline"] = names[0]
    if not tuned:
        answer["study"]["protocol"]["tuning"] = None
    best = [c["name"] for c in candidates if c["in_best_set"]]
    answer["verdict"].update(
        status="tied" if len(best) > 1 else "one_best", best_set=best, recommended=(best or names)[0]
    )
    return answer, Details(plans=plans, curves=all_curves, sweep=sweeps if tuned else {})


def diverge(study: Study, which: list[str], runs: int | None = None) -> Study:
    """Let `runs` runs (default: all) of the named candidates diverge."""
    answer, details = study
    for c in answer["candidates"]:
        if c["name"] in which:
            c["diverged"] = c["n"] if runs is None else runs
            c["in_best_set"] = False
            if runs is None:
                c.update(mean=0.0, sd=0.0, ci95=[0.0, 0.0], scores=[0.0] * c["n"])
                if c["vs_baseline"]:
                    c["vs_baseline"].update(mean=-0.888, ci95=[-0.893, -0.883], verdict="worse")
                series = details["curves"][c["name"]]
                for quantity in (series["train_loss"], series["val_loss"], series["metric"]):
                    for line in (quantity["mean"], quantity["low"], quantity["high"]):
                        line[3:] = [None] * (len(line) - 3)
    return answer, details


def all_diverged() -> Study:
    answer, details = diverge(make_study(4), list(SHAPES)[:4])
    answer["verdict"].update(
        status="all_diverged", best_set=[], recommended=None, reason=None, seeds_needed=None,
        sentence="Every run of every candidate diverged; try lower learning rates.",
    )  # fmt: skip
    return answer, details


def nulls() -> Study:
    """Everything diverged: NaN and None instead of numbers, no series, facts of the data unknown."""
    answer, _ = all_diverged()
    for c in answer["candidates"]:
        c.update(mean=math.nan, sd=math.nan, ci95=None, scores=[math.nan] * c["n"], lr=None)
        if c["vs_baseline"]:
            c["vs_baseline"].update(mean=math.nan, ci95=None, p=math.nan, p_holm=math.nan, p_better=math.nan)
    answer["data"].update(majority_baseline=None, sample_value=None)
    return answer, Details(plans={}, curves={}, sweep={})


def lower_is_better() -> Study:
    """The same study judged by a loss: plain numbers, lower is better."""
    answer, details = make_study(6)
    answer["study"]["protocol"].update(metric="val_loss", higher_is_better=False, margin=0.002, share=False)
    for c in answer["candidates"]:
        c.update(mean=1.1 - c["mean"], ci95=[1.1 - end for end in reversed(c["ci95"] or [])])
        c["scores"] = [1.1 - score for score in c["scores"]]
        if versus := c["vs_baseline"]:
            versus.update(mean=-versus["mean"], ci95=[-end for end in reversed(versus["ci95"] or [])])
    return answer, details


HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u2028 {{7*7}} 学習率"
LONG = "warmup(5*epochs) >> constant(0.1, length=0.5*run) >> cosine(0.1, floor=0.0001) * plateau(factor=0.5)"

STUDIES: dict[str, Callable[[], Study]] = {
    "recorded": recorded_study,
    "lesson": lambda: make_study(6),
    "twelve": lambda: diverge(make_study(12), ["one_cycle(lr)"], 4),
    "one_lost": lambda: diverge(make_study(12), ["one_cycle(lr)"]),
    "all_diverged": all_diverged,
    "nulls": nulls,
    "one_seed": lambda: make_study(4, n=1),
    "one_candidate": lambda: make_study(1),
    "lower": lower_is_better,
    "not_tuned": lambda: make_study(3, tuned=False),
    "long": lambda: make_study(3, names=["constant(lr)", LONG, "cosine(lr)"]),
    "hostile": lambda: make_study(3, names=["constant(lr)", HOSTILE, "cosine(lr)"]),
    "many": lambda: make_study(40, n=10, names=[f"cosine(0.{i:03d})" for i in range(1, 41)]),
}


@pytest.fixture(params=list(STUDIES))
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]()


@pytest.fixture
def studies() -> dict[str, Callable[[], Study]]:
    return STUDIES


@pytest.fixture
def hostile_name() -> str:
    return HOSTILE
