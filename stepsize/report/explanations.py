"""How to read a report: each of its terms in a line."""

from __future__ import annotations

import re

from stepsize.report.view_model import View
from stepsize.study.replicates import unit


def explanations(view: View) -> list[tuple[str, str]]:
    """Return every term that the tables and pictures of a report use, with its meaning."""
    scale = "points" if view.scale.percent else f"the units of {view.scale.name}"
    seed = unit(view.folds)
    rows = [
        ("schedule", "how the learning rate changes over a run; constant(lr) keeps it as it is"),
        ("update", "one step of the optimizer, on one batch of rows; an epoch is one pass over all of them"),
        *_model(view.subtitle),
        (
            "seed",
            "one draw of weights, split and order of the batches; all candidates train on the same seeds",
        ),
        ("±", "half the 95 % interval: with other seeds, the mean would mostly stay this close"),
        (
            "difference",
            f"candidate minus {view.baseline}, {seed} by {seed}, in {scale}: what a seed does to both "
            "cancels out",
        ),
        ("margin", f"the smallest difference that matters, {view.margin_text}: the grey band of the picture"),
        (
            "better, worse",
            "the difference is there beyond chance, and is not known to be too small to matter",
        ),
        (
            "equivalent",
            "the whole interval lies inside the margin, so any difference is too small to matter",
        ),
        ("not shown", "these seeds cannot tell; more of them could"),
        ("P(better)", f"the share of {seed}s on which the candidate is ahead; half means neither is"),
        (
            "p (Holm)",
            "how often chance alone would show such a difference somewhere among all pairs of candidates",
        ),
        (
            "sd",
            f"how far the scores of single {'repeats' if view.folds else 'runs'} spread around their mean",
        ),
        ("runs", "runs that finished; 26/30 means that 4 of 30 diverged, which counts as the worst score"),
        *_repeats(view.folds),
    ]
    if view.scale.percent:
        rows.insert(1, ("points", "percentage points: from 90 % to 91 % is one point"))
    if any(row.lr_range for row in view.rows):
        rows.append(("lr", "the learning rate that tuning chose, on seeds of its own; a fixed one shows –"))
    if any(row.error != "–" for row in view.rows):
        rows.append(
            ("error", "the root mean squared error in the units of the target; R2 compares it with the mean")
        )
    return rows


def _repeats(folds: int | None) -> list[tuple[str, str]]:
    """Return what the repeats of a cross-validation are."""
    if not folds:
        return []
    return [
        (
            "repeat",
            f"{folds} seeds, which judge every row once; its score is the mean over these runs, and a repeat "
            "that lost one ranks below every whole one",
        )
    ]


def _model(subtitle: str) -> list[tuple[str, str]]:
    """Return what a model that is given as text is, if it is a network of dense layers."""
    found = re.match(r"mlp\(([\d, ]+)", subtitle)
    if found is None:
        return []
    layers = [each.strip() for each in found[1].strip(", ").split(",")]
    what = "one hidden layer" if len(layers) == 1 else f"{len(layers)} hidden layers"
    return [
        (subtitle.partition(" · ")[0], f"the model: a network with {what} of {' and '.join(layers)} units")
    ]
