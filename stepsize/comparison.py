"""`compare`: from a problem and schedules to a result, the library's main call."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsize.engine.client import Engine
from stepsize.errors import MissingExtra, StudyError
from stepsize.number_format import plain
from stepsize.problems.problem import Problem
from stepsize.report import html, terminal
from stepsize.report.progress import ProgressLine
from stepsize.report.selection import shown_candidates
from stepsize.schedules import Schedule
from stepsize.study.candidates import Candidate
from stepsize.study.description import describe, problem_of, study_of
from stepsize.study.population_calls import Crews
from stepsize.study.runner import Maker, Progress, run_study
from stepsize.study.store import Store
from stepsize.study.study import Study
from stepsize.study.user_functions.pool import Workers
from stepsize.study.user_functions.training import Training
from stepsize.verdict.answer import Answer, Details, Verdict
from stepsize.verdict.picture_data import picture_data
from stepsize.verdict.summary import summarise_study

if TYPE_CHECKING:
    import pandas

RESULTS = Path("stepsize-results")


@dataclass(frozen=True, eq=False)
class Result:
    """The answer of a study; it shows itself in a notebook.

    `answer` is the document that `stepsize compare --json` prints; `details` is what the pictures show.
    """

    answer: Answer
    details: Details = field(repr=False)

    @property
    def verdict(self) -> Verdict:
        """What may be concluded: `status`, `best_set`, `recommended`, `sentence`, `seeds_needed`."""
        return self.answer["verdict"]

    def to_json(self) -> str:
        """Give the answer as one JSON document; a number that is not finite becomes null."""
        return json.dumps(plain(self.answer), indent=1, ensure_ascii=False)

    def to_pandas(self) -> pandas.DataFrame:
        """Give the candidates as a table, one row each, the comparison with the baseline in columns."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtra("pandas", "train") from None
        return pandas.json_normalize([dict(each) for each in self.answer["candidates"]], sep=".")

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file that needs no network; give its path."""
        path = Path(path)
        page = html.render(self.answer, self.details)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
        except OSError as error:
            raise StudyError(
                f"cannot write the report {str(path)!r}: {error.strerror}; give another place"
            ) from None
        return path

    def __repr__(self) -> str:
        return terminal.render(self.answer, self.details)

    def _repr_html_(self) -> str | None:
        try:
            return html.fragment(self.answer, self.details)
        except MissingExtra:
            return None  # the notebook shows the text, then


def compare(
    problem: Problem | Training | str,
    schedules: Iterable[Schedule | Candidate | str] | None = None,
    seeds: int | Sequence[int] | None = None,
    *,
    baseline: str | None = None,
    margin: float | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
) -> Result:
    """Train every schedule on every seed and say what can and cannot be told apart.

    `problem` is a `Problem`, a `Training`, or the name of a problem, data or study file; `schedules` are
    schedules, their text, or `Candidate`s (default: those of the problem); `seeds` their number (default:
    30) or the seeds themselves; `baseline` the name of the candidate that the others are compared with
    (default: the first constant); `margin` the smallest difference that matters, in units of the metric.
    Finished runs are kept in `store` (default: a file in stepsize-results/), so the same call continues
    after a stop. Progress is written to standard error unless `quiet`.

    Raises: InputError for what does not fit together, EngineError when training fails.
    """
    said: dict[str, Any] = describe(problem) if isinstance(problem, str) else {"problem": problem.name}
    chosen = problem_of(said) if isinstance(problem, str) else problem
    if schedules is not None:
        said["candidates"] = [Candidate.of(each) for each in schedules]
    given = {"seeds": seeds, "baseline": baseline, "margin": margin}
    said |= {key: value for key, value in given.items() if value is not None}
    named = [candidate.name for candidate in said.get("candidates", ()) if isinstance(candidate, Candidate)]
    what = problem if isinstance(problem, str) else chosen.name
    call = f"stepsize.compare({what!r}, {named}, seeds={said.get('seeds', 30)})"
    with trainer_of(chosen) as trainer, Store(store or default_store(chosen)) as opened:
        study = study_of(said, chosen, call)
        with ProgressLine(sys.stderr, quiet) as line:
            return complete(study, chosen, opened, trainer, line.show)


def trainer_of(problem: Problem | Training) -> Engine | Workers:
    """Start what trains a problem: the engine, or workers for a function; both are context managers."""
    return Workers(problem) if isinstance(problem, Training) else Engine()


def complete(
    study: Study,
    problem: Problem | Training,
    store: Store,
    trainer: Engine | Workers,
    listen: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """Make the runs that `store` lacks and give the result; what the store holds is never made again."""
    cost = asdict(run_study(study, store, _maker(study, problem, trainer), listen))
    store.save_study(study.definition(), cost)
    return judged(study, store, cost)


def _maker(study: Study, problem: Problem | Training, trainer: Engine | Workers) -> Maker:
    if isinstance(trainer, Workers):
        return trainer
    assert isinstance(problem, Problem)
    return Crews(trainer, problem, study)


def judged(study: Study, store: Store, cost: Mapping[str, Any]) -> Result:
    """Judge the runs of a finished study."""
    runs = store.runs(study.fingerprint)
    answer = summarise_study(study, runs, cost)
    shown = {candidate["name"] for candidate in shown_candidates(answer)}
    return Result(answer, picture_data(study, runs, shown))


def default_store(problem: Problem | Training) -> Path:
    """Give the file that keeps a problem's runs unless another is named."""
    return RESULTS / f"{problem.name}.sqlite"
