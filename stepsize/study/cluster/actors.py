"""What runs on the nodes of a cluster: an actor with one core, which keeps its compiled programs.

An actor has the same training process that a study on one machine has: `Engine` for a problem,
`FunctionProcess` for a training function. Everything that reaches it is plain data.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from stepsize.cores import CORES
from stepsize.engine.client import Engine
from stepsize.engine.planner import Layout, Machine
from stepsize.engine.task import Task
from stepsize.errors import EngineError, InputError, StepsizeError, first_line
from stepsize.problems.problem import Problem
from stepsize.process import Notice
from stepsize.study.populations.calls import Call, Group
from stepsize.study.populations.shared_programs import Program
from stepsize.study.user_functions.function_process import FunctionProcess
from stepsize.study.user_functions.worker import RunRequest
from stepsize.user_modules import source_of

MACHINE = Machine()  # one core, whatever the node, so that all nodes of all clusters have the same layouts
ENVIRONMENT = {CORES: "1", "PJRT_NPROC": "1", "JAX_PLATFORMS": "cpu"}  # the second: threads of XLA


class RemotePopulation(NamedTuple):
    """What opens a population and builds its calls.

    `problem` refers to the problem without its model, which all populations share. `group` lacks it, and
    `task` lacks the data.
    """

    key: str
    task: Task
    group: Group
    problem: Any
    candidates: int
    seeds: int


class PopulationCall(NamedTuple):
    """A call of the engine; `population` refers to the `RemotePopulation` with this key.

    `programs` are those of its jobs, by the text of their settings: a later round may propose other values.
    `initial` holds the initial weights of each block, None where the model draws them from the seed.
    """

    key: str
    population: Any
    layout: Layout
    call: Call
    judge: bool
    programs: Mapping[str, Program]
    initial: Sequence[Any]


class FunctionCall(NamedTuple):
    """One run of a training function."""

    request: RunRequest
    candidate: str


class Trainer(Protocol):
    """What trains calls on a node."""

    def start(self) -> None:
        """Start what takes a while, before the first call is here."""
        ...

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        ...

    def train(self, call: Any, on_progress: Callable[[float | Notice], None]) -> Any:
        """Train one call; `on_progress` is called with the fraction completed, and with messages."""
        ...


class PopulationTrainer:
    """Trains calls of the engine in a process of its own."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._groups: dict[tuple[str, bool], Group] = {}

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return 0.0 if self._engine is None else self._engine.compile_seconds

    def start(self) -> None:
        """Start the process, unless it is there."""
        if self._engine is None:
            os.environ.update(ENVIRONMENT)
            self._engine = Engine(MACHINE)

    def open(self, reference: Any) -> Layout:
        """Open a population and return its layout."""
        ray: Any = import_module("ray")
        self.start()
        assert self._engine is not None
        population: RemotePopulation = ray.get(reference)
        check_code(population.task.model)
        problem: Problem = ray.get(population.problem)
        arrays = {"x": problem.data.trained_x, "y": problem.trained_y, "weights": problem.row_weights()}
        task = replace(population.task, **arrays)
        for judge in (False, True):
            group = replace(population.group, problem=problem, judge=judge)
            self._groups[population.key, judge] = group
        return self._engine.open(population.key, task, population.candidates, population.seeds)

    def train(self, call: PopulationCall, on_progress: Callable[[float | Notice], None]) -> Any:
        """Train one call, whose population is opened first if it is not open here."""
        if (call.key, call.judge) not in self._groups:
            layout = self.open(call.population)
            if layout != call.layout:
                raise EngineError(f"the layout here is {layout}, elsewhere {call.layout}")
        assert self._engine is not None
        group = self._groups[call.key, call.judge]
        if not call.programs.keys() <= group.programs.keys():
            group = replace(group, programs={**group.programs, **call.programs})
            self._groups[call.key, call.judge] = group
        blocks = group.blocks(call.call, call.layout)
        blocks = [
            block._replace(initial=initial) for block, initial in zip(blocks, call.initial, strict=True)
        ]
        return self._engine.train(call.key, blocks, on_progress)


def check_code(model: Mapping[str, Any]) -> None:
    """Raise EngineError if modules or a file that a model is made from are not those of the command."""
    modules = [(entry[0], entry[3]) for entry in model.get("custom", ())]
    if "factory" in model:
        modules.append((model["factory"].partition(":")[0], model["source"]))
    for module, source in modules:
        if source_of(module) != source:
            raise _other_code(module)
    if "file" in model:
        path = Path(model["file"])
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest()[:16] != model["content"]:
            raise _other_code(model["file"])


