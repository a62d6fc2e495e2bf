"""The updates per epoch of a training function that does not say them: counted in its first epochs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np

from stepsize.errors import StudyError
from stepsize.study.stores.store import Run, Store
from stepsize.study.user_functions.function_process import FunctionProcess
from stepsize.study.user_functions.functions import pack
from stepsize.study.user_functions.training import Training
from stepsize.study.user_functions.worker import CountRequest

NAME = "updates per epoch"


def with_counted_updates(training: Training, store: Store) -> Training:
    """Return the training with its `updates_per_epoch`, counted once and kept in the store.

    Raises: StudyError if the function does not show its updates, EngineError if it fails.
    """
    fingerprint = training.digest
    kept = store.runs(fingerprint).get((NAME, 0))
    if kept is not None:
        return replace(training, updates_per_epoch=int(kept.curves[0, 0]))
    count = _count(training)
    store.add(fingerprint, [Run(NAME, 0, None, None, np.full((4, 1), count, np.float32))])
    return replace(training, updates_per_epoch=count)


def _count(training: Training) -> int:
    with closing(FunctionProcess(pack(training.function), training.name)) as process:
        count, asked = process.count(CountRequest(training.epochs, training.metric))
    if not count:
        reason = "it reads all rates in advance"
        if asked:
            updates = f"updates 0 to {asked - 1}" if asked > 1 else "the rate of update 0"
            reason = f"it asked for {updates} only, in every epoch"
        raise StudyError(
            f"the updates of an epoch of {training.name!r} cannot be counted, since {reason}; give for "
            "example updates_per_epoch=9, or ask for schedule(t) before each update t"
        )
    return count
