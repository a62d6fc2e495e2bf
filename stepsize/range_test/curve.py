"""The curve of a range test: the losses of all sweeps, smoothed without lag, their median and their band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stepsize.range_test.sweeps import Sweep, batch_noise

DECADES, SHARE = (
    0.15,
    0.02,
)  # half-widths of the window: of an exponential ramp, and of the updates of a linear one

Floats = np.ndarray


@dataclass(frozen=True)
class Curve:
    """Loss over learning rate, as far as at least half of the sweeps reach.

    `loss` is the median of the smoothed sweeps, `low` and `high` are the lowest and the highest of them. All
    begin at `start`, the loss at rates too small to matter. `noise` is the standard deviation of the loss of
    one batch, `error` the standard error of the smoothed median.
    """

    rates: Floats
    loss: Floats
    low: Floats
    high: Floats
    start: float
    noise: float
    error: float

    @property
    def fall(self) -> float:
        """How far the loss falls below its start."""
        return self.start - float(self.loss.min())


def make_curve(rates: Floats, sweeps: Sequence[Sweep], shape: str = "exponential") -> Curve:
    """Return the curve through sweeps of the same ramp, of which more than half must have three losses.

    Each sweep is smoothed by straight lines, fitted in a window around every update (Cleveland, 1979, with
    Gaussian weights), so that the curve neither lags behind nor bends at its ends.
    """
    width = window(rates, shape)
    return _curve(rates, sweeps, [smoothed(sweep.losses, width) for sweep in sweeps], width)


def resampled_curves(rates: Floats, sweeps: Sequence[Sweep], shape: str, count: int) -> Iterator[Curve]:
    """Yield the curves through as many sweeps drawn from these with replacement: the bootstrap (Efron, 1979).

    The draws are the same every time.
    """
    width, generator = window(rates, shape), np.random.default_rng(0)
    smooth = [smoothed(sweep.losses, width) for sweep in sweeps]
    for _ in range(count):
        drawn = generator.integers(len(sweeps), size=len(sweeps))
        yield _curve(rates, [sweeps[i] for i in drawn], [smooth[i] for i in drawn], width)


def _curve(rates: Floats, sweeps: Sequence[Sweep], smooth: Sequence[Floats], width: float) -> Curve:
    reached = sorted((len(each) for each in smooth), reverse=True)[len(smooth) // 2]
    table = np.full((len(smooth), reached), np.inf)  # the loss of a sweep that has ended
    for row, each in zip(table, smooth, strict=True):
        row[: min(reached, len(each))] = each[:reached]
    first = max(3, min(round(2 * width), reached // 10))
    start = float(np.median(np.concatenate([sweep.losses[:first] for sweep in sweeps])))
    noise = float(np.median([batch_noise(sweep.losses[:reached]) for sweep in sweeps]))
    effective = max(len(sweeps) * 2 * np.sqrt(np.pi) * width, 1.0)  # losses in a window of all sweeps
    return Curve(
        rates=rates[:reached],
        loss=np.median(table, axis=0),
        low=table.min(axis=0),
        high=np.where(np.isfinite(table), table, -np.inf).max(axis=0),
        start=start,
        noise=noise,
        error=noise / float(np.sqrt(effective)),
    )


def window(rates: Floats, shape: str) -> float:
    """Return the standard deviation of the window in updates."""
    if shape == "linear":
        return max(SHARE * len(rates), 1.0)
    return max(DECADES * (len(rates) - 1) / float(np.log10(rates[-1] / rates[0])), 1.0)


def smoothed(losses: Floats, width: float) -> Floats:
    """Return the value at each update of the line fitted around it, with a window `width` updates wide.

    >>> smoothed(np.arange(5.0), 2.0).round(9).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    if len(losses) < 3:
        return np.array(losses, np.float64)
    values = np.asarray(losses, np.float64)
    count, reach = len(values), min(int(4 * width), len(values) - 1)
    total, first, second, level, moment = np.zeros((5, count))
    for away in range(-reach, reach + 1):
        weight = np.exp(-0.5 * (away / width) ** 2)
        here = slice(max(-away, 0), count - max(away, 0))
        there = values[max(away, 0) : count - max(-away, 0)]
        total[here] += weight
        first[here] += weight * away
        second[here] += weight * away**2
        level[here] += weight * there
        moment[here] += weight * away * there
    return (second * level - first * moment) / (total * second - first**2)
