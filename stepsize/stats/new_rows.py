"""What a score says about new rows: seeds alone say nothing about rows that are not in the table.

Seeds only shuffle one table, so the interval over seeds says where the mean would go with more seeds. Over
many tables from one population that interval contains the population's accuracy in a third to a half of
cases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.interval import Interval, t_quantile
from stepsize.stats.scores import Floats, as_scores


def new_rows_interval(
    scores: ArrayLike, *, share: bool, judged_rows: int, rows_per_seed: int, table_rows: int
) -> Interval | None:
    """Return the 95 % interval of the mean score on new rows of the same population; nan is a lost run.

    `scores` [n_seeds] are in the metric's own units. `judged_rows` counts the distinct rows that validated
    over all seeds, `rows_per_seed` those of one seed, `table_rows` all rows that the seeds divide into parts.
    The interval holds for the models that were trained, and for others trained on as many rows of the same
    population.

    **A share of right answers** p, sd s over n seeds: its variance over tables is taken to be

        v = s^2 / n + p (1 - p) / judged_rows

    that of the mean over seeds for this table, and that of the rows in the table, each of which is judged
    right or wrong (Bayle, Bayle, Janson and Mackey, NeurIPS 2020, where the second term is the variance of
    cross-validation). The interval is Wilson's (J. Am. Stat. Assoc. 22, 1927) for p (1 - p) / v rows, with
    the quantile of Student's t at the degrees of freedom of Welch (Biometrika 34, 1947). Measured over tables
    of 150 and 351 rows and four learners it covers 92 to 98 %.

    **Any other metric**, R^2 or a loss: what one row contributes is not known, only what changes from split
    to split. With m = rows_per_seed the variance is that of Nadeau and Bengio (Machine Learning 52, 2003),

        v = s^2 (1 / n + m / (table_rows - m))

    and the interval mean +- t(n - 1) sqrt(v); measured with R^2 and squared error it covers 88 to 97 %. The
    result is None if every seed has the same validation rows (judged_rows = rows_per_seed), since nothing
    then shows what other rows would do.

    For fewer than two finished runs the result is None as well.

    Raises StudyError for a share outside [0, 1], or rows that do not fit one another.

    >>> import numpy as np
    >>> seeds = np.random.default_rng(0).normal(0.91, 0.03, 30)
    >>> ends = new_rows_interval(seeds, share=True, judged_rows=351, rows_per_seed=116, table_rows=351)
    >>> [round(end, 3) for end in ends]
    [0.87, 0.934]
    """
    values = as_scores("scores", scores, "[n_seeds]", lost=True)
    if not 1 <= rows_per_seed <= judged_rows <= table_rows:
        raise StudyError(
            f"rows_per_seed={rows_per_seed!r}, judged_rows={judged_rows!r}, table_rows={table_rows!r}: "
            "they must be 1 or more, and none larger than the next"
        )
    finished = values[~np.isnan(values)]
    if share and ((finished < 0) | (finished > 1)).any():
        raise StudyError("scores of a share must lie between 0 and 1: divide percentages by 100")
    if len(finished) < 2:
        return None
    if share:
        return _of_a_share(finished, judged_rows)
    if judged_rows == rows_per_seed:
        return None
    n, mean = len(finished), float(finished.mean())
    ratio = rows_per_seed / (table_rows - rows_per_seed)
    half = float(t_quantile(np.array(n - 1.0), 0.05) * finished.std(ddof=1) * np.sqrt(1 / n + ratio))
    return mean - half, mean + half


def distinct_rows(table_rows: int, rows_per_seed: int, seeds: int) -> int:
    """Return how many distinct rows `seeds` random splits of a table are expected to validate on.

    table_rows (1 - (1 - rows_per_seed / table_rows)^seeds), to the nearest row.

    >>> distinct_rows(351, 116, 1), distinct_rows(351, 116, 5), distinct_rows(351, 116, 30)
    (116, 304, 351)
    """
    return round(table_rows * (1 - (1 - rows_per_seed / table_rows) ** seeds))


def _of_a_share(scores: Floats, rows: int) -> Interval:
    n, p = len(scores), float(scores.mean())
    seeds, table = float(scores.var(ddof=1)) / n, p * (1 - p) / rows
    free = np.inf if rows == 1 else rows - 1.0
    total = seeds + table
    df = total**2 / (seeds**2 / (n - 1) + table**2 / free) if total else free
    worth = p * (1 - p) / total if total else float(rows)
    t = float(t_quantile(np.array(df), 0.05))
    centre = (p + t**2 / (2 * worth)) / (1 + t**2 / worth)
    half = t / (1 + t**2 / worth) * np.sqrt(p * (1 - p) / worth + t**2 / (4 * worth**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
