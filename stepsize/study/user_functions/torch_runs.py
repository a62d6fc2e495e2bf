"""One run of a PyTorch model that cannot be a population: PyTorch's own loop, in a process of its own.

Rows, initial weights, order of the batches, rates and scores are those of a population
(`study.populations.calls`, `engine.population`), and so is what counts as diverged.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from stepsize.engine.batch_order import batch_order
from stepsize.problems.metrics import check_share, metric_of
from stepsize.problems.preprocessing import prepare
from stepsize.problems.problem import Problem
from stepsize.problems.target_encoding import encode
from stepsize.problems.torch.graph import first_output
from stepsize.problems.torch.initial_weights import array_of, loss_buffers, seed_generators
from stepsize.problems.torch.source import Source
from stepsize.problems.torch.torch_model import TorchModel
from stepsize.problems.torch.training_module import Training
from stepsize.schedules import parse
from stepsize.study.tuning import TUNING_SEEDS
from stepsize.study.user_functions.torch_optimizer import DrivenOptimizer
from stepsize.study.user_functions.torch_rows import check_rows
from stepsize.study.user_functions.torch_scores import chunks_of, scorer_of
from stepsize.study.user_functions.training_api import LivePlan
from stepsize.study.user_functions.worker import TorchRunRequest

OnEpoch = Callable[[int], None]
Curves = np.ndarray


@dataclass(frozen=True, eq=False)
class TorchRuns:
    """What makes the runs of a study: its problem and the variants of it, by their keys."""

    variants: Mapping[str, TorchTraining]

    def run(self, request: TorchRunRequest, on_epoch: OnEpoch) -> tuple[Curves, int | None]:
        """Make one run; return its curves [4, epochs] and the update at which it diverged, or None."""
        run = _Run(self.variants[request.variant], request)
        return run.curves(on_epoch)

    def final_weights(
        self, request: TorchRunRequest
    ) -> tuple[Curves, int | None, dict[str, np.ndarray], list[np.ndarray]]:
        """Make one run; return the same, the weights that it is judged with last, and its outputs then."""
        run = _Run(self.variants[request.variant], request)
        ends: list[dict[str, np.ndarray]] = [{}]

        def keep() -> None:
            ends[:] = [run.weights()]

        curves, diverged_at = run.curves(lambda epoch: None, keep)
        return curves, diverged_at, ends[0], run.outputs


@dataclass(frozen=True, eq=False)
class TorchTraining:
    """A problem without its model, and what has been read of the model, without an example of it."""

    problem: Problem
    source: Source

    @property
    def model(self) -> TorchModel:
        """What is known of the model, its loss and its targets."""
        return self.source.model

    def inputs(self, rows: np.ndarray) -> list[torch.Tensor]:
        """Return all rows of the model's inputs, filled and scaled as the training `rows` say."""
        data, prepared = self.problem.data, prepare(self.problem.data, rows)
        x = data.trained_x
        return [
            _tensor(_ready(array, prepared[name]), name in self.model.flat)
            for name in self.model.inputs
            for array in [x[name] if isinstance(x, Mapping) else x]
        ]

    @cached_property
    def targets(self) -> torch.Tensor:
        """The targets of all rows, as the loss takes them."""
        data, form = self.problem.data, self.model.target
        y = encode(self.problem.trained_y, data.kind, len(data.classes), self.model.width, form.numbers)
        return _tensor(form.of(y))

    @cached_property
    def scorer(self) -> Any:
        """What scores the validation rows."""
        metric = self.problem.scored_by or metric_of(None, None, self.problem.data.kind)
        return scorer_of(metric, self.source.metric, self.problem, self.model, self.targets)


