"""What a careful colleague would say of the data: how they were read, what a score on them is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepsize.stats.power import HALF_A_POINT

Data = Mapping[str, Any]

SHARES_DIFFER = 0.1  # between the parts, for one class
COPIES = 0.05  # of the validation rows, known from training


def notes(data: Data, protocol: Mapping[str, Any]) -> Iterator[str]:
    """Say what the validation part is worth, and how the data were read."""
    if data["parts"]:
        yield worth(data, protocol)
    for said in data.get("notes", ()):
        yield f"Data: {said}."


def worth(data: Data, protocol: Mapping[str, Any]) -> str:
    """Say how many rows judge, what knowing nothing scores, and what one right answer is worth."""
    rows, folds = data["parts"]["validation"]["rows"], protocol.get("folds")
    part = f"The validation part has {rows:,} rows"
    if data.get("held_out"):
        part = f"The verdict rests on the data's own test part, which tuning never sees; it has {rows:,} rows"
    elif folds:
        part = f"Each of the {folds} folds judges about {rows:,} rows, every row once a repeat"
    if protocol["metric"] != data.get("baseline_metric", "accuracy"):
        return f"{part}."
    if data.get("kind") == "regression":
        return f"{part}: always saying the mean of the training rows scores about 0, a perfect model 1."
    percent, points = 100 * data["majority_baseline"], 100 * data["sample_value"]
    if data.get("kind") == "multilabel":
        return (
            f"{part}: saying the commoner answer for each label every time scores {percent:.1f} %, and one "
            f"right answer is worth {points:.2f} points."
        )
    counts = data["parts"]["validation"]["counts"]
    name, count = max(counts.items(), key=lambda item: item[1])
    held = (
        f"{count:,} of each class" if count * len(counts) == rows else f"{count:,} of them of class {name!r}"
    )
    return (
        f"{part}, {held}: answering {name!r} every time scores {percent:.1f} %, and one row is worth "
        f"{points:.2f} points."
    )


def doubts(data: Data, protocol: Mapping[str, Any]) -> Iterator[str]:
    """Say what about the parts may make the answer wrong or weak."""
    if not data["parts"]:
        return
    train, valid = data["parts"]["train"], data["parts"]["validation"]
    if train.get("shares"):
        yield from _shares_differ(train["shares"], valid["shares"])
        yield from _absent(data)
    if data["sample_value"] is not None and data["sample_value"] > HALF_A_POINT:
        rows = data["rows"] if protocol.get("folds") else valid["rows"]
        what = f"one of its {rows} rows"
        if data.get("kind") == "multilabel":
            what = f"one right answer of its {rows} rows"
        yield (
            f"The validation part is small: {what} is worth {100 * data['sample_value']:.2f} points, so no "
            "smaller difference counts."
        )
    copies = data.get("copies") or 0
    if copies > max(2, COPIES * valid["rows"]):
        yield (
            f"{copies} of the {valid['rows']} validation rows have the inputs of a training row, so a model "
            "can know them by heart: remove repeated rows, or keep them together as groups."
        )


def beats_nothing(data: Data, protocol: Mapping[str, Any], best: float) -> str | None:
    """Say so when the best mean is no better than knowing nothing."""
    known = data["majority_baseline"]
    if known is None or protocol["metric"] != data.get("baseline_metric", "accuracy") or best > known:
        return None
    if data.get("kind") == "regression":
        return "No candidate beats always saying the mean of the training rows (0)."
    return f"No candidate beats naming the commonest class every time ({100 * known:.1f} %)."


def _shares_differ(train: Mapping[str, float], valid: Mapping[str, float]) -> Iterator[str]:
    name = max(train, key=lambda each: abs(train[each] - valid[each]))
    if abs(train[name] - valid[name]) > SHARES_DIFFER:
        yield (
            f"The parts differ: class {name!r} is {100 * train[name]:.0f} % of the training rows and "
            f"{100 * valid[name]:.0f} % of the validation rows."
        )


def _absent(data: Data) -> Iterator[str]:
    for part, about in data["parts"].items():
        gone = [name for name, count in about["counts"].items() if count == 0]
        if gone:
            which = f"class {gone[0]!r}" + (f" and {len(gone) - 1} more" if len(gone) > 1 else "")
            rows = "training" if part == "train" else part
            yield f"The {rows} rows hold no {which}, so nothing is known of how well it is told."
