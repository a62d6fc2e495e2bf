"""How the page begins: from the arguments of `compare` to a session, and to what the page shows first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepsize.engine.trainer import Trainer
from stepsize.errors import StudyError
from stepsize.live_page.presets import presets
from stepsize.live_page.requests import Desk
from stepsize.live_page.session import MOMENTA, Session
from stepsize.live_page.shapes import TEMPLATES
from stepsize.number_format import counted
from stepsize.problems.built_in import BUILT_IN, built_in_study
from stepsize.problems.problem import Problem
from stepsize.report.terminal.rate_map import optimizer_text
from stepsize.study.candidates import Candidate, read_candidates
from stepsize.study.knobs.free_knobs import is_joint
from stepsize.study.road import population_refusal
from stepsize.study.study_files.description import describe_study, make_problem
from stepsize.study.study_files.keys import PROTOCOL_KEYS
from stepsize.study.study_files.options import call_text, study_options
from stepsize.study.trainable import is_trainable

UNUSED = ("tuning", "knobs", "until", "budget")  # keys of a study that the page has no use for
TARGETS = {"keras": "Keras", "torch": "PyTorch", "optax": "optax", "transformers": "transformers"}
USUAL_RATES = {True: 0.1, False: 0.001}  # of SGD, and of other optimizers
PEAK = 2.0  # of the first cosine, in units of the constant rate beside it: both have the same mean
MAP_RUNS = 280  # about: a map has 14 rates and 20 seeds
SETTINGS = (*MOMENTA, "batch_size")  # that the page can change
BATCHES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
Confirm = Callable[[Candidate, Candidate], str | None]


def can_show(candidate: Candidate) -> bool:
    """Return whether the page can train a candidate: it can change its schedule, momentum and batch size."""
    return set(candidate.settings) <= set(SETTINGS)


def open_desk(
    problem: Any,
    trainer: Trainer,
    schedules: Sequence[Any] | None = None,
    seeds: int | None = None,
    confirm: Confirm | None = None,
    **keys: Any,
) -> Desk:
    """Return the desk of a page on a problem; the arguments are those of `compare`.

    The page begins with the first of the `schedules` beside the `baseline`. `confirm` returns the command
    that compares two candidates on fresh seeds, or None where only a call of the library can.

    Raises: InputError for arguments that cannot be used.
    """
    options = study_options(keys, schedules, seeds)
    for key in UNUSED:
        if key in options:
            raise StudyError(f"{key}={options[key]!r} is not an argument of explore; use compare")
    description = describe_study(problem, options)
    trainable = problem if is_trainable(problem) else make_problem(description)
    if not isinstance(trainable, Problem):
        raise StudyError(
            f"explore trains many runs in one program, and {trainable.name!r} is a training function, "
            "whose runs are made one by one; use compare"
        )
    session = Session(trainable, trainer, description.get("seeds"), description.get("margin"))
    is_torch = trainable.torch_source is not None
    if reason := population_refusal(trainable, session.study, trainer) if is_torch else None:
        raise StudyError(
            "explore trains many runs in one program, and the runs of this model are made one by one, in "
            f"PyTorch, because {reason}; use compare"
        )
    name = description.get("problem")
    usual = built_in_study(name) if name in BUILT_IN else {}
    every = read_candidates({**usual, **description}.get("candidates", ()))
    ranges = description.get("knobs", {})
    own = [each for each in every if not is_joint(each, ranges) and can_show(each)]
    shared = {key: value for key, value in options.items() if key not in (*PROTOCOL_KEYS, "seeds")}

    def command(chosen: Candidate, baseline: Candidate) -> str:
        typed = None if confirm is None else confirm(chosen, baseline)
        pair = {"candidates": [baseline, chosen], "baseline": baseline.name}
        return typed or call_text(problem, {**shared, **pair})

    baseline = {**usual, **description}.get("baseline")
    is_left_out = baseline in {each.name for each in every} - {each.name for each in own}
    first = opening(session, own, None if is_left_out else baseline)
    if hidden := [each.name for each in every if not can_show(each)]:
        first["subtitle"] += f"; not on this page, which trains one model and optimizer: {', '.join(hidden)}"
    return Desk(session, first, command)


def opening(session: Session, own: Sequence[Candidate] = (), baseline: str | None = None) -> dict[str, Any]:
    """Return what the page shows first, and what can be chosen on it."""
    problem, protocol = session.problem, session.study.facts["protocol"]
    settings = settings_of(problem)
    movable = {each["name"] for each in settings}  # these have sliders, which show their present values
    optimizer = {key: value for key, value in protocol["optimizer"].items() if key not in movable}
    rate = USUAL_RATES[problem.optimizer_name in ("sgd", None)]
    first, other = _first_two(own, baseline)
    is_open = not own and baseline is None
    peak = PEAK * rate if is_open else rate
    size = f"{protocol['epochs']:,} epochs of {counted(protocol['updates_per_epoch'], 'update')}"
    return {
        "title": session.study.name,
        "seeds": session.seeds,
        "map_runs": MAP_RUNS,
        "problems": list(dict.fromkeys([session.study.name, *BUILT_IN])),
        "subtitle": f"{protocol['model']}, {optimizer_text(optimizer)}; {size}; "
        f"{session.seeds} seeds; scored by {protocol['metric']}",
        "rate": rate,
        "chosen": _state(other, peak),
        "peak": peak,
        "baseline": _state(first, rate),
        "is_open": is_open,
        "presets": presets(own),
        "families": list(TEMPLATES),
        "settings": settings,
        "targets": [{"name": name, "label": label} for name, label in TARGETS.items()],
    }


def _first_two(own: Sequence[Candidate], baseline: str | None) -> tuple[Candidate, Candidate]:
    """Return the baseline and the schedule that the page begins with."""
    named = [*own, *([Candidate(baseline)] if baseline and baseline not in [c.name for c in own] else [])]
    first = next((each for each in named if each.name == baseline), None)
    first = first or next((each for each in named if str(each.schedule).startswith("constant")), None)
    first = first or Candidate("constant(lr)")
    return first, next((each for each in named if each is not first), Candidate("cosine(lr)"))


def _state(candidate: Candidate, rate: float) -> dict[str, Any]:
    """Return a candidate as the page keeps it; a free rate becomes `rate`."""
    schedule = candidate.schedule
    return {
        "spec": str(schedule.bind(lr=rate) if schedule.knobs else schedule),
        "settings": {key: value for key, value in candidate.settings.items() if key in SETTINGS},
    }


def settings_of(problem: Problem) -> list[dict[str, Any]]:
    """Return the settings that have a slider: the momentum, if the optimizer has one, and the batch size."""
    batches = sorted({problem.batch_size, *(size for size in BATCHES if size <= problem.data.rows)})
    size = {"name": "batch_size", "label": "batch size", "values": batches, "usual": problem.batch_size}
    return [*_momentum(problem), size]


def _momentum(problem: Problem) -> list[dict[str, Any]]:
    usual: Mapping[str, Any] = {**((problem.optimizer_arguments or ("", {}))[1]), **(problem.settings or {})}
    is_torch, name = problem.torch_source is not None, problem.optimizer_name or ""
    if is_torch and "momentum" not in usual:
        return []  # or every group of parameters has its own
    if name in ("sgd", "rmsprop"):
        value, low, key = usual.get("momentum", 0.0), 0.01 if is_torch else 0.0, "momentum"
    elif name.startswith(("adam", "nadam", "lamb", "lion")) and not is_torch:
        value, low, key = usual.get("beta_1", 0.9), 0.0, "beta_1"
    else:
        return []
    label = "momentum" if key == "momentum" else "momentum (beta_1)"
    is_number = isinstance(value, int | float)
    fields = {"name": key, "label": label, "low": low, "high": 0.99, "step": 0.01, "usual": value}
    return [fields] if is_number else []
