"""Processes whose Keras runs on another backend than this one's; one serves all tests of a session."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Any, NoReturn

from stepsize import process
from stepsize.process import Child, serve

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


class KerasProcesses(ExitStack):
    """Call functions with Keras on one of its backends: JAX in this process, the others in their own."""

    def __init__(self) -> None:
        super().__init__()
        self._children: dict[str, Child] = {}

    def call(self, backend: str, module: str, function: str, *arguments: Any) -> Any:
        """Return what `tests.support.module.function(*arguments)` returns, as JSON would hold it."""
        request = (f"tests.support.{module}", function, arguments)
        if backend == "jax":
            return answer(request)
        if backend not in self._children:
            child = Child(__name__, KERAS_BACKEND=backend, **ENVIRONMENT)
            self.callback(child.end)
            self._children[backend] = child
        return self._children[backend].ask(request)


def answer(request: tuple[str, str, tuple[Any, ...]], _: Callable[[Any], None] | None = None) -> Any:
    module, function, arguments = request
    return json.loads(json.dumps(getattr(import_module(module), function)(*arguments)))


def allow_studies() -> None:
    """Let this process start training processes: it stands for a user's own, and is not one of them."""
    process.is_child = False


def main() -> NoReturn:
    serve(answer, allow_studies)
