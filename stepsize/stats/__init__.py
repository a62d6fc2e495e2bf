"""What the scores of paired runs show: arrays in, frozen dataclasses out, higher is better.

`interval` one candidate's mean; `paired` candidate against baseline; `best_set` all against all;
`power` margin and seeds needed; `calibration` how often each of these is wrong, by simulation.
"""

from stepsize.stats.best_set import best_set
from stepsize.stats.interval import Summary, summarise
from stepsize.stats.paired import Paired, compare_paired, holm, judge
from stepsize.stats.power import practical_margin, seeds_needed

__all__ = [
    "Paired",
    "Summary",
    "best_set",
    "compare_paired",
    "holm",
    "judge",
    "practical_margin",
    "seeds_needed",
    "summarise",
]
