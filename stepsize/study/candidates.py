"""Candidates: schedules with optimizer settings; and those that a study has by default."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from stepsize.checks import shown, spell
from stepsize.errors import ScheduleError, StudyError, unknown
from stepsize.problems.built_in import BUILT_IN, built_in_study, canonical_name
from stepsize.schedules import Plan, Schedule, from_json, parse
from stepsize.study.candidate_settings import checked_settings
from stepsize.study.rates_to_try import first_rates
from stepsize.units import is_knob_name

# From the simplest to the most complex: among equals, the earlier one is recommended.
SIMPLICITY = (
    "constant", "linear", "cosine", "exponential", "polynomial", "inverse_time", "inverse_sqrt",
    "step_decay", "multistep", "one_cycle", "wsd", "flat_cosine", "cosine_restarts",
)  # fmt: skip

SEEDS = 30  # the default number of seeds of a verdict
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
    """A schedule with a name and, optionally, its own settings.

    `settings` are arguments of the optimizer, such as `weight_decay`, by their names in Keras or, for a
    PyTorch model, in PyTorch; they replace those of the problem. There are more: `batch_size`; `momentum` as
    a schedule, which drives `beta_1` or `betas[0]` if the optimizer has that instead; `multipliers` of the
    rate by prefix of the name of a layer or, in PyTorch, a parameter (the longest prefix wins);
    `clip_grad_norm` and `clip_grad_value` of PyTorch models; and what is trained: `model`, `epochs`,
    `prepare`, `loss` of a PyTorch model, and `width`, `depth`, `activation`, `initializer`, `dropout` of a
    text model. A setting may be the name of a knob, such as `momentum="m"`, which the study chooses. They are
    kept as JSON values, with a name in place of a model that is an object.
    The default name is the spec with the settings.

    Raises: StudyError for settings that cannot be used.

    >>> Candidate("constant(0.1)", momentum=0.8).name
    'constant(0.1), momentum=0.8'
    >>> Candidate("one_cycle(lr)", momentum="one_cycle_momentum(0.95)", batch_size=64).settings["momentum"]
    'one_cycle_momentum(0.95)'
    >>> Candidate("constant(lr)", multipliers={"dense": 0.1}).key(0.5)
    "constant(0.5), multipliers={'dense': 0.1}"
    >>> Candidate("cosine(lr)", model="logistic", epochs=20).name
    "cosine(lr), model='logistic', epochs=20"
    """

    schedule: Schedule
    name: str
    settings: Mapping[str, Any]
    _keys: dict[float | None, str] = field(init=False, repr=False, compare=False)
    _refusals: dict[tuple[float, int, int], str] = field(init=False, repr=False, compare=False)
    _bound: dict[tuple[tuple[str, float], ...], Candidate] = field(init=False, repr=False, compare=False)

    def __init__(self, schedule: Schedule | str, name: str | None = None, **settings: Any) -> None:
        if isinstance(schedule, str):
            schedule = parse(schedule)
        if not isinstance(schedule, Schedule):
            raise StudyError(
                f"a candidate is a schedule or its text, such as 'cosine(lr)'; got {type(schedule).__name__}"
                f"{_how_to_read(schedule)}"
            )
        settings = checked_settings(settings)
        suffix = "".join(f", {key}={value!r}" for key, value in settings.items())
        object.__setattr__(self, "schedule", schedule)
        object.__setattr__(self, "name", name or f"{schedule}{suffix}")
        object.__setattr__(self, "settings", MappingProxyType(dict(settings)))
        object.__setattr__(self, "_keys", {})
        object.__setattr__(self, "_refusals", {})
        object.__setattr__(self, "_bound", {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make a copy; the settings, which nobody can change, cannot be pickled as they are."""
        return partial(Candidate, self.schedule, self.name, **self.settings), ()

    @classmethod
    def of(cls, schedule: Schedule | Candidate | str) -> Candidate:
        """Return the candidate of a schedule or its text; a candidate is returned unchanged."""
        return schedule if isinstance(schedule, Candidate) else cls(schedule)

    def at(self, rate: float | None) -> Schedule:
        """Return the schedule with its free learning rate, if it has one, set to `rate`."""
        return self.schedule if rate is None else self.schedule.bind(lr=rate)

    def bind(self, values: Mapping[str, float]) -> Candidate:
        """Return the candidate, under the same name, with numbers for the knobs of schedule and settings.

        >>> candidate = Candidate("cosine(lr, floor=f*lr)", momentum="m")
        >>> candidate.bind({"lr": 0.1, "f": 0.01, "m": 0.9}).key(None)
        'cosine(0.1, floor=0.001), momentum=0.9'
        """
        chosen = tuple(sorted(values.items()))
        if chosen not in self._bound:  # a study needs it many times
            schedule = self.schedule.bind(**{name: values[name] for name in self.schedule.knobs})
            settings = {key: self._number(value, values) for key, value in self.settings.items()}
            self._bound[chosen] = Candidate(schedule, self.name, **settings)
        return self._bound[chosen]

    @staticmethod
    def _number(value: Any, values: Mapping[str, float]) -> Any:
        return values[value] if isinstance(value, str) and value in values else value

    def key(self, rate: float | None) -> str:
        """Return the name of the candidate at a rate in the store."""
        if rate not in self._keys:  # a study needs it for each of its runs, many times
            self._keys[rate] = f"{self.at(rate)}{self.settings_text}"
        return self._keys[rate]

    @property
    def settings_text(self) -> str:
        """The settings as text in the key; candidates with equal settings have equal text."""
        return "".join(f", {key}={self.settings[key]!r}" for key in sorted(self.settings))

    def check(self, epochs: int, updates_per_epoch: int, grid: Sequence[float]) -> None:
        """Raise ScheduleError or StudyError, before anything is trained, if a schedule does not fit the run.

        A free rate must be valid at enough points of the `grid` to start tuning, not at all of them.
        """
        if not self.schedule.knobs:
            self.schedule.plan(epochs=epochs, updates_per_epoch=updates_per_epoch)
        elif not first_rates(lambda rate: self.allows(rate, epochs, updates_per_epoch), grid):
            reasons = {self._refusal(rate, epochs, updates_per_epoch) for rate in grid}
            if len(reasons) == 1:  # invalid at every rate for the same reason
                raise ScheduleError(reasons.pop())
            raise StudyError(
                f"{self.name}: its fixed numbers leave no room for {len(grid)} rates from {spell(min(grid))} "
                f"to {spell(max(grid))}; write them as multiples of lr, such as floor=0.01*lr"
            )
        if self.momentum is not None:
            highest = self.momentum.plan(epochs=epochs, updates_per_epoch=updates_per_epoch).values.max()
            if highest >= 1:
                raise StudyError(f"momentum={self.momentum} reaches {highest:g}; it must stay below 1")

    def allows(self, rate: float, epochs: int, updates_per_epoch: int) -> bool:
        """Return whether the schedule exists at a rate: `cosine(lr, floor=0.01)` does not below 0.01."""
        return not self._refusal(rate, epochs, updates_per_epoch)

    def _refusal(self, rate: float, epochs: int, updates_per_epoch: int) -> str:
        """Return why the schedule cannot exist at a rate; empty if it can."""
        key = rate, epochs, updates_per_epoch
        if key not in self._refusals:  # needed many times, and planning a long run is slow
            try:
                self.at(rate).plan(epochs=epochs, updates_per_epoch=updates_per_epoch)
                self._refusals[key] = ""
            except ScheduleError as error:
                self._refusals[key] = str(error)
        return self._refusals[key]

    @property
    def momentum(self) -> Schedule | None:
        """The schedule of the momentum; None if it is not scheduled."""
        momentum = self.settings.get("momentum")
        return parse(momentum) if isinstance(momentum, str) and not is_knob_name(momentum) else None

    def simplicity(self, knobs: int = 0) -> tuple[int, int]:
        """Return a key that sorts candidates by number of pieces, then by the order in `SIMPLICITY`.

        Its pieces are joined by operators; each of the `knobs` beside `lr` that a study chooses is one more.
        """
        text = str(self.schedule)
        ranks = [SIMPLICITY.index(word) for word in re.findall(r"\w+(?=\()", text) if word in SIMPLICITY]
        pieces = sum(text.count(sign) for sign in (">>", " * ", " + ")) + knobs
        return pieces, max(ranks, default=len(SIMPLICITY))

    def definition(self) -> dict[str, Any]:
        """Return the candidate as JSON values."""
        return {"name": self.name, "schedule": self.schedule.to_json(), "settings": dict(self.settings)}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Candidate:
        """Return the candidate of `definition`."""
        return cls(from_json(definition["schedule"]), definition["name"], **definition["settings"])


