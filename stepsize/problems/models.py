"""Models as text (`mlp(34)`), as a factory (`package.module:function`), or as a compiled Keras model.

A model travels to the worker as plain data, its *travel form*, and is built there by Keras on JAX. This
module is imported on both sides; Keras is imported only where a model is built.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from stepsize.errors import InputError, MissingExtra, ProblemError, unknown

NAMED = ("mlp",)
MLP_OPTIONS = ("activation", "dropout", "initializer")


def parse_model(text: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Read `name(numbers, option=value)` without evaluating it.

    >>> parse_model("mlp(128, 64, dropout=0.2)")
    ('mlp', (128, 64), {'dropout': 0.2})
    """
    problem = f"model {text[:60]!r} is not of the form mlp(128, 64, dropout=0.2) or package.module:function"
    if len(text) > 500:
        raise ProblemError(problem)
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ProblemError(problem)
        name = call.func.id
        args = tuple(ast.literal_eval(arg) for arg in call.args)
        options = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise error if isinstance(error, InputError) else ProblemError(problem) from None
    if name not in NAMED:
        raise ProblemError(unknown("model", name, NAMED))
    for option in options:
        if option not in MLP_OPTIONS:
            raise ProblemError(unknown(f"option of {name}", option, MLP_OPTIONS))
    for width in args:
        if not isinstance(width, int) or isinstance(width, bool) or width < 1:
            raise ProblemError(f"model {text!r}: a layer's width is a positive whole number, not {width!r}")
    dropout = options.get("dropout", 0.0)
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ProblemError(f"model {text!r}: dropout is a share from 0 to below 1, not {dropout!r}")
    return name, args, options


def is_text(model: Any) -> bool:
    """Say whether a model is text such as `mlp(34)`, which has no optimizer of its own."""
    return isinstance(model, str) and not (":" in model and "(" not in model)


def travel_form(model: Any, outputs: int) -> dict[str, Any]:
    """Give a model's plain-data form: text, factory path or the config of a compiled Keras model.

    `outputs` is the number of classes; two classes are one sigmoid output.
    """
    if is_text(model):
        parse_model(model)
        return {"text": model, "outputs": 1 if outputs == 2 else outputs}
    if isinstance(model, str):
        return {"factory": model}
    if not hasattr(model, "get_compile_config"):
        raise ProblemError(
            f"model must be text such as 'mlp(34)' or 'package.module:function', or a compiled Keras model; "
            f"got {type(model).__name__}"
        )
    if not getattr(model, "compiled", False):
        raise ProblemError("model is not compiled; call model.compile(optimizer, loss) first")
    import keras

    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)  # it names classes of the backend that Keras runs on here
    optimizer = {key: value for key, value in model.optimizer.get_config().items() if key != "learning_rate"}
    return {
        "config": config,
        "optimizer": [type(model.optimizer).__name__, optimizer],
        "loss": keras.saving.serialize_keras_object(model.loss),
    }


def nameless(form: Any) -> Any:
    """Give a travel form with its layers' names numbered in order, for Keras counts them up (`dense_7`).

    >>> nameless({"name": "dense_7", "inbound": ["input_3", "dense_7"]})
    {'name': '#0', 'inbound': ['input_3', '#0']}
    """
    names: dict[str, str] = {}

    def collect(value: Any) -> None:
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            if key == "name" and isinstance(item, str):
                names.setdefault(item, f"#{len(names)}")
            elif isinstance(item, Mapping | list | tuple):
                collect(item)

    def renamed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [renamed(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    collect(form)
    return renamed(form)


def build(form: Mapping[str, Any], settings: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Build a travel form into a compiled, built Keras model and the metric that scores it.

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
        model = _mlp(form["text"], form["outputs"], shape)
        binary = form["outputs"] == 1
        model.compile(
            _optimizer(name or "sgd", settings),
            "binary_crossentropy" if binary else "sparse_categorical_crossentropy",
        )
    else:
        model, own_name, own, loss = _compiled(form, shape)
        arguments = settings if name else {**own, **settings}
        model.compile(
            _optimizer(name or own_name, {**arguments, "learning_rate": 0.1}), loss
        )  # we set the rate
    model.optimizer.build(model.trainable_variables)
    binary = model.output_shape[-1] == 1
    return model, keras.metrics.BinaryAccuracy() if binary else keras.metrics.SparseCategoricalAccuracy()


def _mlp(text: str, outputs: int, shape: tuple[int, ...]) -> Any:
    import keras

    _, widths, options = parse_model(text)
    initializer = options.get("initializer", "glorot_uniform")
    activation = options.get("activation", "relu")
    layers: list[Any] = [keras.Input(shape)]
    if len(shape) > 1:
        layers.append(keras.layers.Flatten())
    for width in widths:
        layers.append(keras.layers.Dense(width, activation=activation, kernel_initializer=initializer))
        if options.get("dropout"):
            layers.append(keras.layers.Dropout(options["dropout"]))
    last = "sigmoid" if outputs == 1 else "softmax"
    layers.append(keras.layers.Dense(outputs, activation=last, kernel_initializer=initializer))
    return keras.Sequential(layers)


def _optimizer(name: str, settings: Mapping[str, Any]) -> Any:
    import keras

    known = sorted(keras.optimizers.deserialize.__globals__["ALL_OBJECTS_DICT"])
    if name.lower() not in known:
        raise ProblemError(unknown("optimizer", name, known))
    try:
        return keras.optimizers.get({"class_name": name.lower(), "config": dict(settings)})
    except (TypeError, ValueError) as error:
        raise ProblemError(
            f"optimizer {name!r} refuses {dict(settings)}: {str(error).splitlines()[0]}"
        ) from None


def _compiled(form: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Any, str, dict[str, Any], Any]:
    """Give a built model with the name and the arguments of its optimizer, and its loss."""
    import keras

    if "factory" in form:
        model = _from_factory(form["factory"])
        name, arguments = type(model.optimizer).__name__, model.optimizer.get_config()
        loss = model.loss
    else:
        model = keras.saving.deserialize_keras_object(deepcopy(form["config"]))  # Keras empties it
        name, arguments = form["optimizer"]
        loss = keras.saving.deserialize_keras_object(form["loss"])
    model.build((None, *shape))
    return model, name, arguments, loss


def _from_factory(path: str) -> Any:
    module, _, function = path.partition(":")
    try:
        model = getattr(importlib.import_module(module), function)()
    except Exception as error:
        raise ProblemError(f"model factory {path!r} raised {type(error).__name__}: {error}") from error
    if not getattr(model, "compiled", False):
        raise ProblemError(f"model factory {path!r} must return a compiled Keras model")
    return model
