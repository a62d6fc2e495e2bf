"""Looking again: a study that is judged at 30, then at 60 and at 120 seeds gets several chances to be wrong.

Alpha spending (Lan and DeMets, Biometrika 70, 1983) divides the 5 % between the looks, whenever they come and
however many there are. What is spent by the time of a look with n seeds, when the first look had n_1, is

    spent(n) = 0.05 (1 - 0.3 n_1 / n)

so the first look spends 3.5 %, and every doubling of the seeds spends half of what is left. At 30, 60, 120
and 240 seeds one comparison needs p <= 0.035, 0.0132, 0.0064 and 0.0031.

**Why this function.** Most studies have one look, so the first must be nearly as good as if it were the only
one, and nobody knows how many seeds there will be. The spending function of O'Brien and Fleming, and that
of Pocock, need the largest number of seeds beforehand. Power to find a difference of 0.36 sd at each look of
30, 60, 120 and 240 seeds (one comparison; 200,000 simulated studies):

| rule | nominal alpha | power at each look, % |
|---|---|---|
| one look only, each as if it were the first | .05 | 50, 80, 98, 100 (false findings in 13 %) |
| this one | .035, .0132, .0064, .0031 | 45, 62, 89, 100 |
| 4 % first, then the same | .04, .0099, .0044, .0020 | 47, 58, 86, 99 |
| 2.5 % first, then the same | .025, .0184, .0102, .0051 | 39, 67, 92, 100 |
| 4, 0.5, 0.25, 0.125 % by the union bound | .04, .005, .0025, .00125 | 47, 49, 82, 99 |
| Pocock's, at most 240 seeds | .0097, .0105, .0170, .0257 | 27, 59, 94, 100 |
| O'Brien and Fleming's, at most 240 seeds | 0, .0001, .0055, .048 | 0, 13, 88, 100 |

Of the rules that need no largest number, a smaller first share would help later looks more, but six seeds
could then show nothing: the smallest p they can have is 2 / 2^6 = 0.031.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from stepsize.errors import StudyError
from stepsize.stats.scores import Floats

ALPHA = 0.05
KEPT = 0.3  # of alpha, for the looks after the first
LEAST_SEEDS = 6  # the smallest p of n seeds is 2 / 2^n, above ALPHA for n < 6
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
FARTHEST = 40.0  # standard errors; beyond, a normal tail is 0 in floating point


def look_alpha(seeds: int, earlier: Sequence[int] = (), comparisons: int = 1) -> float:
    """Return the alpha of a look at `seeds` seeds, after looks at `earlier` numbers of seeds in their order.

    A family of `comparisons` judged by Holm at this alpha has a false finding at any of the looks in at most
    5 % of studies. The sum of a comparison's differences is taken to grow like a Brownian motion; its
    probability to leave the bounds of all looks is integrated numerically (Armitage, McPherson and Rowe,
    J. R. Stat. Soc. A 132, 1969), for each comparison's share of 5 %.

    Looks with fewer than six seeds show nothing and spend nothing. A look at fewer seeds than an earlier one
    spends half of what is left. So does a second look at the same number, which is one at other seeds; as
    nobody knows how many of them are new, its part is its alpha.

    Raises StudyError for numbers that are not positive.

    >>> round(look_alpha(30), 4), round(look_alpha(60, [30]), 4), round(look_alpha(120, [30, 60]), 4)
    (0.035, 0.0132, 0.0064)
    >>> look_alpha(60, [30, 60]) < look_alpha(60, [30]), look_alpha(5)
    (True, 0.0)
    """
    numbers = (*earlier, seeds)
    if min(numbers) < 1 or comparisons < 1:
        raise StudyError(
            f"seeds={seeds!r}, earlier={list(earlier)!r}, comparisons={comparisons!r} must be 1 or more"
        )
    if seeds < LEAST_SEEDS:
        return 0.0
    return _alpha(tuple(int(number) for number in numbers if number >= LEAST_SEEDS), comparisons)


@lru_cache(maxsize=4096)
def _alpha(looks: tuple[int, ...], comparisons: int) -> float:
    """Return the alpha of the last of some looks."""
    parts = np.diff(spent_shares(looks), prepend=0.0)
    if looks[-1] in looks[:-1]:
        return float(ALPHA * parts[-1])
    first = dict(zip(reversed(looks), reversed(parts), strict=True))  # of each number
    order = tuple(dict.fromkeys(looks))
    targets = np.cumsum([first[number] for number in order]) * ALPHA / comparisons
    return comparisons * 2 * _tail(_bounds(order, tuple(targets))[-1])


def spent_shares(looks: Sequence[int]) -> list[float]:
    """Return the share of a comparison's alpha that is spent after each of `looks`.

    >>> [round(share, 3) for share in spent_shares([30, 60, 120, 60])]
    [0.7, 0.85, 0.925, 0.963]
    """
    left, most, shares = KEPT, looks[0], [1 - KEPT]
    for seeds in looks[1:]:
        left *= most / seeds if seeds > most else 0.5
        most = max(most, seeds)
        shares.append(1 - left)
    return shares


@lru_cache(maxsize=4096)
def _bounds(looks: tuple[int, ...], spent: tuple[float, ...]) -> tuple[float, ...]:
    """Return, for each look in its order, the bound on |sum| / sqrt(seeds) by which so much is `spent`."""
    if len(looks) == 1:
        return (_search(lambda bound: 2 * _tail(bound), spent[0]),)
    known = _bounds(looks[:-1], spent[:-1])
    earlier = sorted(zip(looks[:-1], known, strict=True))
    before = [look for look in earlier if look[0] < looks[-1]]
    after = [look for look in earlier if look[0] > looks[-1]]
    inside, crossed = _walk(before)

    def crossing(bound: float) -> float:
        new = (looks[-1], bound)
        if not after:
            return crossed + _crossed(inside, before[-1][0], *new)
        return _walk([*before, new, *after])[1]

    return (*known, _search(crossing, spent[-1]))


Inside = tuple[Floats, Floats]  # where a sum may be that has crossed no bound, and with what probability


def _walk(looks: Sequence[tuple[int, float]]) -> tuple[Inside, float]:
    """Return where the sums are that crossed no bound, and the probability of the others."""
    inside, seeds, total = (np.zeros(1), np.ones(1)), 0, 0.0
    for number, bound in looks:
        inside, crossed = _step(inside, seeds, number, bound)
        seeds, total = number, total + crossed
    return inside, total


def _step(inside: Inside, seeds: int, number: int, bound: float) -> tuple[Inside, float]:
    places, weights = inside
    width, edge = math.sqrt(number - seeds), bound * math.sqrt(number)
    new = edge * NODES
    density = (
        np.exp(-(((new[:, None] - places) / width) ** 2) / 2) @ weights / (width * math.sqrt(2 * math.pi))
    )
    return (new, edge * WEIGHTS * density), _crossed(inside, seeds, number, bound)


def _crossed(inside: Inside, seeds: int, number: int, bound: float) -> float:
    """Return the probability that a sum crosses a bound at `number` seeds, and none before."""
    from scipy.special import ndtr

    places, weights = inside
    width, edge = math.sqrt(number - seeds), bound * math.sqrt(number)
    return float(weights @ (ndtr((places - edge) / width) + ndtr((-places - edge) / width)))


def _search(crossing, target: float) -> float:
    """Return the bound at which the decreasing function `crossing` falls to `target`."""
    low, high = 0.0, FARTHEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if crossing(middle) > target else (low, middle)
    return high


def _tail(bound: float) -> float:
    return math.erfc(bound / math.sqrt(2)) / 2
