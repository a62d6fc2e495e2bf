"""Candidates whose schedules are one and the same in a run as short as the study's."""

from __future__ import annotations

from collections.abc import Iterator

from stepsize.number_format import counted
from stepsize.study.candidates import Candidate
from stepsize.study.study import Study


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
    """Return what two candidates have in common if they train alike."""
    rates = (rate for rate in study.tuning.rates if study.allows(candidate, rate))
    rate = next(rates, None) if candidate.schedule.knobs else None
    per_epoch = study.updates_per_epoch(candidate)
    plan = candidate.at(rate).plan(epochs=study.epochs_of(candidate), updates_per_epoch=per_epoch)
    return candidate.settings_text, rate, str(plan.metric_factor), plan.values.tobytes()
