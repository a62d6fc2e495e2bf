"""Build a compiled Keras model for the data from its travel form; used in the training process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import MissingExtra, ProblemError, first_line, unknown
from stepsize.problems import metrics
from stepsize.problems.models.kept_weights import finalize, restore
from stepsize.problems.models.optimizers import make_optimizer, travel_optimizer
from stepsize.problems.models.rebuilt_models import inputs_of, rebuild, seed_generators
from stepsize.problems.models.text_models import named_model
from stepsize.problems.target_encoding import takes_class_numbers

OUTPUTS_NEEDED = {  # by kind of data
    "binary": "one output, such as Dense(1, 'sigmoid'), or one for each of the 2 classes",
    "multiclass": "one output for each of the {} classes, such as Dense({}, 'softmax')",
    "multilabel": "one output for each of the {} labels, such as Dense({}, 'sigmoid')",
    "regression": "one output for each of the {} quantities, such as Dense({})",
}

WANT_RAW = ("Normalization", "Rescaling", "Embedding", "Discretization", "IntegerLookup", "CategoryEncoding")


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
        seed_generators()
        model, optimizer, loss, loss_weights = rebuild(form)
        if form.get("scaled"):
            _check_takes_scaled(model)
        width = _build_for_data(model, data)
        if "weights" in form:
            model.set_weights(form["weights"])
            finalize(model)
        restore(model, form.get("kept", ()))
        compiled = optimizer or travel_optimizer(model.optimizer, model.trainable_variables)
        compiled_name, compiled_arguments, *exclusions = compiled
        arguments = settings if name else {**compiled_arguments, **settings}
        built = make_optimizer(name or compiled_name, arguments, model, *exclusions)
        model.compile(built, loss, loss_weights=loss_weights)
    metric = metric or metrics.metric_of(None, None, data.kind)
    scorer = metrics.make_metric(metric, data.kind, width)
    logits = _from_logits(loss)
    link = None if not logits or data.kind == "regression" else _link(data, width)
    if not isinstance(scorer, keras.metrics.Mean):
        _create_variables(scorer, data, width)
    return Built(model, scorer, width, takes_class_numbers(loss), takes_class_numbers(scorer), link)


def _build_for_data(model: Any, data: DataShape) -> int:
    """Build the model on the data's shapes; return its number of outputs per row."""
    import keras

    if type(model).train_step is not keras.Model.train_step:
        raise ProblemError(
            f"model {type(model).__name__!r} has a train_step of its own; a study makes the updates of "
            "Keras' train_step: put what differs into compute_loss, or into a layer"
        )
    _check_stateless(model)
    _check_inputs(model, data)
    shapes = {name: tuple(each.shape[1:]) for name, each in inputs_of(model).items()}
    rows = {}
    for name, array in data.inputs.items():
        shape = array.shape[1:]
        known = shapes.get(name) if len(shapes) > 1 else next(iter(shapes.values()), None)
        if known is not None and (known == (*shape, 1) or (known, shape) == ((), (1,))):
            shape = known  # Keras adds this axis to grey images itself, and removes that of single numbers
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


def _check_takes_scaled(model: Any) -> None:
    """Raise ProblemError for layers that want the inputs as they are, because they are scaled already."""
    for layer in model._flatten_layers():
        if type(layer).__name__ in WANT_RAW:
            raise ProblemError(
                f"layer {layer.name!r} ({type(layer).__name__}) takes the data as they are, but their inputs "
                "are scaled before the model sees them: leave out prepare=True, or the layer"
            )


def _check_stateless(model: Any) -> None:
    """Raise ProblemError for layers that carry a state from one batch to the next."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            raise ProblemError(
                f"layer {layer.name!r} is stateful: it carries its state from one batch to the next, but a "
                "study draws its batches in another order every epoch; build the layer with stateful=False"
            )


def _check_inputs(model: Any, data: DataShape) -> None:
    """Check that the names of the data's inputs are those of the model's inputs."""
    names = tuple(data.inputs)
    model_names = list(inputs_of(model))
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
