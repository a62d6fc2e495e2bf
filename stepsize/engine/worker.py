"""The training process: receives tasks and blocks on standard input, answers with curves.

Started by `client.Engine` as `python -m stepsize.engine.worker`, so it has an environment of its own:
Keras on JAX whatever the caller's Keras runs on, and one JAX device per processor core, or the GPU that
JAX_PLATFORMS names. Requests and
answers are pickles, which never leave these two processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from stepsize.engine.planner import Layout, Machine, Sizes, plan_layout
from stepsize.engine.task import Task
from stepsize.errors import EngineError, InputError, MissingExtra, first_line, save_traceback
from stepsize.process import answers, cores, requests, second_level_cache

Send = Callable[..., None]


def main() -> None:
    """Serve one caller until it is gone."""
    send, waiting = answers(), requests()
    _prepare_jax()
    populations: dict[str, Any] = {}
    while True:
        kind, key, *rest = waiting.get()
        try:
            if kind == "open":
                populations[key], layout = _open(*rest)
                send("layout", layout)
            else:
                _train(send, populations[key], *rest)
        except (InputError, MissingExtra) as error:
            send("refused", error)
        except Exception as error:
            said = f"{type(error).__name__}: {first_line(error)}"
            where = f"the whole message is in {save_traceback()}"
            send("refused", EngineError(f"training failed with {said}; {where}"))


def _open(task: Task, candidates: int, seeds: int) -> tuple[Any, Layout]:
    from stepsize.engine.dry_run import reason_for_series
    from stepsize.engine.population import Population

    machine = _machine()
    population = Population(task)
    sizes = Sizes(
        population.member.weights,
        population.member.width,
        task.batch_size,
        task.epochs,
        task.updates_per_epoch,
        candidates,
        seeds,
    )
    layout = plan_layout(sizes, machine, reason_for_series(population))
    population.compile(layout)
    return population, layout


def _machine() -> Machine:
    """Say what JAX trains on here."""
    import jax

    try:
        devices = jax.devices()
    except RuntimeError as error:
        asked = os.environ.get("JAX_PLATFORMS")
        raise EngineError(
            f"JAX_PLATFORMS={asked!r}: {first_line(error)}; unset it to train on the processor"
        ) from None
    if devices[0].platform == "cpu":
        return Machine(len(devices), second_level_cache())
    return Machine(1, platform=devices[0].platform)


def _train(send: Send, population: Any, blocks: list[Any]) -> None:
    before = population.compile_seconds
    curves = population.train(blocks, lambda share: send("progress", share))
    send("curves", curves, population.compile_seconds - before)


def _prepare_jax() -> None:
    """Set JAX up before its first import does otherwise: on the processor, unless JAX_PLATFORMS is set."""
    os.environ["KERAS_BACKEND"] = "jax"
    import jax

    jax.config.update("jax_num_cpu_devices", cores())
    if not os.environ.get("JAX_PLATFORMS"):
        jax.config.update("jax_platforms", "cpu")
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stepsize" / "compiled"
        cache.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    except (OSError, RuntimeError):
        pass  # no place to keep programs: they are compiled anew each time
    with _hidden("sklearn"):  # Keras would import it, for what a training process does not use: 0.4 s
        import_module("stepsize.engine.population")  # while the caller prepares its first request
    import_module("stepsize.engine.random_bits").use()


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Let imports of a package fail inside the block, as if it were not installed."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = cast(Any, None)
    try:
        yield
    finally:
        del sys.modules[package]


if __name__ == "__main__":
    main()
