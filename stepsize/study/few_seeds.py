"""Whether a study has too few seeds for any difference to be shown."""

from __future__ import annotations

from stepsize.stats import least_seeds
from stepsize.study.study import Study


def few_seeds(candidates: int, seeds: int, comparisons: int, units: str = "seeds") -> str | None:
    """Return that so few seeds, or repeats of a cross-validation, cannot show a difference; None if they can.

    `comparisons` is the number of pairs that are compared.

    >>> few_seeds(candidates=2, seeds=5, comparisons=1)
    'With fewer than 6 seeds, no difference between 2 candidates can be shown, however large.'
    >>> few_seeds(2, 6, comparisons=1), few_seeds(1, 1, comparisons=1)
    (None, None)
    """
    least = least_seeds(comparisons)
    if candidates < 2 or seeds >= least:
        return None
    return (
        f"With fewer than {least} {units}, no difference between {candidates} candidates can be shown, "
        "however large."
    )


def few_seeds_of(study: Study) -> str | None:
    """Return that the seeds of a study are too few; None if they are not, or if it adds more by itself."""
    protocol = study.facts["protocol"]
    if protocol.get("budget") is not None:
        return None
    folds, count = protocol.get("folds"), len(study.candidates)
    pairs, units = max(1, count * (count - 1) // 2), "repeats" if folds else "seeds"
    return few_seeds(count, len(study.seeds) // (folds or 1), pairs, units)
