"""What the scores of paired runs show: arrays in, frozen dataclasses out, higher is better.

`interval` one candidate's mean; `paired` candidate against baseline; `best_set` all against all;
`power` margin and seeds needed; `repeats` what a cross-validation counts; `calibration` how often each of
these is wrong, by simulation.
"""

from stepsize.stats.best_set import best_set
from stepsize.stats.interval import Summary, summarise
from stepsize.stats.paired import Paired, compare_paired, holm, judge
from stepsize.stats.power import practical_margin, seeds_needed
from stepsize.stats.repeats import by_repeat

__all__ = [
    "Paired",
    "Summary",
    "best_set",
    "by_repeat",
    "compare_paired",
    "holm",
    "judge",
    "practical_margin",
    "seeds_needed",
    "summarise",
]
