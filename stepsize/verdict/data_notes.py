"""Notes and warnings about the data: how they were read, and how much a score can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stepsize.metric_directions import is_accuracy
from stepsize.number_format import counted, points, rounded
from stepsize.stats.margins import HALF_A_POINT
from stepsize.verdict.answer import DataFacts, PartFacts, Protocol

SHARES_DIFFER = 0.1  # between the parts, for one class
COPIES = 0.05  # of the validation rows, known from training


def notes(data: DataFacts, protocol: Protocol) -> Iterator[str]:
    """Yield how much the validation part can tell, and how the data was read."""
    if data["parts"]:
        yield validation_note(data, protocol)
    for note in data["notes"]:
        yield f"Data: {note}."
    for note in protocol["model_notes"]:
        yield f"Model: {note}."


def scaling(scaled: Sequence[str]) -> str:
    """Return on which numbers a rate was chosen, if not on those of the data.

    >>> scaling(["inputs", "target"])
    ' on scaled inputs and target'
    """
    return f" on scaled {' and '.join(scaled)}" if scaled else ""


def validation_note(data: DataFacts, protocol: Protocol) -> str:
    """Return the size of the validation part, the score of a constant answer, and the value of one row."""
    part = _validation_part(data, protocol)
    constant, step = constant_baseline(data, protocol), data["sample_value"]
    if data["kind"] == "regression":
        if protocol["metric"] != "r2" or constant is None:
            return f"{part}."
        theirs = "about 0" if constant == 0 else rounded(constant, 3)
        return (
            f"{part}: always predicting the mean of the training rows scores {theirs}, and a perfect model "
            "scores 1."
        )
    worth = f"worth {points(100 * (step or 0.0))}"
    if data["kind"] == "multilabel":
        if protocol["metric"] != "accuracy" or constant is None:
            return f"{part}."
        return (
            f"{part}: always giving the more common answer for each label scores {100 * constant:.1f} %, and "
            f"one correct answer is {worth}."
        )
    name, count = _largest_class(data["parts"]["validation"])
    if protocol["metric"] != "accuracy" or constant is None:
        return f"{part}, {count}."
    if "majority_class" in data:
        return (
            f"{part}, {count} with the first seed: always answering {data['majority_class']!r} scores "
            f"{100 * constant:.1f} % on average over seeds, and one row is {worth}."
        )
    return (
        f"{part}, {count}: always answering {name!r} scores {100 * constant:.1f} %, and one row is {worth}."
    )


def constant_baseline(data: DataFacts, protocol: Protocol) -> float | None:
    """Return the score of a constant answer by the metric of the study, None if that is not known."""
    return data["majority_baseline"] if protocol["metric"] == data["baseline_metric"] else None


def constant_answer(data: DataFacts, metric: str) -> str:
    """Return in words what `constant_baseline` scores."""
    if data["kind"] == "regression":
        return "always predicting the mean"
    if metric != "accuracy":
        return "giving every row the shares of the classes"
    if data["kind"] == "multilabel":
        return "always giving the more common answer"
    name, _ = _largest_class(data["parts"]["validation"])
    return f"always answering {data.get('majority_class', name)!r}"


def _validation_part(data: DataFacts, protocol: Protocol) -> str:
    rows, folds = data["parts"]["validation"]["rows"], protocol["folds"]
    if data["held_out"]:
        many = counted(rows, "row")
        return f"The verdict uses the data's own test part, which tuning never sees; it has {many}"
    if folds:
        return (
            f"Each of the {folds} folds validates on about {counted(rows, 'row')} (every row once per repeat)"
        )
    return f"The validation part has {counted(rows, 'row')}"


def _largest_class(part: PartFacts) -> tuple[str, str]:
    """Return the most common class, and its number of rows in words."""
    counts = part.get("counts", {})
    name, count = max(counts.items(), key=lambda item: item[1])
    is_even = count * len(counts) == part["rows"]
    return name, f"{count:,} of each class" if is_even else f"{count:,} of them of class {name!r}"


def warnings(data: DataFacts, protocol: Protocol) -> Iterator[str]:
    """Yield what may make the answer wrong or weak in the way the rows are split."""
    if data["parts"]:
        train, valid = data["parts"]["train"], data["parts"]["validation"]
        if train.get("shares"):
            yield from _different_shares(data, train.get("shares", {}), valid.get("shares", {}))
            yield from _missing_classes(data)
        yield from _large_steps(data, protocol)
        yield from _copies(data)


def _different_shares(
    data: DataFacts, train: Mapping[str, float], valid: Mapping[str, float]
) -> Iterator[str]:
    name = max(train, key=lambda each: abs(train[each] - valid[each]))
    if abs(train[name] - valid[name]) > SHARES_DIFFER:
        yield (
            f"The parts {_first(data, 'differ')}: class {name!r} is {100 * train[name]:.0f} % of the "
            f"training rows and {100 * valid[name]:.0f} % of the validation rows."
        )


def _first(data: DataFacts, verb: str = "") -> str:
    """Return a verb, and that something is so with the first seed only, if it is."""
    return f"{verb}{' with the first seed' if data['shares_vary'] else ''}"


def _missing_classes(data: DataFacts) -> Iterator[str]:
    for part, facts in data["parts"].items():
        missing = [name for name, count in facts.get("counts", {}).items() if count == 0]
        if missing:
            rest = f" (nor of {len(missing) - 1} more)" if len(missing) > 1 else ""
            rows = "training" if part == "train" else part
            yield (
                f"There are no {rows} rows of class {missing[0]!r}{rest}{_first(data)}, so the score does "
                "not show how well it is recognised."
            )


def _large_steps(data: DataFacts, protocol: Protocol) -> Iterator[str]:
    step = data["sample_value"]
    if step is not None and step > HALF_A_POINT:
        is_every_row = protocol["folds"] and not data["held_out"]
        rows = data["rows"] if is_every_row else data["parts"]["validation"]["rows"]
        unit = f"one of its {rows} rows"
        if data["kind"] == "multilabel" and is_accuracy(protocol["metric"]):
            unit = f"one correct answer on its {rows} rows"
        more = "more rows"
        if protocol["split_kind"] in ("random", "stratified") and not data["held_out"]:
            more += ", or a cross-validation (folds=10), which judges every row,"
        worth = f"{is_worth(protocol['metric'])} {points(100 * step)}"
        small = (
            "small"
            if is_accuracy(protocol["metric"])
            else f"small for the {protocol['metric'].replace('_', ' ')}"
        )
        if protocol["margin"] < step * (1 - 1e-9):
            yield (
                f"The validation part is {small}: {unit} {worth}, more than the margin of "
                f"{points(100 * protocol['margin'])}; {more} would show smaller differences."
            )
            return
        yield (
            f"The validation part is {small}: {unit} {worth}, so smaller "
            f"differences do not count; {more} would show them."
        )


def is_worth(metric: str) -> str:
    """Return whether every row counts as much in a score, as in an accuracy, or some of them less.

    >>> is_worth("accuracy"), is_worth("recall")
    ('is worth', 'can be worth')
    """
    return "is worth" if is_accuracy(metric) else "can be worth"


def has_equal_steps(metric: str) -> bool:
    """Return whether all steps of a score by this metric are `sample_value`, not only the largest ones.

    >>> has_equal_steps("accuracy"), has_equal_steps("recall"), has_equal_steps("precision")
    (True, True, False)
    """
    return is_accuracy(metric) or metric == "recall"


def _copies(data: DataFacts) -> Iterator[str]:
    copies, rows = data["copies"] or 0, data["parts"]["validation"]["rows"]
    if copies > max(2, COPIES * rows):
        yield (
            f"{copies} of the {rows} validation rows have the same inputs as a training row, so a model can "
            "memorise them: remove duplicate rows, or keep them together as groups."
        )


def beats_constant(data: DataFacts, protocol: Protocol, means: Sequence[float]) -> bool:
    """Return whether one of the means is better than a constant answer; true where that is not known."""
    constant = constant_baseline(data, protocol)
    sign = 1 if protocol["higher_is_better"] else -1
    return constant is None or any(sign * mean > sign * constant for mean in means)


def no_better_than_constant(data: DataFacts, protocol: Protocol, means: Sequence[float]) -> str | None:
    """Return a warning if none of the mean scores is better than a constant answer."""
    constant = constant_baseline(data, protocol)
    if constant is None or beats_constant(data, protocol, means):
        return None
    if data["kind"] == "regression":
        return f"No candidate beats always predicting the mean of the training rows ({rounded(constant, 3)})."
    score = f"{100 * constant:.1f} %" if protocol["share"] else rounded(constant, 3)
    what = "always giving the most common answer"
    if protocol["metric"] != "accuracy":
        what = constant_answer(data, protocol["metric"])
    return f"No candidate beats {what} ({score})."
