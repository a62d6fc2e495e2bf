"""The names of other libraries for schedules, and what they are called here."""

from __future__ import annotations

OTHER_NAMES = {
    "constantlr": "constant",
    "cosineannealinglr": "cosine",
    "cosineannealingwarmrestarts": "cosine_restarts",
    "cosinedecay": "cosine",
    "cosinedecayrestarts": "cosine_restarts",
    "cycliclr": "triangular",
    "exponentialdecay": "exponential",
    "exponentiallr": "exponential",
    "inversetimedecay": "inverse_time",
    "linearlr": "linear",
    "multisteplr": "multistep",
    "onecycle": "one_cycle",
    "onecyclelr": "one_cycle",
    "piecewiseconstantdecay": "multistep",
    "polynomialdecay": "polynomial",
    "polynomiallr": "polynomial",
    "reducelronplateau": "plateau",
    "steplr": "step_decay",
    "timebased": "inverse_time",
    "timebaseddecay": "inverse_time",
}


def own_name(name: str) -> str | None:
    """Return what another library's schedule is called here, None for a name of no library.

    >>> own_name("ReduceLROnPlateau"), own_name("time_based")
    ('plateau', 'inverse_time')
    """
    return OTHER_NAMES.get(name.lower().replace("_", "").replace("-", ""))
