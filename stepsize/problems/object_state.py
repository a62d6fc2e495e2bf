"""The state of an object of a library, by which it is identified: the same in every process."""

from __future__ import annotations

import copyreg
import hashlib
import random
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

LONG = 4096  # bytes that are identified by a digest
LIVE = ("_thread", "threading", "weakref")  # modules whose objects hold no data
PASSING = (  # attributes that are filled on the way: what compiles, iterates or looks an object up
    "_IterableDataset_len_called", "_compile_kwargs", "_compiled_call_impl", "_has_canonical_format",
    "_has_sorted_indices", "_iterator",
)  # fmt: skip
COMPILERS = ("torch._dynamo", "torch._inductor", "jaxlib")  # modules whose objects hold compiled code
ROWS = 10_000  # of a dataset that are read at a time
COUNTED = "_hooks", "_hooks_with_kwargs", "_hooks_always_called"  # their keys count the hooks of a process


class NoState(Exception):
    """An object, such as a generator or an open file, has no state that another process would find."""


def state(value: Any) -> Any:
    """Return values that together make up an object of a library.

    Raises: NoState if there are none.
    """
    module = type(value).__module__
    if module.startswith(COMPILERS) and not hasattr(value, "_orig_mod"):
        return module, type(value).__name__
    try:
        with warnings.catch_warnings(action="ignore"):
            if hasattr(value, "_orig_mod"):  # compiled by PyTorch
                return module, value._orig_mod
            for read in (_frame, _dataset, _table, _of_keras):
                if (found := read(value)) is not None:
                    return found
            reduce = copyreg.dispatch_table.get(type(value))
            reduced = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as error:  # whatever the library raises
        raise NoState from error
    if isinstance(reduced, str):
        return module, reduced
    parts: Any = (*reduced, None, None, None)
    maker, arguments, held, items, pairs = parts[:5]
    if isinstance(held, dict):
        held = attributes(held, type(value))
    return maker, arguments, held, None if items is None else [*items], None if pairs is None else [*pairs]


def attributes(held: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return the attributes of an object without those that it fills on the way, such as caches."""
    lasting = {
        name: value
        for name, value in held.items()
        if name not in PASSING
        and not (name.startswith("_") and ("cache" in name or name.endswith("_id")))
        and not isinstance(getattr(kind, name, None), cached_property)
    }
    return {
        name: list(value.values()) if name.endswith(COUNTED) and isinstance(value, dict) else value
        for name, value in lasting.items()
    }


def is_random(value: Any) -> bool:
    """Return whether an object draws random numbers, so that it changes whenever it is used."""
    torch = sys.modules.get("torch")
    kinds = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)
    return isinstance(value, kinds) or (torch is not None and isinstance(value, torch.Generator))


def is_of_keras(value: Any) -> bool:
    """Return whether an object is one of Keras, or of a class that derives from one."""
    return any(kind.__module__.partition(".")[0] == "keras" for kind in type(value).__mro__)


def numbers(value: Any) -> Any:
    """Return what identifies an array or a dense tensor: type, shape and bytes; None for anything else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized:
            return None
        try:
            flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        except RuntimeError as error:  # one without numbers
            raise NoState from error
        return str(value.dtype), tuple(value.shape), value.requires_grad, bytes_digest(flat.data)
    if not isinstance(value, np.ndarray | np.generic):
        return None
    if isinstance(value, np.ma.MaskedArray):
        return "masked", value.data, np.ma.getmaskarray(value), value.fill_value
    array: Any = np.asarray(value)
    if array.dtype.names:  # the bytes between two fields are anything
        return repr(array.dtype), array.shape, [array[name] for name in array.dtype.names]
    if array.dtype.hasobject:
        return repr(array.dtype), array.shape, array.ravel().tolist()
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return repr(array.dtype), array.shape, bytes_digest(flat.data)


def bytes_digest(content: Any) -> str:
    """Return hexadecimal digits that identify bytes."""
    return hashlib.sha256(content).hexdigest()


def _frame(value: Any) -> Any:
    """Return the columns of a frame or a series of pandas, however they lie in memory."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        columns = [value.iloc[:, place].array for place in range(value.shape[1])]
        return "frame", value.columns, value.index, columns
    if pandas is not None and isinstance(value, pandas.Series):
        return "series", value.name, value.index, value.array
    return None


def _dataset(value: Any) -> Any:
    """Return the rows of a Hugging Face `Dataset`, wherever they lie, and how they are formatted."""
    datasets = sys.modules.get("datasets")
    if datasets is None or not isinstance(value, datasets.Dataset):
        return None
    batches = value.with_format("arrow").iter(ROWS)
    return value.features, value.format, [_table(batch.replace_schema_metadata(None)) for batch in batches]


def _table(value: Any) -> Any:
    """Return a digest of a table of pyarrow, without the memory around a slice."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is None or not isinstance(value, pyarrow.Table):
        return None
    sink = _Sink()
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(sink, "w"), value.schema) as stream:
        stream.write_table(value)
    return "table", sink.digest.hexdigest()


class _Sink:
    """A file for writing that keeps nothing but the digest of what is written."""

    closed = False

    def __init__(self) -> None:
        self.digest, self.length = hashlib.sha256(), 0

    def write(self, content: Any) -> int:
        self.digest.update(content)
        self.length += len(content)
        return len(content)

    def tell(self) -> int:
        return self.length

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _of_keras(value: Any) -> Any:
    """Return the config and the weights of a model, a layer, a loss or another object of Keras."""
    if not is_of_keras(value):
        return None
    import keras

    from stepsize.problems.models.model_transport import number_layers

    if isinstance(value, keras.Variable):
        return value.dtype, value.trainable, np.asarray(value)
    if not hasattr(value, "get_config"):
        return None
    weights = getattr(value, "weights", getattr(value, "variables", []))
    held = [np.asarray(each) for each in weights]
    with suppress(NotImplementedError):
        lacking = getattr(value, "_fn_kwargs", None)  # by the config of a loss: its numbers
        return number_layers(value.get_config()), lacking, held
    own = {name: each for name, each in vars(value).items() if not name.startswith("_") and name != "name"}
    return {name: each for name, each in own.items() if isinstance(each, int | float | str)}, held
