"""The numbers behind the pictures: compact, finite, and in the units that readers see."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from stepsize.number_format import MISSING, finite
from stepsize.report.view_model import Row, View
from stepsize.verdict.answer import RatePoint

POINTS = 100  # of a curve: one drawn 250 pixels wide shows no more
ALL_POINTS = 1500  # of all curves together, so that many candidates still make a small file
MARK, LABEL = 0.18, 0.26  # marks sit a little below the middle of a row, its name a little above
SEEDS_DRAWN = 100  # of the tuning runs at one rate; more dots would lie on top of each other
MOST_DOTS = 4000  # of a picture; more runs than that are counted in bars
BINS = 60  # dots closer than a sixtieth of the picture are stacked


def round5(value: float | None) -> float | None:
    """Keep five significant digits, enough for any picture and half the size.

    >>> round5(0.123456789), round5(float("inf"))
    (0.12346, None)
    """
    value = finite(value)
    return None if value is None else float(f"{value:.5g}")


def limits(values: Iterable[float | None]) -> tuple[float, float] | None:
    """Return the range to draw: everything, unless a few values lie far outside the rest.

    >>> limits([0.0, 1.0, 2.0, 3.0])
    (0.0, 3.0)
    >>> limits([1.0] * 50 + [2.0] * 50 + [1e9])
    (1.0, 5.0)
    """
    known = sorted(v for v in map(finite, values) if v is not None)
    if not known:
        return None
    low, high = known[len(known) // 20], known[-1 - len(known) // 20]
    reach = 3 * (high - low)
    if reach == 0:
        return known[0], known[-1]
    return max(known[0], low - reach), min(known[-1], high + reach)


def padded(span: tuple[float, float] | None, share: float = 0.05) -> list[float]:
    """Widen a range a little, so that nothing sits on the frame; never empty."""
    low, high = span or (0.0, 1.0)
    margin = share * (high - low) or abs(low) * share or share
    return [float(f"{low - margin:.6g}"), float(f"{high + margin:.6g}")]


def thin(length: int, points: int) -> list[int]:
    """Choose at most `points` evenly spread positions, first and last included.

    >>> thin(5, 3)
    [0, 2, 4]
    """
    if length <= points:
        return list(range(length))
    return [round(i * (length - 1) / (points - 1)) for i in range(points)]


def plans(view: View) -> list[dict[str, Any]]:
    """Return one record per candidate with its whole plan, corners kept."""
    return [
        {**_id(row), "epoch": [round5(row.plan_epochs[i]) for i in kept],
         "lr": [round5(row.plan[i]) for i in kept]}
        for row in view.rows
        if (kept := _corners(row.plan_epochs, row.plan))
    ]  # fmt: skip


def _corners(x: Sequence[float], y: Sequence[float]) -> list[int]:
    """Keep the points that straight lines between them need to stay within a thousandth of the peak.

    From the last point kept, every point passed narrows the slopes that a line may still have.
    """
    if not y:
        return []
    tolerance = 1e-3 * max(map(abs, y))
    kept, low, high = [0], -math.inf, math.inf
    for i in range(1, len(y)):
        run, rise = x[i] - x[kept[-1]], y[i] - y[kept[-1]]
        if not low <= rise / run <= high:
            kept.append(i - 1)
            run, rise, low, high = x[i] - x[i - 1], y[i] - y[i - 1], -math.inf, math.inf
        low, high = max(low, (rise - tolerance) / run), min(high, (rise + tolerance) / run)
    return [*kept, len(y) - 1] if len(y) > 1 else kept


def curves(view: View) -> list[dict[str, Any]]:
    """Return one record per candidate: epochs, mean, low and high of each quantity (`val_loss_low`, ...)."""
    records = []
    points = max(20, min(POINTS, ALL_POINTS // len(view.rows)))
    for row in view.rows:
        if row.curves is None:
            continue
        kept = thin(len(row.curves["epoch"]), points)
        record: dict[str, Any] = _id(row)
        record["epoch"] = [row.curves["epoch"][i] for i in kept]
        for quantity in ("train_loss", "val_loss", "metric"):
            band = row.curves[quantity]
            for part in ("mean", "low", "high"):
                drawn = [*map(view.scale.shown, band[part])] if quantity == "metric" else band[part]
                record[f"{quantity}_{part}"] = [round5(drawn[i]) for i in kept]
        records.append(record)
    return records


def curve_limits(records: list[dict[str, Any]], quantities: Sequence[str]) -> list[float]:
    """Return one range for all candidates, so that panels can be compared."""
    keys = [f"{quantity}_{part}" for quantity in quantities for part in ("low", "mean", "high")]
    return padded(limits(v for record in records for key in keys for v in record[key]), 0.02)


def sweep(view: View) -> list[dict[str, Any]]:
    """Return one record per candidate and rate: mean, chosen or not, runs lost."""
    return [
        {**_id(row), "lr": round5(point["lr"]), "mean": round5(mean(view, point)),
         "chosen": bool(point["chosen"]), "lost": sum(finite(s) is None for s in point["scores"])}
        for row in view.rows
        for point in sorted(row.sweep, key=lambda p: p["lr"])
    ]  # fmt: skip


def rate_ranges(view: View) -> list[dict[str, Any]]:
    """Return one record per candidate with a free rate: the ends of the rates that are as good."""
    ranges = ((row, row.lr_range) for row in view.rows)
    return [{**_id(row), "low": round5(ends[0]), "high": round5(ends[1])} for row, ends in ranges if ends]


def mean(view: View, point: RatePoint) -> float | None:
    """Return the mean score at one rate as shown; None for a rate that lost runs, which is drawn as lost."""
    return None if any(finite(s) is None for s in point["scores"]) else view.scale.shown(point["mean"])


def sweep_runs(view: View) -> list[dict[str, Any]]:
    """Return one record per tuning run that finished, on the first hundred seeds of each rate."""
    return [
        {"c": row.index, "lr": round5(point["lr"]), "score": round5(view.scale.shown(score))}
        for row in view.rows
        for point in row.sweep
        for score in point["scores"][:SEEDS_DRAWN]
        if finite(score) is not None
    ]


def many_runs(view: View) -> bool:
    """Return whether there are more runs than anyone could tell apart as dots."""
    return sum(len(row.scores) for row in view.rows) > MOST_DOTS


def score_domain(view: View) -> list[float]:
    """Return the range of scores to draw."""
    return padded(limits(view.scale.shown(s) for row in view.rows for s in row.scores))


def scores(view: View) -> list[dict[str, Any]]:
    """Return one record per run with its place in the row: equal scores stack."""
    domain = score_domain(view)
    size = (domain[1] - domain[0]) / BINS
    records = []
    for row in view.rows:
        shown = [(seed, view.scale.shown(score)) for seed, score in enumerate(row.scores)]
        bins = Counter(math.floor((s - domain[0]) / size) for _, s in shown if s is not None)
        step = min(0.08, 0.5 / max(bins.values(), default=1))
        stacked: dict[int, int] = {}
        for seed, score in shown:
            if score is None:
                continue
            place = stacked.setdefault(math.floor((score - domain[0]) / size), 0)
            stacked[math.floor((score - domain[0]) / size)] += 1
            y = row.index + MARK + step * ((place + 1) // 2) * (1 if place % 2 else -1)
            records.append(
                {"name": row.name, "run": seed + 1, "score": round5(score), "y": round5(y)}
            )  # fmt: skip
    return records


def score_bars(view: View) -> list[dict[str, Any]]:
    """Return one record per candidate and bin of scores, with the runs in it; it replaces dots of many runs.

    A bin holds whole steps of the score, so none holds a step more than its neighbours.
    """
    domain = score_domain(view)
    size = (domain[1] - domain[0]) / BINS
    step = view.scale.shown(finite(view.data["sample_value"])) or 0.0
    size = step * math.ceil(size / step) if step else size
    records = []
    for row in view.rows:
        known = [s for s in map(view.scale.shown, row.scores) if s is not None]
        bins = Counter(round(s / size) for s in known)
        for place, count in sorted(bins.items()):
            half = 0.25 * count / max(bins.values())
            y = {"top": round5(row.index + MARK - half), "bottom": round5(row.index + MARK + half)}
            ends = {"low": round5((place - 0.5) * size), "high": round5((place + 0.5) * size)}
            records.append({"name": row.name, **ends, "runs": count, **y})
    return records


def majority(view: View, domain: list[float]) -> float | None:
    """Return the accuracy of always answering the most common class, if it lies within the range drawn."""
    value = view.scale.shown(view.data["majority_baseline"])
    accuracy = view.scale.percent and "acc" in view.scale.metric
    return value if accuracy and value is not None and domain[0] < value < domain[1] else None


def means(view: View) -> list[dict[str, Any]]:
    """Return one record per candidate with its mean, interval and label."""
    return [
        {**_id(row), **_place(row.index), "text": _text(_lost(row), row.score),
         "mean": round5(view.scale.shown(row.mean)), **_ends(view, row.ci95)}
        for row in view.rows
    ]  # fmt: skip


def gaps(view: View) -> list[dict[str, Any]]:
    """Return one record per candidate but the baseline: paired difference, interval and verdict."""
    return [
        {**_id(row), **_place(place), "text": _text(row.difference, row.verdict),
         "mean": round5(view.scale.shown(row.gap)), **_ends(view, row.gap_ci95)}
        for place, row in enumerate(row for row in view.rows if not row.baseline)
    ]  # fmt: skip


def _id(row: Row) -> dict[str, Any]:
    return {"c": row.index, "name": row.name, "use": row.recommended}


def _place(row: int) -> dict[str, float]:
    return {"y": row + MARK, "label": row - LABEL}


def _text(*parts: str) -> str:
    return " · ".join(part for part in parts if part not in ("", MISSING))


def _ends(view: View, interval: list[float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {"low": round5(view.scale.shown(low)), "high": round5(view.scale.shown(high))}


def _lost(row: Row) -> str:
    return f"{row.diverged} of {row.n} diverged" if row.diverged else ""
