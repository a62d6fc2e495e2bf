"""`find`: from a problem to the map of its learning rates, or from a step to its range test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np

from stepsize.checks import is_number, shown
from stepsize.engine.client import Engine
from stepsize.engine.trainer import Trainer
from stepsize.errors import StudyError
from stepsize.find_results import RangeTest, RateMap
from stepsize.notebook_output import progress_stream
from stepsize.range_test.summary import Shape, summarise_sweeps, sweeps_agree
from stepsize.range_test.sweeps import HIGHEST as HIGHEST_RATE
from stepsize.range_test.sweeps import LOWEST as LOWEST_RATE
from stepsize.range_test.sweeps import (
    UPDATES,
    Step,
    check_is_step,
    is_training_function,
    ramp_of_rates,
    run_sweeps,
)
from stepsize.rate_map.rounds import HIGHEST, LOWEST, count_runs, map_rounds
from stepsize.rate_map.summary import summarise_rates
from stepsize.report.terminal.progress import ProgressLine
from stepsize.resources import (
    checked_store,
    default_store,
    kept_store,
    on_its_road,
    open_executor,
    print_message,
    with_updates,
)
from stepsize.study.candidates import Candidate
from stepsize.study.road import road_note
from stepsize.study.runner import run_study
from stepsize.study.stores.store import Store
from stepsize.study.study import Study, make_study
from stepsize.study.study_files.description import describe_study, make_problem
from stepsize.study.study_files.keys import StudyKeys
from stepsize.study.study_files.options import call_text, study_options
from stepsize.study.trainable import Trainable, is_trainable
from stepsize.study.tuning import TUNING_SEEDS, Tuning, usual_tuning
from stepsize.study.user_functions.training import Training

SEEDS, FEW_SEEDS = 20, 3  # for each rate; for a training function, whose runs are expensive
WIDER = 8  # how often the grid is widened at most
UNUSED = ("candidates", "baseline", "tuning", "knobs", "until", "budget")  # keys of a comparison


@overload
def find(
    problem: Step,
    *,
    lowest: float = LOWEST_RATE,
    highest: float = HIGHEST_RATE,
    updates: int = UPDATES,
    ramp: Shape = "exponential",
    sweeps: int | None = None,
    quiet: bool = False,
) -> RangeTest: ...
@overload
def find(
    problem: Any,
    *,
    seeds: int | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    rates: Sequence[float] | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
    engine: Trainer | None = None,
    command: str | None = None,
    following: str | None = None,
    on_message: Callable[[str], None] = print_message,
    **keys: Unpack[StudyKeys],
) -> RateMap: ...
def find(problem: Any, **options: Any) -> RateMap | RangeTest:
    """Show what every learning rate does to a model: with a map of rates, or with a range test of one step.

    **A map** takes a `problem` of any kind that `compare` takes, and trains it at learning rates from too
    small to too large. Every rate is held constant and trained to the end on the same `seeds` seeds (default:
    20). The rates lie half a decade apart, extend until both ends of the good ones are found, and are closer
    together around the best; `rates` replaces them all. `settings` is a list of settings of the optimizer,
    such as `{"momentum": 0.9}` or `{"optimizer": "adam"}`: each gets a map of its own, because a good rate
    belongs to its optimizer.

    `problem` and `keys` are those of `compare`, and so are `store`, `quiet`, `engine`, `command` and
    `on_message`; both keep their runs in the same file, and share them. `following` is the command that the
    answer recommends next.

    **A range test** is for models that are too large for a map: `find(step)`, where `step(rate)` makes one
    update at a rate and returns the loss of its batch. The rate rises from `lowest` to `highest` in `updates`
    updates; `ramp` is "exponential" or "linear". A step with `reset(sweep)` and `restore()`, such as those of
    `stepsize.range_test.torch`, `.keras` and `.optax`, makes five `sweeps` from the same weights on different
    batches, or ten if five leave the rate uncertain, and leaves everything as it was.

    Raises: InputError for arguments that cannot be used, EngineError if training fails.

    >>> find("ionosphere", rates=[0.1, -1])
    Traceback (most recent call last):
    stepsize.errors.StudyError: rates=[0.1, -1] must be two or more different numbers between 1e-08 and 1000
    >>> weight, noise = np.ones(1), np.random.default_rng(0)
    >>> def step(rate):  # gradient descent with noise on 5 w**2, which diverges at rates above 0.2
    ...     loss = 5 * weight[0] ** 2
    ...     weight[0] -= rate * (10 * weight[0] + 0.1 * noise.normal())
    ...     return loss
    >>> find(step, lowest=1e-5).status
    'ok'
    """
    if not callable(problem) or is_trainable(problem) or is_training_function(problem):
        return map_rates(problem, **options)
    check_is_step(problem)
    return range_test(problem, **options)


def range_test(
    step: Any,
    *,
    lowest: float = LOWEST_RATE,
    highest: float = HIGHEST_RATE,
    updates: int = UPDATES,
    ramp: Shape = "exponential",
    sweeps: int | None = None,
    quiet: bool = False,
) -> RangeTest:
    """Return the range test of a step; `find` describes the arguments."""
    rates = ramp_of_rates(lowest, highest, updates, ramp)
    agree = partial(sweeps_agree, rates, shape=ramp)
    with ProgressLine(progress_stream(), quiet) as line:

        def show(sweep: int, update: int) -> None:
            line.write("", f"sweep {sweep + 1}: {update:,} of {updates:,} updates")

        finished = run_sweeps(step, rates, sweeps, agree, show)
    return RangeTest(summarise_sweeps(rates, finished, ramp))


def map_rates(
    problem: Any,
    *,
    seeds: int | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    rates: Sequence[float] | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
    engine: Trainer | None = None,
    command: str | None = None,
    following: str | None = None,
    on_message: Callable[[str], None] = print_message,
    **keys: Unpack[StudyKeys],
) -> RateMap:
    """Return the map of a problem's rates; `find` describes the arguments."""
    options = study_options(keys, None, None)
    for key in UNUSED:
        if key in options:
            raise StudyError(
                f"{key}={shown(options[key])} is not an argument of find, which tries constant rates; "
                "use compare"
            )
    grid = None if rates is None else _checked_rates(rates)
    if settings is not None:
        _checked_settings(settings)  # before anything starts
    ready = problem if is_trainable(problem) else None
    description = describe_study(problem, options)
    with ExitStack() as stack:
        if engine is None and not (isinstance(ready, Training) or "train" in description):
            engine = stack.enter_context(Engine())  # it starts up while the data are loaded
        trainable = make_problem(description) if ready is None else ready
        if isinstance(trainable, Training) and trainable.updates_per_epoch is None:
            trainable = with_updates(trainable, store)
        text = command or call_text(
            problem, options, "find", seeds=seeds, settings=settings, rates=grid, store=store
        )

        def plan(problem: Trainable) -> Study:
            return plan_maps(problem, seeds, settings, grid, text, description.get("margin"))

        trainable, study = on_its_road(trainable, plan, engine, store)
        if not quiet:
            for note in trainable.notes:
                on_message(f"Data: {note}.")
            if note := road_note(trainable):
                on_message(f"Model: {note}.")
            for warning in study.facts["protocol"].get("model_warnings", []):
                on_message(f"Model: {warning}.")
        file = checked_store(store or default_store(study.name))
        line = ProgressLine(progress_stream(), quiet)
        executor = stack.enter_context(
            open_executor(trainable, study, engine, file, on_message=line.above(on_message))
        )
        opened = stack.enter_context(Store(file))
        threading.Thread(target=_prepare, daemon=True).start()  # while the first runs are trained
        with line:
            cost = run_study(study, opened, executor, line.show, map_rounds, count_runs)
        runs = opened.runs(study.fingerprint)
        following = following or call_text(problem, options, store=store)
        answer = summarise_rates(study, runs, asdict(cost), following)
        return RateMap(answer, kept_store(opened, on_message))


