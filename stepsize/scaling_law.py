"""`scale`: how the best learning rate moves along the batch size, the epochs, or something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Unpack, overload

from stepsize.checks import shown
from stepsize.engine.client import Engine
from stepsize.engine.trainer import Trainer
from stepsize.errors import StudyError
from stepsize.finding import SEEDS, map_rates
from stepsize.noise_scale import NoiseScale
from stepsize.problems.problem import Problem
from stepsize.resources import print_message
from stepsize.scaling.answer import BothAnswer, ScalingAnswer, ValueAnswer
from stepsize.scaling.axes import adds_up, check_axis, check_settings, variant
from stepsize.scaling.summary import law_answer, law_of, notes_of, sentence
from stepsize.scaling_results import ScalingLaw, ScalingLaws
from stepsize.study.candidate_settings import large_batch_note
from stepsize.study.gradient_noise import NoiseTrainer
from stepsize.study.study_files.description import describe_study, make_problem
from stepsize.study.study_files.keys import StudyKeys
from stepsize.study.study_files.options import call_text, study_options


@overload
def scale(
    problem: Any,
    along: Mapping[str, Sequence[float]],
    *,
    hold: Literal["both"],
    settings: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
    engine: NoiseTrainer | None = None,
    command: str | None = None,
    on_message: Callable[[str], None] = print_message,
    **keys: Unpack[StudyKeys],
) -> ScalingLaws: ...
@overload
def scale(
    problem: Any,
    along: Mapping[str, Sequence[float]],
    *,
    hold: Literal["epochs", "updates"] = "epochs",
    settings: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
    engine: NoiseTrainer | None = None,
    command: str | None = None,
    on_message: Callable[[str], None] = print_message,
    **keys: Unpack[StudyKeys],
) -> ScalingLaw: ...
def scale(
    problem: Any,
    along: Mapping[str, Sequence[float]],
    *,
    hold: str = "epochs",
    settings: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
    engine: NoiseTrainer | None = None,
    command: str | None = None,
    on_message: Callable[[str], None] = print_message,
    **keys: Unpack[StudyKeys],
) -> ScalingLaw | ScalingLaws:
    """Map the rates of a problem at several values, such as batch sizes, and fit the law of the best rate.

    `along` has the name of what to vary and three or more values: `batch_size`, `epochs`, `rows` (of the
    training part), `width` or `depth` (of the hidden layers of a text model), or a number of the optimizer,
    such as `momentum`. With `hold="updates"`, larger batches and fewer rows get more epochs, so that the
    number of updates stays the same, as near as whole epochs are to it; `hold="both"` returns both laws, as
    `ScalingLaws`. `settings` are those of every run, such as `{"loss_reduction": "sum"}`. Along the batch
    size, the gradient noise scale is measured as well.

    The other arguments are those of `find`, which makes the map of each value and keeps its runs.

    Raises: InputError for arguments that cannot be used, EngineError if training fails.

    >>> scale("ionosphere", {"batch_size": [8, 16]})
    Traceback (most recent call last):
    stepsize.errors.StudyError: along={'batch_size': [8, 16]} must have 3 or more different values
    """
    name, values = check_axis(along, hold)
    check_settings(settings or {}, name)
    options = study_options(keys, None, None)
    text = command or call_text(
        problem, options, "scale", along=along, hold=None if hold == "epochs" else hold, settings=settings,
        seeds=seeds, store=store,
    )  # fmt: skip
    with ExitStack() as stack:
        ready = problem if isinstance(problem, Problem) else make_problem(describe_study(problem, options))
        if not isinstance(ready, Problem):
            raise StudyError(
                f"scale({shown(problem)}) needs data and a model, and does not take a training function; use "
                "find for each value"
            )
        holds = ("epochs", "updates") if hold == "both" else (hold,)
        variants = {
            held: [(value, *variant(ready, name, value, held)) for value in values] for held in holds
        }  # all of them before one is trained
        trainer = stack.enter_context(Engine()) if engine is None else engine
        summed = adds_up(ready, settings or {}) and (name == "batch_size" or ready.batch_size >= values[-1])
        maps = Maps(trainer, settings or {}, seeds, store, quiet, on_message)
        noises = None
        if name == "batch_size":
            noises = NoiseScale(trainer, ready, settings or {}, seeds, summed)
        laws = [_law(name, held, ready.name, variants[held], maps, summed, noises, text) for held in holds]
    return laws[0] if len(laws) == 1 else _both(*laws)


Variant = tuple[float, Problem, Mapping[str, Any]]
"""A value, the problem with it, and the settings of the optimizer that change with it."""


@dataclass
class Maps:
    """The maps of rates of the values; one that both laws need is made once."""

    trainer: Trainer
    settings: Mapping[str, Any]
    seeds: int | None
    store: str | Path | None
    quiet: bool
    on_message: Callable[[str], None]
    runs: int = 0
    seconds: float = 0.0
    used: int = SEEDS
    model_notes: dict[str, None] = field(default_factory=dict)  # each once, in order
    _known: dict[tuple[float, int], ValueAnswer] = field(default_factory=dict)

    def of(self, value: float, problem: Problem, changes: Mapping[str, Any]) -> ValueAnswer:
        """Return what the map of a value shows."""
        key = value, problem.epochs
        if key not in self._known:
            self._known[key] = self._mapped(value, problem, changes)
        return self._known[key]

    def _mapped(self, value: float, problem: Problem, changes: Mapping[str, Any]) -> ValueAnswer:
        found = map_rates(
            problem,
            seeds=self.seeds,
            settings=[{**self.settings, **changes}],
            store=self.store,
            quiet=self.quiet,
            engine=self.trainer,
            on_message=self.on_message,
        ).answer
        self.runs += found["cost"]["runs"]
        self.seconds += found["cost"]["seconds"]
        self.used = len(found["study"]["seeds"])
        self.model_notes |= dict.fromkeys(note for note in found["notes"] if note.startswith("Model: "))
        best = found["best"]
        return ValueAnswer(
            value=value,
            epochs=problem.epochs,
            updates=problem.epochs * problem.updates_per_epoch,
            status=found["status"],
            rate=None if best is None else best["rate"],
            range=None if best is None else list(best["range"]),
            mean=next((row["mean"] for row in found["rates"] if row["word"] == "best"), None),
        )


def _law(
    along: str,
    hold: str,
    name: str,
    variants: Sequence[Variant],
    maps: Maps,
    summed: bool,
    noises: NoiseScale | None,
    command: str,
) -> ScalingLaw:
    """Map the rates of the variants, and return the law."""
    runs, seconds = maps.runs, maps.seconds
    rows = [maps.of(*each) for each in variants]
    law = law_of(along, rows)
    summary = None if law is None else law_answer(along, law, summed)
    sizes = [(problem.batch_size, len(problem.parts(0).train)) for _, problem, _ in variants]
    notes = [
        *notes_of(along, hold, rows, law),
        *maps.model_notes,
        *dict.fromkeys(large_batch_note(size, count) for size, count in sizes if size > count),
    ]
    noise = None
    if noises is not None:
        noise, note = noises.beside(summary, rows)
        notes.append(note)
    answer = ScalingAnswer(
        name=name,
        along=along,
        hold="updates" if hold == "updates" else "epochs",
        seeds=maps.used,
        values=rows,
        law=summary,
        noise_scale=noise,
        sentence=sentence(along, hold, rows, summary),
        notes=notes,
        command=command,
        cost={"runs": maps.runs - runs, "seconds": maps.seconds - seconds},
    )
    return ScalingLaw(answer, law)


def _both(epochs: ScalingLaw, updates: ScalingLaw) -> ScalingLaws:
    first, second = epochs.answer, updates.answer
    answer = BothAnswer(
        name=first["name"],
        along=first["along"],
        hold="both",
        seeds=first["seeds"],
        laws=[first, second],
        sentence=f"{first['sentence']} {second['sentence']}",
        command=first["command"],
        cost={key: first["cost"][key] + second["cost"][key] for key in first["cost"]},
    )
    return ScalingLaws(answer, epochs, updates)
