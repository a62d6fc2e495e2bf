"""A study as a value that JSON can hold: the candidates, the seeds, and how free rates are chosen."""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib import metadata
from typing import Any

import numpy as np

from stepsize.checks import python_number
from stepsize.errors import StudyError, require, unknown
from stepsize.metric_directions import contradicts
from stepsize.problems.variants import facts_key, settings_by_facts, variant_key
from stepsize.schedules import Schedule
from stepsize.stats import practical_margin, relative_margin
from stepsize.study.candidates import Candidate
from stepsize.study.knobs.free_knobs import (
    check_joint,
    examples,
    free_names,
    is_joint,
    is_rate_alone,
    with_usual_rates,
)
from stepsize.study.knobs.knob_ranges import Ranges, plain_ranges, read_ranges
from stepsize.study.seeds import check_seeds, read_seeds
from stepsize.study.trainable import Trainable, check_margin, check_name
from stepsize.study.tuning import Tuning, usual_tuning


@dataclass(frozen=True, eq=False)
class Study:
    """Candidates, the seeds of the verdict, the baseline, and facts about the problem.

    `facts` is what the answer reports about problem, data and software, as JSON values. A study that adds
    seeds until it is decided has steps; `previous` is the one before this, with all candidates of this one.
    `knobs` are the ranges of free names.
    """

    name: str
    candidates: tuple[Candidate, ...]
    seeds: tuple[int, ...]
    baseline: str
    tuning: Tuning
    fingerprint: str
    facts: Mapping[str, Any]
    previous: Study | None = None
    knobs: Ranges = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [candidate.name for candidate in self.candidates]
        if not names:
            raise StudyError("there are no schedules; give at least one, such as constant(lr)")
        for name, count in Counter(names).items():
            if count > 1:
                raise StudyError(f"two candidates are called {name!r}; rename one of them")
        if self.baseline not in names:
            raise StudyError(unknown("baseline", self.baseline, names))
        check_seeds(self.seeds)

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
        """Epochs of every run, unless its candidate has its own."""
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
        """The candidates with a free learning rate and nothing else that is free."""
        return tuple(each for each in self.candidates if is_rate_alone(each, self.knobs))

    @cached_property
    def joint(self) -> tuple[Candidate, ...]:
        """The candidates with more than a learning rate to choose."""
        return tuple(each for each in self.candidates if is_joint(each, self.knobs))

    def examples(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """Return a candidate with its knobs at every combination of their ends; itself without such knobs."""
        return examples(candidate, self.knobs)

    def with_chosen(self, chosen: Mapping[str, Candidate]) -> Study:
        """Return the study with candidates, by name, in place of those whose knobs were searched."""
        candidates = tuple(chosen.get(each.name, each) for each in self.candidates)
        previous = None if self.previous is None else self.previous.with_chosen(chosen)
        return replace(self, candidates=candidates, previous=previous)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """The weights of the model of each candidate, by name; empty unless all are known."""
        sizes = {each.name: self.own_facts(each).get("weights") for each in self.candidates}
        known = {name: size for name, size in sizes.items() if size is not None}
        return known if len(known) == len(sizes) else {}

    def simplicity(self, candidate: Candidate) -> tuple[int, ...]:
        """Return a key that sorts candidates by the size of their model, their epochs and their schedule."""
        size = [self._sizes[candidate.name]] if self._sizes else []
        return *size, self.epochs_of(candidate), *candidate.simplicity(self.extra_knobs(candidate))

    def extra_knobs(self, candidate: Candidate) -> int:
        """Return how many knobs beside the learning rate are chosen for a candidate."""
        return len(free_names(candidate, self.knobs) - {"lr"})

    def own_facts(self, candidate: Candidate) -> Mapping[str, Any]:
        """Return what a candidate does not share with the others, such as its `model` and `epochs`."""
        return self._facts_with(candidate.settings)

    def _facts_with(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        known = self.facts.get("variants", {})
        return known.get(facts_key(settings), known.get(variant_key(settings), {}))

    def protocol_of(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the protocol of the problem, with what a candidate with `settings` has in its place."""
        return {**self.facts["protocol"], **self._facts_with(settings)}

    def epochs_of(self, candidate: Candidate) -> int:
        """Return the epochs of the runs of a candidate."""
        return self.own_facts(candidate).get("epochs", self.epochs)

    def updates_per_epoch(self, candidate: Candidate) -> int:
        """Return the updates of an epoch for a candidate, which may have its own batch size."""
        size, parts = candidate.settings.get("batch_size"), self.facts["data"]["parts"]
        if size is None or not parts:
            return self.facts["protocol"]["updates_per_epoch"]
        return -(-parts["train"]["rows"] // size)

    def allows(self, candidate: Candidate, rate: float) -> bool:
        """Return whether the schedule of a candidate exists at a rate."""
        return candidate.allows(rate, self.epochs_of(candidate), self.updates_per_epoch(candidate))

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
            **({"knobs": plain_ranges(self.knobs)} if self.knobs else {}),
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
                tuning.get("extra_rounds", 0),
            ),
            fingerprint=definition["fingerprint"],
            facts=definition["facts"],
            previous=previous,
            knobs=read_ranges(definition.get("knobs", {})),
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
    knobs: Mapping[str, Any] | None = None,
) -> Study:
    """Plan a study of `problem`: every candidate on every seed.

    `seeds` is their number (0, 1, ...) or the seeds themselves; `baseline` the name of a candidate, by
    default the first `constant`; `command` the command that the report shows. `margin` and `tuning`
    replace those of the problem. With a `budget`, seeds are added until the study is decided. `knobs` are
    the ranges of free names other than `lr`.

    Raises: StudyError or ScheduleError for candidates, seeds or a protocol that cannot be used.
    """
    require("train", "scipy", "sklearn")  # needed for the verdict, so checked before training
    named = tuple(Candidate.of(each) for each in candidates)
    margin, budget = map(python_number, (margin, budget))
    numbers = read_seeds(seeds)
    problem.check_seeds(numbers)
    check_name(problem.name)
    tuning = tuning or usual_tuning(problem, len(numbers))
    ranges = with_usual_rates(named, read_ranges(knobs or {}), tuning.rates)
    for candidate in named:
        _check_candidate(candidate, problem, tuning, ranges)
    constant = next((c.name for c in named if type(c.schedule).__name__ == "constant"), None)
    if baseline is None and constant is None and named:
        constant = named[0].name
    facts = problem.facts(numbers)
    by_key = settings_by_facts(each.settings for each in named)
    own = {key: problem.variant_facts(settings) for key, settings in by_key.items()}
    if any(each for key, each in own.items() if key):
        facts["variants"] = own
    versions = {
        **problem.software(),
        "stepsize": metadata.version("stepsize"),
        "python": platform.python_version(),
        **({"optuna": metadata.version("optuna")} if ranges else {}),
    }
    margin = python_number(problem.margin) if margin is None else margin
    if margin is not None:
        check_margin(margin)
        facts["protocol"]["margin"] = margin
    if budget is not None:
        facts["protocol"]["budget"] = budget
    digests = sorted({each["digest"] for each in own.values() if "digest" in each})
    identity = json.dumps([problem.digest, versions, *digests], sort_keys=True)
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:16]
    facts |= {"versions": versions, "command": command}
    return Study(
        problem.name, named, numbers, baseline or constant or "", tuning, fingerprint, facts, knobs=ranges
    )


def _check_candidate(candidate: Candidate, problem: Trainable, tuning: Tuning, ranges: Ranges) -> None:
    """Raise StudyError or ScheduleError for a candidate that cannot be trained on the problem."""
    if is_joint(candidate, ranges):
        check_joint(candidate, ranges, problem, tuning)
    else:
        problem.check_settings(candidate.settings)
        epochs = problem.variant(candidate.settings).epochs
        candidate.check(epochs, problem.updates_per_epoch_with(candidate.settings), tuning.rates)
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
