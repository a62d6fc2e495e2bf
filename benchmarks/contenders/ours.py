"""Our populations of the contenders' networks, through `stepsize.compare`, from an empty store.

    python benchmarks/contenders/ours.py ionosphere FIRST_SEED SEEDS
    python benchmarks/contenders/ours.py fashion FIRST_SEED SEEDS EPOCHS FOLDER
    python benchmarks/contenders/ours.py scale FIRST_SEED SEEDS

On each seed, `ionosphere` makes sixteen runs, one of them the lesson's; `fashion` three; `scale` ten of the
first kind, and the report.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import stepsize as ss
from stepsize import epochs, updates

LESSON = ss.inverse_time(0.1, rate=0.002, every=1 * updates)
FAMILIES = (
    ss.constant,
    ss.linear,
    ss.cosine,
    ss.one_cycle,
    lambda rate: ss.warmup(5 * epochs) >> ss.cosine(rate),
)
OTHERS = [family(rate) for rate in (0.1, 0.03, 0.3) for family in FAMILIES]
RATES = [ss.constant(0.01), ss.constant(0.1), ss.constant(0.001)]


def chosen(name: str, *of_fashion: str) -> tuple[ss.Problem, Sequence[ss.Schedule]]:
    """Give the lesson's problem and the schedules; the contenders' is the first of them."""
    if name == "fashion":
        length, folder = of_fashion
        return ss.problem("lesson-fashion-mnist", epochs=int(length), folder=folder), RATES
    problem = ss.problem("lesson-ionosphere", settings={"optimizer": "sgd", "momentum": 0.8})
    return problem, [LESSON, *OTHERS][: 10 if name == "scale" else 16]


def main() -> None:
    name, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    problem, schedules = chosen(name, *sys.argv[4:])
    with tempfile.TemporaryDirectory() as folder:
        seeds, store = range(first, first + count), Path(folder) / "store.sqlite"
        result = ss.compare(problem, schedules, seeds, store=store, quiet=True)
        if name == "scale":
            result.report(Path(folder) / "report.html")
    cost = result.answer["cost"]
    output = {
        "peer": "stepsize",
        "runs": cost["runs"],
        "epochs": problem.epochs,
        "seconds": cost["runs"] / cost["runs_per_second"],
        "compile_seconds": cost["compile_seconds"],
        "val_accuracy": result.answer["candidates"][0]["scores"],
        "layout": cost["layout"],
    }
    print(json.dumps(output))


if __name__ == "__main__":
    main()
