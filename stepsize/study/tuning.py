"""How many runs choose a free learning rate, and where they begin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepsize.checks import is_number, python_number, shown
from stepsize.errors import StudyError
from stepsize.study.trainable import Trainable

TUNING_SEEDS = 1_000_000  # the first tuning seed; seeds of the verdict are below it
EXTRA_SEEDS = 10_000_000  # the first seed that may be added to the coarse search
SGD_GRID = (0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0)
FEWEST_PARTED = 16
EXTRA_ROUNDS = 2
ADAPTIVE_GRID = (3.16e-5, 1e-4, 3.16e-4, 0.001, 0.00316, 0.01, 0.0316)


@dataclass(frozen=True)
class Tuning:
    """How each candidate's free `lr` is chosen.

    In a coarse search `rates` run on `seeds`, and, at most `rounds` times, two more while the best one lies
    at the edge. In a fine search five rates around the best run on the first third of `fine_seeds`, in a
    finer one five that lie closer to the best on the others. If scores differ much from seed to seed, the
    coarse search runs on `extra_rounds` times as many more seeds. While the rates may still lose much, five
    at which the best one may lie run on as many more seeds as the finer search, at most `extra_rounds` times.
    """

    rates: tuple[float, ...] = SGD_GRID
    rounds: int = 6
    seeds: tuple[int, ...] = tuple(range(TUNING_SEEDS, TUNING_SEEDS + 8))
    fine_seeds: tuple[int, ...] = tuple(range(TUNING_SEEDS + 8, TUNING_SEEDS + 52))
    extra_rounds: int = 0

    def __post_init__(self) -> None:
        if len(set(self.rates)) < max(2, len(self.rates)) or not all(
            0 < rate < math.inf for rate in self.rates
        ):
            raise StudyError(
                f"tuning rates={list(self.rates)} must be two or more different positive numbers"
            )
        if min(self.rounds, self.extra_rounds) < 0 or not self.seeds:
            raise StudyError(
                f"tuning needs rounds=0 or more, extra_rounds=0 or more and at least one seed; it has "
                f"rounds={self.rounds}, extra_rounds={self.extra_rounds} and {len(self.seeds)} seeds"
            )
        if set(self.seeds) & set(self.fine_seeds):
            raise StudyError("tuning seeds and fine_seeds must have no seed in common")

    @property
    def fine_parts(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The seeds of the fine and of the finer search."""
        fine, _ = fine_parts(len(self.fine_seeds))
        return self.fine_seeds[:fine], self.fine_seeds[fine:]

    @property
    def extra_coarse_seeds(self) -> tuple[int, ...]:
        """The seeds that may be added to the coarse search; studies with more seeds share them."""
        return tuple(range(EXTRA_SEEDS, EXTRA_SEEDS + self.extra_rounds * len(self.seeds)))

    def extra_seeds(self, rounds: int) -> tuple[tuple[int, ...], ...]:
        """Return the seeds of each of so many rounds that are added after the finer search."""
        count, first = len(self.fine_parts[1]), max(*self.seeds, *self.fine_seeds) + 1
        return tuple(tuple(range(first + k * count, first + (k + 1) * count)) for k in range(rounds))

    @classmethod
    def of(
        cls, rates: Sequence[float], rounds: int, seeds: int, fine_seeds: int, extra_rounds: int = 0
    ) -> Tuning:
        """Return the tuning with so many seeds of the coarse and of the fine search.

        Raises: StudyError for numbers that cannot be used.
        """
        numbers = {"rounds": rounds, "seeds": seeds, "fine_seeds": fine_seeds, "extra_rounds": extra_rounds}
        numbers = {name: python_number(number) for name, number in numbers.items()}
        for name, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise StudyError(f"{name}={shown(number)} in tuning must be a whole number of at least 0")
            if number > TUNING_SEEDS:
                raise StudyError(
                    f"{name}={shown(number)} in tuning is too many; write at most {TUNING_SEEDS}"
                )
        if not isinstance(rates, Sequence | np.ndarray) or not all(map(is_number, rates)):
            raise StudyError(f"rates={shown(rates)} in tuning must be a list of numbers")
        rounds, seeds, fine_seeds, extra_rounds = numbers.values()
        first = range(TUNING_SEEDS, TUNING_SEEDS + seeds)
        fine = range(TUNING_SEEDS + seeds, TUNING_SEEDS + seeds + fine_seeds)
        return cls(tuple(sorted(map(python_number, rates))), rounds, tuple(first), tuple(fine), extra_rounds)


def fine_parts(seeds: int) -> tuple[int, int]:
    """Return how many of the fine seeds are those of the fine and of the finer search.

    A part of few seeds would show too little, so few seeds are not parted.

    >>> fine_parts(44), fine_parts(8)
    ((15, 29), (8, 0))
    """
    fine = round(seeds / 3) if seeds >= FEWEST_PARTED else seeds
    return fine, seeds - fine


def usual_tuning(problem: Trainable, seeds: int) -> Tuning:
    """Return the default tuning of a problem for a verdict of so many seeds.

    Adaptive optimizers get lower rates. The error of the verdict falls with the root of its seeds, and what
    tuning leaves must fall with it, so the fine search grows as that root. A problem whose runs are expensive
    gets a quarter of the runs, never more, and its rates are less certain.
    """
    root = math.sqrt(max(seeds, 1))  # a number that cannot be used is refused with the study
    grid = SGD_GRID if problem.optimizer_name in ("sgd", None) else ADAPTIVE_GRID
    if problem.expensive:
        return Tuning.of(grid, 6, 3, round(1.5 * root))
    return Tuning.of(grid, 6, 8, round(8 * root), EXTRA_ROUNDS)
