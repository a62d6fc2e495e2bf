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
    alike: dict[tuple[object, ...], list[str]] = {}
    for candidate in study.candidates:
        alike.setdefault(_curve(study, candidate), []).append(candidate.name)
    for names in alike.values():
        if len(names) > 1:
            rate = "the same rate, at equal lr," if any(study.tuned) else "the same rate"
            yield (
                f"{', '.join(names[:-1])} and {names[-1]} have {rate} at every update of a run of "
                f"{counted(study.epochs, 'epoch')}, so they are the same schedule here."
            )


def _curve(study: Study, candidate: Candidate) -> tuple[object, ...]:
    """Return what two candidates have in common if they train alike."""
    rates = (rate for rate in study.tuning.rates if study.allows(candidate, rate))
    rate = next(rates, None) if candidate.schedule.knobs else None
    per_epoch = study.updates_per_epoch(candidate)
    plan = candidate.at(rate).plan(epochs=study.epochs, updates_per_epoch=per_epoch)
    return candidate.settings_text, rate, str(plan.metric_factor), plan.values.tobytes()
