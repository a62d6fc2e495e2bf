"""The executor of a problem: trains its runs in populations, one call of the trainer after another."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from stepsize.engine.checkpoints import Checkpoint, warn
from stepsize.engine.planner import Layout
from stepsize.engine.trainer import NotShared, Trainer
from stepsize.problems.problem import Problem
from stepsize.process import Notice, ProcessDied
from stepsize.study.executor import Claim, Listener, LostRuns, once, unshared
from stepsize.study.jobs import Job
from stepsize.study.populations.blocks_ahead import BlocksAhead
from stepsize.study.populations.calls import Call, Group, groups_of
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study


class PopulationExecutor:
    """An `Executor` that trains the runs of a problem through a trainer, such as the engine.

    `checkpoints` is the folder for the state of calls that take long, or None. `on_message` is called, once
    each, with messages for people.
    """

    training_seconds = 0.0

    def __init__(
        self,
        trainer: Trainer,
        problem: Problem,
        study: Study,
        checkpoints: Path | None = None,
        on_message: Listener = warn,
    ) -> None:
        self._on_message = once(on_message)
        self._trainer, self._problem, self._study = trainer, problem, study
        self._checkpoints = checkpoints
        self._compiled_before = trainer.compile_seconds
        self._layouts: dict[str, None] = {}  # each once, in order

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._trainer.compile_seconds - self._compiled_before

    @property
    def layout(self) -> str:
        """The layouts of the populations as text."""
        return "; ".join(self._layouts)

    def execute(
        self, stage: Round, runs: Runs, advance: Callable[[float], None], claim: Claim = unshared
    ) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs` and can be claimed, call by call.

        All populations are opened before one is trained: settings that an optimizer does not take come to
        light at once. If the training process dies in a call, the runs of the call are made one by one.

        Raises: LostRuns, after everything else, if it dies with one of them alone, too.
        """
        done, lost = 0, dict[str, str]()
        for group, layout in opened_groups(self._open, self._problem, self._study, stage):
            self._layouts[str(layout)] = None
            calls = tuple(group.calls(layout))
            with BlocksAhead(group, layout) as ahead:
                for number, whole in enumerate(calls):
                    call = whole.without(lost)
                    saved = self._checkpoint(group, layout, call)
                    if _is_finished(call, runs):
                        _remove(saved)
                        continue
                    if not claim(call.jobs):
                        continue
                    missing = sum(job.key not in runs for job in call.jobs)

                    def on_progress(share: float | Notice, done: int = done, missing: int = missing) -> None:
                        if isinstance(share, Notice):
                            self._on_message(share.text)
                        else:
                            advance(done + share * missing)

                    following = (each for each in calls[number + 1 :] if not _is_finished(each, runs))
                    after = next(following, Call(())).without(lost)
                    try:
                        finished = self._train(group, call, ahead, after, on_progress, saved)
                    except ProcessDied:
                        yield from self._one_by_one(group, call, runs, lost)
                        done += missing
                        continue
                    done += missing
                    advance(done)
                    yield finished
                    _remove(saved)
        if lost:
            raise LostRuns(lost)

    def _checkpoint(self, group: Group, layout: Layout, call: Call) -> Path | None:
        """Return the file for the state of a call; its name changes with all that changes the state."""
        if self._checkpoints is None:
            return None
        identity = repr(
            (group.key, group.judge, layout, [[job.key for job in block] for block in call.blocks])
        )
        return self._checkpoints / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npz"

    def _train(
        self,
        group: Group,
        call: Call,
        ahead: BlocksAhead,
        after: Call,
        on_progress: Callable[[float | Notice], None],
        saved: Path | None,
    ) -> list[Run]:
        began, compiled = time.perf_counter(), self.compile_seconds
        blocks = ahead.take(call)
        ahead.start(after)
        curves = self._trainer.train(group.key, blocks, on_progress, saved)
        self.training_seconds += time.perf_counter() - began - (self.compile_seconds - compiled)
        return group.runs(call, curves)

    def _one_by_one(self, group: Group, call: Call, runs: Runs, lost: dict[str, str]) -> Iterator[list[Run]]:
        """Make the runs of a call alone, with as little memory as possible; note candidates that are lost."""
        key = f"{group.key}, one by one"
        layout = self._trainer.open(key, group.task, candidates=1, seeds=1)
        for job in call.jobs:
            if job.key in runs or job.candidate.name in lost:
                continue
            alone = Call(((job,),))
            try:
                yield group.runs(
                    alone, self._trainer.train(key, group.blocks(alone, layout), lambda share: None)
                )
            except ProcessDied as error:
                lost[job.candidate.name] = f"{error}, although it trained this run alone"

    def _open(self, group: Group) -> Layout:
        return self._trainer.open(group.key, group.task, group.candidates, group.seeds)


def opened_groups(
    open_group: Callable[[Group], Layout], problem: Problem, study: Study, stage: Round, shared: bool = True
) -> list[tuple[Group, Layout]]:
    """Return the groups of a round with their layouts; those that cannot share a program are taken apart."""
    opened = []
    for group in groups_of(problem, study, stage, shared):
        try:
            opened.append((group, open_group(group)))
        except NotShared:
            apart = replace(stage, jobs=group.jobs)
            opened += opened_groups(open_group, problem, study, apart, shared=False)
    return opened


def check_candidates(trainer: Trainer, problem: Problem, study: Study) -> None:
    """Open a population of every candidate, which trains nothing.

    Raises: InputError for a model, an optimizer or settings that cannot be trained.
    """
    rate, seed = study.tuning.rates[0], study.seeds[0]
    jobs = tuple(Job(each, rate if each.schedule.knobs else None, seed) for each in study.candidates)

    def open_group(group: Group) -> Layout:
        return trainer.open(f"{group.key}, checked", group.task, group.candidates, group.seeds)

    opened_groups(open_group, problem, study, Round("checking", jobs, judge=True))


def _is_finished(call: Call, runs: Runs) -> bool:
    return all(job.key in runs for job in call.jobs)


def _remove(saved: Path | None) -> None:
    if saved is not None and saved.parent.exists():
        Checkpoint(saved, 0).remove()
