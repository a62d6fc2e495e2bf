"""A PyTorch model that cannot be a population, as the executors of training functions take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepsize.engine.torch.layer_rates import split_groups
from stepsize.errors import StudyError
from stepsize.problems.bare_problem import without_model
from stepsize.problems.problem import Problem
from stepsize.problems.torch.optimizer_groups import require_momentum
from stepsize.problems.variants import variant_key
from stepsize.schedules import parse
from stepsize.study.candidate_settings import optimizer_arguments, split_settings
from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.study import Study
from stepsize.study.user_functions.functions import pickled
from stepsize.study.user_functions.worker import TorchRunRequest

ENVIRONMENT = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PJRT_NPROC": "1"}
"""Of the processes: Keras on JAX computes the scores, as in a population, with one thread."""


@dataclass(frozen=True, eq=False)
class TorchSeries:
    """What makes the runs of a `Problem` that trains in series.

    `candidates` are all that may be trained: they say which variants of the problem there are.
    """

    problem: Problem
    candidates: tuple[Candidate, ...]

    @classmethod
    def of(cls, problem: Problem, study: Study) -> TorchSeries:
        """Return what makes the runs of a study.

        Raises: StudyError or ProblemError for settings that the optimizer or the model does not take.
        """
        every = tuple(example for each in study.steps[0].candidates for example in study.examples(each))
        series = cls(problem, every)
        for candidate in every:
            series.check(candidate)
        return series

    @property
    def name(self) -> str:
        """The name of the model, for errors."""
        source = self.problem.torch_source
        assert source is not None
        return source.factory.name

    def check(self, candidate: Candidate) -> None:
        """Raise StudyError for multipliers or a momentum that the optimizer of a candidate cannot have."""
        request = self.request(Job(candidate, None, 0))
        source = self.problem.variant(candidate.settings).torch_source
        assert source is not None
        optimizer = split_groups(source.optimizer_with(request.settings), list(request.multipliers))
        if request.momentum is not None:
            require_momentum(optimizer.name, optimizer.groups[0].settings)
            _check_first_momentum(optimizer.name, request)

    def packed(self) -> bytes:
        """Return what makes the runs in a form for another process.

        Raises: ProblemError if a part of the model cannot be sent there.
        """
        from stepsize.study.user_functions.torch_runs import TorchRuns, TorchTraining  # they import PyTorch

        variants: dict[str, Any] = {}
        bare: dict[int, Problem] = {}  # by the problem, so that variants share their data
        for candidate in self.candidates:
            problem = self.problem.variant(candidate.settings)
            source = problem.torch_source
            assert source is not None
            nothing: Any = None
            light = replace(source.model, weights={})
            kept = replace(source, example=nothing, model=light, operations=None, _drawn={})
            variants[variant_key(candidate.settings)] = TorchTraining(
                bare.setdefault(id(problem), without_model(problem)), kept
            )
        return pickled(TorchRuns(variants), f"model {self.name!r}")

    def request(self, job: Job) -> TorchRunRequest:
        """Return what a process needs to make a run."""
        settings: Mapping[str, Any] = job.candidate.settings
        problem = self.problem.variant(settings)
        ours = split_settings(settings)[1]
        return TorchRunRequest(
            spec=str(job.candidate.at(job.rate)),
            settings=optimizer_arguments(problem.settings, settings),
            seed=job.seed,
            epochs=problem.epochs,
            updates_per_epoch=problem.updates_per_epoch_with(settings),
            metric=problem.scored_by.name,
            share=False,
            counts=job.again,
            variant=variant_key(settings),
            batch_size=ours.get("batch_size", problem.batch_size),
            multipliers=ours.get("multipliers", {}),
            momentum=ours.get("momentum"),
        )


def _check_first_momentum(optimizer: str, request: TorchRunRequest) -> None:
    """Raise StudyError for a momentum with which PyTorch's RMSprop fails in the middle of a run."""
    assert request.momentum is not None
    plan = parse(request.momentum).plan(epochs=request.epochs, updates_per_epoch=request.updates_per_epoch)
    if optimizer == "RMSprop" and plan.values[0] == 0 and plan.values.max() > 0:
        raise StudyError(
            f"momentum={request.momentum} begins with 0; RMSprop then has no buffer, and PyTorch fails when "
            "the momentum rises: write a schedule that begins above 0"
        )
