"""Updates that an earlier version made otherwise, so that its runs are not taken for those of this one."""

from __future__ import annotations

from collections.abc import Iterable

from stepsize.study.candidates import Candidate
from stepsize.study.trainable import Trainable

MOMENTUM_OF_0 = "momentum of 0"  # PyTorch's buffer was once updated where a scheduled momentum is 0


def corrected_updates(problem: Trainable, candidates: Iterable[Candidate]) -> list[str]:
    """Return a text for each kind of update that some candidate makes and that was once another one."""
    if problem.expensive or "torch" not in problem.software():
        return []  # PyTorch itself makes the updates of a model in series
    return [MOMENTUM_OF_0] if any(_rests(problem, each) for each in candidates) else []


def _rests(problem: Trainable, candidate: Candidate) -> bool:
    """Return whether a candidate has a schedule of the momentum that is 0 at some update."""
    if candidate.momentum is None:
        return False
    settings = dict(candidate.settings)
    if isinstance(settings.get("batch_size"), str):  # a knob
        del settings["batch_size"]
    epochs, updates = problem.variant(settings).epochs, problem.updates_per_epoch_with(settings)
    return bool((candidate.momentum.plan(epochs=epochs, updates_per_epoch=updates).values == 0).any())
