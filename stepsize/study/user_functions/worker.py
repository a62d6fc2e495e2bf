"""One process that runs a training function: receives runs on standard input, answers with their curves.

`pool.Workers` starts it as `python -m stepsize.study.user_functions.worker`. Requests and answers are
pickles, which never leave these two processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.errors import InputError, first_line, save_traceback
from stepsize.process import answers, requests
from stepsize.schedules import Schedule, parse
from stepsize.study.user_functions.functions import Function, unpack
from stepsize.study.user_functions.training_api import Diverged, LivePlan, Report


@dataclass(frozen=True)
class Errand:
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
    send, waiting = answers(), requests()
    try:
        function = unpack(waiting.get())
    except Exception as error:
        send("raised", _said(error), save_traceback())
        return
    while True:
        errand = waiting.get()
        try:
            send("made", *make_run(function, errand, lambda: send("epoch")))
        except InputError as error:
            send("refused", error)
        except Exception as error:
            send("raised", _said(error), save_traceback())


def make_run(function: Function, errand: Errand, heard: Any = lambda: None) -> tuple[Any, int | None]:
    """Run the function once; give the curves [4, epochs] and the update at which it diverged, or None."""
    plan = LivePlan(parse(errand.spec), errand.epochs, errand.updates_per_epoch)
    report = Report(plan, errand.epochs, errand.metric, errand.share, heard)
    settings = {name: _setting(value, plan) for name, value in errand.settings.items()}
    try:
        function(plan, errand.seed, report, **settings)
    except Diverged:
        return report.curves, report.count * errand.updates_per_epoch
    report.check_complete()
    return report.curves, None


def _setting(value: Any, plan: LivePlan) -> Any:
    if isinstance(value, Schedule):
        return value.plan(updates=plan.horizon, updates_per_epoch=plan.updates_per_epoch)
    return value


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


if __name__ == "__main__":
    main()
