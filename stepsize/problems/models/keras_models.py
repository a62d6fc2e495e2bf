"""From a travel form to a compiled Keras model that fits the data; used in the training process."""

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
from stepsize.problems.target_encoding import wants_numbers

WANTED = {  # of a model's output, by kind of data
    "binary": "one output a row, such as Dense(1, 'sigmoid'), or one for each of the 2 classes",
    "multiclass": "one output for each of the {} classes, such as Dense({}, 'softmax')",
    "multilabel": "one output for each of the {} labels, such as Dense({}, 'sigmoid')",
    "regression": "one output for each of the {} quantities, such as Dense({})",
}


class DataShape(NamedTuple):
    """What the data ask of a model: their inputs (arrays), kind, number of classes, and outputs a row."""

    x: Any
    kind: str
    classes: int
    outputs: int

    @property
    def inputs(self) -> Mapping[str, np.ndarray]:
        """The inputs by name; a single one has the name ""."""
        return self.x if isinstance(self.x, Mapping) else {"": self.x}


class Built(NamedTuple):
    """A compiled, built Keras model, its metric, and how the two want targets and predictions.

    `width` is the number of outputs a row. `link` is "sigmoid" or "softmax" where the model gives logits
    and the metric takes probabilities.
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
    asked: DataShape,
    metric: metrics.Metric | None = None,
) -> Built:
    """Build a travel form into a compiled Keras model for the data, and the metric that scores it.

    `settings` are optimizer arguments (with `optimizer`, its name, for models given as text); they
    override what the model was compiled with.
    """
    try:
        import keras
    except ModuleNotFoundError:
        raise MissingExtra("keras", "train") from None
    settings = dict(settings)
    name = settings.pop("optimizer", None)
    if "text" in form:
        shapes = {each: array.shape[1:] for each, array in asked.inputs.items()}
        model, loss = named_model(form["text"], form["outputs"], asked.kind, shapes)
        width = form["outputs"]
        model.compile(make_optimizer(name or "sgd", settings, model), loss)
    else:
        model, optimizer, loss = _own_model(form)
        width = _fitted(model, asked)
        if "weights" in form:
            model.set_weights(form["weights"])
        own_name, own, *exclusions = optimizer or travel_optimizer(model.optimizer, model.trainable_variables)
        arguments = settings if name else {**own, **settings}
        built = make_optimizer(name or own_name, arguments, model, *exclusions)
        weights = getattr(getattr(model, "_compile_loss", None), "_user_loss_weights", None)
        model.compile(built, loss, loss_weights=weights)
    chosen = metric or metrics.metric_of(None, None, asked.kind)
    scorer = metrics.make(chosen, asked.kind, width)
    logits = _from_logits(loss)
    link = None if not logits or asked.kind == "regression" else _link(asked, width)
    if not isinstance(scorer, keras.metrics.Mean):
        _prepare(scorer, asked, width)
    return Built(model, scorer, width, wants_numbers(loss), wants_numbers(scorer), link)


def _own_model(form: Mapping[str, Any]) -> tuple[Any, list[Any] | None, Any]:
    """Give the user's model, the form of its optimizer if that travelled apart, and its loss."""
    import keras

    if "factory" in form:
        model = _from_factory(form["factory"])
        check_precision(model)
        return model, None, model.loss
    try:
        with keras.saving.custom_object_scope(_custom_objects(form.get("custom", ()))):
            if "file" in form:
                with warnings.catch_warnings(action="ignore"):  # the optimizer's state, which starts afresh
                    model: Any = keras.saving.load_model(form["file"], safe_mode=True)
                check_precision(model)
                return model, None, model.loss
            model = keras.saving.deserialize_keras_object(deepcopy(form["config"]))  # Keras empties it
            loss = keras.saving.deserialize_keras_object(deepcopy(form["loss"]))
    except (TypeError, ValueError, ImportError, AttributeError) as error:
        raise ProblemError(
            f"the model cannot be rebuilt: {first_line(error)[:160]}; layer classes of your own need "
            f"get_config() and {REGISTER}, in a module that can be imported"
        ) from error
    return model, form["optimizer"], loss


