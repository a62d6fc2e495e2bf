"""One process that runs a training function: receives runs, answers with their curves.

`executor.FunctionExecutor` starts it through `process.Child`. The first request is `("function", packed)`,
as `functions.pack` packs it; the others are `("run", RunRequest(...))`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.process import serve
from stepsize.schedules import Schedule, parse
from stepsize.study.user_functions.functions import Function, unpack
from stepsize.study.user_functions.training_api import Diverged, LivePlan, Report


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


def main() -> None:
    """Serve one caller until it is gone."""
    functions: list[Function] = []

    def answer(request: tuple[str, Any], progress: Callable[[int], None]) -> Any:
        kind, value = request
        if kind == "function":
            functions.append(unpack(value))
            return None
        return make_run(functions[0], value, progress)

    serve(answer)


def make_run(
    function: Function, request: RunRequest, on_epoch: Callable[[int], None] = lambda epochs: None
) -> tuple[Any, int | None]:
    """Run the function once; return the curves [4, epochs] and the update at which it diverged, or None."""
    plan = LivePlan(parse(request.spec), request.epochs, request.updates_per_epoch)
    report = Report(plan, request.epochs, request.metric, request.share, on_epoch)
    settings = {name: _setting(value, plan) for name, value in request.settings.items()}
    try:
        function(plan, request.seed, report, **settings)
    except Diverged:
        return report.curves, report.count * request.updates_per_epoch
    report.check_complete()
    return report.curves, None


def _setting(value: Any, plan: LivePlan) -> Any:
    if isinstance(value, Schedule):
        return value.plan(updates=plan.horizon, updates_per_epoch=plan.updates_per_epoch)
    return value
