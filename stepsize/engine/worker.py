"""The training process: receives tasks and blocks, answers with curves.

`client.Engine` starts it through `process.Child`, so it has an environment of its own: Keras
on JAX whatever the caller's Keras runs on, and one JAX device per processor core, or the GPU that
JAX_PLATFORMS names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, cast

from stepsize.cores import cores, second_level_cache
from stepsize.engine.checkpoints import Checkpoint
from stepsize.engine.compiled_programs import CompiledPrograms
from stepsize.engine.memory import check_model, fitting_layout
from stepsize.engine.planner import Layout, Machine, Sizes
from stepsize.engine.task import Curves, Task
from stepsize.errors import EngineError, first_line
from stepsize.process import Notice, Progress, serve

UNUSED = ("sklearn", "IPython", "requests")  # Keras imports them for parts that are not used here: 0.5 s


def main() -> None:
    """Serve one caller until it is gone."""
    populations: dict[str, Any] = {}
    programs = CompiledPrograms()

    def answer(request: tuple[Any, ...], progress: Progress) -> Any:
        def send(message: str) -> None:
            progress(Notice(message))

        kind, key, *arguments = request
        if kind == "open":
            populations[key], layout = _open(*arguments)
            return layout
        if kind == "weights":
            return import_module("stepsize.engine.final_weights").final_weights(
                populations[key], *arguments, progress
            )
        if kind == "noise":
            return import_module("stepsize.engine.gradient_noise").gradient_noise(
                populations[key], *arguments, progress
            )
        blocks, checkpoint = arguments
        saved = None if checkpoint is None else replace(checkpoint, on_message=send)
        curves = _train(populations[key], blocks, saved, progress)
        programs.report(send)
        return curves

    serve(answer, lambda: _prepare_jax(programs))


def _open(task: Task, candidates: int, seeds: int, machine: Machine | None = None) -> tuple[Any, Layout]:
    from stepsize.engine.dry_run import reason_for_series
    from stepsize.engine.population import Population

    machine = machine or _machine()
    check_model(task)
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
    rows = sum(values.nbytes for values in (*task.inputs.values(), task.y))
    layout = fitting_layout(sizes, machine, reason_for_series(population), population.one(), rows)
    population.compile(layout)
    return population, layout


def _machine() -> Machine:
    """Return the devices that JAX trains on here."""
    import jax

    try:
        devices = jax.devices()
    except RuntimeError as error:
        platforms = os.environ.get("JAX_PLATFORMS")
        raise EngineError(
            f"JAX_PLATFORMS={platforms!r}: {first_line(error)}; unset it to train on the processor"
        ) from None
    if devices[0].platform == "cpu":
        return Machine(len(devices), second_level_cache())
    return Machine(1, platform=devices[0].platform)


def _train(
    population: Any, blocks: list[Any], checkpoint: Checkpoint | None, progress: Progress
) -> tuple[list[Curves], float]:
    """Train a call's blocks; return their curves and the seconds spent compiling."""
    before = population.compile_seconds
    curves = population.train(blocks, progress, checkpoint)
    return curves, population.compile_seconds - before


def _prepare_jax(programs: CompiledPrograms) -> None:
    """Configure JAX before its first use: on the processor, unless JAX_PLATFORMS is set."""
    os.environ["KERAS_BACKEND"] = "jax"
    import jax

    jax.config.update("jax_num_cpu_devices", cores())
    if not os.environ.get("JAX_PLATFORMS"):
        jax.config.update("jax_platforms", "cpu")
    programs.keep(jax.config)
    with _hidden(*UNUSED):
        import_module("stepsize.engine.population")  # while the caller prepares its first request
    import_module("stepsize.engine.random_bits").use()


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Make imports of packages fail inside the block, as if they were not installed."""
    hidden = [package for package in packages if package not in sys.modules]
    for package in hidden:
        sys.modules[package] = cast(Any, None)
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