def _custom_objects(custom: Any) -> dict[str, Any]:
    """Import the classes and functions that are not Keras' own."""
    objects = {}
    for module, name, registered in custom:
        try:
            objects[registered] = objects[name] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            raise ProblemError(
                f"{name!r} of module {module!r} cannot be imported by the training process; put it into a "
                f"module beside your script, decorated with {REGISTER}"
            ) from None
    return objects


def _from_factory(path: str) -> Any:
    module, _, function = path.partition(":")
    return call_factory(lambda: getattr(importlib.import_module(module), function)(), path)


def _fitted(model: Any, asked: DataShape) -> int:
    """Build the model on the data's shapes; give its outputs a row."""
    import keras

    if type(model).train_step is not keras.Model.train_step:
        raise ProblemError(
            f"model {type(model).__name__!r} has a train_step of its own; a study makes the updates of "
            "Keras' own train_step: say what differs in compute_loss, or in a layer"
        )
    _match(model, asked)
    taken = [each.shape for each in getattr(model, "inputs", None) or []]
    rows = {}
    for name, array in asked.inputs.items():
        shape = array.shape[1:]
        if len(taken) == 1 and tuple(taken[0][1:]) == (*shape, 1):
            shape = (*shape, 1)  # as Keras adds it to images of one colour
        rows[name] = keras.KerasTensor((None, *shape), dtype=str(array.dtype))
    try:
        outputs = model(rows if len(rows) > 1 else next(iter(rows.values())))
    except Exception as error:  # a user's layer may raise anything
        said = ", ".join(f"{name} {x.shape[1:]}".strip() for name, x in asked.inputs.items())
        raise ProblemError(f"the model does not take rows of shape {said}: {first_line(error)}") from error
    if isinstance(outputs, list | tuple | dict):
        raise ProblemError(f"the model has {len(outputs)} outputs; a study trains models of one output")
    width = outputs.shape[-1] if len(outputs.shape) == 2 else 0
    allowed = (1, 2) if asked.kind == "binary" else (asked.outputs,)
    if width not in allowed:
        wanted = WANTED[asked.kind].format(asked.outputs, asked.outputs)
        raise ProblemError(
            f"the model's output has the shape {tuple(outputs.shape[1:])} a row; {asked.kind} data need "
            f"{wanted}"
        )
    return width


def _match(model: Any, asked: DataShape) -> None:
    """Check that the data's inputs are the model's, by name."""
    given = tuple(asked.inputs)
    taken = [each.name for each in getattr(model, "inputs", None) or []]
    if len(given) == 1 and len(taken) <= 1:
        return
    if given == ("",):
        raise ProblemError(
            f"the model has {len(taken)} inputs ({', '.join(taken)}) and the data have one; give x as a dict "
            "with these names"
        )
    for name in given:
        if taken and name not in taken:
            raise ProblemError(unknown("input of the model", name, taken))
    for name in taken:
        if name not in given:
            raise ProblemError(f"the model's input {name!r} is not among the data's: {', '.join(given)}")


def _from_logits(loss: Any) -> bool:
    try:
        return bool(loss.get_config().get("from_logits", False))
    except (AttributeError, NotImplementedError):
        return False


def _link(asked: DataShape, width: int) -> str:
    return "sigmoid" if asked.kind == "multilabel" or width == 1 else "softmax"


def _prepare(scorer: Any, asked: DataShape, width: int) -> None:
    """Let a metric make its variables, which some do only when they first see targets."""
    numbers = wants_numbers(scorer) and asked.kind in ("binary", "multiclass") and width > 1
    targets = np.zeros(2, np.int32) if numbers else np.zeros((2, width), np.float32)
    try:
        scorer.update_state(targets, np.full((2, width), 0.5, np.float32))
    except Exception as error:
        raise ProblemError(
            f"metric {scorer.name!r} does not fit {asked.kind} data: {first_line(error)}"
        ) from error
    if np.ndim(scorer.result()) > 0:
        raise ProblemError(f"metric {scorer.name!r} gives several numbers; give it average='macro'")
    scorer.reset_state()
