"""What a study will cost, in words."""

from __future__ import annotations

from stepsize.number_format import counted, duration
from stepsize.study.expected_cost import ExpectedCost


def cost_text(cost: ExpectedCost) -> str:
    """Return the runs of a study, and about how long they take.

    >>> cost_text(ExpectedCost(tuning=880, verdict=480, seconds=4.2))
    '880 runs for tuning and 480 runs for the verdict, about 4 s on this machine'
    """
    parts = [f"{counted(cost.verdict, 'run')} for the verdict"]
    if cost.tuning:
        parts.insert(0, f"{counted(cost.tuning, 'run')} for tuning")
    time = "" if cost.seconds is None else f", about {_rounded(cost.seconds)} on this machine"
    return f"{' and '.join(parts)}{time}"


def _rounded(seconds: float) -> str:
    """Write a rough time.

    >>> _rounded(3.4), _rounded(47.0), _rounded(800.0)
    ('3 s', '50 s', '13 min')
    """
    step = 1 if seconds < 10 else 10 if seconds < 60 else 60
    return duration(max(1, round(seconds / step)) * step).replace(".0 s", " s").removesuffix(" 0 s")
