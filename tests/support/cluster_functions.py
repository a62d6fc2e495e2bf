"""A training function for studies on a Ray cluster, and its candidates."""

from __future__ import annotations

import stepsize as ss

FUNCTION = """
import os
import time
from pathlib import Path

def train(schedule, seed, report):
    if seed == 3 and Path("hang").exists():
        Path("hang").unlink()
        time.sleep(600)
    if Path("die").exists():
        os.kill(os.getppid(), 9)
        time.sleep(600)
    for epoch in range(2):
        time.sleep(0.03)
        report(0.5 + 0.01 * (seed % 5) + 0.1 * min(schedule(epoch), 1))
"""
TWO = ("constant(0.1)", "linear(0.1)")


def training(module: str) -> ss.Training:
    return ss.Training(f"{module}:train", epochs=2, updates_per_epoch=1)
