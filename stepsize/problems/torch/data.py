"""Data of PyTorch users, as `load` takes them: tensors, a `Dataset`, a `DataLoader`, several inputs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, first_line

Pair = tuple[Any, Any]


def torch_data(source: Any, forward: Callable[[], Any]) -> tuple[Any, str | None]:
    """Return data with arrays in place of tensors and datasets, and the kind that the target's type implies.

    Several inputs get the names of the arguments of the model's forward, which `forward()` returns. Whole
    numbers are classes, and floats other than 0 and 1 are quantities, as PyTorch's losses take them.

    Raises: ProblemError for a dataset without a length, or with items of different shapes.
    """
    if is_dataset(source) or _is_pair(source):
        pair = _arrays(source, forward)
        return pair, kind_of(pair[1])
    if isinstance(source, Mapping) and source and all(is_dataset(s) or _is_pair(s) for s in source.values()):
        parts = {name: _arrays(each, forward) for name, each in source.items()}
        targets = [np.asarray(y) for _, y in parts.values()]
        are_alike = len({each.shape[1:] for each in targets}) == 1
        return parts, kind_of(np.concatenate(targets)) if are_alike else None
    return source, None


def is_dataset(source: Any) -> bool:
    """Return whether `source` is a `Dataset` or a `DataLoader` of PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.utils.data.Dataset | torch.utils.data.DataLoader)


def kind_of(y: Any) -> str | None:
    """Return the kind of a target by its type, None if its values must decide.

    >>> kind_of(np.arange(30)), kind_of(np.array([0.0, 1.0])), kind_of(np.array([1.0, 2.0]))
    ('multiclass', None, 'regression')
    """
    y = np.asarray(y)
    if y.dtype.kind == "f":
        return None if np.isin(y, (0, 1)).all() else "regression"
    if y.dtype.kind not in "iu" or np.isin(y, (0, 1)).all():
        return None
    if y.ndim > 1 and y.size > len(y):
        raise ProblemError(
            f"y has {y.size // len(y)} class numbers per row, as for a sequence or a mask; a study judges "
            "one answer per row, so train this model with a training function"
        )
    return "multiclass" if len(np.unique(y)) > 2 else "binary"


def _is_pair(source: Any) -> bool:
    """Return whether data are inputs and targets of one length, not a table or a name."""
    return isinstance(source, tuple | list) and len(source) == 2 and hasattr(source[1], "__len__")


def _arrays(source: Any, forward: Callable[[], Any]) -> Pair:
    x, y = _all_items(source) if is_dataset(source) else source
    if isinstance(x, Mapping):
        x = {str(name): _array(each) for name, each in x.items()}
    elif isinstance(x, tuple | list) and len(x) > 0 and all(hasattr(each, "shape") for each in x):
        x = (
            dict(zip(input_names(forward(), len(x)), map(_array, x), strict=True))
            if len(x) > 1
            else _array(x[0])
        )
    return (x if isinstance(x, Mapping) else _array(x)), _array(y)


def input_names(forward: Any, count: int) -> Sequence[str]:
    """Return the names of the first arguments of a model's `forward`."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(forward).parameters.values()
    names = [each.name for each in parameters if each.kind in kinds]
    if any(each.kind == inspect.Parameter.VAR_POSITIONAL for each in parameters):
        names += [f"input_{i}" for i in range(len(names), count)]
    if len(names) < count:
        raise ProblemError(
            f"the data has {count} inputs, but the model's forward takes {len(names)} ({', '.join(names)})"
        )
    return names[:count]


def _array(values: Any) -> Any:
    """Return a tensor as an array; anything else as it is."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(values, torch.Tensor):
        return values
    values = values.detach().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def _all_items(source: Any) -> Pair:
    """Return inputs and targets of a dataset, read once; the last part of an item is its target."""
    from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate

    dataset: Any = source.dataset if isinstance(source, DataLoader) else source
    if isinstance(source, DataLoader):
        _check_sampler(source)
    collate = source.collate_fn if isinstance(source, DataLoader) else default_collate
    name = type(dataset).__name__
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise ProblemError(f"{name} has no length; pass a Dataset with __len__, or its tensors as (x, y)")
    if len(dataset) == 0:
        raise ProblemError(f"{name} is empty; at least 4 rows are needed")
    try:
        items: Any = (
            dataset.tensors
            if getattr(type(dataset), "__getitem__", None) is TensorDataset.__getitem__
            and collate is default_collate
            else collate([dataset[i] for i in range(len(dataset))])
        )
    except (RuntimeError, TypeError, ValueError) as error:
        raise ProblemError(
            f"{name}: its items cannot be put into one batch ({first_line(error)}); give all items the same "
            "shape"
        ) from error
    if not isinstance(items, tuple | list) or len(items) < 2:
        raise ProblemError(f"{name}: an item must be (x, y), or several inputs and y")
    *inputs, target = items
    return (inputs[0] if len(inputs) == 1 else tuple(inputs)), target


def _check_sampler(loader: Any) -> None:
    """Raise ProblemError for a `DataLoader` that leaves rows out or repeats some: a study takes each once."""
    from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

    batches = loader.batch_sampler
    sampler = loader.sampler if batches is None or type(batches) is BatchSampler else batches
    is_order = type(sampler) is SequentialSampler or (
        type(sampler) is RandomSampler and not sampler.replacement and len(sampler) == len(loader.dataset)
    )
    if not is_order and hasattr(loader.dataset, "__len__"):
        raise ProblemError(
            f"the DataLoader draws its rows with {type(sampler).__name__}, and a study would take every row "
            "of its dataset once; pass torch.utils.data.Subset(dataset, indices) for some of the rows, and "
            "weights of classes in the loss instead of a weighted sampler"
        )
