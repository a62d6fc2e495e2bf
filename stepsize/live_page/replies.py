"""What the page shows of an answer: ready text, and series in the units of its axes."""

from __future__ import annotations

import math
from typing import Any

from stepsize.live_page.pair import Pair, Side
from stepsize.live_page.session import Scored
from stepsize.number_format import Scale, counted, half_width, plain, rate, scale_for, share
from stepsize.rate_map.answer import MapAnswer, RateMapAnswer
from stepsize.report.rate_map_page import ZONES
from stepsize.report.terminal.rate_map import scale_of as scale_of_map
from stepsize.verdict.answer import VersusBaseline
from stepsize.verdict.formatting import difference, losses, score
from stepsize.verdict.series import Band

CHANCE = 0.025  # of "better" in one comparison of equals, at most
TITLES = {"metric": "", "val_loss": "Validation loss", "train_loss": "Training loss"}


def scored_reply(scored: Scored) -> dict[str, Any]:
    """Return the comparison of a schedule with the baseline, as JSON values."""
    pair, protocol = scored.pair, scored.pair.study.facts["protocol"]
    intervals = [side.ci95 for side in (pair.chosen, pair.baseline)]
    intervals += [pair.versus["ci95"]] if pair.versus else []
    scale = scale_for(
        protocol["metric"], protocol["higher_is_better"], protocol["share"], map(half_width, intervals)
    )
    return plain(
        {
            "kind": "score",
            "metric": scale.title,
            **_comparison(pair, scale),
            "scores": {
                "chosen": _side(pair, pair.chosen, scale),
                "baseline": _side(pair, pair.baseline, scale),
            },
            "curves": _curves(pair, scale),
            "chance": chance(scored.looked),
            "looked": scored.looked,
            "seconds": _seconds_of_one(scored),
            "took": _took(scored),
        }
    )


def chance(looked: int) -> str:
    """Return what so many looks at the same seeds mean for the word.

    >>> chance(1)
    'This is the first schedule compared on these seeds.'
    >>> chance(14)
    'You have compared 14 schedules on these seeds. If all of them were equal, one would still look better \
with a chance of up to 35 %: what you found by dragging has to be confirmed on fresh seeds.'
    """
    if looked < 2:
        return "This is the first schedule compared on these seeds."
    return (
        f"You have compared {looked:,} schedules on these seeds. If all of them were equal, one would still "
        f"look better with a chance of up to {share(min(1.0, CHANCE * looked))}: what you found by dragging "
        "has to be confirmed on fresh seeds."
    )


def _comparison(pair: Pair, scale: Scale) -> dict[str, Any]:
    """Return word, difference and pairs; the pairs are in the units of the picture."""
    versus = pair.versus
    if versus is None:
        return {"word": None, "headline": "The schedule is the baseline.", "difference": "", "wins": ""}
    differences = pair.chosen.scores - pair.baseline.scores
    seeds = f"{len(differences):,} seeds"
    margin = scale.step(pair.margin)
    return {
        "word": versus["verdict"],
        "headline": headline(
            versus["verdict"], pair.baseline.name, margin, seeds, _basis(pair, versus, margin)
        ),
        "difference": difference(scale, versus["mean"], versus["ci95"]),
        "wins": f"It wins {share(versus['p_better'])} of {_counted(pair, len(differences))}",
        "pairs": [scale.shown(each) for each in differences.tolist()],
        "mean": scale.shown(versus["mean"]),
        "ci95": None if versus["ci95"] is None else [scale.shown(end) for end in versus["ci95"]],
        "margin": scale.shown(pair.margin),
        "unit": (scale.difference_unit or scale.name)
        + ("" if scale.higher_is_better else " (lower is better)"),
    }


