"""What a mean score is worth on new rows: the interval, from what the study says of its data and split."""

from __future__ import annotations

import numpy as np

from stepsize.metric_directions import possible_values
from stepsize.stats import new_rows_interval
from stepsize.stats.new_rows import distinct_rows
from stepsize.study.study import Study

DRAWN_ANEW = ("random", "stratified")  # splits that draw the validation rows of every seed from all rows


def new_rows(study: Study, scores: np.ndarray) -> list[float] | None:
    """Return the 95 % interval of the mean score [n_seeds] on new rows; None where it cannot be known.

    It needs validation rows that are drawn like new ones: not those of groups, of the latest time, of a
    column, of the end of a table, or of a training function.
    """
    data, protocol = study.facts["data"], study.facts["protocol"]
    if not data["parts"] or data["rows"] is None:
        return None
    table, judged = data["rows"], data["parts"]["validation"]["rows"]
    if data["held_out"] or protocol["split_kind"] == "test":
        distinct = judged
    elif protocol["split_kind"] == "kfold" and not data["groups"]:
        distinct = table
    elif protocol["split_kind"] in DRAWN_ANEW:
        distinct = min(distinct_rows(table, judged, len(scores)), table)
    else:
        return None
    interval = new_rows_interval(
        scores,
        share="accuracy" in protocol["metric"] and data["sample_value"] is not None,  # a metric of Keras
        judged_rows=max(distinct, judged),
        rows_per_seed=judged,
        table_rows=table,
    )
    if interval is None:
        return None
    low, high = possible_values(protocol["metric"])
    if np.nanmin(scores) < low or np.nanmax(scores) > high:  # another metric of that name
        return list(interval)
    return [max(interval[0], low), min(interval[1], high)]
