"""One process that runs a training function: receives runs, answers with their curves.

`executor.FunctionExecutor` starts it through `process.Child`. The first request is `("function", packed)`,
as `functions.pack` packs it, and a later one replaces the function. The others are
`("run", RunRequest(...))`, `("count", CountRequest(...))` and `("digest", None)`. In place of a function, it
may get what makes the runs of a PyTorch model (`torch_runs.TorchRuns`), with
`("run", TorchRunRequest(...))` and `("weights", TorchRunRequest(...))`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from stepsize.problems.code_identity import code_digest
from stepsize.process import Notice, Progress, serve
from stepsize.schedules import Schedule, parse
from stepsize.study.user_functions.functions import Function, takes_checkpoint, unpack
from stepsize.study.user_functions.run_checkpoint import CheckpointPlace, RunCheckpoint
from stepsize.study.user_functions.training_api import Counted, Diverged, LivePlan, Report

COUNTING_RATE = "constant(1e-6)"  # of the run that only counts updates: it must not diverge
COUNTED_EPOCHS = 2


@dataclass(frozen=True)
class RunRequest:
    """One run to make; `spec` is the schedule with its rate."""

    spec: str
    settings: Mapping[str, Any]
    seed: int
    epochs: int
    updates_per_epoch: int
    metric: str
    share: bool
    counts: bool = False  # the curves of losses are what was counted instead
    checkpoint: CheckpointPlace | None = None


@dataclass(frozen=True)
class TorchRunRequest(RunRequest):
    """One run of a PyTorch model to make, by `torch_runs.TorchRuns`.

    `variant` is the key of the variant of the problem that it trains. `settings` are those of its optimizer,
    and `momentum` is the spec of one that is scheduled, or None.
    """

    variant: str = ""
    batch_size: int = 1
    multipliers: Mapping[str, float] = field(default_factory=dict)
    momentum: str | None = None


@dataclass(frozen=True)
class CountRequest:
    """Count the updates of an epoch of a function, in the first epochs of a run of so many epochs."""

    epochs: int
    metric: str


def main() -> None:
    """Serve one caller until it is gone."""
    functions: list[Any] = []

    def answer(request: tuple[str, Any], progress: Progress) -> Any:
        kind, value = request
        if kind == "function":
            functions[:] = [unpack(value)]
            return None
        if kind == "count":
            return count_updates(functions[0], value)
        if kind == "digest":
            return code_digest(functions[0])
        if kind == "weights":
            return functions[0].final_weights(value)
        if isinstance(value, TorchRunRequest):
            return functions[0].run(value, progress)
        return make_run(functions[0], value, progress)

    serve(answer)


def make_run(
    function: Function, request: RunRequest, progress: Progress = lambda value: None
) -> tuple[Any, int | None]:
    """Run the function once; return the curves [4, epochs] and the update at which it diverged, or None.

    It is the last update of the epoch for which a number that is not finite was reported.

    `progress` is called with the number of each epoch, and with messages for people.
    """
    plan = LivePlan(parse(request.spec), request.epochs, request.updates_per_epoch)
    report = Report(plan, request.epochs, request.metric, request.share, progress)
    settings = {name: _setting(value, plan) for name, value in request.settings.items()}
    settings |= _checkpoint(function, request.checkpoint, report, progress)
    with suppress(Diverged):
        function(plan, request.seed, report, **settings)
    diverged_at = report.count * request.updates_per_epoch - 1 if report.is_diverged else None
    if not report.is_diverged:
        report.check_complete()
    return report.counts if request.counts else report.curves, diverged_at


def count_updates(function: Function, request: CountRequest) -> tuple[int | None, int]:
    """Run the first epochs of the function; return the updates of an epoch, None if they cannot be counted.

    The second number is that of the different updates which the function asked for.
    """
    plan = LivePlan(parse(COUNTING_RATE), request.epochs, 1)

    def stop(epochs: int) -> None:
        if epochs == min(COUNTED_EPOCHS, request.epochs):
            raise Counted

    with (
        suppress(Counted, Diverged),
        warnings.catch_warnings(action="ignore"),
    ):  # the plan is not the real one
        report = Report(plan, request.epochs, request.metric, False, stop)
        function(plan, 0, report, **_checkpoint(function, None, report, lambda value: None))
    return plan.count.per_epoch, plan.count.asked


def _checkpoint(
    function: Function, place: CheckpointPlace | None, report: Report, progress: Progress
) -> dict[str, Any]:
    """Return the argument of a function that takes checkpoints."""
    if not takes_checkpoint(function):
        return {}
    return {"checkpoint": RunCheckpoint(place, report, lambda message: progress(Notice(message)))}


def _setting(value: Any, plan: LivePlan) -> Any:
    if isinstance(value, Schedule):
        return value.plan(updates=plan.horizon, updates_per_epoch=plan.updates_per_epoch)
    return value
