"""Models as text: `mlp(128, 64, dropout=0.2)`, `logistic`, `linear`, `convnet(16, 32)`.

The last layer and the loss follow the kind of the data.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepsize.errors import InputError, ProblemError, unknown

SIZES = ("width", "depth")  # of the hidden layers
FILTERS = (16, 32)  # of a convnet without numbers

# Keras' names of the last layer's activation and of the loss, by kind of data.
ENDINGS = {
    "binary": ("sigmoid", "binary_crossentropy"),
    "multiclass": ("softmax", "sparse_categorical_crossentropy"),
    "multilabel": ("sigmoid", "binary_crossentropy"),
    "regression": ("linear", "mean_squared_error"),
}


def parse_model(text: str) -> tuple[str, tuple[int, ...], dict[str, Any]]:
    """Read `name(numbers, option=value)`, or a name alone, without evaluating it.

    Raises: ProblemError for text of another form, and for unknown models, options and values.

    >>> parse_model("mlp(128, 64, dropout=0.2)")
    ('mlp', (128, 64), {'dropout': 0.2})
    >>> parse_model("logistic")
    ('logistic', (), {})
    """
    problem = f"model {text[:60]!r} is not of the form mlp(128, 64, dropout=0.2) or package.module:function"
    if len(text) > 500:
        raise ProblemError(problem)
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name) and call.id != "mlp":
            call = ast.Call(call, [], [])
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ProblemError(problem)
        name = call.func.id
        args = tuple(ast.literal_eval(arg) for arg in call.args)
        options = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise error if isinstance(error, InputError) else ProblemError(problem) from None
    if name not in NAMED:
        raise ProblemError(unknown("model", name, NAMED))
    known = NAMED[name][1]
    for option in options:
        if option not in known:
            raise ProblemError(unknown(f"option of {name}", option, known))
    if args and name in ("logistic", "linear"):
        raise ProblemError(f"model {text!r} has no hidden layers and takes no widths; use mlp{args}")
    for width in args:
        if not isinstance(width, int) or isinstance(width, bool) or width < 1:
            raise ProblemError(
                f"model {text!r}: the width of a layer must be a positive whole number, not {width!r}"
            )
    dropout = options.get("dropout", 0.0)
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ProblemError(f"model {text!r}: dropout={dropout!r} must be a share of at least 0 and below 1")
    return name, args, options


def changed_model(text: str, changes: Mapping[str, Any]) -> str:
    """Return the text of a model with another `width` or `depth` of its hidden layers, or other options.

    A number of layers other than that of the text has the width of its first layer throughout.

    Raises: ProblemError for a model that does not have what is to be changed.

    >>> changed_model("mlp(64, 32, dropout=0.2)", {"width": 16, "activation": "tanh"})
    'mlp(16, 16, dropout=0.2, activation="tanh")'
    >>> changed_model("mlp(64, 32)", {"depth": 3})
    'mlp(64, 64, 64)'
    """
    name, widths, options = parse_model(text)
    for key in SIZES:
        if key in changes and (name != "mlp" or not widths):
            raise ProblemError(
                f"{key}={changes[key]!r} needs a model with hidden layers, such as mlp(64), not {text!r}"
            )
    if "depth" in changes:
        widths = (widths[0],) * changes["depth"]
    if "width" in changes:
        widths = (changes["width"],) * len(widths)
    options |= {key: value for key, value in changes.items() if key not in SIZES}
    parts = [*map(str, widths), *(f"{key}={json.dumps(option)}" for key, option in options.items())]
    changed = f"{name}({', '.join(parts)})" if parts else name
    parse_model(changed)
    return changed


def named_model(text: str, outputs: int, kind: str, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Any, str]:
    """Build the Keras model that `text` names, for rows of these shapes; return it and its loss."""
    import keras

    if len(shapes) > 1:
        raise ProblemError(
            f"model {text!r} takes one input and the data has {len(shapes)} ({', '.join(shapes)}); "
            "pass a compiled Keras model whose inputs have these names"
        )
    name, widths, options = parse_model(text)
    (shape,) = shapes.values()
    activation, loss = ENDINGS[kind]
    initializer = options.get("initializer", "glorot_uniform")
    try:
        hidden = NAMED[name][0](shape, widths, options)
        last = keras.layers.Dense(outputs, activation, kernel_initializer=initializer, name="output")
        return keras.Sequential([keras.Input(shape), *hidden, last]), loss
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise ProblemError(f"model {text!r}: {str(error).splitlines()[0]}") from None


def _mlp(shape: tuple[int, ...], widths: Sequence[int], options: Mapping[str, Any]) -> list[Any]:
    import keras

    layers: list[Any] = [keras.layers.Flatten()] if len(shape) > 1 else []
    for width in widths:
        layers.append(
            keras.layers.Dense(
                width,
                activation=options.get("activation", "relu"),
                kernel_initializer=options.get("initializer", "glorot_uniform"),
            )
        )
        if options.get("dropout"):
            layers.append(keras.layers.Dropout(options["dropout"]))
    return layers


def _convnet(shape: tuple[int, ...], filters: Sequence[int], options: Mapping[str, Any]) -> list[Any]:
    import keras

    if len(shape) not in (2, 3):
        raise ProblemError(f"model 'convnet' needs images, rows of 2 or 3 axes; the rows have shape {shape}")
    layers: list[Any] = [keras.layers.Reshape((*shape, 1))] if len(shape) == 2 else []
    for count in filters or FILTERS:
        layers += [
            keras.layers.Conv2D(count, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(padding="same"),
        ]
    layers.append(keras.layers.Flatten())
    if options.get("dropout"):
        layers.append(keras.layers.Dropout(options["dropout"]))
    return layers


Layers = Callable[[tuple[int, ...], Sequence[int], Mapping[str, Any]], list[Any]]

# For each name: the function that makes the layers before the last one, and its options.
NAMED: dict[str, tuple[Layers, tuple[str, ...]]] = {
    "mlp": (_mlp, ("activation", "dropout", "initializer")),
    "logistic": (_mlp, ("initializer",)),
    "linear": (_mlp, ("initializer",)),
    "convnet": (_convnet, ("dropout",)),
}
