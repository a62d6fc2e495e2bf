"""Build a compiled Keras model for the data from its travel form; used in the training process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError, first_line, require, unknown
from stepsize.problems import metrics
from stepsize.problems.models.kept_weights import finalize, restore
from stepsize.problems.models.model_checks import (
    check_ids,
    check_no_penalties,
    check_stateless,
    check_takes_scaled,
)
from stepsize.problems.models.optimizers import make_optimizer, travel_optimizer
from stepsize.problems.models.rebuilt_checks import check_sample
from stepsize.problems.models.rebuilt_models import inputs_of, rebuild, seed_generators
from stepsize.problems.models.scorers import Scorer, loss_name, make_scorer
from stepsize.problems.models.text_models import named_model
from stepsize.problems.target_encoding import takes_class_numbers

OUTPUTS_NEEDED = {  # by kind of data
    "binary": "one output, such as Dense(1, 'sigmoid'), or one for each of the 2 classes",
    "multiclass": "one output for each of the {} classes, such as Dense({}, 'softmax')",
    "multilabel": "one output for each of the {} labels, such as Dense({}, 'sigmoid')",
    "regression": "one output for each of the {} quantities, such as Dense({})",
}


class DataShape(NamedTuple):
    """What a model must fit: the data's inputs (arrays), kind, number of classes, and outputs per row.

    `one_hot` is true if the classes came as one column for each.
    """

    x: Any
    kind: str
    classes: int
    outputs: int
    one_hot: bool = False

    @property
    def inputs(self) -> Mapping[str, np.ndarray]:
        """The inputs by name; a single one has the name ""."""
        return self.x if isinstance(self.x, Mapping) else {"": self.x}


class Built(NamedTuple):
    """A compiled, built Keras model of `width` outputs per row, and its scorer.

    `loss_numbers` is true if the loss takes class numbers, and `loss_signs` if it takes two classes as -1 and
    1. `row_shapes` holds the shape of a row of each input, as the model takes it. `loss_reduction` is "mean"
    or "sum", over the rows of a batch.
    """

    model: Any
    width: int
    loss_numbers: bool
    scorer: Scorer
    row_shapes: Mapping[str, tuple[int, ...]]
    loss_signs: bool = False
    loss_reduction: str = "mean"


def build(
    form: Mapping[str, Any],
    settings: Mapping[str, Any],
    data: DataShape,
    metric: metrics.Metric | None = None,
) -> Built:
    """Build a travel form into a compiled Keras model for the data, and the metric that scores it.

    `settings` are optimizer arguments, with `optimizer` for its name and `loss_reduction`; they override
    those that the model was compiled with.

    Raises: ProblemError if the model cannot be rebuilt or does not fit the data.
    """
    require("train", "keras")
    shapes = {each: array.shape[1:] for each, array in data.inputs.items()}
    settings = dict(settings)
    name = settings.pop("optimizer", None)
    reduction = settings.pop("loss_reduction", "mean")
    if "text" in form:
        model, loss = named_model(form["text"], form["outputs"], data.kind, shapes)
        width = form["outputs"]
        model.compile(make_optimizer(name or "sgd", settings, model), loss)
    else:
        seed_generators()
        model, optimizer, loss, loss_weights = rebuild(form)
        loss = _single(loss)
        if form.get("scaled"):
            check_takes_scaled(model)
        shapes = _row_shapes(model, shapes)
        width = _build_for_data(model, data, shapes)
        if "weights" in form:
            model.set_weights(form["weights"])
            finalize(model)
        restore(model, form.get("kept", ()))
        compiled = optimizer or travel_optimizer(model.optimizer, model.trainable_variables)
        compiled_name, compiled_arguments, *exclusions = compiled
        if name:  # takes nothing of the compiled one
            built = make_optimizer(name, settings, model)
        else:
            built = make_optimizer(compiled_name, {**compiled_arguments, **settings}, model, *exclusions)
        model.compile(built, loss, loss_weights=loss_weights)
        if "sample" in form:
            check_sample(model, form["sample"])
    metric = metric or metrics.metric_of(None, None, data.kind)
    signs = bool(form.get("signs")) and width == 1 and _takes_signs(loss)
    scorer = make_scorer(metric, data.kind, data.classes, width, model, loss, data.one_hot, signs)
    if reduction == "sum":
        check_no_penalties(model)
    return Built(model, width, takes_class_numbers(loss, data.one_hot), scorer, shapes, signs, reduction)


def _single(loss: Any) -> Any:
    """Return the loss of a model that has it in a list or by the name of its only output."""
    losses = list(loss.values()) if isinstance(loss, Mapping) else loss
    return losses[0] if isinstance(losses, list | tuple) and len(losses) == 1 else loss


def _takes_signs(loss: Any) -> bool:
    """Return whether a loss may have classes -1 and 1: a cross-entropy of Keras may not."""
    kind = loss if hasattr(loss, "__name__") else type(loss)
    is_keras = isinstance(loss, str) or kind.__module__.split(".")[0] == "keras"
    return not (is_keras and "entropy" in loss_name(loss))


def _row_shapes(model: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shape of a row of each input: one number as `Input(shape=())` declares it, if it does."""
    declared = {name: tuple(each.shape[1:]) for name, each in inputs_of(model).items()}
    if len(declared) == 1:
        declared = dict.fromkeys(shapes, next(iter(declared.values())))
    return {
        name: () if (shape, declared.get(name)) == ((1,), ()) else shape for name, shape in shapes.items()
    }


