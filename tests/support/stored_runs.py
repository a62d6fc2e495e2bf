"""Runs and studies as a store takes them, and a way to change what it keeps."""

import sqlite3
from contextlib import closing

import numpy as np

from stepsize.study.stores.store import Run


def make_run(candidate="cosine(0.1)", seed=0, diverged_at=None, value=0.5):
    return Run(candidate, seed, 0.1, diverged_at, np.full((4, 3), value, np.float32))


def definition(name="a", fingerprint="f", **more):
    return {"name": name, "fingerprint": fingerprint, "candidates": [], "baseline": "constant(lr)", **more}


def change(path, statement, *values):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)
