"""Configs of Keras objects, without an import of TensorFlow.

Where TensorFlow is installed, Keras imports it to ask whether a value of a config is one of TensorFlow's,
which takes two seconds. No value is, as long as nobody has imported TensorFlow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def config_of(thing: Any) -> Any:
    """Return a Keras object as plain data."""
    import keras

    with tensorflow_left_out():
        return keras.saving.serialize_keras_object(thing)


@contextmanager
def tensorflow_left_out() -> Iterator[None]:
    """Let Keras take TensorFlow for missing inside the block, unless it is imported or was asked for."""
    from keras.src.utils import module_utils

    tensorflow: Any = module_utils.tensorflow
    if tensorflow._available is not None or "tensorflow" in sys.modules:
        yield
        return
    tensorflow._available = False
    try:
        yield
    finally:
        tensorflow._available = None
