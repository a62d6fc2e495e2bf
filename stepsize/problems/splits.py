"""Which rows train and which rows judge: splits, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stepsize.errors import MissingExtra, ProblemError, unknown
from stepsize.problems.data import Data

KINDS = ("stratified", "lesson", "test")


class Parts(NamedTuple):
    """Row numbers of the two parts of one seed."""

    train: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class Split:
    """A rule that gives each seed its parts.

    `stratified`: a share `validation` of every class, drawn by the seed. `lesson`: the last share of the
    rows, unshuffled, as Keras' `validation_split` takes it, the same for every seed. `test`: train on all
    rows but the data's own test part, judge on that part.
    """

    kind: str = "stratified"
    validation: float = 0.25

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ProblemError(unknown("split", self.kind, KINDS))
        if not 0 < self.validation < 1:
            raise ProblemError(f"validation={self.validation} must be a share between 0 and 1, such as 0.25")

    def __str__(self) -> str:
        share = f"{100 * self.validation:g} %"
        return {
            "stratified": f"stratified by seed, {share} for validation",
            "lesson": f"the last {share} of the rows, unshuffled, for validation",
            "test": "the data's own test part for validation",
        }[self.kind]

    def parts(self, data: Data, seed: int, judge: bool = True) -> Parts:
        """Give the parts of `seed`.

        `judge` is true for the runs that feed the verdict: only they may see the data's own test part.
        The other runs, which tune, judge on validation rows instead.
        """
        if self.kind == "test" and data.test is None:
            raise ProblemError(f"split 'test': data {data.name!r} has no test part; use 'stratified'")
        if self.kind == "lesson":
            count = int(data.rows * (1 - self.validation))
            rows = np.arange(data.rows)
            return _checked(Parts(rows[:count], rows[count:]), data)
        own = np.arange(data.rows) if data.test is None else np.setdiff1d(np.arange(data.rows), data.test)
        if self.kind == "test" and judge:
            assert data.test is not None
            return Parts(own, data.test)
        train, valid = _stratified(own, data, self.validation, seed)
        return Parts(train, data.test if judge and data.test is not None else valid)


def _stratified(rows: np.ndarray, data: Data, validation: float, seed: int) -> Parts:
    try:
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError:
        raise MissingExtra("scikit-learn", "train") from None
    counts = np.bincount(data.y[rows], minlength=len(data.classes))
    if counts.min() < 2:
        rare = data.classes[int(counts.argmin())]
        raise ProblemError(
            f"class {rare!r} of data {data.name!r} has {counts.min()} row; a stratified split needs 2 of each"
        )
    held = len(rows) - int(len(rows) * (1 - validation))  # as Keras rounds its validation_split
    if min(held, len(rows) - held) < len(data.classes):
        raise ProblemError(
            f"data {data.name!r}: {len(rows)} rows with validation={validation} leave a part with fewer rows "
            f"than the {len(data.classes)} classes"
        )
    train, valid = train_test_split(rows, test_size=held, random_state=seed, stratify=data.y[rows])
    return _checked(Parts(np.asarray(train), np.sort(valid)), data)


def _checked(parts: Parts, data: Data) -> Parts:
    if len(np.unique(data.y[parts.train])) < 2:
        raise ProblemError(
            f"data {data.name!r}: the training part holds one class only; use the stratified split"
        )
    return parts


def describe(data: Data, parts: Parts) -> dict[str, object]:
    """Say what a split is worth: rows, class shares per part, majority baseline, value of one sample.

    `majority_baseline` is the accuracy of naming the validation part's commonest class every time.

    >>> from stepsize.problems.data import ionosphere
    >>> worth = describe(ionosphere(), Split("lesson", 0.33).parts(ionosphere(), seed=0))
    >>> round(worth["majority_baseline"], 3), round(worth["sample_value"], 4)
    (0.922, 0.0086)
    """

    def part(rows: np.ndarray) -> dict[str, object]:
        counts = np.bincount(data.y[rows], minlength=len(data.classes))
        return {
            "rows": len(rows),
            "counts": {name: int(n) for name, n in zip(data.classes, counts, strict=True)},
            "shares": {name: float(n / len(rows)) for name, n in zip(data.classes, counts, strict=True)},
        }

    valid = np.bincount(data.y[parts.valid], minlength=len(data.classes))
    return {
        "name": data.name,
        "rows": data.rows,
        "features": sum(int(np.prod(each.shape[1:])) for each in data.inputs.values()),
        "classes": list(data.classes),
        "parts": {"train": part(parts.train), "validation": part(parts.valid)},
        "majority_baseline": float(valid.max() / len(parts.valid)),
        "sample_value": 1 / len(parts.valid),
        "source": data.source,
    }
