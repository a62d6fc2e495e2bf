"""What `compare` returns: the answer of a study, and the recommended candidate as something to use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsize.errors import MissingExtra, StudyError, unknown
from stepsize.number_format import plain
from stepsize.output_files import REPORT, check_output, write_output
from stepsize.report import html
from stepsize.report.pictures.difference_picture import difference_picture
from stepsize.report.pictures.picture import Picture
from stepsize.report.recipe import FRAMEWORKS, Recipe, recipe
from stepsize.report.terminal import answer as terminal
from stepsize.schedules import Plan, Schedule
from stepsize.study.candidates import Candidate
from stepsize.study.study import Study
from stepsize.verdict.answer import Answer, Verdict
from stepsize.verdict.series import Details

if TYPE_CHECKING:
    import pandas

    from stepsize.study.final_run import WeightTrainer
    from stepsize.trained_model import TrainedModel


@dataclass(frozen=True, eq=False)
class Result:
    """The answer of a study; it displays itself in a notebook.

    `answer` is the document that `stepsize compare --json` prints, `details` the series that only charts
    need, `store` the file with the runs (None if it was deleted meanwhile), and `study` what
    `stepsize report STORE --study` calls the study. `problem` is what was trained, None for a result that was
    read from a store.
    """

    answer: Answer
    details: Details = field(repr=False)
    store: Path | None = None
    study: str = ""
    planned: Study | None = field(default=None, repr=False)
    problem: Any = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The conclusion: `status`, `best_set`, `recommended`, `headline`, `sentence`, `seeds_needed`."""
        return self.answer["verdict"]

    @property
    def recipe(self) -> Recipe | None:
        """The recommended candidate, ready to use; None if none is recommended."""
        return recipe(self.answer)

    @property
    def schedule(self) -> Schedule | None:
        """The recommended schedule at its chosen rate; None if none is recommended."""
        return None if self.recipe is None else self.recipe.schedule

    @property
    def plan(self) -> Plan | None:
        """The recommended schedule, planned for the run of the study; None if none is recommended."""
        return None if self.recipe is None else self.recipe.plan

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings to train it with: `optimizer`, its arguments, `batch_size`, and its own `model`.

        `groups`, where those of a PyTorch optimizer differ, are lists of the names of `parameters`, with the
        `multiplier` of their rate and their own `settings`.
        """
        found = self.recipe
        if found is None:
            return {}
        more = {"model": found.model, "groups": [*found.groups]}
        return {**found.settings, **{name: value for name, value in more.items() if value}}

    def code(self, to: str) -> str:
        """Return the recommended schedule with its optimizer as code that does not need stepsize.

        `to` is "keras", "torch", "optax" or "transformers"; `model` is the only name that the code needs.

        Raises: StudyError if no candidate is recommended, ScheduleError for a schedule that `to` cannot
        express.
        """
        if to not in FRAMEWORKS:
            raise StudyError(unknown("framework", str(to), FRAMEWORKS))
        return self._recipe().code(to)

    def train(
        self, seed: int = 0, candidate: str | None = None, *, engine: WeightTrainer | None = None
    ) -> TrainedModel:
        """Train the recommended candidate on a seed of the study, and return the model, ready to predict.

        The run is that of the study, so its score is the one in the answer. `candidate` is the name of
        another one, and `engine` a started `Engine` to use, which saves its start.

        Raises: StudyError for a result that was read from a store, a training function, a run that diverges,
        or no candidate if none is recommended.
        """
        from stepsize.trained_model import train_model

        if self.problem is None or self.planned is None:
            raise StudyError(
                "this result was read from a store, which has no data and no model; call compare again with "
                "this store, which trains nothing that is there, and train its result"
            )
        candidates = {each["name"]: each for each in self.answer["candidates"]}
        name = candidate or self.verdict["recommended"]
        if name is None:
            raise self._nothing_to_use()
        if name not in candidates:
            raise StudyError(unknown("candidate", name, candidates))
        found = {each: answer for each, answer in candidates.items() if answer["knobs"] is not None}
        rates = {each: None if each in found else answer["lr"] for each, answer in candidates.items()}
        planned = {each.name: each.settings for each in self.planned.candidates}
        models = {each: {k: v for k, v in planned[each].items() if k == "model"} for each in found}
        chosen = {
            each: Candidate(a["spec"], each, **a["settings"] | models[each]) for each, a in found.items()
        }
        return train_model(self.problem, self.planned.with_chosen(chosen), rates, name, seed, engine)

    def plot(self) -> Picture:
        """Return the picture of the differences, which a notebook displays; `.save(path)` writes it."""
        return difference_picture(self.answer, self.details)

    def to_json(self) -> str:
        """Return the answer as one JSON document; a number that is not finite becomes null."""
        return json.dumps(plain(self.answer), indent=1, ensure_ascii=False)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the candidates as a table with one row each; the comparison with the baseline is in columns.

        Raises: MissingExtra if pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtra("pandas", "train") from None
        return pandas.json_normalize([dict(each) for each in self.answer["candidates"]], sep=".")

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file that needs no network; return its path.

        Raises: OutputError if the file cannot be written, or would replace one that is not a report.
        """
        check_output("path", path, REPORT)
        write_output("path", path, REPORT, html.render(self.answer, self.details), self.study)
        return Path(path)

    def _recipe(self) -> Recipe:
        if self.recipe is None:
            raise self._nothing_to_use()
        return self.recipe

    def _nothing_to_use(self) -> StudyError:
        """Return why no candidate is recommended."""
        is_partial = self.verdict["status"] == "no_whole_repeat"
        why = "no repeat of the cross-validation finished whole" if is_partial else "every run diverged"
        return StudyError(f"{why}, so no candidate is recommended; compare lower rates")

    def __repr__(self) -> str:
        return terminal.render(self.answer, self.details, in_python=True)

    def _repr_html_(self) -> str | None:
        try:
            return html.fragment(self.answer, self.details)
        except MissingExtra:
            return None  # the notebook displays the text instead
