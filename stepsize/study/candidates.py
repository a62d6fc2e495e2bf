"""Candidates: a schedule with optimizer settings of its own; and the ones a study starts with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from stepsize.checks import shown, spell
from stepsize.errors import ScheduleError, StudyError
from stepsize.problems.built_in import BUILT_IN, built_in_study
from stepsize.schedules import Schedule, from_json, parse
from stepsize.study.candidate_settings import checked_settings
from stepsize.study.rate_search import first_rates

# From the simplest to the most elaborate: among equals, the earlier one is recommended.
SIMPLICITY = (
    "constant", "linear", "cosine", "exponential", "polynomial", "inverse_time", "inverse_sqrt",
    "step_decay", "multistep", "one_cycle", "wsd", "flat_cosine", "cosine_restarts",
)  # fmt: skip

SEEDS = 30  # of a verdict, unless more or fewer are asked for
DEFAULT = (
    "constant(lr)",
    "linear(lr)",
    "cosine(lr)",
    "exponential(lr, floor=0.01*lr)",
    "polynomial(lr, power=2)",
    "inverse_time(lr, rate=9, every=1*run, staircase=False)",
    "inverse_sqrt(lr, timescale=0.1*run)",
    "step_decay(lr, factor=0.5, every=0.2*run)",
    "multistep(lr, factor=0.1, at=[0.5*run, 0.75*run])",
    "one_cycle(lr)",
    "wsd(lr, decay=0.2*run)",
    "constant(lr) * plateau(factor=0.5, patience=5)",
    "warmup(0.1*run) >> constant(lr)",
    "warmup(0.1*run) >> linear(lr)",
    "warmup(0.1*run) >> cosine(lr)",
    "warmup(0.1*run) >> wsd(lr, decay=0.2*run)",
)


@dataclass(frozen=True, init=False)
class Candidate:
    """A schedule, with settings of its own and a name.

    `settings` are Keras optimizer arguments, such as `weight_decay`, and replace those of the problem; and
    three more: `batch_size`; `momentum` as a schedule, which drives `beta_1` where an optimizer has that
    instead; and `multipliers` of the rate by the beginning of a layer's name, the longest that fits. They
    are kept as JSON values. Without a name, a candidate is called by its spec and settings.

    Raises: StudyError for settings that cannot be.

    >>> Candidate("constant(0.1)", momentum=0.8).name
    'constant(0.1), momentum=0.8'
    >>> Candidate("one_cycle(lr)", momentum="one_cycle_momentum(0.95)", batch_size=64).settings["momentum"]
    'one_cycle_momentum(0.95)'
    >>> Candidate("constant(lr)", multipliers={"dense": 0.1}).key(0.5)
    "constant(0.5), multipliers={'dense': 0.1}"
    """

    schedule: Schedule
    name: str
    settings: Mapping[str, Any]
    _keys: dict[float | None, str] = field(init=False, repr=False, compare=False)
    _refusals: dict[tuple[float, int, int], str] = field(init=False, repr=False, compare=False)

    def __init__(self, schedule: Schedule | str, name: str | None = None, **settings: Any) -> None:
        if isinstance(schedule, str):
            schedule = parse(schedule)
        if not isinstance(schedule, Schedule):
            raise StudyError(
                f"a candidate is a schedule or its text, such as 'cosine(lr)'; got {type(schedule).__name__}"
            )
        settings = checked_settings(settings)
        own = "".join(f", {key}={value!r}" for key, value in settings.items())
        object.__setattr__(self, "schedule", schedule)
        object.__setattr__(self, "name", name or f"{schedule}{own}")
        object.__setattr__(self, "settings", MappingProxyType(dict(settings)))
        object.__setattr__(self, "_keys", {})
        object.__setattr__(self, "_refusals", {})

    @classmethod
    def of(cls, each: Schedule | Candidate | str) -> Candidate:
        """Make a candidate of a schedule or its text; a candidate stays what it is."""
        return each if isinstance(each, Candidate) else cls(each)

    def at(self, rate: float | None) -> Schedule:
        """Give the schedule with its free learning rate set to `rate`, if it has one."""
        return self.schedule if rate is None else self.schedule.bind(lr=rate)

    def key(self, rate: float | None) -> str:
        """Name the candidate at a rate, in the store."""
        if rate not in self._keys:  # a study asks for it with each of its runs, again and again
            self._keys[rate] = f"{self.at(rate)}{self.settings_text}"
        return self._keys[rate]

    @property
    def settings_text(self) -> str:
        """The settings in the key: equal for candidates with equal settings."""
        return "".join(f", {key}={self.settings[key]!r}" for key in sorted(self.settings))

    def check(self, epochs: int, updates_per_epoch: int, grid: Sequence[float]) -> None:
        """Plan the schedules, so that what does not fit the run shows before anything is trained.

        A free rate need not fit at all of the `grid`, but at so many that the tuning can begin.
        """
        if not self.schedule.knobs:
            self.schedule.plan(epochs=epochs, updates_per_epoch=updates_per_epoch)
        elif not first_rates(lambda rate: self.allows(rate, epochs, updates_per_epoch), grid):
            said = {self._refusal(rate, epochs, updates_per_epoch) for rate in grid}
            if len(said) == 1:  # wrong at every rate in the same way
                raise ScheduleError(said.pop())
            raise StudyError(
                f"{self.name}: its numbers beside lr leave no room for {len(grid)} rates from "
                f"{spell(min(grid))} to {spell(max(grid))}; write them as shares of lr, such as floor=0.01*lr"
            )
        if self.momentum is not None:
            highest = self.momentum.plan(epochs=epochs, updates_per_epoch=updates_per_epoch).values.max()
            if highest >= 1:
                raise StudyError(f"momentum={self.momentum} reaches {highest:g}; it must stay below 1")

    def allows(self, rate: float, epochs: int, updates_per_epoch: int) -> bool:
        """Say whether the schedule exists at a rate: `cosine(lr, floor=0.01)` does not below 0.01."""
        return not self._refusal(rate, epochs, updates_per_epoch)

    def _refusal(self, rate: float, epochs: int, updates_per_epoch: int) -> str:
        """Say why the schedule cannot exist at a rate; empty if it can."""
        asked = rate, epochs, updates_per_epoch
        if asked not in self._refusals:  # a study asks again and again, and a long plan takes its time
            try:
                self.at(rate).plan(epochs=epochs, updates_per_epoch=updates_per_epoch)
                self._refusals[asked] = ""
            except ScheduleError as error:
                self._refusals[asked] = str(error)
        return self._refusals[asked]

    @property
    def momentum(self) -> Schedule | None:
        """The schedule of the momentum, or None when it has none."""
        given = self.settings.get("momentum")
        return parse(given) if isinstance(given, str) else None

    def simplicity(self) -> tuple[int, int]:
        """Order candidates by the number of pieces, then by the declared order of families."""
        text = str(self.schedule)
        ranks = [SIMPLICITY.index(word) for word in re.findall(r"\w+(?=\()", text) if word in SIMPLICITY]
        return sum(text.count(sign) for sign in (">>", " * ", " + ")), max(ranks, default=len(SIMPLICITY))

    def definition(self) -> dict[str, Any]:
        """Give the candidate as JSON values."""
        return {"name": self.name, "schedule": self.schedule.to_json(), "settings": dict(self.settings)}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Candidate:
        """Rebuild the candidate of `definition`."""
        return cls(from_json(definition["schedule"]), definition["name"], **definition["settings"])


def built_in(problem: str) -> tuple[Candidate, ...]:
    """Give the candidates that a named problem starts with."""
    said = built_in_study(problem) if problem in BUILT_IN else {}
    return tuple(map(described, said.get("candidates", DEFAULT)))


def described(said: Any) -> Candidate:
    """Make a candidate of what a study file says: a schedule's text, or a table with `schedule`.

    >>> described({"schedule": "constant(0.1)", "momentum": 0.8}).name
    'constant(0.1), momentum=0.8'
    """
    if not isinstance(said, Mapping):
        return Candidate.of(said)
    if not isinstance(said.get("schedule"), str):
        raise StudyError(f'candidate {shown(dict(said))} has no schedule; write {{schedule = "cosine(lr)"}}')
    return Candidate(**said)


def usual_seeds(problem: str) -> int:
    """Give the number of seeds that a named problem's verdict rests on."""
    return built_in_study(problem).get("seeds", SEEDS) if problem in BUILT_IN else SEEDS
