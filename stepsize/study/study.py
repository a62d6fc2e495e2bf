"""A study as a value that JSON can hold: the candidates, the seeds, and how free rates are chosen."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from typing import Any

import numpy as np

from stepsize.checks import is_number, python_number, shown
from stepsize.errors import StudyError, require, unknown
from stepsize.metric_directions import contradicts
from stepsize.schedules import Schedule
from stepsize.stats import practical_margin, relative_margin
from stepsize.study.candidates import Candidate
from stepsize.study.trainable import Trainable, check_margin, check_name

TUNING_SEEDS = 1_000_000  # the first tuning seed; seeds of the verdict are below it
SGD_GRID = (0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0)
FEWEST_HALVED = 16
ADAPTIVE_GRID = (3.16e-5, 1e-4, 3.16e-4, 0.001, 0.00316, 0.01, 0.0316)


@dataclass(frozen=True)
class Tuning:
    """How each candidate's free `lr` is chosen.

    In a coarse search `rates` run on `seeds`, and, at most `rounds` times, two more while the best one lies
    at the edge. In a fine search five rates around the best run on the first half of `fine_seeds`, in a finer
    one five that lie closer to the best on the other half.
    """

    rates: tuple[float, ...] = SGD_GRID
    rounds: int = 6
    seeds: tuple[int, ...] = tuple(range(TUNING_SEEDS, TUNING_SEEDS + 8))
    fine_seeds: tuple[int, ...] = tuple(range(TUNING_SEEDS + 8, TUNING_SEEDS + 46))

    def __post_init__(self) -> None:
        if len(set(self.rates)) < max(2, len(self.rates)) or not all(
            0 < rate < math.inf for rate in self.rates
        ):
            raise StudyError(
                f"tuning rates={list(self.rates)} must be two or more different positive numbers"
            )
        if self.rounds < 0 or not self.seeds:
            raise StudyError(
                f"tuning needs rounds=0 or more and at least one seed; it has rounds={self.rounds} and "
                f"{len(self.seeds)} seeds"
            )
        if set(self.seeds) & set(self.fine_seeds):
            raise StudyError("tuning seeds and fine_seeds must have no seed in common")

    @property
    def fine_halves(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The seeds of the fine and of the finer search; a half of few seeds would show too little."""
        half = (len(self.fine_seeds) + 1) // 2 if len(self.fine_seeds) >= FEWEST_HALVED else None
        return self.fine_seeds[:half], self.fine_seeds[half:] if half else ()

    @classmethod
    def of(cls, rates: Sequence[float], rounds: int, seeds: int, fine_seeds: int) -> Tuning:
        """Return the tuning with so many seeds of the coarse and of the fine search.

        Raises: StudyError for numbers that cannot be used.
        """
        rounds, seeds, fine_seeds = map(python_number, (rounds, seeds, fine_seeds))
        for name, number in (("rounds", rounds), ("seeds", seeds), ("fine_seeds", fine_seeds)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise StudyError(f"{name}={shown(number)} in tuning must be a whole number of at least 0")
        if not isinstance(rates, Sequence | np.ndarray) or not all(map(is_number, rates)):
            raise StudyError(f"rates={shown(rates)} in tuning must be a list of numbers")
        first = range(TUNING_SEEDS, TUNING_SEEDS + seeds)
        fine = range(TUNING_SEEDS + seeds, TUNING_SEEDS + seeds + fine_seeds)
        return cls(tuple(sorted(map(python_number, rates))), rounds, tuple(first), tuple(fine))


@dataclass(frozen=True, eq=False)
class Study:
    """Candidates, the seeds of the verdict, the baseline, and facts about the problem.

    `facts` is what the answer reports about problem, data and software, as JSON values. A study that adds
    seeds until it is decided has steps; `previous` is the one before this, with all candidates of this one.
    """

    name: str
    candidates: tuple[Candidate, ...]
    seeds: tuple[int, ...]
    baseline: str
    tuning: Tuning
    fingerprint: str
    facts: Mapping[str, Any]
    previous: Study | None = None

    def __post_init__(self) -> None:
        names = [candidate.name for candidate in self.candidates]
        if not names:
            raise StudyError("there are no schedules; give at least one, such as constant(lr)")
        for name, count in Counter(names).items():
            if count > 1:
                raise StudyError(f"two candidates are called {name!r}; rename one of them")
        if self.baseline not in names:
            raise StudyError(unknown("baseline", self.baseline, names))
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise StudyError(f"seeds={shown(list(self.seeds))} must be one or more different seeds")
        if not all(isinstance(seed, int) and 0 <= seed < TUNING_SEEDS for seed in self.seeds):
            numbers = shown(list(self.seeds))
            raise StudyError(f"seeds={numbers} must be whole numbers from 0 to {TUNING_SEEDS - 1}")

    @property
    def steps(self) -> tuple[Study, ...]:
        """This study and the steps before it, the first one first."""
        return (self,) if self.previous is None else (*self.previous.steps, self)

    @property
    def last_steps(self) -> list[tuple[Study, Candidate]]:
        """Every candidate of the first step, with the last step that ran it."""
        last = {candidate.name: step for step in self.steps for candidate in step.candidates}
        return [(last[candidate.name], candidate) for candidate in self.steps[0].candidates]

    @property
    def epochs(self) -> int:
        """Epochs of every run."""
        return self.facts["protocol"]["epochs"]

    def margin(self, baseline: np.ndarray) -> float:
        """Return the smallest difference that matters, as set or by default.

        The default is half a point for a share, or the value of one sample if that is larger; for other
        metrics it depends on the scores of the baseline (`relative_margin`).
        """
        protocol = self.facts["protocol"]
        if protocol.get("margin") is not None:
            return protocol["margin"]
        if protocol.get("share", True):
            return practical_margin(self.facts["data"]["sample_value"])
        return relative_margin(baseline)

    @property
    def sign(self) -> int:
        """+1 where a higher score is better, -1 where a lower one is."""
        return 1 if self.facts["protocol"]["higher_is_better"] else -1

    @cached_property
    def tuned(self) -> tuple[Candidate, ...]:
        """The candidates with a free learning rate."""
        return tuple(candidate for candidate in self.candidates if candidate.schedule.knobs)

    def updates_per_epoch(self, candidate: Candidate) -> int:
        """Return the updates of an epoch for a candidate, which may have its own batch size."""
        size, parts = candidate.settings.get("batch_size"), self.facts["data"]["parts"]
        if size is None or not parts:
            return self.facts["protocol"]["updates_per_epoch"]
        return -(-parts["train"]["rows"] // size)

    def allows(self, candidate: Candidate, rate: float) -> bool:
        """Return whether the schedule of a candidate exists at a rate."""
        return candidate.allows(rate, self.epochs, self.updates_per_epoch(candidate))

    def definition(self) -> dict[str, Any]:
        """Return the study as JSON values, enough to judge its runs without the problem or its data."""
        return {
            "name": self.name,
            "candidates": [candidate.definition() for candidate in self.candidates],
            "seeds": list(self.seeds),
            "baseline": self.baseline,
            "tuning": asdict(self.tuning),
            "fingerprint": self.fingerprint,
            "facts": dict(self.facts),
            **({} if self.previous is None else {"previous": self.previous.definition() | {"facts": None}}),
        }

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Study:
        """Rebuild the study of `definition`.

        Raises: StudyError for a definition that is not one of this version.
        """
        try:
            return cls._from_definition(definition)
        except (AttributeError, KeyError, TypeError) as error:
            raise StudyError(
                f"the saved study is not one that this version reads ({type(error).__name__}: {error}); run "
                "the study again"
            ) from None

    @classmethod
    def _from_definition(cls, definition: Mapping[str, Any]) -> Study:
        tuning, previous = definition["tuning"], definition.get("previous")
        if previous is not None:
            previous = cls._from_definition({**previous, "facts": definition["facts"]})
        return cls(
            name=definition["name"],
            candidates=tuple(Candidate.from_definition(each) for each in definition["candidates"]),
            seeds=tuple(definition["seeds"]),
            baseline=definition["baseline"],
            tuning=Tuning(
                tuple(tuning["rates"]),
                tuning["rounds"],
                tuple(tuning["seeds"]),
                tuple(tuning["fine_seeds"]),
            ),
            fingerprint=definition["fingerprint"],
            facts=definition["facts"],
            previous=previous,
        )


def make_study(
    problem: Trainable,
    candidates: Iterable[Schedule | Candidate | str],
    seeds: int | Sequence[int] = 30,
    baseline: str | None = None,
    command: str = "",
    *,
    margin: float | None = None,
    tuning: Tuning | None = None,
    budget: str | int | None = None,
) -> Study:
    """Plan a study of `problem`: every candidate on every seed.

    `seeds` is their number (0, 1, ...) or the seeds themselves; `baseline` the name of a candidate, by
    default the first `constant`; `command` the command that the report shows. `margin` and `tuning`
    replace those of the problem. With a `budget`, seeds are added until the study is decided.

    Raises: StudyError or ScheduleError for candidates, seeds or a protocol that cannot be used.
    """
    require("train", "scipy", "sklearn")  # needed for the verdict, so checked before training
    named = tuple(Candidate.of(each) for each in candidates)
    seeds, margin, budget = map(python_number, (seeds, margin, budget))
    if isinstance(seeds, int) and (isinstance(seeds, bool) or seeds < 1):
        raise StudyError(f"seeds={shown(seeds)} must be a positive whole number or a list of seeds")
    if isinstance(seeds, int) and seeds > TUNING_SEEDS:
        raise StudyError(f"seeds={seeds} is too many; a study has at most {TUNING_SEEDS:,}")
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(map(python_number, seeds))
    problem.check_seeds(numbers)
    check_name(problem.name)
    tuning = tuning or usual_tuning(problem, len(numbers))
    for candidate in named:
        _check_candidate(candidate, problem, tuning)
    constant = next((c.name for c in named if type(c.schedule).__name__ == "constant"), None)
    if baseline is None and constant is None and named:
        constant = named[0].name
    facts = problem.facts()
    versions = {
        **problem.software(),
        "stepsize": metadata.version("stepsize"),
        "python": platform.python_version(),
    }
    margin = python_number(problem.margin) if margin is None else margin
    if margin is not None:
        check_margin(margin)
        facts["protocol"]["margin"] = margin
    if budget is not None:
        facts["protocol"]["budget"] = budget
    identity = json.dumps([problem.digest, versions], sort_keys=True)
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:16]
    facts |= {"versions": versions, "command": command}
    return Study(problem.name, named, numbers, baseline or constant or "", tuning, fingerprint, facts)


def usual_tuning(problem: Trainable, seeds: int) -> Tuning:
    """Return the default tuning of a problem for a verdict of so many seeds.

    Adaptive optimizers get lower rates. The error of the verdict falls with the root of its seeds, and what
    tuning leaves must fall with it, so the fine search grows as that root. A problem whose runs are expensive
    gets a quarter of the runs, and its rates are less certain.
    """
    root = math.sqrt(max(seeds, 1))  # a number that cannot be used is refused with the study
    grid = SGD_GRID if problem.optimizer_name in ("sgd", None) else ADAPTIVE_GRID
    if problem.expensive:
        return Tuning.of(grid, 6, 3, round(1.5 * root))
    return Tuning.of(grid, 6, 8, round(7 * root))


def _check_candidate(candidate: Candidate, problem: Trainable, tuning: Tuning) -> None:
    """Raise StudyError or ScheduleError for a candidate that cannot be trained on the problem."""
    problem.check_settings(candidate.settings)
    candidate.check(problem.epochs, problem.updates_per_epoch_with(candidate.settings), tuning.rates)
    factor = candidate.schedule.metric_factor
    if factor is not None and factor.metric not in problem.watched:
        raise StudyError(
            f"{candidate.name}: a study measures {', '.join(problem.watched)}, not {factor.metric!r}"
        )
    mode = getattr(factor, "mode", None)
    if factor is not None and contradicts(factor.metric, mode):
        raise StudyError(
            f"{candidate.name}: {factor.metric!r} is better {'high' if mode == 'min' else 'low'}, and the "
            f'factor has mode="{mode}"; leave mode out'
        )
