"""Build a compiled Keras model for the data from its travel form; used in the training process."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import MissingExtra, ProblemError, first_line, unknown
from stepsize.problems import metrics
from stepsize.problems.models.model_transport import REGISTER, call_factory, check_precision
from stepsize.problems.models.optimizers import make_optimizer, travel_optimizer
from stepsize.problems.models.text_models import named_model
from stepsize.problems.target_encoding import takes_class_numbers
from stepsize.user_modules import import_user_module

OUTPUTS_NEEDED = {  # by kind of data
    "binary": "one output, such as Dense(1, 'sigmoid'), or one for each of the 2 classes",
    "multiclass": "one output for each of the {} classes, such as Dense({}, 'softmax')",
    "multilabel": "one output for each of the {} labels, such as Dense({}, 'sigmoid')",
    "regression": "one output for each of the {} quantities, such as Dense({})",
}


class DataShape(NamedTuple):
    """What a model must fit: the data's inputs (arrays), kind, number of classes, and outputs per row."""

    x: Any
    kind: str
    classes: int
    outputs: int

    @property
    def inputs(self) -> Mapping[str, np.ndarray]:
        """The inputs by name; a single one has the name ""."""
        return self.x if isinstance(self.x, Mapping) else {"": self.x}


class Built(NamedTuple):
    """A compiled, built Keras model, its metric, and the form of targets and predictions the two take.

    `width` is the number of outputs per row. `loss_numbers` and `metric_numbers` are true if they take class
    numbers. `link` is "sigmoid" or "softmax" if the model returns logits and the metric takes probabilities.
    """

    model: Any
    metric: Any
    width: int
    loss_numbers: bool
    metric_numbers: bool
    link: str | None


def build(
    form: Mapping[str, Any],
    settings: Mapping[str, Any],
    data: DataShape,
    metric: metrics.Metric | None = None,
) -> Built:
    """Build a travel form into a compiled Keras model for the data, and the metric that scores it.

    `settings` are optimizer arguments, with `optimizer` for its name; they override those that the model was
    compiled with.

    Raises: ProblemError if the model cannot be rebuilt or does not fit the data.
    """
    try:
        import keras
    except ModuleNotFoundError:
        raise MissingExtra("keras", "train") from None
    settings = dict(settings)
    name = settings.pop("optimizer", None)
    if "text" in form:
        shapes = {each: array.shape[1:] for each, array in data.inputs.items()}
        model, loss = named_model(form["text"], form["outputs"], data.kind, shapes)
        width = form["outputs"]
        model.compile(make_optimizer(name or "sgd", settings, model), loss)
    else:
        model, optimizer, loss = _user_model(form)
        width = _build_for_data(model, data)
        if "weights" in form:
            model.set_weights(form["weights"])
        compiled = optimizer or travel_optimizer(model.optimizer, model.trainable_variables)
        compiled_name, compiled_arguments, *exclusions = compiled
        arguments = settings if name else {**compiled_arguments, **settings}
        built = make_optimizer(name or compiled_name, arguments, model, *exclusions)
        weights = getattr(getattr(model, "_compile_loss", None), "_user_loss_weights", None)
        model.compile(built, loss, loss_weights=weights)
    metric = metric or metrics.metric_of(None, None, data.kind)
    scorer = metrics.make_metric(metric, data.kind, width)
    logits = _from_logits(loss)
    link = None if not logits or data.kind == "regression" else _link(data, width)
    if not isinstance(scorer, keras.metrics.Mean):
        _create_variables(scorer, data, width)
    return Built(model, scorer, width, takes_class_numbers(loss), takes_class_numbers(scorer), link)


def _user_model(form: Mapping[str, Any]) -> tuple[Any, list[Any] | None, Any]:
    """Return the user's model, the form of its optimizer if that was sent separately, and its loss."""
    import keras

    if "factory" in form:
        model = _from_factory(form["factory"])
        check_precision(model)
        return model, None, model.loss
    try:
        with keras.saving.custom_object_scope(_custom_objects(form.get("custom", ()))):
            if "file" in form:
                with warnings.catch_warnings(action="ignore"):  # about the optimizer's state
                    model: Any = keras.saving.load_model(form["file"], safe_mode=True)
                check_precision(model)
                return model, None, model.loss
            # copies, because Keras modifies its argument
            model = keras.saving.deserialize_keras_object(deepcopy(form["config"]))
            loss = keras.saving.deserialize_keras_object(deepcopy(form["loss"]))
    except (TypeError, ValueError, ImportError, AttributeError) as error:
        raise ProblemError(
            f"the model cannot be rebuilt: {first_line(error)[:160]}; your own layer classes need "
            f"get_config() and {REGISTER}, in a module that can be imported"
        ) from error
    return model, form["optimizer"], loss


