"""Candidates whose schedules are one and the same in a run as short as the study's."""

from __future__ import annotations

from collections.abc import Iterator

from stepsize.number_format import counted
from stepsize.study.candidates import Candidate
from stepsize.study.study import Study

BEYOND = 100.0  # times the highest rate of the grid, or one by as much of the lowest


def notes(study: Study) -> Iterator[str]:
    """Yield the candidates whose rates are equal at every update.

    `warmup(0.01*epochs) >> constant(0.1)` is `constant(0.1)` where the warmup is shorter than an update, and
    a step after the last epoch is never reached.
    """
    alike: dict[tuple[object, ...], list[Candidate]] = {}
    for candidate in study.candidates:
        if candidate in study.joint:  # what is chosen for it need not be what is chosen for another one
            continue
        alike.setdefault(_curve(study, candidate), []).append(candidate)
    for equal in alike.values():
        names = [each.name for each in equal]
        if len(names) > 1:
            at = " at the same lr" if any(study.tuned) else ""
            run = f"In a run of {counted(study.epochs_of(equal[0]), 'epoch')}"
            yield (
                f"{run}, {', '.join(names[:-1])} and {names[-1]} have the same rate at every update{at}, so "
                "they are one and the same schedule."
            )


def _curve(study: Study, candidate: Candidate) -> tuple[object, ...]:
    """Return what two candidates have in common if they train alike.

    Where the rate is free, they do at every rate: a floor makes schedules alike at the lowest ones only, and
    a limit at the highest.
    """
    epochs, per_epoch = study.epochs_of(candidate), study.updates_per_epoch(candidate)
    rates = [rate for rate in _rates(study) if study.allows(candidate, rate)]
    plans = [
        candidate.at(rate).plan(epochs=epochs, updates_per_epoch=per_epoch)
        for rate in (rates if candidate.schedule.knobs else [None])
    ]
    factor = str(plans[0].metric_factor) if plans else None
    return candidate.settings_text, *rates, factor, *(plan.values.tobytes() for plan in plans)


def _rates(study: Study) -> tuple[float, ...]:
    """Return rates at which schedules are compared: from far below those that are tried to far above."""
    tried = sorted(study.tuning.rates)
    return tried[0] / BEYOND, tried[0], tried[len(tried) // 2], tried[-1], BEYOND * tried[-1]
