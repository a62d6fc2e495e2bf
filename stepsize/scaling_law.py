"""`scale`: how the best learning rate moves along the batch size, the epochs, or something else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

from stepsize.checks import is_number, shown
from stepsize.engine.client import Engine
from stepsize.engine.trainer import Trainer
from stepsize.errors import StudyError
from stepsize.finding import SEEDS, map_rates
from stepsize.number_format import plain
from stepsize.problems.problem import Problem
from stepsize.report.pictures import scaling as scaling_picture
from stepsize.report.pictures.picture import Picture
from stepsize.report.terminal import scaling
from stepsize.resources import print_message
from stepsize.scaling.answer import ScalingAnswer, ValueAnswer
from stepsize.scaling.axes import check_axis, variant
from stepsize.scaling.summary import law_answer, law_of, notes_of, predicted, sentence
from stepsize.stats.power_law import PowerLaw
from stepsize.study.study_files.description import describe_study, make_problem
from stepsize.study.study_files.keys import StudyKeys
from stepsize.study.study_files.options import call_text, study_options


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """How the best rate moves with the batch size or another value; it displays itself in a notebook.

    `answer` is the document that `stepsize scale --json` prints.
    """

    answer: ScalingAnswer
    _law: PowerLaw | None = field(repr=False)

    @property
    def exponent(self) -> float | None:
        """The rate grows as the value to this power; None if too few values have a rate."""
        return None if self._law is None else self._law.exponent

    @property
    def ci95(self) -> tuple[float, float] | None:
        """The 95 % interval of the exponent."""
        return None if self._law is None else self._law.ci95

    def rate(self, value: float) -> dict[str, Any]:
        """Return the rate to use for a value: `rate`, its 95 % `range`, and whether it is `extrapolated`.

        Raises: StudyError if there is no law, or for a value that is not a positive number.
        """
        if self._law is None:
            raise StudyError(f"there is no law to predict from: {self.answer['sentence']}")
        along = self.answer["along"]
        if not is_number(value) or value <= 0 or (along == "momentum" and value >= 1):
            below = " below 1" if along == "momentum" else ""
            raise StudyError(f"rate({shown(value)}) needs a positive number{below} as {along}")
        return predicted(self._law, along, value, [each["value"] for each in self.answer["values"]])

    def plot(self) -> Picture | None:
        """Return the picture of the law, which a notebook displays; None if too few values have a rate."""
        return scaling_picture.scaling_picture(self.answer)

    def to_json(self) -> str:
        """Return the answer as one JSON document."""
        return json.dumps(plain(self.answer), indent=1, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return scaling_picture.fragment(self.answer)

    def __repr__(self) -> str:
        return scaling.render(self.answer)


def scale(
    problem: Any,
    along: Mapping[str, Sequence[float]],
    *,
    hold: str = "epochs",
    settings: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
    engine: Trainer | None = None,
    command: str | None = None,
    on_message: Callable[[str], None] = print_message,
    **keys: Unpack[StudyKeys],
) -> ScalingLaw:
    """Map the rates of a problem at several values, such as batch sizes, and fit the law of the best rate.

    `along` has the name of what to vary and three or more values: `batch_size`, `epochs`, `rows` (of the
    training part), `width` or `depth` (of the hidden layers of a text model), or a number of the optimizer,
    such as `momentum`. With `hold="updates"`, larger batches and fewer rows get more epochs, so that the
    number of updates stays the same. `settings` are those of every run, such as `{"loss_reduction": "sum"}`.

    The other arguments are those of `find`, which makes the map of each value and keeps its runs.

    Raises: InputError for arguments that cannot be used, EngineError if training fails.

    >>> scale("ionosphere", {"batch_size": [8, 16]})
    Traceback (most recent call last):
    stepsize.errors.StudyError: along={'batch_size': [8, 16]} must have 3 or more different values
    """
    name, values = check_axis(along, hold)
    options = study_options(keys, None, None)
    with ExitStack() as stack:
        ready = problem if isinstance(problem, Problem) else make_problem(describe_study(problem, options))
        if not isinstance(ready, Problem):
            raise StudyError(
                f"scale({shown(problem)}) needs data and a model, and does not take a training function; use "
                "find for each value"
            )
        variants = [
            variant(ready, name, value, hold) for value in values
        ]  # all of them before one is trained
        trainer = stack.enter_context(Engine()) if engine is None else engine
        rows, runs, seconds = [], 0, 0.0
        for value, (each, changes) in zip(values, variants, strict=True):
            map_answer = map_rates(
                each,
                seeds=seeds,
                settings=[{**(settings or {}), **changes}],
                store=store,
                quiet=quiet,
                engine=trainer,
                on_message=on_message,
            ).answer
            best = map_answer["best"]
            mean = next((row["mean"] for row in map_answer["rates"] if row["word"] == "best"), None)
            rows.append(
                ValueAnswer(
                    value=value,
                    epochs=each.epochs,
                    status=map_answer["status"],
                    rate=None if best is None else best["rate"],
                    range=None if best is None else list(best["range"]),
                    mean=mean,
                )
            )
            runs, seconds = runs + map_answer["cost"]["runs"], seconds + map_answer["cost"]["seconds"]
    law = law_of(name, rows)
    held = None if hold == "epochs" else hold
    summary = None if law is None else law_answer(name, law, (settings or {}).get("loss_reduction") == "sum")
    answer = ScalingAnswer(
        name=ready.name,
        along=name,
        hold="updates" if hold == "updates" else "epochs",
        seeds=SEEDS if seeds is None else seeds,
        values=rows,
        law=summary,
        sentence=sentence(name, hold, rows, summary),
        notes=notes_of(name, rows, law),
        command=command
        or call_text(
            problem, options, "scale", along=along, hold=held, settings=settings, seeds=seeds, store=store
        ),
        cost={"runs": runs, "seconds": seconds},
    )
    return ScalingLaw(answer, law)
