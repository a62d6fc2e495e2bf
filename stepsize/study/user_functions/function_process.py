"""The caller's side of a process that makes the runs of a training function: start, ask, replace it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepsize.errors import EngineError, InputError
from stepsize.hangs import Patience
from stepsize.process import BROKEN, Child, Notice, ProcessDied, Progress, WorkerError
from stepsize.study.user_functions.worker import CountRequest, RunRequest, TorchRunRequest

ATTEMPTS = 3  # for one run, if the process dies
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class FunctionProcess:
    """One process that runs the function; it starts with its first run."""

    def __init__(self, packed: str | bytes, name: str, environment: Mapping[str, str] | None = None) -> None:
        self._packed, self._name, self._environment = packed, name, environment or {}
        self._child: Child | None = None
        self._closed = False

    def run(
        self,
        request: RunRequest,
        on_epoch: Callable[[int | Notice], None],
        candidate: str,
        patience: Patience | None = None,
    ) -> tuple[Any, int | None]:
        """Make one run; return its curves and the update at which it diverged, or None.

        `on_epoch` is called with the number of each epoch, and with messages for people.

        Raises: ProcessDied if the process dies each time, EngineError if the function fails.
        """
        return self._ask(("run", request), f"{candidate}, seed {request.seed}", on_epoch, patience)

    def count(self, request: CountRequest) -> tuple[int | None, int]:
        """Count the updates of an epoch, as `worker.count_updates` does."""
        return self._ask(("count", request), "counting its updates")

    def digest(self) -> str:
        """Return the digest of the function's code as the process has it."""
        return self._ask(("digest", None), "reading its code")

    def final_weights(self, request: TorchRunRequest) -> tuple[Any, int | None, Any, Any]:
        """Make one run of a PyTorch model; return what `TorchRuns.final_weights` does."""
        return self._ask(("weights", request), f"seed {request.seed}")

    def _ask(
        self,
        request: Any,
        run: str,
        on_progress: Progress = lambda value: None,
        patience: Patience | None = None,
    ) -> Any:
        """Ask the process, or a new one if it died; `run` names the request in errors."""
        last_output = ""
        for _ in range(ATTEMPTS):
            child = self._child
            try:
                if child is None:
                    child = self._start()
                    child.ask(("function", self._packed))
                return child.ask(request, on_progress, patience)
            except BROKEN:
                assert child is not None
                self._child, last_output = None, child.reap()
            except InputError as error:
                raise type(error)(f"{self._name}, {run}: {error}") from None
            except WorkerError as error:
                raise EngineError(
                    f"{self._name} raised {error.summary} ({run}); its traceback is in {error.traceback_path}"
                ) from None
        raise ProcessDied(f"the process that trains {self._name!r} died {ATTEMPTS} times {last_output}")

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self.end()

    def end(self) -> None:
        """End the process; the next run starts a new one."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _start(self) -> Child:
        if self._closed:
            raise EngineError("training was stopped")
        environment = {**dict.fromkeys(ONE_THREAD, "1"), **self._environment}
        child = Child("stepsize.study.user_functions.worker", **environment)
        self._child = child
        return child
