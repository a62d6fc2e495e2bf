"""What a reader sees: answer and details as rows of ready strings and numbers, best first.

No statistics here; only order, units, digits and words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.export.parameter_groups import in_words
from stepsize.number_format import (
    MISSING,
    Scale,
    counted,
    duration,
    finite,
    half_width,
    p_value,
    pace,
    ranges,
    rate,
    rounded,
    share,
)
from stepsize.report.reference_lines import reference_lines
from stepsize.report.selection import left_out, shown_candidates
from stepsize.report.subtitle import subtitle
from stepsize.study.tuning import fine_parts
from stepsize.verdict.answer import Answer, CandidateAnswer, Cost, DataFacts, KnobsPart, Protocol, Tuning
from stepsize.verdict.formatting import scale_of, settings_text, written
from stepsize.verdict.seeds_notes import needed_text
from stepsize.verdict.series import CurveSeries, Details, RatePoint


@dataclass(frozen=True)
class Row:
    """One candidate, as every table and picture shows it."""

    index: int
    name: str
    spec: str
    settings: str
    shows_settings: bool
    baseline: bool
    recommended: bool
    in_best_set: bool
    lr: str
    lr_range: list[float] | None
    n: int
    diverged: int
    runs: str
    score: str
    sd: str
    error: str
    difference: str
    p_holm: str
    p_better: str
    verdict: str
    mean: float | None
    ci95: list[float] | None
    scores: list[float | None]
    gap: float | None
    gap_ci95: list[float] | None
    plan_epochs: list[float]
    plan: list[float]
    curves: CurveSeries | None
    sweep: list[RatePoint]


@dataclass(frozen=True)
class View:
    """A whole answer, ready to arrange.

    `references` are scores for scale: their names, and their values as text and as numbers.
    """

    title: str
    subtitle: str
    scale: Scale
    baseline: str
    folds: int | None
    margin: float
    margin_text: str
    headline: str
    sentence: str
    for_scale: list[str]
    references: list[tuple[str, str, float]]
    recommended: Row | None
    all_diverged: bool
    rows: list[Row]
    left_out: str
    warnings: list[str]
    notes: list[str]
    cost: str
    facts: list[tuple[str, str]]
    data: DataFacts
    protocol: list[tuple[str, str]]
    seeds: str
    command: str
    fingerprint: str
    versions: Mapping[str, str]


def view(answer: Answer, details: Details) -> View:
    """Arrange an answer for reading: the candidates of `shown_candidates`, in its order."""
    study, verdict = answer["study"], answer["verdict"]
    protocol = study["protocol"]
    scale = scale_of(answer)
    rows = [_row(i, c, answer, details, scale) for i, c in enumerate(shown_candidates(answer))]
    return View(
        title=study["name"],
        subtitle=subtitle(answer),
        scale=scale,
        baseline=protocol["baseline"],
        folds=protocol["folds"],
        margin=protocol["margin"],
        margin_text=scale.step(protocol["margin"]),
        headline=verdict["headline"],
        sentence=verdict["sentence"],
        for_scale=list(verdict["for_scale"]),
        references=reference_lines(answer, scale),
        recommended=next((row for row in rows if row.recommended), None),
        all_diverged=verdict["status"] == "all_diverged",
        rows=rows,
        left_out=left_out(answer),
        warnings=list(answer["warnings"]),
        notes=list(answer["notes"]),
        cost=_cost(answer["cost"]),
        facts=_facts(answer, scale),
        data=answer["data"],
        protocol=_protocol_lines(protocol, scale),
        seeds=ranges(study["seeds"]),
        command=study["command"],
        fingerprint=study["fingerprint"],
        versions=study["versions"],
    )


def _row(index: int, candidate: CandidateAnswer, answer: Answer, details: Details, scale: Scale) -> Row:
    name, n, diverged = candidate["name"], candidate["n"], candidate["diverged"]
    lost = n > 0 and diverged >= n  # its scores are only the worst there is: nothing to show
    is_baseline = name == answer["study"]["protocol"]["baseline"]
    gap: Mapping[str, Any] = {} if lost else candidate["vs_baseline"] or {}
    plan = details["plans"].get(name, {"epoch": [], "lr": []})
    return Row(
        index=index,
        name=name,
        spec=candidate["spec"],
        settings=_settings(candidate["settings"]),
        shows_settings=bool(candidate["settings"]) and not _names_settings(name, candidate["settings"]),
        baseline=is_baseline,
        recommended=name == answer["verdict"]["recommended"],
        in_best_set=bool(candidate["in_best_set"]),
        lr=rate(candidate["lr"]),
        lr_range=candidate["lr_range"],
        n=n,
        diverged=diverged,
        runs=f"{n - diverged}/{n}" if diverged else str(n),
        score=MISSING if lost else scale.plus_minus(candidate["mean"], candidate["ci95"]),
        sd=MISSING if lost else scale.number(candidate["sd"]),
        error=MISSING if lost or candidate["error"] is None else rounded(candidate["error"], 3),
        difference=scale.plus_minus(gap.get("mean"), gap.get("ci95"), signed=True),
        p_holm=p_value(gap.get("p_holm")),
        p_better=share(gap.get("p_better")),
        verdict="diverged" if lost else "baseline" if is_baseline else gap.get("verdict", MISSING),
        mean=None if lost else finite(candidate["mean"]),
        ci95=None if lost else _interval(candidate["ci95"]),
        scores=[None if lost else finite(score) for score in candidate["scores"]],
        gap=finite(gap.get("mean")),
        gap_ci95=_interval(gap.get("ci95")),
        plan_epochs=list(plan["epoch"]),
        plan=list(plan["lr"]),
        curves=details["curves"].get(name),
        sweep=details["sweep"].get(name, []),
    )


def _interval(interval: Any) -> list[float] | None:
    return list(interval) if half_width(interval) is not None else None


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {written(value)}" for key, value in settings.items())


def _names_settings(name: str, settings: Mapping[str, Any]) -> bool:
    """Return whether the name of a candidate has its settings in it, as its default name does."""
    return settings_text(settings) in name or _settings(settings) in name


def _cost(cost: Cost) -> str:
    if not cost["runs"]:
        return "nothing was trained: every run was already in the store"
    parts = [
        f"{counted(cost['runs'], 'run')} in {duration(cost['seconds'])}",
        pace(cost["runs_per_second"]),
        f"compiling {duration(cost['compile_seconds'])}",
        cost["layout"],
    ]
    return " · ".join(filter(None, parts))


def _facts(answer: Answer, scale: Scale) -> list[tuple[str, str]]:
    study, verdict = answer["study"], answer["verdict"]
    facts = [
        ("may be the best", f"{len(verdict['best_set'])} of {len(answer['candidates'])}"),
        ("seeds", f"{len(study['seeds']):,}"),
        ("smallest difference that matters", scale.step(study["protocol"]["margin"])),
    ]
    if verdict["seeds_needed"] is not None:
        facts.append(("seeds needed to show it", needed_text(answer)))
    return [*facts, ("time", duration(answer["cost"]["seconds"]))] if answer["cost"]["runs"] else facts


_LABELS = {
    "undecayed": "excluded from weight decay",
    "higher_is_better": "better scores are",
    "margin": "smallest difference that matters",
    "updates_per_epoch": "updates per epoch",
    "horizon": "horizon (updates)",
    "share": "shown in percent",
}
_SWITCHES = {"higher_is_better": ("lower", "higher"), "share": ("no", "yes")}
_IF_ANY = (
    "batch_size", "optimizer_groups", "compiled_optimizer", "undecayed", "folds", "budget", "model_notes",
    "model_warnings", "knobs",
)  # fmt: skip


def _protocol_lines(protocol: Protocol, scale: Scale) -> list[tuple[str, str]]:
    """Return label and text of each part of the protocol, without those that do not apply."""
    return [
        (_LABELS.get(key, key.replace("_", " ")), _protocol_text(key, value, scale))
        for key, value in protocol.items()
        if value not in (None, []) or key not in _IF_ANY
    ]


def _protocol_text(key: str, value: Any, scale: Scale) -> str:
    match key:
        case "optimizer_groups":
            return in_words(value)
        case "margin":
            return scale.step(value)
        case "higher_is_better" | "share":
            return _SWITCHES[key][bool(value)]
        case "tuning":
            return _tuning(value)
        case "knobs":
            return _knobs(value)
        case "undecayed":
            return _undecayed(value)
        case "optimizer" | "compiled_optimizer":
            return _optimizer(value)
    return str(value)


def _optimizer(optimizer: Mapping[str, Any]) -> str:
    others = {key: value for key, value in optimizer.items() if key != "name"}
    return f"{optimizer['name']}, {_settings(others)}".removesuffix(", ")


def _undecayed(excluded: Mapping[str, Any]) -> str:
    weights = [f"trainable weight {place}" for place in excluded["weights"]]
    return ", ".join(weights + [f"weights whose names match {each!r}" for each in excluded["names"]])


def _tuning(tuning: Tuning | None) -> str:
    if tuning is None:
        return "none: every learning rate is fixed"
    first, others = len(tuning["first_rates"]), tuning["fine_rates"]
    fine_seeds, finer_seeds = fine_parts(tuning["fine_seeds"])
    around = f", then {others} around the best" if fine_seeds else ""
    closer = f" and {others} closer to it" if finer_seeds else ""
    return f"{first} rates per candidate{around}{closer}, on seeds {ranges(tuning['seeds'])}"


def _knobs(knobs: KnobsPart) -> str:
    ends = (f"{name} from {each[0]:g} to {each[1]:g}" for name, each in knobs["ranges"].items())
    return (
        f"{'; '.join(ends)}: {knobs['proposals']} proposals of {knobs['sampler']} per candidate on seeds "
        f"{ranges(knobs['seeds'])}, the best {knobs['leading']} also on {ranges(knobs['more_seeds'])}"
    )
