"""How long the live page takes from a drag to the new verdict, measured in a headless Chromium.

    PYTHONPATH=. python benchmarks/live_page.py [--drags 60]

It opens the page on Ionosphere with 30 seeds and waits for the first answer and the map. Then a handle is
dragged through positions that are all new: each is a mouse event, and is timed by the page from that event to
the verdict that shows it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time

import numpy as np

from stepsize.engine.client import Engine
from stepsize.live_page.desks import Desks
from stepsize.live_page.server import PageServer
from tests.support.browser import Browser

READY = "globalThis.stepsize?.score && !stepsize.busy.score && !stepsize.busy.shape && stepsize.map"
GRIP = """(() => {
  const box = document.querySelector('.schedule [data-path=peak] .grip').getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()"""


def measure(url: str, drags: int, pause: float | None) -> tuple[float, list[float]]:
    """Return the seconds to the first verdict, and the milliseconds of each drag.

    With a `pause` in seconds, the mouse goes on whether the verdict is there or not, as a hand does.
    """
    with Browser(tempfile.mkdtemp()) as browser:
        began = time.perf_counter()
        browser.open(url)
        browser.wait("globalThis.stepsize?.score")
        first = time.perf_counter() - began
        browser.wait(READY)
        x, y = browser.run(GRIP)
        browser.run("stepsize.roundTrips.length = 0")
        browser.mouse("mousePressed", x, y)
        for drag in range(drags):
            browser.mouse("mouseMoved", x, y + 2.5 * (drag + 1) - (0 if pause is None else 1.2))
            if pause is None:
                browser.wait(f"stepsize.roundTrips.length > {drag}")
            else:
                time.sleep(pause)
        browser.mouse("mouseReleased", x, y, buttons=0)
        browser.wait(READY)
        assert "30 runs trained" in browser.run("stepsize.score.took")
        assert browser.messages == [], browser.messages
        return first, browser.run("stepsize.roundTrips")


def main() -> None:
    """Print the median and the 95th percentile of both ways to drag."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--drags", type=int, default=60)
    drags = parser.parse_args().drags
    with Engine() as engine:
        server = PageServer(Desks("ionosphere", engine).answer, "stepsize")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, pause in (("one position at a time", None), ("a position each 50 ms", 0.05)):
            first, times = measure(server.url, drags, pause)
            median, high = statistics.median(times), float(np.quantile(times, 0.95))
            print(f"{name}: {len(times)} verdicts, median {median:.0f} ms, 95th percentile {high:.0f} ms")
            print(f"  the first verdict of the page: {first:.1f} s; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
