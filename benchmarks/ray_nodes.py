"""Measure studies on a Ray cluster: one node against two, Ray against this machine, and what a call costs.

    python benchmarks/ray_nodes.py --rounds 5

Three processes train the same runs in turn, round after round: on a Ray cluster of one node with one core, on
one of two such nodes, and with the local executor on both cores. Each node is bound to a core, and so is the
process of the study, to that of the first node, as if the command ran there. Everything is started and
compiled before it is timed.

    python benchmarks/ray_nodes.py --costs

This measures the time of an empty call through Ray, of building a call, and of storing runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import stepsize as ss
from stepsize.engine.client import Engine
from stepsize.study.cluster.actors import PopulationCall
from stepsize.study.cluster.connection import ALWAYS, HERE, connected
from stepsize.study.cluster.executor import cluster_executor
from stepsize.study.cluster.pool import Pool, shared_versions
from stepsize.study.cluster.tasks import Item
from stepsize.study.executor import Claim, Executor, unshared
from stepsize.study.jobs import Job
from stepsize.study.populations.executor import PopulationExecutor, opened_groups
from stepsize.study.protocol import Round
from stepsize.study.runner import run_study
from stepsize.study.stores.store import Run, Runs, Store
from stepsize.study.study import Study, make_study

SPECS = ("constant(0.1)", "linear(0.1)", "cosine(0.1)", "exponential(0.1, floor=0.001)")
CASES = ("one node", "two nodes", "local")
WARMUP = 40  # seeds
APART = 100_000  # between the first seeds of two rounds


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=600, help="of a round")
    parser.add_argument("--costs", action="store_true")
    parser.add_argument("--runs", type=int, default=1_000_000, help="that the writer stores")
    parser.add_argument("--serve", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    elif options.costs:
        call_costs()
        writer_costs(options.runs)
    else:
        compare(options.rounds, options.seeds)


def compare(rounds: int, seeds: int) -> None:
    """Let all cases train the same seeds in turn, and print their runs per second."""
    with ExitStack() as stack:
        cases = {name: stack.enter_context(Case(name)) for name in CASES}
        rates: dict[str, list[float]] = {name: [] for name in CASES}
        for number in range(rounds):
            for name in CASES if number % 2 else CASES[::-1]:
                seconds = cases[name].train((number + 1) * APART, seeds)
                rates[name].append(seeds * len(SPECS) / seconds)
            print(", ".join(f"{name}: {rates[name][-1]:.0f} runs/s" for name in CASES), flush=True)
    medians = {name: statistics.median(each) for name, each in rates.items()}
    print("median", ", ".join(f"{name}: {rate:.0f} runs/s" for name, rate in medians.items()))
    for above, below in (("two nodes", "one node"), ("two nodes", "local")):
        ratios = [a / b for a, b in zip(rates[above], rates[below], strict=True)]
        print(f"{above} / {below}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


class Case:
    """A process that trains runs in one of the cases, and waits in between."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, __file__, "--serve", name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.train(0, WARMUP)

    def __enter__(self) -> Case:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def train(self, first: int, count: int) -> float:
        """Train so many seeds, return the seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{first} {count}\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline()))


def serve(case: str) -> None:
    """Train the seeds that standard input asks for, and print the seconds."""
    problem = ss.problem("ionosphere")
    study = make_study(problem, SPECS, seeds=2)
    with executor_of(case, problem, study) as executor:
        for line in sys.stdin:
            first, count = map(int, line.split())
            began = time.perf_counter()
            with Store(Path(tempfile.mkdtemp(), "runs.sqlite")) as store:
                for runs in executor.execute(round_of(study, first, count), {}, lambda done: None):
                    store.add(study.fingerprint, runs)
            print(time.perf_counter() - began, flush=True)


def round_of(study: Study, first: int, count: int) -> Round:
    """Return the round of all candidates on so many seeds."""
    seeds = range(first, first + count)
    return Round("all", tuple(Job(each, None, seed) for seed in seeds for each in study.candidates), True)


@contextmanager
def executor_of(case: str, problem: Any, study: Study) -> Iterator[Executor]:
    """Return what trains in a case; its cluster is started first."""
    if case == "local":
        with Engine() as engine:
            yield PopulationExecutor(engine, problem, study)
        return
    os.environ.update({**ALWAYS, **HERE, "RAY_AUTH_MODE": "disabled"})
    cluster: Any = import_module("ray.cluster_utils").Cluster()
    cores = sorted(os.sched_getaffinity(0))
    try:
        for core in cores[: 2 if case == "two nodes" else 1]:
            os.sched_setaffinity(0, {core})
            cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", include_dashboard=False)
        os.sched_setaffinity(0, {cores[0]})
        with cluster_executor(problem, study, cluster.address) as executor:
            yield executor
    finally:
        cluster.shutdown()


class NullTrainer:
    """A trainer that does nothing, to measure everything else."""

    compile_seconds = 0.0

    def start(self) -> None:
        """Do nothing."""

    def train(self, call: Any, on_progress: Callable[[float], None]) -> int:
        """Return the size of the call."""
        return len(call)


def call_costs() -> None:
    """Print the time of a call through Ray, and of building one of the Ionosphere study."""
    with connected(None), Pool(NullTrainer(), shared_versions({}), 2**20) as pool:
        for size in (100, 100_000, 10_000_000):
            count = 2_000 if size < 10**6 else 100
            items = [Item(str(each), 1, partial(bytes, size), None) for each in range(count)]  # a task each
            list(pool.train(items[:20], lambda done: None))
            began = time.perf_counter()
            list(pool.train(items[20:], lambda done: None))
            each = (time.perf_counter() - began) / (count - 20)
            print(f"a task of {size:,} bytes that does nothing: {each * 1e3:.2f} ms", flush=True)
    problem = ss.problem("ionosphere")
    study = make_study(problem, SPECS, seeds=2)
    with Engine() as engine:
        ((group, layout),) = opened_groups(
            lambda group: engine.open(group.key, group.task, group.candidates, group.seeds),
            problem, study, round_of(study, 0, 400),
        )  # fmt: skip
    calls = list(group.calls(layout))
    runs = sum(len(call.jobs) for call in calls)
    began = time.perf_counter()
    for call in calls:
        group.blocks(call, layout)
    print(f"building a call on a node: {(time.perf_counter() - began) / runs * 1e3:.3f} ms for each run")
    began = time.perf_counter()
    tasks = [
        PopulationCall(group.key, None, layout, call, True, group.programs, [None] * len(call.blocks))
        for call in calls
    ]
    size = len(import_module("ray.cloudpickle").dumps(tasks))
    seconds = time.perf_counter() - began
    print(f"sending it there: {seconds / runs * 1e3:.4f} ms and {size / runs:,.0f} bytes for each run")


class NullExecutor:
    """An executor whose runs are there at once, to measure what the process of a study does itself."""

    training_seconds, compile_seconds, layout = 1.0, 0.0, "none"

    def execute(
        self, stage: Round, runs: Runs, advance: Callable[[float], None], claim: Claim = unshared
    ) -> Iterator[list[Run]]:
        """Yield the runs of a round, eighty at a time."""
        curves = np.random.default_rng(0).random((4, 50), np.float32)
        for first in range(0, len(stage.jobs), 80):
            jobs = stage.jobs[first : first + 80]
            yield [Run(job.name, job.seed, job.rate, None, curves.copy()) for job in jobs]


def writer_costs(runs: int) -> None:
    """Print how fast the process of a study stores runs, and what they take."""
    study = make_study(ss.problem("ionosphere"), SPECS, seeds=runs // len(SPECS))
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "runs.sqlite")) as store:
        began = time.perf_counter()
        run_study(study, store, NullExecutor())
        seconds = time.perf_counter() - began
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(
        f"{runs:,} runs of 50 epochs stored at {runs / seconds:,.0f} runs/s; {size / runs:,.0f} bytes of "
        f"disk for each, {peak / 2**20:.1f} GiB of memory at most"
    )


if __name__ == "__main__":
    main()
