"""What a reader sees: `answer` and `details` as rows of ready strings and numbers, best first.

No statistics here; only order, units, digits and words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .numbers import (
    MISSING,
    Scale,
    duration,
    finite,
    half_width,
    p_value,
    pace,
    ranges,
    rate,
    scale_for,
    share,
)
from .selection import left_out, shown_candidates

Band = Mapping[str, list[float | None]]


@dataclass(frozen=True)
class Row:
    """One candidate, as every table and picture shows it."""

    index: int
    name: str
    spec: str
    settings: str
    baseline: bool
    recommended: bool
    in_best_set: bool
    lr: str
    n: int
    diverged: int
    runs: str
    score: str
    sd: str
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
    curves: Mapping[str, Any]
    sweep: list[Mapping[str, Any]]


@dataclass(frozen=True)
class View:
    """A whole answer, ready to arrange."""

    title: str
    subtitle: str
    scale: Scale
    baseline: str
    margin: float
    margin_text: str
    sentence: str
    recommended: Row | None
    all_diverged: bool
    rows: list[Row]
    left_out: str
    warnings: list[str]
    notes: list[str]
    cost: str
    facts: list[tuple[str, str]]
    data: Mapping[str, Any]
    protocol: list[tuple[str, str]]
    seeds: str
    command: str
    fingerprint: str
    versions: Mapping[str, str]


def view(answer: Mapping[str, Any], details: Mapping[str, Any]) -> View:
    """Arrange the two dicts for reading: the candidates of `shown_candidates`, in its order."""
    study, verdict = answer["study"], answer["verdict"]
    protocol = study["protocol"]
    halves = [half_width(c["ci95"]) for c in answer["candidates"]]
    halves += [half_width(c["vs_baseline"]["ci95"]) for c in answer["candidates"] if c["vs_baseline"]]
    scale = scale_for(protocol["metric"], protocol["higher_is_better"], protocol.get("share"), halves)
    rows = [_row(i, c, answer, details, scale) for i, c in enumerate(shown_candidates(answer))]
    return View(
        title=study["name"],
        subtitle=_subtitle(study),
        scale=scale,
        baseline=protocol["baseline"],
        margin=protocol["margin"],
        margin_text=scale.step(protocol["margin"]),
        sentence=verdict["sentence"],
        recommended=next((row for row in rows if row.recommended), None),
        all_diverged=verdict["status"] == "all_diverged",
        rows=rows,
        left_out=left_out(answer),
        warnings=list(answer["warnings"]),
        notes=list(answer["notes"]),
        cost=_cost(answer["cost"]),
        facts=_facts(answer, scale),
        data=answer["data"],
        protocol=[_protocol_line(key, value, scale) for key, value in protocol.items()],
        seeds=ranges(study["seeds"]),
        command=study["command"],
        fingerprint=study["fingerprint"],
        versions=study["versions"],
    )


def _row(
    index: int,
    candidate: Mapping[str, Any],
    answer: Mapping[str, Any],
    details: Mapping[str, Any],
    scale: Scale,
) -> Row:
    name, n, diverged = candidate["name"], candidate["n"], candidate["diverged"]
    lost = n > 0 and diverged >= n  # its scores are only the worst there is: nothing to show
    protocol, gap = answer["study"]["protocol"], {} if lost else candidate["vs_baseline"] or {}
    plan = details.get("plans", {}).get(name, {"epoch": [], "lr": []})
    is_baseline = name == protocol["baseline"]
    return Row(
        index=index,
        name=name,
        spec=candidate["spec"],
        settings=_settings(candidate["settings"]),
        baseline=is_baseline,
        recommended=name == answer["verdict"]["recommended"],
        in_best_set=bool(candidate["in_best_set"]),
        lr=rate(candidate["lr"]),
        n=n,
        diverged=diverged,
        runs=f"{n - diverged}/{n}" if diverged else str(n),
        score=MISSING if lost else scale.plus_minus(candidate["mean"], candidate["ci95"]),
        sd=MISSING if lost else scale.number(candidate["sd"]),
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
        curves=details.get("curves", {}).get(name, {}),
        sweep=list(details.get("sweep", {}).get(name, [])),
    )


def _interval(interval: Any) -> list[float] | None:
    return list(interval) if half_width(interval) is not None else None


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings.items())


def _subtitle(study: Mapping[str, Any]) -> str:
    protocol, seeds = study["protocol"], len(study["seeds"])
    parts = [
        str(protocol["model"]),
        f"{protocol['epochs']} epochs × {protocol['updates_per_epoch']} updates",
        f"{seeds:,} seed" + ("s" if seeds != 1 else ""),
    ]
    return " · ".join(parts)


def _cost(cost: Mapping[str, Any]) -> str:
    if not cost["runs"]:
        return "nothing was trained now; every run was in the store"
    parts = [
        f"{cost['runs']:,} runs in {duration(cost['seconds'])}",
        pace(cost["runs_per_second"]),
        f"compiling {duration(cost['compile_seconds'])}",
        cost.get("layout", ""),
    ]
    return " · ".join(filter(None, parts))


def _facts(answer: Mapping[str, Any], scale: Scale) -> list[tuple[str, str]]:
    study, verdict = answer["study"], answer["verdict"]
    facts = [
        ("may be the best", f"{len(verdict['best_set'])} of {len(answer['candidates'])}"),
        ("seeds", f"{len(study['seeds']):,}"),
        ("smallest gap that matters", scale.step(study["protocol"]["margin"])),
    ]
    if verdict["seeds_needed"] is not None:
        facts.append(("seeds to see such a gap", f"{verdict['seeds_needed']:,}"))
    return [*facts, ("time", duration(answer["cost"]["seconds"]))] if answer["cost"]["runs"] else facts


_LABELS = {
    "higher_is_better": "better is",
    "margin": "smallest gap that matters",
    "updates_per_epoch": "updates an epoch",
    "horizon": "horizon, updates",
    "share": "shown in percent",
    "worst": "a diverged run counts as",
}


def _protocol_line(key: str, value: Any, scale: Scale) -> tuple[str, str]:
    if key == "margin":
        text = scale.step(value)
    elif key == "higher_is_better":
        text = "higher" if value else "lower"
    elif key == "worst":
        text = "the worst score of all" if value is None else f"{scale.number(value)} {scale.unit}".strip()
    elif key == "tuning":
        text = _tuning(value)
    elif isinstance(value, Mapping):
        name = str(value.get("name", ""))
        rest = _settings({k: v for k, v in value.items() if k != "name"})
        text = ", ".join(part for part in (name, rest) if part)
    else:
        text = str(value)
    return _LABELS.get(key, key.replace("_", " ")), text


def _tuning(tuning: Mapping[str, Any] | None) -> str:
    if tuning is None:
        return "none: every learning rate was given"
    rates = len(tuning["first_rates"]) + tuning["fine_rates"]
    return f"{rates} rates a candidate on seeds {ranges(tuning['seeds'])}"
