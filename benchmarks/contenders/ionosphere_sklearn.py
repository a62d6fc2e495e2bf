"""The lesson's network by scikit-learn's MLPClassifier: at a constant rate, and judged once, at the end.

It has no schedule that falls with every update, and starts from weights of its own kind.
"""

from __future__ import annotations

import sys
import time
import warnings

from data import Run, ionosphere, tell
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

EPOCHS = 50
rows = ionosphere()
warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped after the lesson's epochs


def run(seed: int) -> Run:
    """Train one network."""
    model = MLPClassifier(
        (34,), solver="sgd", learning_rate_init=0.1, momentum=0.8, nesterovs_momentum=False, alpha=0,
        batch_size=28, max_iter=EPOCHS, tol=0, n_iter_no_change=EPOCHS + 1, random_state=seed,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    start = time.perf_counter()
    model.fit(rows.x, rows.y)
    seconds = time.perf_counter() - start
    return Run(seconds, float(model.score(rows.x_valid, rows.y_valid)))


first, count = int(sys.argv[1]), int(sys.argv[2])
run(first)  # warms up
tell("scikit-learn MLPClassifier", EPOCHS, [run(seed) for seed in range(first, first + count)])
