"""One process that makes the runs of PyTorch models for all tests; a new one imports for seconds."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from typing import Any

from stepsize.errors import InputError
from stepsize.process import Child, WorkerError
from stepsize.study.user_functions.torch_series import ENVIRONMENT


class SeriesProcess:
    """Lends its process to one borrower after the other; call it in place of `Child`."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._is_lent = False

    def __call__(self, module: str, **environment: str) -> Any:
        """Return the process for PyTorch models, if it is free; others get one of their own."""
        if self._is_lent or not ENVIRONMENT.items() <= environment.items():
            return Child(module, **environment)
        if self._child is None:
            self._child = Child(module, **environment, PYTHONHASHSEED="7")  # other than that of the tests
        self._is_lent = True
        self._child.ask(("function", pickle.dumps(Arrival(os.getcwd(), list(sys.path)))))
        return Borrowed(self, self._child)

    def take_back(self, usable: bool) -> None:
        self._is_lent = False
        if not usable:
            self.end()

    def end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class Arrival:
    """Unpacked in the process, it moves it to the working folder of a test, with its modules."""

    def __init__(self, folder: str, path: list[str]) -> None:
        self.arguments = folder, path

    def __reduce__(self) -> Any:
        return arrive, self.arguments


def arrive(folder: str, path: list[str]) -> None:
    os.chdir(folder)
    sys.path[:] = path


class Borrowed:
    """The process as its borrower has it: ending it gives it back, unless it has died or is busy."""

    def __init__(self, owner: SeriesProcess, child: Child) -> None:
        self._owner, self._child, self._is_idle = owner, child, True

    def ask(self, *arguments: Any) -> Any:
        self._is_idle = False
        try:
            answer = self._child.ask(*arguments)
        except (InputError, WorkerError):
            self._is_idle = True
            raise
        self._is_idle = True
        return answer

    def reap(self) -> str:
        with suppress(OSError):
            return self._child.reap()
        return ""

    def end(self) -> None:
        self._owner.take_back(self._is_idle)
