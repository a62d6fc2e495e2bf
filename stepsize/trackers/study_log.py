"""What every tracker gets of a study: a run per candidate, and the scores of all seeds as one table."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stepsize.number_format import counted, finite
from stepsize.study.search.chosen_rates import last_tuned
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study
from stepsize.study.trained_settings import trained_settings
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.formatting import written
from stepsize.verdict.picture_data import picture_data
from stepsize.verdict.series import CurveSeries, PlanSeries

Value = str | int | float | bool

RATE = "learning_rate"
LOSSES = ("train_loss", "val_loss")


@dataclass(frozen=True)
class Point:
    """What is known of a candidate after `step` updates, which are `epoch` epochs."""

    step: int
    epoch: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class CandidateLog:
    """One candidate as a run of a tracker.

    `config` holds its schedule and its settings, `summary` its part of the answer. `points` are in the order
    of their steps: `accuracy/mean` is the mean over the seeds whose runs still train, between `accuracy/low`
    and `accuracy/high` are the middle 80 % of them, likewise for both losses, and `learning_rate` is the rate
    of the next update, or where a metric drives it, the mean of the rates of these runs.
    """

    name: str
    config: Mapping[str, Value]
    points: Sequence[Point]
    summary: Mapping[str, Value]


@dataclass(frozen=True)
class StudyLog:
    """A study as trackers get it.

    `config` holds what all candidates share. `scores` has a row per seed and a column per candidate.
    """

    id: str
    name: str
    config: Mapping[str, Value]
    metric: str
    sentence: str
    notes: Sequence[str]
    seeds: Sequence[int]
    scores: Sequence[Sequence[float | None]]
    candidates: Sequence[CandidateLog]

    @property
    def title(self) -> str:
        """The name of the study with its id, which stays the same when seeds are added."""
        return f"{self.name} {self.id}"

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that change with anything that would be logged."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:8]

    @property
    def columns(self) -> list[str]:
        """The columns of the table of seeds."""
        return ["seed", *(each.name for each in self.candidates)]

    @property
    def rows(self) -> list[list[float | None]]:
        """The rows of the table of seeds; None where a run diverged, or a candidate was dropped earlier."""
        return [[seed, *row] for seed, row in zip(self.seeds, self.scores, strict=True)]

    @property
    def csv(self) -> str:
        """The table of seeds as text."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        return text.getvalue()

    @property
    def series(self) -> list[str]:
        """The quantities that have a mean, a low and a high, the metric first."""
        return list(dict.fromkeys([self.metric, *LOSSES]))


def study_log(study: Study, runs: Runs, answer: Answer, study_id: str) -> StudyLog:
    """Return what trackers get of a finished study."""
    answers = {each["name"]: each for each in answer["candidates"]}
    details = picture_data(study, runs, answers.keys())
    seeds = answer["study"]["seeds"]
    logs, tuned = [], last_tuned(study, runs)
    for _, candidate in study.last_steps:
        name = candidate.name
        per_epoch = study.updates_per_epoch(tuned[name].candidate)
        logs.append(
            CandidateLog(
                name,
                _settings(answers[name], answer, per_epoch),
                _points(answer, details["curves"][name], details["plans"][name], per_epoch),
                _summary(answers[name], answer),
            )
        )
    return StudyLog(
        id=study_id,
        name=study.name,
        config=_config(answer),
        metric=answer["study"]["protocol"]["metric"],
        sentence=answer["verdict"]["sentence"],
        notes=[*answer["warnings"], *answer["notes"]],
        seeds=seeds,
        scores=[[_score(answers[each.name], row) for each in logs] for row in range(len(seeds))],
        candidates=logs,
    )


def _score(candidate: CandidateAnswer, row: int) -> float | None:
    """Return the score of a candidate with one seed, of which one that was dropped has the first ones."""
    scores = candidate["scores"]
    return finite(scores[row]) if row < len(scores) else None


def _config(answer: Answer) -> dict[str, Value]:
    """Return what all candidates of a study share."""
    study, protocol = answer["study"], answer["study"]["protocol"]
    named = ("model", "metric", "split", "epochs", "baseline", "margin")
    config = {"study": study["name"], "data": answer["data"]["name"]}
    return _plain({**config, **{name: protocol[name] for name in named}, "fingerprint": study["fingerprint"]})


def _settings(found: CandidateAnswer, answer: Answer, per_epoch: int) -> dict[str, Value]:
    """Return what a candidate was trained with: its schedule, and all settings of its optimizer."""
    own = found["protocol"]
    protocol = {**answer["study"]["protocol"], **own}
    settings = {
        "schedule": found["spec"],
        "lr": found["lr"],
        **(found["knobs"] or {}),
        "batch_size": protocol["batch_size"],
        **trained_settings(protocol, found["settings"]),
        **{name: own[name] for name in ("model", "epochs") if name in own},
        "updates_per_epoch": per_epoch,
        "seeds": found["n"],
    }
    return _plain(settings)


def _summary(found: CandidateAnswer, answer: Answer) -> dict[str, Value]:
    name, against = found["name"], found["vs_baseline"]
    word = "baseline" if against is None else against["verdict"]
    summary: dict[str, Any] = {
        "mean": found["mean"],
        **_ends("ci95", found["ci95"]),
        "sd": found["sd"],
        "difference": against and against["mean"],
        **_ends("difference_ci95", against and against["ci95"]),
        "p_holm": against and against["p_holm"],
        "verdict": "diverged" if found["diverged"] >= found["n"] else word,
        "in_best_set": found["in_best_set"],
        "recommended": name == answer["verdict"]["recommended"],
        "runs": found["n"],
        "replicates": found["replicates"],
        "diverged": found["diverged"],
    }
    return _plain(summary)


def _ends(name: str, interval: Sequence[float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def _plain(values: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values that are known: numbers as they are, anything that is not a scalar as text."""
    kept = {}
    for name, value in values.items():
        if isinstance(value, float):
            value = finite(value)
        if value is not None:
            kept[name] = value if isinstance(value, str | int | float) else written(value)
    return kept


def _points(answer: Answer, curves: CurveSeries, plan: PlanSeries, per_epoch: int) -> list[Point]:
    """Return the curves and the rates of a candidate, by update."""
    metric = answer["study"]["protocol"]["metric"]
    bands = {"train_loss": curves["train_loss"], "val_loss": curves["val_loss"], metric: curves["metric"]}
    found = [(epoch, RATE, rate) for epoch, rate in zip(plan["epoch"], plan["lr"], strict=True)]
    for name, band in bands.items():
        for part in ("mean", "low", "high"):
            found += [
                (epoch, f"{name}/{part}", value)
                for epoch, value in zip(curves["epoch"], band[part], strict=True)
            ]
    values: dict[int, dict[str, float]] = {}
    for epoch, name, value in found:
        known = finite(value)
        if known is not None:
            values.setdefault(round(epoch * per_epoch), {})[name] = known
    return [Point(step, step / per_epoch, values[step]) for step in sorted(values)]


def describe(log: StudyLog) -> str:
    """Name a study for people.

    >>> describe(StudyLog("a3b2c1d0", "iris", {}, "accuracy", "", [], [], [], []))
    'iris a3b2c1d0, 0 candidates'
    """
    return f"{log.title}, {counted(len(log.candidates), 'candidate')}"
