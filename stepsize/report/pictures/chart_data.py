"""The numbers behind the pictures: compact, finite, and in the units that readers see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stepsize.number_format import finite
from stepsize.report.view_model import Row, View
from stepsize.verdict.series import RatePoint

POINTS = 100  # of a curve: one drawn 250 pixels wide shows no more
ALL_POINTS = 1500  # of all curves together, so that many candidates still make a small file
SEEDS_DRAWN = 100  # of the tuning runs at one rate; more dots would lie on top of each other

Values = Sequence[float | None]


@dataclass(frozen=True)
class Curve:
    """One quantity of one candidate by epoch: its mean over the seeds, and the middle 80 % of its runs."""

    epoch: Sequence[float]
    mean: Values
    low: Values
    high: Values


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


def padded(span: tuple[float, float] | None, share: float = 0.05) -> tuple[float, float]:
    """Widen a range a little, so that nothing sits on the frame; never empty."""
    low, high = span or (0.0, 1.0)
    margin = share * (high - low) or abs(low) * share or share
    return low - margin, high + margin


def thin(length: int, points: int) -> list[int]:
    """Choose at most `points` evenly spread positions, first and last included.

    >>> thin(5, 3)
    [0, 2, 4]
    """
    if length <= points:
        return list(range(length))
    return [round(i * (length - 1) / (points - 1)) for i in range(points)]


def corners(x: Sequence[float], y: Sequence[float]) -> list[int]:
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


def curve(view: View, row: Row, quantity: str) -> Curve:
    """Return one quantity of a candidate: `train_loss`, `val_loss` or `metric`, the last as shown."""
    assert row.curves is not None
    kept = thin(len(row.curves["epoch"]), max(20, min(POINTS, ALL_POINTS // len(view.rows))))
    values = row.curves[quantity]
    parts = [[*map(view.scale.shown, values[p])] if quantity == "metric" else values[p] for p in values]
    epochs = row.curves["epoch"]
    mean, low, high = ([finite(part[i]) for i in kept] for part in parts)
    return Curve([epochs[i] for i in kept], mean, low, high)


def curve_limits(curves: Iterable[Curve]) -> tuple[float, float]:
    """Return one range for all candidates, so that panels can be compared."""
    return padded(
        limits(v for each in curves for part in (each.low, each.mean, each.high) for v in part), 0.02
    )


def sweep_mean(view: View, point: RatePoint) -> float | None:
    """Return the mean score at one rate as shown; None for a rate that lost runs, which is drawn as lost."""
    return None if has_lost(point) else view.scale.shown(point["mean"])


def has_lost(point: RatePoint) -> bool:
    """Return whether a run at this rate diverged."""
    return any(finite(score) is None for score in point["scores"])


def sweep_scores(view: View, point: RatePoint) -> list[float]:
    """Return the scores at one rate as shown, those of the first hundred seeds."""
    shown = map(view.scale.shown, point["scores"][:SEEDS_DRAWN])
    return [score for score in shown if score is not None]


def sweep_limits(view: View, runs: bool = True) -> tuple[float, float]:
    """Return one range of scores for the sweeps of all candidates: of the means, and of single `runs`."""
    points = [point for row in view.rows for point in row.sweep]
    values = [sweep_mean(view, point) for point in points]
    if runs:
        values += [score for point in points for score in sweep_scores(view, point)]
    return padded(limits(values))