class _Run:
    """One run: its model at the weights of its seed, and what trains and judges it."""

    def __init__(self, training: TorchTraining, request: TorchRunRequest) -> None:
        self.training, self.request = training, request
        judge = request.seed < TUNING_SEEDS
        self.parts = training.problem.parts(request.seed, judge)
        self.inputs, self.targets = training.inputs(self.parts.train), training.targets
        self.plan = LivePlan(parse(request.spec), request.epochs, request.updates_per_epoch)
        self.module = self._fresh()
        self.outputs: list[np.ndarray] = []  # for the validation rows, when they were last judged
        self.optimizer = DrivenOptimizer(
            training.source.optimizer, self.module.model, request.settings, request.multipliers or {}
        )
        self.momenta = None
        if request.momentum is not None:
            momentum, epochs = parse(request.momentum), request.epochs
            plan = momentum.plan(epochs=epochs, updates_per_epoch=request.updates_per_epoch)
            self.momenta = plan.values

    def _fresh(self) -> Training:
        """Return the model with its loss at the initial weights of the seed, and the generators after it."""
        source = self.training.source
        seed_generators(self.request.seed)
        return Training(source.factory(), copy.deepcopy(source.loss))

    def curves(
        self, on_epoch: OnEpoch, on_trained: Callable[[], None] = lambda: None
    ) -> tuple[Curves, int | None]:
        """Train; return the curves and the update at which the run diverged, or None.

        `on_trained` is called after the last update, before the run is judged for the last time.
        """
        request, update = self.request, 0
        curves = np.full((4, request.epochs), np.nan, np.float32)
        for epoch, order in enumerate(batch_order(self.parts.train, request.seed, request.epochs)):
            losses = []
            self.module.train()
            for rows in _pieces(order, request.batch_size):
                loss = self._update(rows, update)
                if not math.isfinite(loss):
                    if epoch == 0:
                        self._check_rows()
                    curves[3, epoch] = self.plan.rate(update)
                    return self._counted(curves), update
                losses.append(loss * len(rows))
                update += 1
            rate = self.plan.rate(update - 1)
            if epoch == request.epochs - 1:
                on_trained()
            valid_loss, score = self._judge()
            loss = sum(losses) / len(order)
            curves[:, epoch] = loss, valid_loss, score, rate
            if epoch == 0 and math.isnan(score):
                self._check_rows()
            name = f"val_{self.training.problem.scored_by.name}"
            factor = self.plan.schedule.metric_factor
            if factor is not None:
                self.plan.observe({"loss": loss, "val_loss": valid_loss, name: score}[factor.metric])
            on_epoch(epoch + 1)
        is_lost = not np.isfinite(curves[2, -1])
        if not is_lost:
            check_share(self.training.problem.scored_by, float(curves[2, -1]))
        return self._counted(curves), update - 1 if is_lost else None

    def weights(self) -> dict[str, np.ndarray]:
        """Return the parameters and buffers of the model, and the buffers of its loss."""
        model = self.module.model
        named = [*model.named_parameters(), *model.named_buffers()]
        arrays = {name: array_of(each) for name, each in named} | loss_buffers(self.module.loss)
        return {name: array.copy() for name, array in arrays.items()}

    def _update(self, rows: np.ndarray, update: int) -> float:
        """Make one update; return the mean loss of its rows."""
        self.optimizer.drive(self.plan.rate(update), None if self.momenta is None else self.momenta[update])
        self.optimizer.zero_grad()
        loss = self._loss(rows)[0]
        if loss is None:
            return math.nan
        loss.backward()
        self.optimizer.step()
        return self._mean(loss, rows)

    def _judge(self) -> tuple[float, float]:
        """Return the mean loss and the score of the validation rows; the score is NaN if an output is."""
        scorer, rows = self.training.scorer, self.parts.valid
        state, total, is_finite = scorer.start(len(rows)), 0.0, True
        self.outputs = []
        self.module.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for some in chunks_of(rows, self.request.batch_size):
                loss, outputs = self._loss(some)
                if loss is None:
                    return math.nan, math.nan
                total += self._mean(loss, some) * len(some)
                is_finite = is_finite and bool(outputs.isfinite().all())
                state = scorer.add(state, some, outputs)
                self.outputs.append(outputs.float().reshape(len(some), -1).numpy())
        return total / len(rows), float(scorer.result(state)) if is_finite else math.nan

    def _loss(self, rows: np.ndarray) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Return the loss of a batch and the first of its outputs; None for a loss of lost weights.

        PyTorch's own losses may refuse outputs that are not finite, which is how a run diverges.
        """
        at = torch.from_numpy(rows.astype(np.int64))
        outputs: Any = None
        try:
            outputs = self.module.model(*(x[at] for x in self.inputs))
            return self.module.loss(outputs, self.targets[at]), first_output(outputs)
        except Exception:  # a user's model may raise anything
            known = [*self.module.model.parameters()] + ([] if outputs is None else [first_output(outputs)])
            if all(bool(each.isfinite().all()) for each in known):
                raise
            return None, torch.full((len(rows), 1), math.nan)

    def _mean(self, loss: torch.Tensor, rows: np.ndarray) -> float:
        value = float(loss.detach())
        return value / len(rows) if self.training.model.sums else value

    def _check_rows(self) -> None:
        """Raise ProblemError if a row, not the rate, is why the run was lost."""
        trained, self.module = self.module, self._fresh()
        self.module.eval()
        with torch.no_grad():
            rows = np.concatenate([self.parts.train, self.parts.valid])
            check_rows(lambda some: self._loss(some), rows, self.targets)
        self.module = trained

    def _counted(self, curves: Curves) -> Curves:
        """Return curves; for a run that is repeated as a check, with its updates in place of the losses."""
        if self.request.counts:
            done = np.isfinite(curves[2])
            curves[:2] = np.where(done, np.arange(1, len(done) + 1) * self.request.updates_per_epoch, np.nan)
        return curves


def _pieces(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (order[first : first + size] for first in range(0, len(order), size))


def _ready(array: np.ndarray, prepared: Any) -> np.ndarray:
    """Return an input filled and scaled."""
    if prepared is None:
        return array
    filled = array if prepared.fill is None else np.where(np.isnan(array), prepared.fill, array)
    return (filled - prepared.shift) / prepared.scale


def _tensor(array: np.ndarray, is_flat: bool = False) -> torch.Tensor:
    """Return an array as the tensor that a model takes."""
    array = array.reshape(len(array)) if is_flat else array
    return torch.from_numpy(array.astype(np.int64) if array.dtype == np.int32 else array.copy())
