"""A kind of model as a population, through `stepsize.compare`: `python models_ours.py KIND FIRST_SEED RUNS`.

Half of the runs have the peers' rate, and half another.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from model_kinds import KINDS, parts
from models_keras import model

import stepsize as ss


def main() -> None:
    name, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    kind, rows = KINDS[name], parts(name)
    x, y = (np.concatenate(part) for part in ((rows.x, rows.x_valid), (rows.y, rows.y_valid)))
    split = ss.Split.given(np.arange(kind.rows), np.arange(kind.rows, len(x)))
    problem = ss.problem((x, y), model=model(name), split=split, epochs=kind.epochs, batch_size=kind.batch)
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(first, first + max(count // 2, 1))
        schedules = [ss.constant(kind.rate), ss.constant(kind.rate / 2)][: min(count, 2)]
        result = ss.compare(problem, schedules, seeds, store=Path(folder) / "store.sqlite", quiet=True)
    cost = result.answer["cost"]
    output = {
        "peer": "stepsize",
        "runs": cost["runs"],
        "epochs": kind.epochs,
        "seconds": cost["runs"] / cost["runs_per_second"],
        "compile_seconds": cost["compile_seconds"],
        "val_accuracy": result.answer["candidates"][0]["scores"],
        "layout": cost["layout"],
    }
    print(json.dumps(output))


if __name__ == "__main__":
    main()
