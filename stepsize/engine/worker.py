"""The training process: receives tasks and blocks on standard input, answers with curves.

Started by `client.Engine` as `python -m stepsize.engine.worker`, so it has an environment of its own:
Keras on JAX whatever the caller's Keras runs on, and one JAX device per processor core. Requests and
answers are pickles, which never leave these two processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from stepsize.engine.child import answers, cores, requests
from stepsize.engine.planner import plan_layout
from stepsize.engine.task import Task
from stepsize.errors import EngineError, InputError, MissingExtra
from stepsize.problems.travel import first_line, kept_traceback

Send = Callable[..., None]


def main() -> None:
    """Serve one caller until it is gone."""
    send, waiting = answers(), requests()
    devices = _prepare_jax()
    populations: dict[str, Any] = {}
    while True:
        kind, key, *rest = waiting.get()
        try:
            if kind == "open":
                task, candidates = rest
                populations[key], layout = _open(task, candidates, devices)
                send("layout", layout)
            else:
                _train(send, populations[key], *rest)
        except (InputError, MissingExtra) as error:
            send("refused", error)
        except Exception as error:
            said = f"{type(error).__name__}: {first_line(error)}"
            where = f"the whole message is in {kept_traceback()}"
            send("refused", EngineError(f"training failed with {said}; {where}"))


def _open(task: Task, candidates: int, devices: int) -> tuple[Any, Any]:
    from stepsize.engine.population import Population
    from stepsize.engine.trial import why_series

    population = Population(task)
    layout = plan_layout(
        population.member.weights, task.epochs, task.updates_per_epoch, candidates, devices, why_series(population)
    )
    population.compile(layout)
    return population, layout


def _train(send: Send, population: Any, blocks: list[Any]) -> None:
    before = population.compile_seconds
    curves = population.train(blocks, lambda share: send("progress", share))
    send("curves", curves, population.compile_seconds - before)


def _prepare_jax() -> int:
    """Set JAX up before its first import does it otherwise; give the number of devices."""
    os.environ["KERAS_BACKEND"] = "jax"
    import jax

    devices = cores()
    jax.config.update("jax_num_cpu_devices", devices)
    jax.config.update("jax_platforms", "cpu")
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stepsize" / "compiled"
        cache.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    except (OSError, RuntimeError):
        pass  # no place to keep programs: they are compiled anew each time
    import_module("stepsize.engine.population")  # and Keras, while the caller prepares its first request
    return devices


if __name__ == "__main__":
    main()
