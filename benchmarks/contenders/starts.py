"""How long fresh interpreters take to import NumPy and this package, each in turn, and to show the help."""

from __future__ import annotations

import json
import subprocess
import sys
import time

CODE = "import time; begin = time.perf_counter(); import {}; print(time.perf_counter() - begin)"


def importing(module: str) -> float:
    """Give the seconds of an import, the interpreter's own start apart."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def helping() -> float:
    """Give the seconds of `stepsize --help`, from the start of the process to its end."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "stepsize", "--help"], check=True, capture_output=True)
    return time.perf_counter() - begin


times = int(sys.argv[1])
found: dict[str, list[float]] = {"numpy": [], "stepsize": [], "help": []}
importing("stepsize")  # once untimed, for the disk
helping()
for _ in range(times):
    found["numpy"].append(importing("numpy"))
    found["stepsize"].append(importing("stepsize"))
    found["help"].append(helping())
print(json.dumps(found))
