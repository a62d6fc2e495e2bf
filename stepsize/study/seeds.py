"""Which seeds a study may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepsize.checks import python_number, shown
from stepsize.errors import StudyError
from stepsize.study.tuning import TUNING_SEEDS


def read_seeds(seeds: Any) -> tuple[int, ...]:
    """Return the seeds of a number of them, 0, 1, ..., or of a list of seeds.

    Raises: StudyError for anything else.

    >>> read_seeds(3), read_seeds([5, 7])
    ((0, 1, 2), (5, 7))
    """
    seeds = python_number(seeds)
    if isinstance(seeds, int) and (isinstance(seeds, bool) or seeds < 1):
        raise StudyError(f"seeds={shown(seeds)} must be a positive whole number or a list of seeds")
    if isinstance(seeds, int) and seeds > TUNING_SEEDS:
        raise StudyError(f"seeds={seeds} is too many; a study has at most {TUNING_SEEDS:,}")
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(map(python_number, seeds))
    check_seeds(numbers)
    return numbers


def check_seeds(seeds: Sequence[Any]) -> None:
    """Raise StudyError unless these are different seeds, all below those of tuning."""
    if not seeds or len(set(seeds)) < len(seeds):
        raise StudyError(f"seeds={shown(list(seeds))} must be one or more different seeds")
    if not all(isinstance(seed, int) and 0 <= seed < TUNING_SEEDS for seed in seeds):
        numbers = shown(list(seeds))
        raise StudyError(f"seeds={numbers} must be whole numbers from 0 to {TUNING_SEEDS - 1}")
