"""Kill studies at random moments, and compare their answers with those of studies that ran undisturbed.

    python benchmarks/kills.py --kills 50

Each study (Ionosphere, Fashion-MNIST, a PyTorch model, a training function) is started again and again, and a
signal (SIGKILL, SIGTERM, SIGINT, SIGHUP) ends its command, one of its training processes, or both, until it
has been hit its share of times. Then it runs to the end. Counted are runs of the store that changed or are
not there any more, processes that are left behind, and answers that differ.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from processes import tree
from small_studies import answer, command, read_options, stored, study_folder

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TARGETS = ("command", "worker", "both")


def hit(study: str, folder: Path, chance: random.Random, longest: float) -> list[int]:
    """Start a study and kill it after a random time; return processes that are left behind."""
    process = subprocess.Popen(command(study, "killed.sqlite"), cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    time.sleep(chance.uniform(0.3, longest))
    _, *started = tree(process.pid)
    target, number = chance.choice(TARGETS), chance.choice(SIGNALS)
    hits = [process.pid] * (target != "worker") + started[:1] * (target != "command")
    for pid in hits:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return [process.pid]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(is_alive, started)):
        time.sleep(0.1)
    return [pid for pid in started if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def torture(study: str, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill a study so many times, and return what was lost."""
    with study_folder() as folder:
        began = time.perf_counter()
        whole = subprocess.run(
            command(study, "whole.sqlite"), cwd=folder, capture_output=True, text=True, check=True
        )
        longest = time.perf_counter() - began
        lost, left, before = 0, 0, {}
        for _ in range(kills):
            left += len(hit(study, folder, chance, longest))
            after = stored(folder / "killed.sqlite")
            lost += sum(after.get(key) != curves for key, curves in before.items())
            if len(after) == len(stored(folder / "whole.sqlite")):
                for file in folder.glob("killed.sqlite*"):  # it finished: begin anew
                    file.unlink()
                after = {}
            before = after
        last = subprocess.run(
            command(study, "killed.sqlite"), cwd=folder, capture_output=True, text=True, check=True
        )
        same = answer(last.stdout) == answer(whole.stdout)
        kept = stored(folder / "killed.sqlite") == stored(folder / "whole.sqlite")
    return {
        "study": study,
        "kills": kills,
        "lost": lost,
        "left": left,
        "same answer": same,
        "same runs": kept,
    }


def main() -> None:
    """Kill every study its share of times."""
    kills, studies = read_options(__doc__, "kills", 50)
    for number, (study, chance) in enumerate(studies.items()):
        share = kills // len(studies) + (number < kills % len(studies))
        print(json.dumps(torture(study, share, chance)), flush=True)


if __name__ == "__main__":
    main()
