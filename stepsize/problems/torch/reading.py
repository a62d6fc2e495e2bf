"""A user's PyTorch model, loss and optimizer, read for the data of a study."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from stepsize.errors import ProblemError, first_line
from stepsize.problems.data import Data
from stepsize.problems.model_notes import has_signs, renumbered
from stepsize.problems.model_operations import Operations
from stepsize.problems.target_encoding import encode
from stepsize.problems.torch.data import input_names
from stepsize.problems.torch.export import Training, export_metric, export_model
from stepsize.problems.torch.factories import Factory
from stepsize.problems.torch.graph import first_output
from stepsize.problems.torch.initial_weights import initial_weights, loss_buffers
from stepsize.problems.torch.loss_facts import check_cross_entropy, mismatch_note, takes_logits
from stepsize.problems.torch.loss_probes import ignores_shifts, is_sum, takes_margins, takes_signs
from stepsize.problems.torch.model_checks import check_forward, check_loss, check_module
from stepsize.problems.torch.operation_counts import count_operations
from stepsize.problems.torch.optimizer_groups import Optimizer, json_value
from stepsize.problems.torch.optimizer_settings import read_optimizer
from stepsize.problems.torch.torch_model import TargetForm, TorchModel, weights_digest

KEPT = 64  # seeds whose weights are kept, for tuning uses the same seeds for many rates
OUTPUTS_NEEDED = {  # by kind of data
    "binary": "one output, or one for each of the 2 classes: end it with nn.Linear(..., 1) or (..., 2)",
    "multiclass": "one output for each of the {0} classes: end it with nn.Linear(..., {0})",
    "multilabel": "one output for each of the {0} labels: end it with nn.Linear(..., {0})",
    "regression": "one output for each of the {0} quantities: end it with nn.Linear(..., {0})",
}

Weights = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Source:
    """A PyTorch model that has been read: its travel form, and what makes weights and optimizers."""

    factory: Factory
    loss: Any
    optimizer: Any
    settings: Mapping[str, Any]
    example: nn.Module
    model: TorchModel
    operations: Operations | None
    label_note: str | None = None
    _drawn: dict[int, Weights] = field(default_factory=dict, repr=False)

    def weights(self, seed: int) -> Weights:
        """Return the initial weights of a seed, those of `torch.manual_seed(seed); make()`."""
        if seed not in self._drawn:
            if len(self._drawn) >= KEPT:
                self._drawn.pop(next(iter(self._drawn)))
            parts = initial_weights(self.factory, [seed])
            self._drawn[seed] = {
                **{name: _narrow(array[0]) for part in parts for name, array in part.items()},
                **{name: _narrow(array) for name, array in loss_buffers(self.loss).items()},
            }
        return self._drawn[seed]

    def optimizer_with(self, settings: Mapping[str, Any]) -> Optimizer:
        """Return the optimizer with other settings.

        Raises: ProblemError for settings that it does not take.
        """
        trained = self.model.exported.parameters
        return read_optimizer(self.optimizer, self.example, trained, settings=settings)

    def check_settings(self, usual: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Raise ProblemError for settings of a candidate that the optimizer does not take."""
        ours = {name for name in ("batch_size", "multipliers") if name in settings}
        ours |= {"momentum"} if isinstance(settings.get("momentum"), str) else set()  # by schedule
        settings = {name: value for name, value in settings.items() if name not in ours}
        self.optimizer_with(settings if "optimizer" in settings else {**usual, **settings})

    def form(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the travel form with the optimizer's settings."""
        return {"torch": replace(self.model, optimizer=self.optimizer_with(settings))}

    @property
    def optimizer_facts(self) -> dict[str, Any]:
        """The optimizer's name, and the settings that the user chose, as JSON values."""
        optimizer = self.model.optimizer
        chosen = {*getattr(self.optimizer, "keywords", ()), *self.settings} - {"lr", "initial_lr"}
        usual = inspect.signature(getattr(torch.optim, optimizer.name)).parameters
        settings = {
            name: json_value(value)
            for name, value in optimizer.settings.items()
            if name in chosen or (name in usual and name != "lr" and value != usual[name].default)
        }
        clipping = {"clip_grad_norm": optimizer.clip_norm, "clip_grad_value": optimizer.clip_value}
        clipping = {name: bound for name, bound in clipping.items() if bound is not None}
        return {"name": optimizer.name, **settings, **clipping}

    @property
    def group_facts(self) -> list[dict[str, Any]] | None:
        """The groups of parameters as JSON values; None if all parameters are trained alike."""
        return self.model.optimizer.group_facts(self.model.exported.parameters)

    @property
    def notes(self) -> list[str]:
        """What a user may want to know about how the model is trained."""
        notes = [
            "trained by JAX; the graph, the initial weights of each seed and the updates are those of "
            "PyTorch, and the dropout masks are drawn by JAX"
        ]
        if mismatch := mismatch_note(self.model.exported.training):
            notes.insert(0, mismatch)
        if self.label_note:
            notes.append(self.label_note)
        if self.factory.note:
            notes.append(self.factory.note)
        if self.model.exported.frozen:
            count = len(self.model.exported.frozen)
            notes.append(f"{count} of its parameters are frozen or unused, and stay as they are")
        return notes

    @cached_property
    def identity(self) -> list[str]:
        """What affects results: the graphs, the optimizer and the weights that two seeds start from."""
        return [self.model.identity, weights_digest(self.weights(0), self.weights(1))]


def read_model(
    factory: Factory,
    loss: Any,
    optimizer: Any,
    settings: Mapping[str, Any],
    data: Data,
    metric: Callable[..., torch.Tensor] | None = None,
) -> Source:
    """Read a model with its loss and its optimizer for some data.

    Raises: ProblemError, in one sentence, for what cannot be trained in a population.
    """
    check_loss(loss)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = factory()
    check_module(model)
    names = _names(model, data)
    inputs = [_tensor(name in data.flat, _filled(data, name)) for name in names]
    outputs = _outputs(model, inputs)
    judged = first_output(outputs)
    width = _width(judged, data)
    target_form, target = _target(model, loss, inputs, outputs, width, data)
    exported = export_model(model, loss, inputs, target)
    buffers = {name: buffer.detach().numpy() for name, buffer in model.named_buffers()}
    parameters = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    weights = {**parameters, **buffers, **loss_buffers(loss)}
    check_cross_entropy(exported.training, width)
    travelling = TorchModel(
        exported=exported,
        optimizer=read_optimizer(optimizer, model, exported.parameters, settings=settings),
        weights={name: np.zeros_like(_narrow(array)) for name, array in weights.items()},
        inputs=names,
        flat=data.flat,
        target=target_form,
        width=width,
        are_logits=takes_logits(exported.training)
        or _are_unbounded(loss, outputs, target, target_form, width, data),
        sums=is_sum(loss, copy.deepcopy(model).eval(), inputs, target),
        output_shape=tuple(judged.shape[1:]),
        metric=None if metric is None else export_metric(metric, judged, target),
    )
    work = count_operations(model, inputs)
    return Source(factory, loss, optimizer, settings, model, travelling, work, _label_note(data, target_form))


def _names(model: nn.Module, data: Data) -> tuple[str, ...]:
    """Return the names of the data's inputs in the order of the model's arguments."""
    names = tuple(data.inputs)
    if len(names) == 1:
        return names
    expected = tuple(input_names(model.forward, len(names)))
    if set(names) == set(expected):
        return expected
    raise ProblemError(
        f"the data has the inputs {', '.join(names)}, but the model's forward takes {', '.join(expected)}; "
        "use the same names for both"
    )


def _filled(data: Data, name: str) -> np.ndarray:
    """Return some rows of an input, not as many as there are outputs, so that axes cannot be confused."""
    x = data.trained_x
    rows = 3 if data.outputs == 4 else 4
    return np.nan_to_num((x if isinstance(x, np.ndarray) else x[name])[:rows])


def _tensor(is_flat: bool, array: np.ndarray) -> torch.Tensor:
    array = array.reshape(len(array)) if is_flat else array
    return torch.from_numpy(array.astype(np.int64) if array.dtype == np.int32 else array.copy())


def _outputs(model: nn.Module, inputs: list[torch.Tensor]) -> Any:
    """Return what the model returns for a batch, whose first tensor has a row for each of the batch."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            outputs = copy.deepcopy(model)(*inputs)
    except Exception as error:  # a user's model may raise anything
        shapes = ", ".join(f"{tuple(each.shape[1:])} of {each.dtype}" for each in inputs)
        raise ProblemError(
            f"the model does not take rows of shape {shapes}: {type(error).__name__}: {first_line(error)}"
        ) from error
    first = first_output(outputs)
    if not isinstance(first, torch.Tensor) or first.ndim == 0 or len(first) != len(inputs[0]):
        shape = f"a tensor {tuple(first.shape)}" if isinstance(first, torch.Tensor) else "no tensor"
        raise ProblemError(
            f"the model returns {shape} for {len(inputs[0])} rows; its first axis must be the rows"
        )
    return outputs


def _width(outputs: torch.Tensor, data: Data) -> int:
    """Return the number of outputs per row; raise ProblemError if the data needs another number."""
    shape = tuple(outputs.shape[1:])
    width = prod(shape)
    fits = width in (1, 2) if data.kind == "binary" else width == data.outputs
    if not fits or (data.kind in ("binary", "multiclass") and len(shape) > 1):
        needed = OUTPUTS_NEEDED[data.kind].format(data.outputs)
        raise ProblemError(
            f"the model's output for a row has the shape {shape}; {data.kind} data needs {needed}"
        )
    return width


def _target(
    model: nn.Module, loss: Any, inputs: list[torch.Tensor], outputs: Any, width: int, data: Data
) -> tuple[TargetForm, torch.Tensor]:
    """Return the first form of targets that the loss accepts, and an example of it."""
    module = Training(copy.deepcopy(model), copy.deepcopy(loss))
    refusal: ProblemError | None = None
    y = data.y[: len(inputs[0])]
    y = y.astype(np.float32) if data.kind == "regression" else y
    for form in _forms(tuple(first_output(outputs).shape[1:]), width, data):
        target = _tensor(False, form.of(encode(y, data.kind, len(data.classes), width, form.numbers)))
        try:
            check_forward(module, (*inputs, target))
        except ProblemError as error:
            refusal = refusal or error
            continue
        if has_signs(data) and width == 1 and takes_signs(loss, outputs, target):
            return replace(form, signs=True), 2 * target - 1
        return form, target
    assert refusal is not None
    raise refusal


def _are_unbounded(
    loss: Any, outputs: Any, target: torch.Tensor, form: TargetForm, width: int, data: Data
) -> bool:
    """Return whether the loss takes logits or margins, not probabilities, by what it makes of some."""
    if data.kind == "regression":
        return False
    if data.kind == "multilabel" or width == 1:
        return form.signs or takes_margins(loss, outputs, target, lower=0)
    return ignores_shifts(loss, outputs, target)


def _label_note(data: Data, form: TargetForm) -> str | None:
    """Return how the loss gets classes that are called by other numbers than 0, 1 and so on, or None."""
    if form.signs:
        return "its loss gets the classes as -1 and 1, and the sign of the output is the answer"
    numbered = renumbered(data)
    return numbered and f"{numbered}; if they are quantities, pass them as floats"


def _forms(shape: tuple[int, ...], width: int, data: Data) -> list[TargetForm]:
    """Return the forms of targets that a loss may take, the usual one first."""
    alike, original = TargetForm(False, shape), TargetForm(False, data.target_shape)
    if data.kind in ("multilabel", "regression"):
        return [alike] if alike == original else [alike, original]
    if width == 1:
        return [alike, TargetForm(False, () if shape else (1,))]
    classes, columns = TargetForm(True, ()), TargetForm(False, (width,))
    return [columns, classes] if data.one_hot else [classes, columns]


def _narrow(array: np.ndarray) -> np.ndarray:
    """Return an array with whole numbers in the type that JAX uses, int32."""
    return array.astype(np.int32) if array.dtype == np.int64 else array
