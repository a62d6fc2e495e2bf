"""How many seeds it takes to settle what is open, by the rule that will judge them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stepsize.errors import StudyError
from stepsize.stats.decision import Decision
from stepsize.stats.looks import LEAST_SEEDS, look_alpha

MOST_SEEDS = 100_000
POWER = 0.8
CONFIDENCE = 0.7  # of the upper limit on the spread


@dataclass(frozen=True)
class SeedsNeeded:
    """The seeds at which a difference of the margin is resolved with 80 % power or more.

    `enough` says that this look already has enough seeds, and no difference was shown; `seeds` is then the
    number of seeds it has. `capped` says that it takes more than `seeds`, which is then 100,000.
    """

    seeds: int
    enough: bool = False
    capped: bool = False


def seeds_needed(
    spread: float, margin: float, looks: Sequence[int], comparisons: int = 1, power: float = POWER
) -> SeedsNeeded:
    """Return the seeds of a next look that resolve a difference, as large as the margin or none at all.

    `spread` is the standard error of the paired difference times the root of its seeds, so that it holds what
    tuning leaves, whose effort grows with the seeds. Since it is itself known from few seeds only, its upper
    70 % confidence limit is used (Browne, Stat. Med. 14, 1995). `looks` are the seeds of all looks
    so far, the present one last; `comparisons` is the size of the family. The smallest n, the alpha of a look
    at n seeds taken into account, for which both

        P(T > t(alpha / comparisons)) >= power              the margin is called better or worse
        P(T > t(alpha_1))             >= (1 + power) / 2    no difference is called equivalent

    where T is non-central t with n - 1 degrees of freedom and centre margin * sqrt(n) / spread, t(a)
    the two-sided quantile, alpha the look's for the family, so that the first step of Holm is passed, and
    alpha_1 its alpha for a single comparison. The second line is two one-sided tests (Schuirmann, J.
    Pharmacokinet. Biopharm. 15, 1987) with Bonferroni's bound for both. Never fewer than the test can use,
    2^(1 - n) <= alpha / comparisons.

    Raises StudyError for a spread that is negative, a margin that is not positive, or no look.

    >>> seeds_needed(spread=0.03, margin=0.01, looks=[30])
    SeedsNeeded(seeds=151, enough=False, capped=False)
    >>> seeds_needed(spread=0.01, margin=0.01, looks=[30])
    SeedsNeeded(seeds=30, enough=True, capped=False)
    """
    if not 0 <= spread < math.inf:
        raise StudyError(
            f"spread={spread!r} must be a finite number, 0 or more: the sd of paired differences"
        )
    if not 0 < margin < math.inf:
        raise StudyError(f"margin={margin!r} must be a positive number, such as practical_margin()")
    if not looks or comparisons < 1 or not 0 < power < 1:
        raise StudyError(
            f"looks={list(looks)!r}, comparisons={comparisons!r}, power={power!r}: there must be a look, a "
            "comparison, and a power between 0 and 1"
        )
    effect = min(margin / spread, 100.0) if spread else 100.0  # 100 is certain to show
    earlier, now = tuple(looks[:-1]), looks[-1]
    effect /= _limit(now)
    if _resolves(now, effect, earlier, comparisons, power):
        return SeedsNeeded(now, enough=True)
    if not _resolves(MOST_SEEDS, effect, looks, comparisons, power):
        return SeedsNeeded(MOST_SEEDS, capped=True)
    few, many = now, MOST_SEEDS
    while many - few > 1:
        middle = (few + many) // 2
        resolves = _resolves(middle, effect, looks, comparisons, power)
        few, many = (few, middle) if resolves else (middle, many)
    return SeedsNeeded(many)


def seeds_note(decision: Decision) -> SeedsNeeded | None:
    """Return the seeds that would tell the recommended one from all others that may be the best.

    They are the most that any of the others needs that is not shown to be equivalent. Those that lost a run
    which the recommended one finished, or the other way round, are left out: their number is not known. If
    all others are shown to be equivalent, the seeds of this look are enough. The result is None if there are
    no others, if a single seed shows no spread, if all that are not equivalent are left out, or if the
    margin is 0.

    >>> from stepsize.stats import decide
    >>> scores = [[0.90, 0.92, 0.91, 0.93, 0.90, 0.92], [0.91, 0.90, 0.93, 0.92, 0.92, 0.91]]
    >>> seeds_note(decide(scores, names="ab", baseline="a", margin=0.01))
    SeedsNeeded(seeds=72, enough=False, capped=False)
    """
    best = decision.recommended
    others = [name for name in decision.best_set if name != best]
    if best is None or decision.margin == 0 or not others:
        return None
    pairs = [decision.between(name, best) for name in others if decision.word(name, best) != "equivalent"]
    if not pairs:
        return SeedsNeeded(decision.seeds, enough=True)
    spreads = [pair.se * pair.n**0.5 for pair in pairs if pair.se is not None and not pair.lost]
    if not spreads:
        return None
    return seeds_needed(max(spreads), decision.margin, decision.looks, decision.comparisons)


def least_seeds(comparisons: int) -> int:
    """Return the fewest seeds at which a first look can show any difference in a family of `comparisons`.

    n seeds have no p below 2 / 2^n, so with fewer nothing is shown, whatever the size of the difference.

    >>> least_seeds(1), least_seeds(15), least_seeds(120)
    (6, 10, 13)
    """
    seeds = LEAST_SEEDS
    while 2.0 ** (1 - seeds) * comparisons > look_alpha(seeds, comparisons=comparisons):
        seeds += 1
    return seeds


def _resolves(n: int, effect: float, earlier: Sequence[int], comparisons: int, power: float) -> bool:
    alpha = look_alpha(n, earlier, comparisons) / comparisons
    if alpha == 0 or 2.0 ** (1 - n) > alpha:
        return False
    shown = _beyond(n, effect, alpha)
    return shown >= power and _beyond(n, effect, look_alpha(n, earlier)) >= (1 + power) / 2


def _limit(seeds: int) -> float:
    """Return the upper confidence limit of an sd from so many seeds, in units of the one seen."""
    from scipy.special import chdtri

    free = max(seeds - 1, 1)
    return math.sqrt(free / chdtri(free, CONFIDENCE))


def _beyond(n: int, effect: float, alpha: float) -> float:
    """Return the probability that a difference of `effect` sds has a t beyond the quantile."""
    from scipy.special import nctdtr, stdtrit

    critical, centre = stdtrit(n - 1, 1 - alpha / 2), effect * math.sqrt(n)
    if centre - critical > 8 * math.sqrt(1 + critical**2 / (2 * (n - 1))):
        return 1.0  # but for 1e-11 or less; nctdtr answers nan far from the centre
    return float(1 - nctdtr(n - 1, centre, critical))