def _build_for_data(model: Any, data: DataShape, row_shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Build the model on rows of these shapes; return its number of outputs per row."""
    import keras

    if type(model).train_step is not keras.Model.train_step:
        raise ProblemError(
            f"model {type(model).__name__!r} has a train_step of its own; a study makes the updates of "
            "Keras' train_step: put what differs into compute_loss, or into a layer"
        )
    check_stateless(model)
    _check_inputs(model, data)
    shapes = {name: tuple(each.shape[1:]) for name, each in inputs_of(model).items()}
    rows = {}
    for name, array in data.inputs.items():
        shape = row_shapes[name]
        known = shapes.get(name) if len(shapes) > 1 else next(iter(shapes.values()), None)
        if known is not None and known == (*shape, 1):
            shape = known  # Keras adds this axis to grey images itself
        rows[name] = keras.KerasTensor((None, *shape), dtype=str(array.dtype))
    try:
        outputs = model(rows if len(rows) > 1 else next(iter(rows.values())))
    except Exception as error:  # a user's layer may raise anything
        text = ", ".join(f"{name} {x.shape[1:]}".strip() for name, x in data.inputs.items())
        raise ProblemError(f"the model does not take rows of shape {text}: {first_line(error)}") from error
    check_ids(model, data.inputs)
    return _width(outputs, data)


def _width(outputs: Any, data: DataShape) -> int:
    """Return the number of outputs per row; raise ProblemError if the data needs another one."""
    import keras

    several = keras.tree.flatten(outputs)
    if len(several) > 1:
        raise ProblemError(f"the model has {len(several)} outputs; a study trains models with one output")
    shape = tuple(several[0].shape[1:])
    if len(shape) != 1:
        raise ProblemError(
            f"the model's output for a row has the shape {shape}, such as a sequence or an image; a study "
            "compares models with one row of numbers as output: end it with Flatten() or Dense(...)"
        )
    if shape[0] not in ((1, 2) if data.kind == "binary" else (data.outputs,)):
        needed = OUTPUTS_NEEDED[data.kind].format(data.outputs, data.outputs)
        if data.kind == "multiclass" and shape[0] == 1:
            needed += ", or kind='regression' if the target is a quantity"
        raise ProblemError(
            f"the model's output for a row has the shape {shape}; {data.kind} data needs {needed}"
        )
    return shape[0]


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