def _counted(pair: Pair, runs: int) -> str:
    """Return what the statistics count: seeds, or repeats of a cross-validation."""
    folds = pair.study.facts["protocol"].get("folds")
    return counted(runs // folds, "repeat") if folds else counted(runs, "seed")


def headline(word: str, baseline: str, margin: str, seeds: str, basis: str = "") -> str:
    """Return what a word says about a schedule and the baseline, on the seeds of the page.

    `basis` is what else there is to say of "better" and "worse".
    """
    return {
        "better": f"On these {seeds}, it is shown to be better than the baseline, {baseline}{basis}.",
        "worse": f"On these {seeds}, it is shown to be worse than the baseline, {baseline}{basis}.",
        "equivalent": f"On these {seeds}, it differs from the baseline, {baseline}, by less than the margin, "
        f"{margin}.",
        "not shown": f"These {seeds} do not show a difference from the baseline, {baseline}.",
    }[word]


def _basis(pair: Pair, versus: VersusBaseline, margin: str) -> str:
    """Return who lost the runs that "better" or "worse" rests on, or that the difference may be small."""
    ours, theirs = pair.chosen, pair.baseline
    if pair.by_losses and versus["verdict"] == "better":
        return f", which {losses(theirs.diverged, len(theirs.scores), 'it', ours.diverged)}"
    if pair.by_losses:
        return f": it {losses(ours.diverged, len(ours.scores), 'the baseline', theirs.diverged)}"
    interval = versus["ci95"]
    may_be_small = interval is not None and min(map(abs, interval)) < pair.margin
    return f", perhaps by less than the margin, {margin}" if may_be_small else ""


def _side(pair: Pair, side: Side, scale: Scale) -> dict[str, Any]:
    lost = f"{side.diverged:,} of {len(side.scores):,} runs diverged" if side.diverged else ""
    if lost and pair.study.facts["protocol"].get("folds"):
        lost += f"; {side.replicates:,} of {_counted(pair, len(side.scores))} finished whole"
    return {"spec": side.name, "text": score(scale, side.mean, side.ci95), "lost": lost}


def _curves(pair: Pair, scale: Scale) -> list[dict[str, Any]]:
    """Return the learning curves of both, one entry for each quantity."""
    series = {"chosen": pair.chosen.curves, "baseline": pair.baseline.curves}
    return [
        {
            "title": title or scale.title,
            **{role: _band(each[key], scale if key == "metric" else None) for role, each in series.items()},
        }
        for key, title in TITLES.items()
    ]


def _band(band: Band, scale: Scale | None) -> dict[str, list[float | None]]:
    return {key: [_shown(value, scale) for value in values] for key, values in band.items()}  # type: ignore[attr-defined]


def _shown(value: float | None, scale: Scale | None) -> float | None:
    shown = value if scale is None else scale.shown(value)
    return None if shown is None or not math.isfinite(shown) else float(f"{shown:.6g}")


def _seconds_of_one(scored: Scored) -> float | None:
    """Return how long one candidate takes, if one was trained."""
    seeds = len(scored.pair.study.seeds)
    return scored.training_seconds * seeds / scored.trained if scored.trained else None


def _took(scored: Scored) -> str:
    if not scored.trained:
        return f"Nothing had to be trained: {_seconds(scored.seconds)}."
    compiled = (
        f", {_seconds(scored.compile_seconds)} of it for compiling" if scored.compile_seconds > 0.2 else ""
    )
    return f"{counted(scored.trained, 'run')} trained and judged in {_seconds(scored.seconds)}{compiled}."


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 0.95 else f"{seconds:.1f} s"


def map_reply(answer: RateMapAnswer) -> dict[str, Any]:
    """Return a map of rates: its points in the units of the picture, its zones and its sentence."""
    each: MapAnswer = answer["maps"][0]
    scale = scale_of_map(answer["study"]["protocol"], each)
    best = each["best"]
    return plain(
        {
            "kind": "map",
            "sentence": each["sentence"],
            "metric": scale.title,
            "best": None if best is None else best["rate"],
            "points": [
                {
                    "rate": row["rate"],
                    "mean": scale.shown(row["mean"]),
                    "ci95": None if row["ci95"] is None else [scale.shown(end) for end in row["ci95"]],
                    "word": "good" if row["word"] == "best" else row["word"],
                    "zone": ZONES[row["word"]],
                    "label": f"{rate(row['rate'])}: {row['word']}; {row['reason']}",
                }
                for row in each["rates"]
            ],
        }
    )
