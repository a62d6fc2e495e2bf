"""Which numbers of a candidate are free, and where they may lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

from stepsize.checks import spell
from stepsize.errors import InputError, StudyError
from stepsize.study.candidate_settings import NUMBERS
from stepsize.study.candidates import Candidate
from stepsize.study.knobs.knob_ranges import Axis, KnobRange, Ranges, batch_sizes
from stepsize.study.knobs.proposals import require_optuna
from stepsize.study.trainable import Trainable
from stepsize.study.tuning import Tuning
from stepsize.units import is_knob_name

BATCH_SIZE = "batch_size"
LEAST_SEEDS = 8  # of tuning: a few for all proposals, the others for the leading ones


def free_names(candidate: Candidate, ranges: Collection[str]) -> frozenset[str]:
    """Return the free names of a candidate: those of its schedule, and settings that are names of `ranges`.

    >>> sorted(free_names(Candidate("cosine(lr, floor=f*lr)", momentum="m", model="mlp"), ["m", "f"]))
    ['f', 'lr', 'm']
    """
    named = {value for value in candidate.settings.values() if isinstance(value, str) and value in ranges}
    return candidate.schedule.knobs | named


def is_rate_alone(candidate: Candidate, ranges: Collection[str]) -> bool:
    """Return whether the learning rate is all that is free in a candidate."""
    return free_names(candidate, ranges) == {"lr"}


def is_joint(candidate: Candidate, ranges: Collection[str]) -> bool:
    """Return whether more than a learning rate is free in a candidate."""
    return bool(free_names(candidate, ranges) - {"lr"})


def axes_of(candidate: Candidate, ranges: Ranges) -> tuple[Axis, ...]:
    """Return the knobs of a candidate with their ranges, in alphabetical order."""
    sizes = candidate.settings.get(BATCH_SIZE)
    return tuple(
        Axis(name, ranges[name], batch_sizes(name, ranges[name]) if name == sizes else ())
        for name in sorted(free_names(candidate, ranges))
    )


def examples(candidate: Candidate, ranges: Ranges) -> tuple[Candidate, ...]:
    """Return a candidate with its knobs at every combination of their ends; itself if it has none to choose.

    They have every program that its runs need.
    """
    if not is_joint(candidate, ranges):
        return (candidate,)
    return tuple(candidate.bind(values) for values in _ends(candidate, ranges))


def with_usual_rates(
    candidates: Iterable[Candidate], ranges: Ranges, rates: Sequence[float]
) -> dict[str, KnobRange]:
    """Return the ranges with that of `lr`, from the lowest to the highest of `rates`, if it is needed.

    Raises: StudyError for a range that no candidate uses, or a free name without a range.
    """
    used: set[str] = set()
    for candidate in candidates:
        _check_text(candidate, ranges)
        free = free_names(candidate, ranges)
        if without := sorted(free - ranges.keys() - {"lr"}):
            raise StudyError(
                f"{candidate.name}: {without[0]} is free and has no range; write a number in its place, or "
                f'give its range, such as knobs={{"{without[0]}": [0, 1]}}'
            )
        used |= free if is_joint(candidate, ranges) else set()
    if used:
        require_optuna()
    for name in ranges:
        if name == "lr" and name not in used:
            raise StudyError(
                'knobs: lr has a range only beside other knobs; write tuning={"rates": [0.01, 0.1, 1]} for '
                "candidates whose rate alone is free"
            )
        if name not in used:
            raise StudyError(f"knobs: no candidate has the free name {name!r}; leave it out, or use it")
    usual = {"lr": KnobRange(float(min(rates)), float(max(rates)), log=True)} if "lr" in used else {}
    return {**usual, **ranges}


def check_joint(candidate: Candidate, ranges: Ranges, problem: Trainable, tuning: Tuning) -> None:
    """Raise StudyError for a candidate that cannot be trained at the ends of its knobs, or between them.

    So does a tuning with too few seeds to choose by others than those of the proposals.
    """
    if (count := len(tuning.seeds) + len(tuning.fine_seeds)) < LEAST_SEEDS:
        raise StudyError(
            f"{candidate.name}: a search of several knobs needs {LEAST_SEEDS} tuning seeds, and tuning has "
            f'{count}; write for example tuning={{"seeds": 8}}'
        )
    between = {
        axis.name: axis.only[0] if axis.only else axis.range.at(0.37) for axis in axes_of(candidate, ranges)
    }
    for values in (*_ends(candidate, ranges), between):  # a number that must be whole is not whole there
        try:
            example = candidate.bind(values)
            problem.check_settings(example.settings)
            epochs = problem.variant(example.settings).epochs
            example.check(epochs, problem.updates_per_epoch_with(example.settings), ())
        except InputError as error:
            at = ", ".join(f"{name}={spell(value)}" for name, value in values.items())
            raise StudyError(f"{candidate.name}, at {at}: {error}; narrow a range in knobs") from None


def _ends(candidate: Candidate, ranges: Ranges) -> Iterator[dict[str, float]]:
    """Yield every combination of the ends of a candidate's knobs."""
    axes = axes_of(candidate, ranges)
    for values in product(*(axis.ends for axis in axes)):
        yield dict(zip([axis.name for axis in axes], values, strict=True))


def _check_text(candidate: Candidate, ranges: Mapping[str, KnobRange]) -> None:
    """Raise StudyError for a free name without a range as a setting that is a number."""
    for name, value in candidate.settings.items():
        if name in NUMBERS and isinstance(value, str) and is_knob_name(value) and value not in ranges:
            raise StudyError(
                f"{name}={value!r} is a free name without a range; write a number in its place, or give its "
                f'range, such as knobs={{"{value}": [0, 0.9]}}'
            )
