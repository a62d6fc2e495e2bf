"""A step of a PyTorch model for the range test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from stepsize.checks import shown
from stepsize.errors import StudyError
from stepsize.range_test.batch_stream import check_readable_again, endless
from stepsize.range_test.put_back import put_back_of
from stepsize.range_test.random_states import random_states, seed_random_states, set_random_states

UPDATES_ARE_UNDONE = True  # so a TorchScheduler does not count them


class TorchStep:
    """One update of a PyTorch model at a given rate; a range test leaves everything as it was.

    `loader` yields batches `(inputs, ..., targets)`, and `loss(outputs, targets)` returns the loss. With
    `loss=None`, batches are dicts, and the model returns an object with a `loss`, as models of transformers
    do. For anything else, override `batch_loss`. Each update accumulates the gradients of `accumulate`
    batches; `autocast` is a context such as `torch.autocast("cuda")`, `scaler` a `torch.amp.GradScaler`.

    The rate is that of the first parameter group; the others keep their ratio to it. Weights, buffers,
    other attributes of the model and of a loss that is a module (tensors, numbers, lists and dicts of them),
    gradients, the optimizer, the scaler, random states, the loader's generator and the training mode are
    restored.

    Raises: StudyError for an optimizer of another model or one that needs a closure, a first group with rate
    0, an iterator, and anything that is not what its parameter says.

    >>> import stepsize as ss
    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> batches = [(x, 2 * x + 0.3), (x, 2 * x - 0.3)]
    >>> model = nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> before = model.weight.clone()
    >>> ss.find(TorchStep(model, optimizer, nn.MSELoss(), batches), updates=450).status
    'ok'
    >>> torch.equal(model.weight, before)
    True
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Callable[[Any, Any], Tensor] | None,
        loader: Iterable[Any],
        *,
        accumulate: int = 1,
        autocast: AbstractContextManager | None = None,
        scaler: Any = None,
    ) -> None:
        _check_parts(model, optimizer, loss, loader)
        if isinstance(optimizer, torch.optim.LBFGS):
            raise StudyError(
                "optimizer=LBFGS evaluates the loss several times per update, so it has no range test; use "
                "another optimizer, such as SGD or AdamW"
            )
        if not float(optimizer.param_groups[0]["lr"]) > 0:
            raise StudyError(
                "the first parameter group has lr=0, so the other groups have no ratio to it; set its lr "
                "to a positive number"
            )
        if isinstance(accumulate, bool) or not isinstance(accumulate, int) or accumulate < 1:
            raise StudyError(f"accumulate={shown(accumulate)} must be a positive whole number")
        check_readable_again("loader", loader)
        self.model, self.optimizer, self.loss, self.loader = model, optimizer, loss, loader
        self.accumulate, self.scaler = accumulate, scaler
        self.autocast = nullcontext() if autocast is None else autocast
        self._ratios = [
            float(g["lr"]) / float(optimizer.param_groups[0]["lr"]) for g in optimizer.param_groups
        ]
        self._before: _Snapshot | None = None
        self._batches: Iterator[Any] = iter(())

    def batch_loss(self, batch: Any) -> Tensor:
        """Return the loss of a batch."""
        if self.loss is None:
            return self.model(**batch).loss
        *inputs, targets = batch
        return self.loss(self.model(*inputs), targets)

    def reset(self, sweep: int) -> None:
        """Return to the initial weights, with the batches and dropout masks of `sweep`."""
        if self._before is None:
            trained = self.model, self.loss
            self._before = _Snapshot(trained, self.optimizer, self.scaler, self.loader)
        self._before.restore()
        for parameter in self._before.parameters:
            parameter.grad = None
        self.model.train()
        seed_random_states(sweep)
        for generator in self._before.generators:
            generator.manual_seed(sweep)
        self._batches = endless(self.loader, sweep)

    def __call__(self, rate: float) -> float:
        """Make an update at `rate`, and return the mean loss of its batches."""
        if self._before is None:
            self.reset(0)
        for group, ratio in zip(self.optimizer.param_groups, self._ratios, strict=True):
            _set_rate(group, rate * ratio)
        total = 0.0
        for _ in range(self.accumulate):
            batch = _to_device(next(self._batches), self.model)
            with self.autocast:
                loss = self.batch_loss(batch)
            if not isinstance(loss, Tensor) or loss.numel() != 1:
                raise StudyError(f"the loss is {shown(loss)}; it must be a tensor with one number")
            total += float(loss.detach())
            loss = loss / self.accumulate
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return total / self.accumulate

    def restore(self) -> None:
        """Leave everything as it was before the first update."""
        if self._before is not None:
            self._before.restore()
        self._before, self._batches = None, iter(())


