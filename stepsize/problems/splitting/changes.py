"""The keys `split`, `validation`, `folds` and `rows` of a problem, as one `Split`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stepsize.errors import ProblemError
from stepsize.problems.splitting.splits import KINDS, Split

SPLIT_KEYS = ("validation", "folds", "rows")
WITHOUT = {  # the kinds of split that a size does not matter for
    "folds": tuple(kind for kind in KINDS if kind != "kfold"),
    "validation": ("kfold", "column", "given"),
}


def with_split(changes: Mapping[str, Any], usual: Split) -> dict[str, Any]:
    """Return the changes of a problem with the keys of a split combined into one `Split`."""
    combined = dict(changes)
    fewer = {"train_rows": combined.pop("rows")} if "rows" in changes else {}
    split = combined.pop("split", "kfold" if "folds" in changes else usual.kind)
    sizes = {key: combined.pop(key) for key in ("validation", "folds") if key in changes}
    base = replace(usual, kind=split) if isinstance(split, str) else split
    check_sizes(changes, base.kind)
    return {**combined, "split": replace(base, **sizes, **fewer)}


def check_sizes(changes: Mapping[str, Any], kind: str) -> None:
    """Raise ProblemError for a size that has no effect with a kind of split."""
    for key, kinds in WITHOUT.items():
        if key in changes and kind in kinds:
            other = "kfold" if key == "folds" else "stratified"
            raise ProblemError(
                f"{key}={changes[key]!r} has no effect with split={kind!r}; leave it out, or write "
                f"split={other!r}"
            )


def sizes_of(split: Split) -> dict[str, Any]:
    """Return the sizes that have an effect on a split, by their keys."""
    sizes = {key: getattr(split, key) for key, kinds in WITHOUT.items() if split.kind not in kinds}
    return sizes if split.train_rows is None else {**sizes, "rows": split.train_rows}