def _custom_objects(custom: Any) -> dict[str, Any]:
    """Import the classes and functions that are not part of Keras."""
    objects = {}
    for module, name, registered in custom:
        try:
            objects[registered] = objects[name] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            raise ProblemError(
                f"{name!r} of module {module!r} cannot be imported by the training process; move it to a "
                f"module beside your script, decorated with {REGISTER}"
            ) from None
    return objects


def _from_factory(path: str) -> Any:
    module, _, function = path.partition(":")
    return call_factory(lambda: getattr(import_user_module(module), function)(), path)


def _build_for_data(model: Any, data: DataShape) -> int:
    """Build the model on the data's shapes; return its number of outputs per row."""
    import keras

    if type(model).train_step is not keras.Model.train_step:
        raise ProblemError(
            f"model {type(model).__name__!r} has a train_step of its own; a study makes the updates of "
            "Keras' train_step: put what differs into compute_loss, or into a layer"
        )
    _check_inputs(model, data)
    shapes = [each.shape for each in getattr(model, "inputs", None) or []]
    rows = {}
    for name, array in data.inputs.items():
        shape = array.shape[1:]
        if len(shapes) == 1 and tuple(shapes[0][1:]) == (*shape, 1):
            shape = (*shape, 1)  # Keras adds this axis to grey images itself
        rows[name] = keras.KerasTensor((None, *shape), dtype=str(array.dtype))
    try:
        outputs = model(rows if len(rows) > 1 else next(iter(rows.values())))
    except Exception as error:  # a user's layer may raise anything
        text = ", ".join(f"{name} {x.shape[1:]}".strip() for name, x in data.inputs.items())
        raise ProblemError(f"the model does not take rows of shape {text}: {first_line(error)}") from error
    if isinstance(outputs, list | tuple | dict):
        raise ProblemError(f"the model has {len(outputs)} outputs; a study trains models with one output")
    width = outputs.shape[-1] if len(outputs.shape) == 2 else 0
    allowed = (1, 2) if data.kind == "binary" else (data.outputs,)
    if width not in allowed:
        needed = OUTPUTS_NEEDED[data.kind].format(data.outputs, data.outputs)
        raise ProblemError(
            f"the model's output for a row has the shape {tuple(outputs.shape[1:])}; {data.kind} data needs "
            f"{needed}"
        )
    return width


def _check_inputs(model: Any, data: DataShape) -> None:
    """Check that the names of the data's inputs are those of the model's inputs."""
    names = tuple(data.inputs)
    model_names = [each.name for each in getattr(model, "inputs", None) or []]
    if len(names) == 1 and len(model_names) <= 1:
        return
    if names == ("",):
        raise ProblemError(
            f"the model has {len(model_names)} inputs ({', '.join(model_names)}) and the data has one; "
            "pass x as a dict with these names"
        )
    for name in names:
        if model_names and name not in model_names:
            raise ProblemError(unknown("input of the model", name, model_names))
    for name in model_names:
        if name not in names:
            raise ProblemError(f"the model's input {name!r} is missing from the data: {', '.join(names)}")


def _from_logits(loss: Any) -> bool:
    try:
        return bool(loss.get_config().get("from_logits", False))
    except (AttributeError, NotImplementedError):
        return False


def _link(data: DataShape, width: int) -> str:
    return "sigmoid" if data.kind == "multilabel" or width == 1 else "softmax"


def _create_variables(scorer: Any, data: DataShape, width: int) -> None:
    """Make a metric create its variables, which some do only when they first see targets."""
    numbers = takes_class_numbers(scorer) and data.kind in ("binary", "multiclass") and width > 1
    targets = np.zeros(2, np.int32) if numbers else np.zeros((2, width), np.float32)
    try:
        scorer.update_state(targets, np.full((2, width), 0.5, np.float32))
    except Exception as error:
        raise ProblemError(
            f"metric {scorer.name!r} does not fit {data.kind} data: {first_line(error)}"
        ) from error
    if np.ndim(scorer.result()) > 0:
        raise ProblemError(f"metric {scorer.name!r} returns several numbers; pass average='macro' to it")
    scorer.reset_state()