def built_in_candidates(problem: str) -> tuple[Candidate, ...]:
    """Return the default candidates of a named problem."""
    study = built_in_study(problem) if problem in BUILT_IN else {}
    return tuple(map(read_candidate, study.get("candidates", DEFAULT)))


def read_candidates(entries: Iterable[Any]) -> tuple[Candidate, ...]:
    """Return the candidates of a list in a study file; the name of a built-in study stands for its own.

    Raises: StudyError for an unknown name, SpecError or ScheduleError for a schedule that cannot be read.

    >>> [each.name for each in read_candidates(["constant(lr)", "lesson-fashion-mnist"])]
    ['constant(lr)', 'constant(0.1)', 'constant(0.01)', 'constant(0.001)']
    """
    candidates = []
    for entry in entries:
        name = canonical_name(entry) if isinstance(entry, str) else ""
        if re.fullmatch(r"[a-z]+(-[a-z]+)+", name) and name not in BUILT_IN:  # no schedule looks like this
            raise StudyError(unknown("built-in study", entry, BUILT_IN))
        candidates += built_in_candidates(name) if name in BUILT_IN else [read_candidate(entry)]
    return tuple(candidates)


def read_candidate(entry: Any) -> Candidate:
    """Return the candidate of an entry of a study file: a schedule's text, or a table with `schedule`.

    >>> read_candidate({"schedule": "constant(0.1)", "momentum": 0.8}).name
    'constant(0.1), momentum=0.8'
    """
    if not isinstance(entry, Mapping):
        return Candidate.of(entry)
    if not isinstance(entry.get("schedule"), str):
        raise StudyError(f'candidate {shown(dict(entry))} has no schedule; write {{schedule = "cosine(lr)"}}')
    return Candidate(**entry)


def usual_seeds(problem: str) -> int:
    """Return the default number of seeds of a named problem's verdict."""
    return built_in_study(problem).get("seeds", SEEDS) if problem in BUILT_IN else SEEDS


READERS = {"torch": "from_torch", "keras": "from_keras", "timm": "from_timm"}
"""What reads a schedule of another library, by the package of its class."""


def _how_to_read(schedule: Any) -> str:
    """Return what to write for a plan, or for a schedule of another library."""
    if isinstance(schedule, Plan):
        return "; write plan.schedule"
    reader = READERS.get(type(schedule).__module__.partition(".")[0])
    return "" if reader is None else f"; write {reader}(...) of stepsize.dialects around it"
