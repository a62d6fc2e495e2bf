"""Which candidates share a compiled program: those whose settings differ in numbers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from stepsize.checks import is_number
from stepsize.engine.keras import numeric_settings as of_keras
from stepsize.engine.torch import numeric_settings as of_torch
from stepsize.problems.problem import Problem
from stepsize.problems.usual_settings import usual_settings
from stepsize.problems.variants import variant_key
from stepsize.study.candidate_settings import split_settings
from stepsize.study.candidates import Candidate
from stepsize.study.study import Study


@dataclass(frozen=True)
class Program:
    """The settings of a candidate, as the program that trains it takes them.

    `fixed`, arguments of the optimizer, `batch_size` (None for that of the problem) and the names of
    `multipliers` are compiled in; `numbers`, other arguments of the optimizer, are its inputs, as are the
    multipliers and a scheduled momentum. `variant` is the key of the variant of the problem.
    """

    fixed: Mapping[str, Any]
    numbers: Mapping[str, float] = field(default_factory=dict)
    multipliers: Mapping[str, float] = field(default_factory=dict)
    batch_size: int | None = None
    momentum: str | None = None
    variant: str = ""

    @cached_property
    def key(self) -> str:
        """Equal for candidates that share a program."""
        compiled = sorted(self.fixed.items()), sorted(self.numbers), sorted(self.multipliers)
        variant = [self.variant] if self.variant else []
        return repr((*compiled, self.batch_size, self.momentum is not None, *variant))


def shared_programs(problem: Problem, study: Study, candidates: Iterable[Candidate]) -> dict[str, Program]:
    """Return the program of each of `candidates`, by the text of its settings.

    A number that any candidate of the study sets is an input for all that have it, from the problem if not
    for themselves.
    """
    first = study.steps[0]
    every = [example for each in first.candidates for example in first.examples(each)]
    names = {name for each in every for name in _numbers(problem, each.settings)}
    return {each.settings_text: _shared(problem, each, names) for each in candidates}


def separate_programs(candidates: Iterable[Candidate]) -> dict[str, Program]:
    """Return the program of each candidate, as above, with everything that it sets compiled in."""
    return {each.settings_text: _program(each, {}) for each in candidates}


def _shared(problem: Problem, candidate: Candidate, names: set[str]) -> Program:
    usual = _usual_settings(problem.variant(candidate.settings), candidate)
    numbers = _numbers(problem, {**usual, **candidate.settings})
    return _program(candidate, {name: value for name, value in numbers.items() if name in names})


def _program(candidate: Candidate, numbers: Mapping[str, float]) -> Program:
    optimizer, ours = split_settings(candidate.settings)
    fixed = {name: value for name, value in optimizer.items() if name not in numbers}
    variant = variant_key(candidate.settings)
    return Program(
        fixed, numbers, ours.get("multipliers", {}), ours.get("batch_size"), ours.get("momentum"), variant
    )


def _usual_settings(problem: Problem, candidate: Candidate) -> dict[str, Any]:
    """Return what the optimizer of a candidate has from the problem, as far as this process knows it."""
    settings = usual_settings(problem.settings or {}, candidate.settings)
    compiled = problem.optimizer_arguments
    if compiled is None or "optimizer" in {*settings, *candidate.settings}:
        return settings
    return {**compiled[1], **settings}


def _numbers(problem: Problem, settings: Mapping[str, Any]) -> dict[str, float]:
    """Return the settings that are inputs of a program."""
    is_input = of_keras.is_input if problem.torch_source is None else of_torch.is_input
    return {
        name: float(value) for name, value in settings.items() if is_number(value) and is_input(name, value)
    }