def _prepare() -> None:
    """Load what the statistics and a page need, which takes a few tenths of a second."""
    with suppress(ImportError):
        import jinja2  # noqa: F401
        import scipy.linalg
        import scipy.special  # noqa: F401


def plan_maps(
    problem: Trainable,
    seeds: int | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    rates: Sequence[float] | None = None,
    command: str = "",
    margin: float | None = None,
) -> Study:
    """Return the study whose runs are those of the maps: its candidates are the rates of the grid.

    Raises: StudyError for seeds or settings that cannot be used.
    """
    count = (FEW_SEEDS if problem.expensive else SEEDS) if seeds is None else seeds
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise StudyError(f"seeds={shown(seeds)} must be a whole number of 2 or more")
    if count > TUNING_SEEDS:
        raise StudyError(f"seeds={count} is too many; a map has at most {TUNING_SEEDS:,} for each rate")
    settings = [{}] if settings is None else _checked_settings(settings)
    grid = usual_tuning(problem, count).rates if rates is None else rates
    folds = problem.facts()["protocol"].get("folds") or 1
    first = -(-TUNING_SEEDS // folds) * folds  # where a repeat of a cross-validation begins
    numbers = tuple(range(first, first + count))
    tuning = Tuning(tuple(grid), 0 if rates is not None else WIDER, numbers, ())
    candidates = [Candidate(f"constant({rate!r})", **each) for each in settings for rate in grid]
    return make_study(problem, candidates, count, command=command, margin=margin, tuning=tuning)


def _checked_settings(settings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the settings as a list, or raise StudyError if they are not dicts or some are equal."""
    is_list = isinstance(settings, list | tuple)
    if not is_list or not settings or not all(isinstance(each, Mapping) for each in settings):
        raise StudyError(
            f"settings={shown(settings)} must be a list of dicts, such as [{{}}, {{'momentum': 0.9}}]"
        )
    for number, each in enumerate(settings):
        for key in {"schedule", "name"} & each.keys():
            raise StudyError(f"{key}={shown(each[key])} is not a setting of an optimizer")
        if each in settings[:number]:
            text = ", ".join(f"{key}={value}" for key, value in each.items())
            raise StudyError(
                f"settings={shown(settings)} has the same settings twice: {text or 'those of the problem'}; "
                "leave one of them out"
            )
    return list(settings)


def _checked_rates(rates: Any) -> list[float]:
    """Return the rates in rising order."""
    is_list = isinstance(rates, list | tuple | np.ndarray)
    wrong = not is_list or not all(is_number(rate) and LOWEST <= rate <= HIGHEST for rate in rates)
    if wrong or len(set(rates)) < max(len(rates), 2):
        raise StudyError(
            f"rates={shown(rates)} must be two or more different numbers between {LOWEST:g} and {HIGHEST:g}"
        )
    return sorted(float(rate) for rate in rates)