def _check_parts(model: Any, optimizer: Any, loss: Any, loader: Any) -> None:
    """Raise StudyError for parts of a training script that are not what `TorchStep` takes."""
    if not isinstance(model, nn.Module):
        raise StudyError(f"model={shown(model)} must be an nn.Module, such as make_model()")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise StudyError(
            f"optimizer={shown(optimizer)} must be an optimizer of the model, such as "
            "torch.optim.SGD(model.parameters(), lr=0.1)"
        )
    if isinstance(loss, type) or not (loss is None or callable(loss)):
        raise StudyError(
            f"loss={shown(loss)} must be a function of outputs and targets, such as nn.CrossEntropyLoss()"
        )
    if isinstance(loader, tuple) and any(isinstance(each, Tensor) for each in loader):
        raise StudyError(
            "loader is a tuple of tensors and must give batches; pass "
            "DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)"
        )
    trained = {id(parameter) for parameter in model.parameters()}
    if not any(id(each) in trained for group in optimizer.param_groups for each in group["params"]):
        raise StudyError(
            "the optimizer holds no parameter of the model, so no update would change it; make it with "
            "model.parameters()"
        )


class _Snapshot:
    """Everything that an update changes; it is restored in the same tensors, so references stay valid.

    `trained` are the model and the loss.
    """

    def __init__(
        self, trained: tuple[nn.Module, Any], optimizer: torch.optim.Optimizer, scaler: Any, loader: Any
    ) -> None:
        self.scaler = scaler
        modules = [each for each in trained if isinstance(each, nn.Module)]
        groups = [p for group in optimizer.param_groups for p in group["params"]]
        parameters = [*(p for module in modules for p in module.parameters()), *groups]
        self.parameters = list({id(p): p for p in parameters}.values())
        self._gradients = [parameter.grad for parameter in self.parameters]
        self._put_back = put_back_of(*modules, optimizer.state, optimizer.param_groups)
        self._scaler = None if scaler is None else scaler.state_dict()
        self.generators = _generators(loader)
        self._generators = [generator.get_state() for generator in self.generators]
        self._random = random_states()

    def restore(self) -> None:
        """Put everything back."""
        self._put_back()
        for parameter, gradient in zip(self.parameters, self._gradients, strict=True):
            parameter.grad = gradient
        if self.scaler is not None:
            self.scaler.load_state_dict(self._scaler)
        for generator, state in zip(self.generators, self._generators, strict=True):
            generator.set_state(state)
        set_random_states(self._random)


def _set_rate(group: dict[str, Any], rate: float) -> None:
    """Set the rate of a group, in its tensor if it is one."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def _generators(loader: Any) -> list[torch.Generator]:
    """Return the random generators from which a loader draws its order."""
    owners = [loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)]
    owners.append(getattr(owners[-1], "sampler", None))
    generators = [getattr(owner, "generator", None) for owner in owners]
    return list({id(each): each for each in generators if isinstance(each, torch.Generator)}.values())


def _to_device(batch: Any, model: nn.Module) -> Any:
    """Return a batch on the device of the model's first parameter."""
    first = next(model.parameters(), None)
    if first is None:
        return batch
    if isinstance(batch, Tensor):
        return batch.to(first.device)
    if isinstance(batch, dict):
        return {key: _to_device(value, model) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return [_to_device(value, model) for value in batch]
    return batch
