"""Which rows train and which rows judge, for every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stepsize.checks import python_number
from stepsize.errors import ProblemError, StudyError, require, unknown
from stepsize.number_format import counted
from stepsize.problems.data import Data
from stepsize.problems.splitting.grouped import assign_folds, draw_groups
from stepsize.problems.splitting.parts import Parts, check_both_answers, check_parts, row_numbers
from stepsize.problems.splitting.stratified import draw_stratified
from stepsize.problems.splitting.train_rows import amount, checked_train_rows, fewer_rows

KINDS = ("auto", "stratified", "random", "lesson", "test", "groups", "time", "column", "kfold", "given")
NEEDS = {  # what a kind needs of the data, and the argument that names it
    "test": ("test part", "part=, a column or array with the values train, valid and test"),
    "groups": ("groups", "groups=, a column or array that names the group of each row"),
    "time": ("time order", "order=, a column or array with the time of each row"),
    "column": ("part column", "part=, a column or array with the values train, valid and test"),
}
REPEATS = 10  # default number of repeats of a cross-validation


@dataclass(frozen=True)
class Split:
    """A rule that splits the rows into a training and a validation part, for every seed.

    The validation part, by `kind`:

    - `auto`: as the data's part column, groups or time order ask for; without one, `stratified`.
    - `stratified`: the share `validation` of every class, drawn by the seed.
    - `random`: the same share of all rows; `stratified` means this for several labels and for quantities.
    - `lesson`: the last share of the rows, unshuffled, as Keras' `validation_split`; the same for every seed.
    - `test`: the data's own test part; all other rows train.
    - `groups`: whole groups, about the share of the rows, drawn by the seed.
    - `time`: the last share by time; the same for every seed.
    - `column`: as the data's part column names it.
    - `kfold`: one fold of a cross-validation, stratified or by whole groups; seed = repeat * `folds` + fold.
    - `given`: see `Split.given`.

    If the data has a test part, the runs of the verdict are judged on that part, for every kind but `lesson`.

    With `train_rows`, a number or a share below 1, the training part keeps so many of its rows, drawn by the
    seed, or the latest where the split is by time. A smaller number keeps a part of the same rows.

    Raises: ProblemError for an unknown kind, a share outside 0 to 1, and fewer than 2 folds.

    >>> from stepsize.problems.data import from_arrays
    >>> data = from_arrays("toy", np.eye(4), ["a", "b", "a", "b"], "made up")
    >>> parts = Split("lesson", validation=0.4).parts(data, seed=0)
    >>> parts.train.tolist(), parts.valid.tolist()
    ([0, 1], [2, 3])
    """

    kind: str = "auto"
    validation: float = 0.25
    folds: int = 10
    train_rows: float | None = None
    rows: tuple[tuple[int, ...], tuple[int, ...]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("validation", "folds"):
            object.__setattr__(self, name, python_number(getattr(self, name)))
        if self.kind not in KINDS:
            raise ProblemError(unknown("split", self.kind, KINDS[:-1]))
        if not 0 < self.validation < 1:
            raise ProblemError(f"validation={self.validation} must be a share between 0 and 1, such as 0.25")
        if isinstance(self.folds, bool) or not isinstance(self.folds, int) or self.folds < 2:
            raise ProblemError(f"folds={self.folds!r} must be a whole number of at least 2, such as 10")
        if self.train_rows is not None:
            object.__setattr__(self, "train_rows", checked_train_rows(self.train_rows))
        if (self.kind == "given") != (self.rows is not None):
            raise ProblemError("your own rows are passed with Split.given(train, valid)")

    @classmethod
    def given(cls, train: ArrayLike, valid: ArrayLike) -> Split:
        """Make a split from your own row numbers, counted from 0, the same for every seed.

        Raises: ProblemError for rows that are not whole numbers from 0, or are named twice.

        >>> str(Split.given([0, 1, 2], [3]))
        'given rows: 3 to train on, 1 for validation'
        """
        train_rows, valid_rows = row_numbers("train", train), row_numbers("valid", valid)
        both = set(train_rows) & set(valid_rows)
        if both:
            raise ProblemError(
                f"row {min(both)} is in the training and in the validation part; it must be in one only"
            )
        return cls("given", rows=(train_rows, valid_rows))

    def __str__(self) -> str:
        share = f"{100 * self.validation:g} %"
        counts = [len(rows) for rows in self.rows or ((), ())]
        fewer = (
            "" if self.train_rows is None else f"; {amount(self.train_rows)} of the training rows are used"
        )
        return {
            "auto": f"as the data asks for, {share} for validation",
            "stratified": f"stratified by seed, {share} for validation",
            "random": f"drawn by seed, {share} for validation",
            "lesson": f"the last {share} of the rows, unshuffled, for validation",
            "test": "the data's own test part for validation",
            "groups": f"whole groups drawn by seed, about {share} of the rows for validation",
            "time": f"the last {share} by time for validation",
            "column": "your own parts",
            "kfold": f"{self.folds}-fold cross-validation, a repeat for each {self.folds} seeds",
            "given": f"given rows: {counts[0]} to train on, {counts[1]} for validation",
        }[self.kind] + fewer

    @property
    def identity(self) -> tuple[Any, ...]:
        """The values that determine the parts: splits with equal ones have equal parts."""
        extra = {"kfold": self.folds, "given": self.rows}.get(self.kind, self.validation)
        return (self.kind, extra) if self.train_rows is None else (self.kind, extra, self.train_rows)

    @property
    def sizes_vary(self) -> bool:
        """Whether the parts of one seed can be larger than those of another."""
        return self.kind in ("auto", "groups", "kfold")

    @property
    def usual_seeds(self) -> int | None:
        """The default number of seeds of this split; None if it has none."""
        return REPEATS * self.folds if self.kind == "kfold" else None

    def check_seeds(self, seeds: Sequence[int]) -> None:
        """Raise StudyError for seeds that are not whole repeats of a cross-validation.

        >>> Split("kfold").check_seeds(range(15))
        Traceback (most recent call last):
        stepsize.errors.StudyError: 15 seeds cannot be whole repeats of 10 folds; use for example seeds=100
        """
        if self.kind != "kfold":
            return
        whole = {
            repeat * self.folds + fold
            for repeat in {s // self.folds for s in seeds}
            for fold in range(self.folds)
        }
        if whole != set(seeds):
            raise StudyError(
                f"{counted(len(seeds), 'seed')} cannot be whole repeats of {self.folds} folds; "
                f"use for example seeds={REPEATS * self.folds}"
            )

    def of(self, data: Data) -> Split:
        """Return the split with its kind resolved for this data.

        `auto` becomes what the data asks for, and `stratified` becomes `random` without classes.
        """
        kind = self.kind
        if kind == "auto":
            columns = {"column": data.part, "groups": data.groups, "time": data.order}
            kind = next((name for name, column in columns.items() if column is not None), "stratified")
        if kind == "stratified" and data.kind not in ("binary", "multiclass"):
            kind = "random"
        return replace(self, kind=kind)

    def parts(self, data: Data, seed: int, judge: bool = True, ranks: bool = False) -> Parts:
        """Return the parts of `seed`.

        `judge` is true for the runs of the verdict: only they may use the data's own test part. The
        other runs, which tune rates, judge on validation rows instead. With `ranks`, the score compares
        rows of both answers, so there must be some.

        Raises: ProblemError if the data does not allow this split.
        """
        parts = self.of(data)._parts(data, seed, judge)
        if judge and data.test is not None and self.kind != "lesson":
            parts = Parts(parts.train, data.test)
        if self.train_rows is not None:
            parts = Parts(fewer_rows(parts.train, self.train_rows, seed, self.kind == "time"), parts.valid)
        check_parts(parts, data)
        if ranks:
            check_both_answers(parts, data)
        return parts

    def _parts(self, data: Data, seed: int, judge: bool) -> Parts:
        rows = data.rows_outside_test
        needs = {"test": data.test, "groups": data.groups, "time": data.order, "column": data.part}
        if self.kind in needs and needs[self.kind] is None:
            what, give = NEEDS[self.kind]
            raise ProblemError(
                f"split={self.kind!r}: data {data.name!r} has no {what}; use split='stratified', or give "
                f"{give}"
            )
        held = len(rows) - int(len(rows) * (1 - self.validation))  # as Keras rounds its validation_split
        if self.kind == "lesson":
            return Parts(*np.split(np.arange(data.rows), [int(data.rows * (1 - self.validation))]))
        if self.kind == "test" and judge:
            return Parts(rows, rows[:0])
        if self.kind == "groups":
            return _by_groups(rows, data, held, seed)
        if self.kind == "time":
            assert data.order is not None
            by_time = rows[np.argsort(data.order[rows], kind="stable")]
            return Parts(*np.split(by_time, [len(rows) - held]))
        if self.kind == "column":
            assert data.part is not None
            return Parts(np.flatnonzero(data.part == "train"), np.flatnonzero(data.part == "valid"))
        if self.kind == "given":
            return _given(self.rows or ((), ()), data)
        if self.kind == "kfold":
            return _fold(rows, data, self.folds, *divmod(seed, self.folds))
        if self.kind == "random" or (self.kind == "test" and data.kind not in ("binary", "multiclass")):
            order = np.random.default_rng(seed).permutation(rows)
            return Parts(order[held:], np.sort(order[:held]))
        return _stratified(rows, data, held, seed)


def _stratified(rows: np.ndarray, data: Data, held: int, seed: int) -> Parts:
    rare, count = _rarest(rows, data)
    if count < 2:
        raise ProblemError(
            f"class {rare!r} of data {data.name!r} has {count} row{'' if count == 1 else 's'}; a stratified "
            "split needs at least 2 of every class"
        )
    if min(held, len(rows) - held) < len(data.classes):
        raise ProblemError(
            f"data {data.name!r}: {len(rows)} rows with validation={held / len(rows):.3g} leave a part with "
            f"fewer rows than the {len(data.classes)} classes"
        )
    train, valid = draw_stratified(rows, data.y[rows], held, seed)
    return Parts(train, np.sort(valid))


def _rarest(rows: np.ndarray, data: Data) -> tuple[str, int]:
    counts = np.bincount(data.y[rows], minlength=len(data.classes))
    return data.classes[int(counts.argmin())], int(counts.min())


def _by_groups(rows: np.ndarray, data: Data, held: int, seed: int) -> Parts:
    assert data.groups is not None
    mask = draw_groups(data.groups[rows], held, seed, lambda mask: _missing_classes(rows, mask, data))
    return Parts(rows[~mask], rows[mask])


def _missing_classes(rows: np.ndarray, mask: np.ndarray, data: Data) -> int:
    """Count the classes that are missing from a part, over both parts."""
    if data.kind not in ("binary", "multiclass"):
        return 0
    return sum(len(data.classes) - len(np.unique(data.y[rows[part]])) for part in (mask, ~mask))


def _fold(rows: np.ndarray, data: Data, folds: int, repeat: int, fold: int) -> Parts:
    require("train", "sklearn")
    from sklearn.model_selection import KFold, StratifiedKFold

    if data.groups is not None:
        valid = assign_folds(data.groups[rows], folds, repeat) == fold
        return Parts(rows[~valid], rows[valid])
    if len(rows) < folds:
        raise ProblemError(f"data {data.name!r}: {counted(len(rows), 'row')} cannot make {folds} folds")
    if data.kind in ("binary", "multiclass"):
        rare, count = _rarest(rows, data)
        if count < folds:
            advice = f"at most {count} folds" if count > 1 else "split='random'"
            raise ProblemError(
                f"class {rare!r} of data {data.name!r} has {counted(count, 'row')}; {folds} folds need "
                f"{folds} of every class: use {advice}"
            )
        cutter = StratifiedKFold(folds, shuffle=True, random_state=repeat)
    else:
        cutter = KFold(folds, shuffle=True, random_state=repeat)
    train, valid = list(cutter.split(rows, data.y[rows] if data.y.ndim == 1 else None))[fold]
    return Parts(rows[train], rows[valid])


def _given(rows: tuple[tuple[int, ...], tuple[int, ...]], data: Data) -> Parts:
    highest = max(map(max, rows))
    if highest >= data.rows:
        raise ProblemError(
            f"row {highest} of Split.given is outside data {data.name!r}, which has {data.rows} rows"
        )
    return Parts(np.array(rows[0]), np.array(rows[1]))
