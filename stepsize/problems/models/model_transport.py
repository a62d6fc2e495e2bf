"""A model as plain data, its *travel form*, in which it is sent to the training process.

It is text (`mlp(34)`), the path of a factory, the path of a `.keras` file, or the config of a compiled Keras
model. Nothing here imports Keras, unless the caller's model has done so already.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, first_line
from stepsize.problems.custom_objects import REGISTER, custom_objects, mappings
from stepsize.problems.data import Data
from stepsize.problems.keras_configs import config_of
from stepsize.problems.metrics import metric_names
from stepsize.problems.models.kept_weights import (
    has_custom_layers,
    kept_places,
    kept_values,
    model_notes,
    recorded_initialisers,
)
from stepsize.problems.models.optimizers import check_class, schedule_notes, travel_optimizer
from stepsize.problems.models.rebuilt_checks import (
    check_attributes,
    check_sample,
    missing_arguments,
    sample_of,
)
from stepsize.problems.models.rebuilt_models import (
    Rebuilt,
    call_factory,
    check_precision,
    inputs_of,
    rebuild,
    rebuild_loss,
)
from stepsize.problems.models.text_models import parse_model
from stepsize.user_modules import source_of

PRIVATE = (
    "file",
    "weights",
    "kept",
    "notes",
    "metrics",
    "sample",
)  # keys of a travel form that are not part of its identity

FRESH = (
    "every seed draws fresh weights in place of those in the file, unless layers are frozen, pretrained or "
    "adapted; from_weights=True starts from those in the file"
)


def is_text(model: Any) -> bool:
    """Return whether a model is text such as `mlp(34)`, which has no optimizer of its own."""
    return isinstance(model, str) and ("(" in model or not _is_path(model))


def name_inputs(data: Any, model: Any) -> Any:
    """Return data whose `x` is a list of arrays, one for each input of the model, with `x` by their names.

    Raises: ProblemError for a list of arrays if the names of the model's inputs are not known.
    """
    if isinstance(data, Mapping) and all(isinstance(value, tuple | list) for value in data.values()):
        return {key: name_inputs(value, model) for key, value in data.items()}
    if not isinstance(data, tuple | list) or len(data) < 2 or not isinstance(data[0], tuple | list):
        return data
    arrays = data[0]
    rows = len(data[1]) if hasattr(data[1], "__len__") else 0
    if len(arrays) == rows or not all(getattr(each, "ndim", 0) and len(each) == rows for each in arrays):
        return data
    names = list(inputs_of(model))
    if len(names) != len(arrays):
        known = f"{len(names)} inputs ({', '.join(names)})" if names else "no names for them"
        raise ProblemError(
            f"x is a list of {len(arrays)} arrays, and the model has {known}; pass x as a dict of arrays by "
            "the names of the model's inputs"
        )
    return (dict(zip(names, arrays, strict=True)), *data[1:])


def travel_form(
    model: Any, outputs: int, from_weights: bool = False, data: Data | None = None
) -> dict[str, Any]:
    """Return a model as plain data; `outputs` is the number of outputs that the data needs.

    With `from_weights` every run starts from the weights that the model has now. With `data`, a compiled
    model is compared with what it is once it is rebuilt.

    Raises: ProblemError for models that cannot be rebuilt in another process, with what to do.
    """
    if is_text(model):
        parse_model(model)
        if from_weights:
            raise ProblemError(f"from_weights=True: model {model!r} has no weights yet; pass a built model")
        return {"text": model, "outputs": outputs}
    if isinstance(model, str | Path):
        is_file = str(model).endswith(".keras")
        form = _file_form(Path(model), from_weights) if is_file else _factory_form(str(model))
        return {**form, "from_weights": True} if from_weights else form
    if callable(model) and not hasattr(model, "get_compile_config"):
        path = importable_path(model)
        if path is not None:
            return travel_form(path, outputs, from_weights, data)
        model = call_factory(model, model.__name__)
    return _config_form(model, from_weights, data)


def identity(form: Mapping[str, Any]) -> Any:
    """Return what affects results in a travel form: no paths, no counted names, weights as a digest."""
    fields = {key: value for key, value in form.items() if key not in PRIVATE}
    if "weights" in form:
        fields["weights"] = _digest(form["weights"])
    if "kept" in form:
        fields["kept"] = [
            *[[layer, weight, frozen] for layer, weight, _, frozen in form["kept"]],
            _digest([value for _, _, value, _ in form["kept"]]),
        ]
    return number_layers(fields)


def number_layers(form: Any) -> Any:
    """Return a travel form with its layers renamed in order: Keras' own names (`dense_7`) count per process.

    >>> number_layers({"name": "dense_7", "inbound": ["input_3", "dense_7"]})
    {'name': '#0', 'inbound': ['input_3', '#0']}
    """
    names: dict[str, str] = {}
    for part in mappings(form):
        if isinstance(part.get("name"), str):
            names.setdefault(part["name"], f"#{len(names)}")

    def rename(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: rename(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [rename(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    return rename(form)


def _digest(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _is_path(model: str) -> bool:
    return ":" in model or model.endswith(".keras")


def _factory_form(path: str) -> dict[str, Any]:
    module, _, function = path.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), function]):
        raise ProblemError(f"model {path!r} is not of the form package.module:function")
    return {"factory": path, "source": source_of(module)}


def importable_path(function: Any) -> str | None:
    """Return `module:name` of a function that another process can import; None if it cannot."""
    module, name = getattr(function, "__module__", "__main__"), getattr(function, "__qualname__", "")
    attribute = getattr(sys.modules.get(module), name, None)
    return f"{module}:{name}" if module != "__main__" and attribute is function else None


def _file_form(path: Path, from_weights: bool) -> dict[str, Any]:
    """Return the travel form of a `.keras` file, after checks that run nothing in it."""
    if not path.is_file():
        raise ProblemError(f"model file {str(path)!r} does not exist")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ProblemError(f"{str(path)!r} is not a .keras file: {first_line(error)}") from None
    for part in mappings(config):
        if part.get("class_name") in ("Lambda", "__lambda__"):
            raise ProblemError(
                f"model file {str(path)!r} holds code (a Lambda layer), which is never run from a file; "
                "make it a layer class, or pass a factory package.module:function"
            )
    if not config.get("compile_config"):
        raise ProblemError(f"model file {str(path)!r} is not compiled; call model.compile(...) before saving")
    compiled = config["compile_config"]
    for part in mappings(config):
        registered = part.get("registered_name")
        if isinstance(registered, str) and ">" in registered:
            raise ProblemError(
                f"model file {str(path)!r} holds {registered.split('>')[-1]!r}, which is not part of Keras; "
                "pass a factory package.module:function that imports it and loads the file"
            )
    optimizer = compiled.get("optimizer")
    rate = optimizer["config"].get("learning_rate") if isinstance(optimizer, Mapping) else None
    return {
        "file": str(path.resolve()),
        "content": hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        "metrics": metric_names([compiled.get(key) for key in ("metrics", "weighted_metrics")]),
        "notes": [*schedule_notes(rate), *([] if from_weights else [FRESH])],
    }


def _config_form(model: Any, from_weights: bool, data: Data | None) -> dict[str, Any]:
    if not hasattr(model, "get_compile_config"):
        raise ProblemError(
            f"model must be text such as 'mlp(34)' or 'package.module:function', or a compiled Keras model; "
            f"got {type(model).__name__}"
        )
    if not getattr(model, "compiled", False):
        raise ProblemError("model is not compiled; call model.compile(optimizer, loss) first")
    if model.loss is None:
        raise ProblemError("model is compiled without a loss; call model.compile(optimizer, loss)")
    check_precision(model)
    check_class(model.optimizer)
    try:
        config, loss = config_of(model), config_of(model.loss)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ProblemError(
            f"model {type(model).__name__!r} cannot be serialized by its config: {first_line(error)}; pass a "
            f"factory package.module:function, or add get_config() and {REGISTER} to its class"
        ) from None
    config.pop("compile_config", None)  # it names classes of the caller's Keras backend
    form = {
        "config": config,
        "optimizer": travel_optimizer(model.optimizer, model.trainable_variables),
        "loss": loss,
    }
    loss_weights = getattr(model._compile_loss, "_user_loss_weights", None)
    if loss_weights is not None:
        form["loss_weights"] = loss_weights
    custom = custom_objects("the model", [config, loss], model.loss)
    if custom:
        form["custom"] = custom
    missing = missing_arguments(model.loss, rebuild_loss(form))
    if missing:
        form["loss_arguments"] = missing
    if from_weights:
        if not model.built:
            raise ProblemError("from_weights=True: the model has no weights yet; add an Input layer")
        form |= {"weights": model.get_weights(), "from_weights": True}
    own = has_custom_layers(model)
    kept = [] if own else kept_values(model, kept_places(model))
    if own or data is not None:
        with recorded_initialisers(draw=own) as initialisers:
            rebuilt = rebuild(form)
        if own:
            kept = kept_values(model, kept_places(model, rebuilt.model, initialisers))
        if data is not None:
            form |= _checked(model, rebuilt, data, bool(custom))
    if kept:
        form["kept"] = kept
    compiled = getattr(model, "_compile_metrics", None)
    metrics = [getattr(compiled, name, None) for name in ("_user_metrics", "_user_weighted_metrics")]
    rate = model.optimizer.get_config().get("learning_rate")
    notes = [*schedule_notes(rate), *([] if from_weights else model_notes(model, kept))]
    return {**form, "metrics": metric_names(metrics), "notes": notes}


def _checked(model: Any, rebuilt: Rebuilt, data: Data, own: bool) -> dict[str, Any]:
    """Return a sample by which the training process can check the model, after it was checked here.

    Code of Keras reads nothing but attributes and weights; only that of the user's `own` takes a sample.

    Raises: ProblemError for a model that its config does not describe.
    """
    sample = sample_of(model, data) if own else None
    if sample is None:
        check_attributes(model, rebuilt.model)
        return {}
    twin, _, loss, loss_weights = rebuilt
    if not twin.built:
        twin(sample.x)
    twin.compile("sgd", loss, loss_weights=loss_weights)
    check_attributes(model, twin)
    check_sample(twin, sample)
    return {"sample": list(sample)}
