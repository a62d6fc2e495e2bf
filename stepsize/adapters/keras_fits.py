"""When `fit` of Keras begins an epoch or ends, for a rate that compiled code asks for only once.

On JAX and TensorFlow a schedule is called while a training step is compiled, and never again. What a later
`fit` of the same model does can be noticed in its list of callbacks alone, which Keras makes for each `fit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from stepsize.adapters.keras_optimizers import inner
from stepsize.errors import require

require("train", "keras")

from keras.callbacks import CallbackList  # noqa: E402
from keras.optimizers import Optimizer  # noqa: E402

Look = Callable[[Any, bool], None]


def follow_fits(look: Look) -> None:
    """Call `look(optimizer, continues)` in every `fit`, for each optimizer of its model.

    `continues` is true before an epoch, when an update will follow, and false at the end of a `fit`.
    """
    for name, continues in (("on_epoch_begin", True), ("on_train_end", False)):
        setattr(CallbackList, name, _followed(getattr(CallbackList, name), look, continues))


def _followed(method: Any, look: Look, continues: bool) -> Any:
    @wraps(method)
    def followed(callbacks: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(callbacks, *args, **kwargs)  # only then every callback has restored what it restores
        for optimizer in _optimizers(getattr(callbacks, "_model", None)):
            look(optimizer, continues)
        return result

    return followed


def _optimizers(model: Any) -> Iterator[Any]:
    """Yield the optimizers that a model was compiled with, or keeps as attributes of its own."""
    compiled = getattr(model, "optimizer", None)
    others = [each for each in getattr(model, "__dict__", {}).values() if isinstance(each, Optimizer)]
    for optimizer in {id(each): each for each in (compiled, *others) if each is not None}.values():
        yield from getattr(inner(optimizer), "optimizers", [inner(optimizer)])
