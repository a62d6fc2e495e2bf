"""A user's PyTorch model, loss and optimizer, read for the data of a study."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from stepsize.errors import NoPopulation, ProblemError, first_line
from stepsize.problems.data import Data
from stepsize.problems.model_notes import has_signs, renumbered
from stepsize.problems.target_encoding import encode
from stepsize.problems.torch.data import input_names
from stepsize.problems.torch.export import export_metric, export_model
from stepsize.problems.torch.factories import Factory
from stepsize.problems.torch.graph import ExportedModel, Graph, first_output
from stepsize.problems.torch.initial_weights import array_of, loss_buffers, seeded
from stepsize.problems.torch.loss_facts import check_cross_entropy, takes_logits
from stepsize.problems.torch.loss_probes import ignores_shifts, is_sum, takes_margins, takes_signs
from stepsize.problems.torch.model_checks import check_forward, check_loss, check_module, precision_advice
from stepsize.problems.torch.operation_counts import count_operations
from stepsize.problems.torch.optimizer_settings import made_optimizer, read_optimizer
from stepsize.problems.torch.outside_graph import (
    check_drawn,
    check_own_parameters,
    check_renewed,
    check_updates,
)
from stepsize.problems.torch.recorded_graph import recorded_model
from stepsize.problems.torch.source import Source
from stepsize.problems.torch.torch_model import TargetForm, TorchModel
from stepsize.problems.torch.training_module import Training
from stepsize.problems.torch.whole_numbers import check_whole_numbers

OUTPUTS_NEEDED = {  # by kind of data
    "binary": "one output, or one for each of the 2 classes: end it with nn.Linear(..., 1) or (..., 2)",
    "multiclass": "one output for each of the {0} classes: end it with nn.Linear(..., {0})",
    "multilabel": "one output for each of the {0} labels: end it with nn.Linear(..., {0})",
    "regression": "one output for each of the {0} quantities: end it with nn.Linear(..., {0})",
}

ROWS_AT_ONCE = 1024

Metric = Callable[..., torch.Tensor]


def read_model(
    factory: Factory,
    loss: Any,
    optimizer: Any,
    settings: Mapping[str, Any],
    data: Data,
    metric: Metric | None = None,
    series: str | None = None,
) -> Source:
    """Read a model with its loss and its optimizer for some data.

    `series` is why it is to train in PyTorch, one run at a time; None to do so only if it must.

    Raises: ProblemError, in one sentence, for what cannot be trained in a population or in PyTorch.
    """
    check_loss(loss)
    loss = copy.deepcopy(loss)  # as it is now, whatever happens to it later
    with seeded(0):
        model = factory()
    check_module(model)
    if factory.code is not None:
        check_own_parameters(model, factory)
    names = _names(model, data)
    example = slice(3 if data.outputs == 4 else 4)  # not as many rows as outputs: axes cannot be confused
    inputs = _tensors(data, names, example)
    outputs = _outputs(model, inputs)
    judged = first_output(outputs)
    width = _width(judged, data)
    target_form, target = _target(model, loss, inputs, outputs, width, data)
    series = series or _outside_reason(factory, loss, optimizer, settings)
    exported, judge, series = _graphs(
        model, loss, inputs, target, metric, judged, series, lambda: _batches(data, names)
    )
    if series is not None:
        check_renewed(lambda: Training(factory(), copy.deepcopy(loss)), (*inputs, target))
    buffers = {name: array_of(buffer) for name, buffer in model.named_buffers()}
    parameters = {name: array_of(parameter) for name, parameter in model.named_parameters()}
    weights = {**parameters, **buffers, **loss_buffers(loss)}
    check_cross_entropy(exported.training, width)
    travelling = TorchModel(
        exported=exported,
        optimizer=read_optimizer(optimizer, model, exported.parameters, settings=settings),
        weights={name: np.zeros_like(array) for name, array in weights.items()},
        inputs=names,
        flat=data.flat,
        target=target_form,
        width=width,
        are_logits=takes_logits(exported.training)
        or _are_unbounded(loss, outputs, target, target_form, width, data),
        sums=is_sum(loss, copy.deepcopy(model).eval(), inputs, target),
        output_shape=tuple(judged.shape[1:]),
        metric=judge,
    )
    work, notes = count_operations(model, inputs), tuple(_label_notes(data, target_form, width))
    return Source(factory, loss, optimizer, settings, model, travelling, work, notes, metric, series)


def _graphs(
    model: nn.Module,
    loss: Any,
    inputs: list[torch.Tensor],
    target: torch.Tensor,
    metric: Metric | None,
    judged: torch.Tensor,
    series: str | None,
    batches: Callable[[], Iterable[Sequence[torch.Tensor]]],
) -> tuple[ExportedModel, Graph | None, str | None]:
    """Return the graphs of a model and a metric, and why they cannot be a population, None if they can."""
    if series is None:
        try:
            judge = None if metric is None else export_metric(metric, judged, target)
            exported = export_model(model, loss, inputs, target)
            check_whole_numbers(model, inputs, batches)
            return exported, judge, None
        except NoPopulation as error:
            series = str(error)
    batch = (*inputs, target)
    return recorded_model(Training(copy.deepcopy(model), copy.deepcopy(loss)), batch), None, series


def _outside_reason(factory: Factory, loss: Any, optimizer: Any, settings: Mapping[str, Any]) -> str | None:
    """Return why the factory or the optimizer cannot be that of a population; None if both can."""

    def make() -> Training:
        return Training(factory(), copy.deepcopy(loss))

    with seeded(0):
        training = make()
    try:
        check_drawn(make)
        check_updates(lambda model: made_optimizer(optimizer, model, settings).optimizer, training)
    except NoPopulation as error:
        return str(error)
    return None


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


def _tensors(data: Data, names: Sequence[str], rows: slice) -> list[torch.Tensor]:
    """Return some rows of the inputs as the model takes them."""
    x = data.trained_x
    arrays = {name: (x if isinstance(x, np.ndarray) else x[name])[rows] for name in names}
    return [_tensor(name in data.flat, np.nan_to_num(array)) for name, array in arrays.items()]


def _batches(data: Data, names: Sequence[str]) -> Iterator[list[torch.Tensor]]:
    """Yield all rows of the inputs, some at a time."""
    for start in range(0, data.rows, ROWS_AT_ONCE):
        yield _tensors(data, names, slice(start, start + ROWS_AT_ONCE))


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
            f"{precision_advice(model)}"
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
        if len(shape) == 1 and _may_be_classes(data):
            raise ProblemError(
                f"the model has {width} outputs for a row, and the target is one quantity, because it holds "
                "floats; if its whole numbers are classes, write y.long(), or kind='multiclass' for a table; "
                "else end the model with nn.Linear(..., 1)"
            )
        raise ProblemError(
            f"the model's output for a row has the shape {shape}; {data.kind} data needs {needed}"
        )
    return width


def _may_be_classes(data: Data) -> bool:
    """Return whether a target of one quantity holds whole numbers from 0, as classes do."""
    y = data.y
    return data.kind == "regression" and data.outputs == 1 and bool((y >= 0).all() and (y % 1 == 0).all())


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


def _label_notes(data: Data, form: TargetForm, width: int) -> Iterator[str]:
    """Yield how the loss gets classes, unless it gets them as they are."""
    if form.signs:
        yield "its loss gets the classes as -1 and 1, and the sign of the output is the answer"
    elif data.kind in ("binary", "multiclass") and width > 1 and not (form.numbers or data.one_hot):
        yield (
            f"its loss takes no class numbers, so it gets each class as {width} floats (one-hot): 1 for the "
            "class and 0 for the others; nn.CrossEntropyLoss() takes class numbers"
        )
    elif numbered := renumbered(data):
        yield f"{numbered}; if they are quantities, pass them as floats"


def _forms(shape: tuple[int, ...], width: int, data: Data) -> list[TargetForm]:
    """Return the forms of targets that a loss may take, the usual one first."""
    alike, original = TargetForm(False, shape), TargetForm(False, data.target_shape)
    if data.kind in ("multilabel", "regression"):
        return [alike] if alike == original else [alike, original]
    if width == 1:
        return [alike, TargetForm(False, () if shape else (1,))]
    classes, columns = TargetForm(True, ()), TargetForm(False, (width,))
    return [columns, classes] if data.one_hot else [classes, columns]
