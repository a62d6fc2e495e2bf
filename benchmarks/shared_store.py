"""Start several commands on one store at once, and count the runs that are made twice.

    python benchmarks/shared_store.py --processes 4

Each study of `small_studies.py` is made by one command alone, by all of them at once, and by all of them
while one is killed. Printed are the runs of the study, those made twice (of a killed command: at most what it
was making), the answers that differ, and the seconds.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

from small_studies import answer, command, read_options, stored, study_folder


def start(study: str, folder: Path, store: str) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(
        command(study, store), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def together(
    study: str, folder: Path, store: str, processes: int, kill_after: float | None
) -> dict[str, Any]:
    """Run so many commands at once, and kill the first of them after some seconds, or none."""
    began = time.perf_counter()
    running = [start(study, folder, store) for _ in range(processes)]
    if kill_after is not None:
        time.sleep(kill_after)
        running[0].kill()
        running.pop(0).communicate()
    outputs = [process.communicate() for process in running]
    failed = [messages for process, (_, messages) in zip(running, outputs, strict=True) if process.returncode]
    answers = [json.loads(text) for text, _ in outputs if text]
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "failed": failed,
        "runs": len(stored(folder / store)),
        "made": [each["cost"]["runs"] for each in answers],
        "answers": [answer(json.dumps(each)) for each in answers],
    }


def measure(study: str, processes: int, chance: random.Random) -> dict[str, Any]:
    """Return how a study is shared."""
    with study_folder() as folder:
        together(study, folder, "warm.sqlite", 1, None)  # compiles
        alone = together(study, folder, "shared1.sqlite", 1, None)
        shared = together(study, folder, "shared2.sqlite", processes, None)
        moment = chance.uniform(0.3, 0.9) * shared["seconds"]
        killed = together(study, folder, "shared3.sqlite", processes, moment)
        same = [each == alone["answers"][0] for case in (shared, killed) for each in case["answers"]]
    return {
        "study": study,
        "processes": processes,
        "runs": alone["runs"],
        "made by each": shared["made"],
        "made twice": sum(shared["made"]) - shared["runs"],
        "runs after a kill": killed["runs"],
        "killed after": round(moment, 1),
        "failed": shared["failed"] + killed["failed"],
        "other answers": same.count(False),
        "seconds": [case["seconds"] for case in (alone, shared, killed)],
    }


def main() -> None:
    """Measure each study."""
    processes, studies = read_options(__doc__, "processes", 4)
    for study, chance in studies.items():
        print(json.dumps(measure(study, processes, chance)), flush=True)


if __name__ == "__main__":
    main()
