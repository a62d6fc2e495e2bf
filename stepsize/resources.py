"""What `compare` and `find` share: the store of a study, the executor of its runs, and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from stepsize.engine.client import Engine
from stepsize.engine.trainer import Trainer
from stepsize.errors import StoreError, StudyError, unknown
from stepsize.notebook_output import message_stream
from stepsize.number_format import counted
from stepsize.output_files import RESULTS
from stepsize.problems.problem import Problem
from stepsize.study.cluster.executor import cluster_executor
from stepsize.study.executor import Executor
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.protocol import finished_runs, total_runs
from stepsize.study.road import population_refusal
from stepsize.study.stores.store import Store
from stepsize.study.study import Study
from stepsize.study.trainable import Trainable, check_name
from stepsize.study.user_functions.counting import with_counted_updates
from stepsize.study.user_functions.executor import FunctionExecutor
from stepsize.study.user_functions.torch_series import TorchSeries
from stepsize.study.user_functions.training import Training


def print_message(message: str) -> None:
    """Print a message for people on standard error, or below the cell of a notebook."""
    print(message, file=message_stream())


def default_store(name: str) -> Path:
    """Return the file that keeps the runs of a study called `name` unless another is given."""
    return RESULTS / f"{name}.sqlite"


def with_updates(training: Training, store: str | Path | None) -> Training:
    """Return the training with the updates of an epoch, counted once and kept in the store."""
    check_name(training.name)
    with Store(checked_store(store or default_store(training.name))) as opened:
        return with_counted_updates(training, opened)


def checked_store(store: str | Path) -> str | Path:
    """Return the path of a store, unless it is that of the resolved study beside it."""
    if not isinstance(store, str | Path):
        raise StoreError(f"store={store!r} is not a path; give for example store='runs.sqlite'")
    if Path(store).suffix.lower() == ".toml":
        raise StoreError(
            f"store={str(store)!r} is where the study file would be; give for example "
            f"store={str(Path(store).with_suffix('.sqlite'))!r}"
        )
    return store


def on_its_road(
    problem: Trainable, plan: Callable[[Trainable], Study], engine: Trainer | None, store: str | Path | None
) -> tuple[Trainable, Study]:
    """Return a problem with its study; a PyTorch model that cannot be a population is one in series.

    `plan` makes the study. A study with runs in the store has trained in populations already.
    """
    study = plan(problem)
    if not isinstance(problem, Problem) or problem.torch_source is None or problem.series is not None:
        return problem, study
    file = checked_store(store or default_store(study.name))
    if Path(file).is_file():
        with Store(file) as opened:
            if opened.runs(study.fingerprint):
                return problem, study
    with Engine() if engine is None else nullcontext(engine) as trainer:
        reason = population_refusal(problem, study, trainer)
    if reason is None:
        return problem, study
    problem = problem.in_series(reason)
    return problem, plan(problem)


EXECUTORS = ("local", "ray")


def check_executor(executor: str, address: str | None) -> None:
    """Raise StudyError for an executor that does not exist, or an address without a cluster."""
    if executor not in EXECUTORS:
        raise StudyError(unknown("executor", str(executor), EXECUTORS))
    if address is not None and executor != "ray":
        raise StudyError(f'address={address!r} is that of a Ray cluster; add executor="ray"')


def open_executor(
    problem: Trainable,
    study: Study,
    engine: Trainer | None,
    store: str | Path,
    executor: str = "local",
    address: str | None = None,
    on_message: Callable[[str], None] = print_message,
) -> AbstractContextManager[Executor]:
    """Return what makes the runs: populations for a problem, processes for a training function.

    A PyTorch model that cannot be a population has processes, too.

    They are on this machine, where the state of runs that take long is kept in a folder beside the store; or,
    with the executor "ray", on the Ray cluster at `address`. `on_message` is called with messages for people,
    such as that this state cannot be written.
    """
    if executor == "ray":
        assert isinstance(problem, Problem | Training)
        return cluster_executor(problem, study, address, on_message)
    checkpoints = None if str(store) == ":memory:" else Path(store).with_suffix(".checkpoints")
    if isinstance(problem, Training):
        return FunctionExecutor(
            problem, checkpoints=checkpoints, fingerprint=study.fingerprint, on_message=on_message
        )
    assert isinstance(problem, Problem)
    if problem.series is not None:
        return FunctionExecutor(TorchSeries.of(problem, study), on_message=on_message)
    assert engine is not None
    return nullcontext(PopulationExecutor(engine, problem, study, checkpoints, on_message))


def kept_store(store: Store, on_message: Callable[[str], None]) -> Path | None:
    """Return the path of a store that was used; None, with a message, if the file is no longer there."""
    if not store.is_lost:
        return store.path
    on_message(f"Runs: not kept, because {store.path} was deleted or replaced while it was in use.")
    return None


def stored_runs(study: Study, store: Store, quiet: bool) -> Iterator[str]:
    """Yield how many runs the store has, or that none of its runs can be used."""
    runs = store.runs(study.fingerprint)
    total, stored = total_runs(study, runs), finished_runs(study, runs)
    if damaged := store.damaged(study.fingerprint):
        yield f"{store.path} holds {counted(damaged, 'damaged run')}, to be trained again."
    if stored and not quiet:
        rest = "nothing is left to train" if stored == total else "continuing"
        yield f"{stored:,} of {total:,} runs are in {store.path}; {rest}."
    elif not stored and store.fingerprints(study.name) - {study.fingerprint}:
        yield (
            f"Settings or versions have changed since the runs in {store.path}. Those runs are kept; "
            "new ones will be trained."
        )
