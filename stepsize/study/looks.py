"""Looks: every verdict on the same candidates and seeds is one more chance to be wrong, so all count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stepsize.study.study import Study


@dataclass(frozen=True)
class Look:
    """One verdict: the candidates that it judged, by schedule and settings, and its seeds."""

    candidates: frozenset[str]
    seeds: frozenset[int]


def looks_from(rows: Iterable[tuple[Iterable[str], Iterable[int]]]) -> list[Look]:
    """Return the looks of the rows of a store."""
    return [Look(frozenset(candidates), frozenset(seeds)) for candidates, seeds in rows]


def look_of(study: Study) -> Look:
    """Return the look that the verdict of a study is."""
    return Look(frozenset(each.key(None) for each in study.candidates), frozenset(study.seeds))


def earlier_looks(study: Study, looks: Iterable[Look]) -> tuple[int, ...]:
    """Return the numbers of seeds (or repeats of a cross-validation) at which a study was judged before.

    `looks` are those of the study's fingerprint, in their order. A look counts if it judged at least two of
    the study's candidates on at least one of its seeds. The first look at the seeds of this study is this
    study itself, and what came after it does not count: a study that is shown again says the same. Looks at
    as many seeds, but not at the same, all count.
    """
    this, folds = look_of(study), study.facts["protocol"].get("folds") or 1
    numbers: dict[frozenset[int], int] = {}
    for look in looks:
        if len(look.candidates & this.candidates) < 2 or not look.seeds & this.seeds:
            continue
        if look.seeds == this.seeds:
            break
        numbers[look.seeds] = len(look.seeds) // folds
    return tuple(numbers.values())
