"""What the scores of paired runs show: arrays in, frozen dataclasses out; higher is better, nan is lost.

`decide` is the one rule: words, best set and recommendation. It builds on `pairs` (one test for a pair),
`tuning_error` (what tuning leaves in it), `holm`, `looks` (alpha spent over looks) and `recommendation`.
`seeds` says what it would take to resolve what is open, `interval` and `new_rows` what a mean is worth,
`margins` how small a difference matters, `repeats` what a cross-validation counts, and `calibration` how
often each of these is wrong, by simulation. `tuning` chooses a learning rate from noisy scores.
"""

from stepsize.stats.decision import Comparison, Decision, decide
from stepsize.stats.holm import holm
from stepsize.stats.interval import Summary, summarise
from stepsize.stats.looks import look_alpha
from stepsize.stats.margins import practical_margin, relative_margin
from stepsize.stats.new_rows import distinct_rows, new_rows_interval
from stepsize.stats.repeats import by_repeat, in_whole_repeats
from stepsize.stats.seeds import SeedsNeeded, least_seeds, seeds_needed, seeds_note
from stepsize.stats.tuning_error import TuningError

__all__ = [
    "Comparison",
    "Decision",
    "SeedsNeeded",
    "Summary",
    "TuningError",
    "by_repeat",
    "decide",
    "distinct_rows",
    "holm",
    "in_whole_repeats",
    "least_seeds",
    "look_alpha",
    "new_rows_interval",
    "practical_margin",
    "relative_margin",
    "seeds_needed",
    "seeds_note",
    "summarise",
]
