"""The gradient noise scale of a problem, measured in runs at the best rate of one batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepsize.engine.task import NOISE_BATCHES, Noise
from stepsize.errors import EngineError, NoPopulation, first_line
from stepsize.finding import plan_maps
from stepsize.problems.problem import Problem
from stepsize.scaling.answer import LawAnswer, NoiseAnswer, ValueAnswer
from stepsize.scaling.noise import NOTE, Rates, moments_of, noise_answer
from stepsize.study.candidates import Candidate
from stepsize.study.gradient_noise import NoiseTrainer, measured_noise
from stepsize.study.jobs import Job

FEWEST_ROWS = 2 * NOISE_BATCHES
SEEDS = 8  # runs that are made once more at most
Measured = tuple[dict[str, int], list[list[Noise]], int, float]
"""The moments, the noise of each seed at each, and the batch size and the rate of these runs."""


@dataclass
class NoiseScale:
    """The noise scale of a problem, which is measured once, for the first law that it stands beside.

    That is at the batch size of the problem, or at the value that lies nearest to it, at its best rate.
    """

    trainer: NoiseTrainer
    problem: Problem
    settings: Mapping[str, Any]
    seeds: int | None
    summed: bool
    _measured: Measured | str | None = None

    def beside(self, law: LawAnswer | None, values: Sequence[ValueAnswer]) -> tuple[NoiseAnswer | None, str]:
        """Return the noise scale beside a law, and a note that says what it is, or why there is none."""
        rated = [(each, each["rate"]) for each in values if each["rate"] is not None]
        if not rated:
            return None, _missing("every run diverged")
        if self._measured is None:
            each, rate = min(rated, key=lambda pair: abs(pair[0]["value"] - self.problem.batch_size))
            self._measured = self._measure(int(each["value"]), each["epochs"], rate)
        if isinstance(self._measured, str):
            return None, _missing(self._measured)
        answer = noise_answer(*self._measured, self._rates(), law)
        return answer, _missing("fewer than two runs finished") if answer is None else NOTE

    def _measure(self, size: int, epochs: int, rate: float) -> Measured | str:
        """Return the noise of each seed at each moment, or why it cannot be measured."""
        if self.problem.series is not None:
            return "the model trains in PyTorch, one run at a time"
        problem = replace(self.problem, batch_size=size, epochs=epochs)
        rows = len(problem.parts(0).train)
        if rows < FEWEST_ROWS:
            return f"{rows} training rows are fewer than {FEWEST_ROWS}"
        study = plan_maps(problem, self.seeds, [self.settings])
        candidate = Candidate("constant(lr)", **self.settings)
        jobs = [Job(candidate, rate, seed) for seed in study.tuning.seeds[:SEEDS]]
        moments = moments_of(epochs)
        try:
            noises = measured_noise(self.trainer, problem, study, jobs, list(moments.values()))
        except (EngineError, NoPopulation) as error:
            return first_line(error)
        return moments, noises, size, rate

    def _rates(self) -> Rates:
        """Return what a larger batch may take, by the optimizer and the loss."""
        if self.settings.get("optimizer", self.problem.optimizer_name) != "sgd":
            return "larger"
        return "same" if self.summed else "proportional"


def _missing(reason: str) -> str:
    return f"The gradient noise scale is not measured: {reason}."
