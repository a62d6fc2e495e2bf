"""Why a rate has its word, and what a map of rates shows, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stepsize.number_format import Scale, rate, rounded
from stepsize.rate_map.answer import BestRate, RateAnswer, Status
from stepsize.rate_map.curve_words import (
    BEST,
    DIVERGES,
    GOOD,
    LEAST,
    OVERFITS,
    SLOW,
    SWINGS,
    TOO_SMALL,
    UNSTABLE,
    Behaviour,
    RateRuns,
)
from stepsize.stats.looks import LEAST_SEEDS
from stepsize.study.replicates import replication, unit, units

SAME = 1e-6  # of a score: smaller gaps are those of rounding
FALLING = 0.01  # of what the best rate gains: less is not called falling


@dataclass(frozen=True)
class Context:
    """What the reasons of a map have in common: its best rate, and how scores are written."""

    best: RateRuns
    scale: Scale
    means: Mapping[float, float | None]
    measure: str = "training loss"

    def behind(self, runs: RateRuns) -> str:
        """Return how far the mean score of a rate lies below that of the best, or above it for a loss."""
        sign = 1 if self.scale.higher_is_better else -1
        ours, theirs = self.means[runs.rate], self.means[self.best.rate]
        if ours is None or theirs is None:
            return "no repeat finished whole"
        gap = sign * (theirs - ours)
        if gap <= SAME * abs(theirs):
            return "as good as the best"
        return f"{self.scale.step(gap)} {'below' if self.scale.higher_is_better else 'above'} the best"


def reason(word: str, runs: RateRuns, seen: Behaviour | None, context: Context | None) -> str:
    """Return why a rate has its word; without `context`, no run of any rate finished."""
    if seen is None or context is None or word == DIVERGES:
        return _divergence(runs)
    if word in (BEST, GOOD):
        text = "the rate to use" if word == BEST else context.behind(runs)
        if runs.lost:
            text = f"{text}; {_divergence(runs)}"
        after = seen.overfits_after
        return f"{text}; overfits after epoch {after}" if after else text
    return f"{context.behind(runs)}; {_cause(word, seen, context.measure)}"


def _cause(word: str, seen: Behaviour, measure: str) -> str:
    if word in (TOO_SMALL, SLOW):
        now, later = _percent(seen.way), _percent(seen.way + seen.doubled)
        longer = f" (about {later} with twice the epochs)" if now != later and seen.doubled > FALLING else ""
        return f"{now} of the way{longer}"
    if word == UNSTABLE:
        swings = seen.swing > SWINGS
        times = rounded(seen.swing if swings else seen.spread, 2)
        kind = "score" if measure == "score" else "loss"
        where = f"its {kind} swings between epochs" if swings else "its scores spread over the seeds"
        return f"{where} {times} times as much as at the best rate"
    if word == OVERFITS:
        return f"its validation loss is lowest after epoch {seen.overfits_after}"
    if seen.way < LEAST:
        if measure == "score":
            return "its score ends about where it began, or lower"
        return f"its training loss ends {'above' if seen.way < 0 else 'about'} where it began"
    return f"its {measure} covers {_percent(seen.way)} of the way"


def _percent(share: float) -> str:
    return f"{round(100 * min(max(share, 0.0), 1.0))} %"


def _divergence(runs: RateRuns) -> str:
    first = min(runs.lost)
    lost = f"{len(runs.lost)} of {runs.runs} runs" if len(runs.score) else f"all {runs.runs} runs"
    return f"{lost} diverged, the first at update {first.update:,} (epoch {first.epoch:,})"


@dataclass(frozen=True)
class Others:
    """The rates beside the best one: how many they are, lost more runs, or score worse by the margin."""

    number: int
    lost: int
    worse: int
    margin: str
    folds: int | None

    def in_words(self, runs: int) -> str:
        """Return what is wrong with them, each having so many runs."""
        beaten = self.lost + self.worse
        every = beaten == self.number
        who = "every other one" if every else f"{beaten} of the {self.number} others"
        lost = "lost more runs"
        if not self.worse:
            return f"{who} {lost}"
        few = units(runs, self.folds) < LEAST_SEEDS
        verb = "scored" if few else "is shown to be" if every or beaten == 1 else "are shown to be"
        worse = f"{verb} worse by more than {self.margin}"
        doubt = f", but fewer than {LEAST_SEEDS} {unit(self.folds)}s cannot show a difference" if few else ""
        return f"{who} {worse}{f' or {lost}' if self.lost else ''}{doubt}"


def all_lost(settings: str, tried: str) -> str:
    """Return that no run of a map finished; `tried` is the range of rates."""
    where = f" with {settings}" if settings else ""
    return (
        f"Every run diverged{where}, at all rates tried ({tried}): scale the inputs and targets, or "
        "limit the gradient with clipnorm=1."
    )


def sentence(
    status: Status,
    best: BestRate,
    score: str,
    runs: RateAnswer,
    settings: str,
    tried: str,
    others: Others,
    is_requested: bool,
) -> str:
    """Return the answer of a map in words; `tried` is the range of rates, which may be the user's."""
    where = f" with {settings}" if settings else ""
    chosen, (low, high) = rate(best["rate"]), best["range"]
    result = "no repeat finished whole"
    if runs["replicates"]:
        result = f"{score} over {replication(runs['replicates'], runs['n'], others.folds)}"
    lost = f" {runs['diverged']} of its {runs['n']} runs diverged." if runs["diverged"] else ""
    shown = f"shown to be worse by more than {others.margin}"
    if status == "flat":
        return (
            f"No difference is shown{where} between the rates tried ({tried}): none is {shown} "
            f"({result} at {chosen}).{lost}"
        )
    if is_requested:
        beaten = others.in_words(runs["n"])
        if low != high:
            beaten = f"none of those from {rate(low)} to {rate(high)} is {shown}"
        return f"Of the rates given, use lr={chosen}{where} ({result}); {beaten}.{lost}"
    ends = {
        "open_below": f"; rates below {rate(low)} may be as good, but none was tried",
        "open_above": f"; rates above {rate(high)} may be as good, but none was tried",
    }
    return (
        f"Use lr={chosen}{where} ({result}): no constant lr from {rate(low)} to {rate(high)} is {shown}"
        f"{ends.get(status, '')}.{lost}"
    )