def _other_code(name: str | bytes) -> EngineError:
    return EngineError(
        f"{name!r} is not there or differs from that of the command; copy the same files to every node"
    )


class FunctionTrainer:
    """Makes runs of a training function in a process that starts with the first one."""

    compile_seconds = 0.0

    def __init__(
        self,
        packed: str | bytes,
        name: str,
        digest: str | None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._packed, self._name, self._digest = packed, name, digest
        self._environment = environment
        self._process: FunctionProcess | None = None

    def start(self) -> None:
        """Do nothing: the process starts quickly."""

    def train(self, call: FunctionCall, on_progress: Callable[[float | Notice], None]) -> Any:
        """Make one run; return its curves and the update at which it diverged, or None."""
        if self._process is None:
            self._process = self._started()

        def report(value: int | Notice) -> None:
            on_progress(value if isinstance(value, Notice) else value / call.request.epochs)

        return self._process.run(call.request, report, call.candidate)

    def _started(self) -> FunctionProcess:
        """Return the process of the function, whose code must be that of the command."""
        process = FunctionProcess(self._packed, self._name, self._environment)
        if self._digest not in (None, process.digest()):
            process.close()
            raise _other_code(self._packed)
        return process


@dataclass(frozen=True)
class Arrival:
    """What a new actor reports: the id of its node and the versions of packages there."""

    node: str
    versions: Mapping[str, str | None]


class Actor:
    """A process on a node, which trains calls one after another; Ray creates it.

    `folder` is the working folder of the command. If the node has it too, modules of the user are found in
    it, as they are on one machine.
    """

    def __init__(self, trainer: Trainer, folder: str) -> None:
        if os.path.isdir(folder):
            os.chdir(folder)
        self._trainer = trainer

    def arrive(self, packages: Sequence[str]) -> Arrival:
        """Return where this is and what is installed here, and start the trainer."""
        ray: Any = import_module("ray")
        with suppress(StepsizeError):  # the first call will raise it again
            self._trainer.start()
        return Arrival(ray.get_runtime_context().get_node_id(), versions_of(packages))

    def open(self, references: Sequence[Any]) -> tuple[str, Any]:
        """Open the population that the one reference refers to; return its layout as `_answer` does."""
        return _answer(lambda: self._trainer.open(*references))  # pyright: ignore

    def train(self, calls: Sequence[Any], every: float) -> Iterator[tuple[str, Any]]:
        """Train calls; yield `("progress", share)` every few seconds, then the answer of `_answer`.

        A message for people is yielded at once, as `("notice", text)`.

        The answer is the results, the seconds of training them and all seconds of compilation so far.
        """
        messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._train, args=(calls, messages), daemon=True).start()
        latest = time.monotonic()
        while True:
            kind, value = messages.get()
            if kind == "notice":
                yield kind, value
                continue
            if kind != "progress":
                yield kind, value
                return
            if time.monotonic() - latest >= every:
                latest = time.monotonic()
                yield kind, value

    def _train(self, calls: Sequence[Any], messages: queue.SimpleQueue[tuple[str, Any]]) -> None:
        def report(value: float | Notice, done: int) -> None:
            if isinstance(value, Notice):
                messages.put(("notice", value.text))
            else:
                messages.put(("progress", (done + value) / len(calls)))

        def train() -> Any:
            began, results = time.monotonic(), []
            for done, call in enumerate(calls):
                results.append(self._trainer.train(call, partial(report, done=done)))
                report(1.0, done)
            return results, time.monotonic() - began, self._trainer.compile_seconds

        messages.put(_answer(train))


def _answer(action: Callable[[], Any]) -> tuple[str, Any]:
    """Return `("answer", value)`, `("refused", error)` for bad input, or `("failed", reason)`."""
    try:
        return "answer", action()
    except InputError as error:
        return "refused", error
    except BaseException as error:
        is_ours = isinstance(error, StepsizeError)
        return "failed", str(error) if is_ours else f"{type(error).__name__}: {first_line(error)}"


def versions_of(packages: Iterable[str]) -> dict[str, str | None]:
    """Return the installed versions of packages, by the names of their distributions or modules.

    >>> versions_of(["no-such-package"])
    {'no-such-package': None}
    """
    return {name: _version(name) for name in packages}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(name)
        return metadata.version(names[0]) if names else None
