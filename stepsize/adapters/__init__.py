"""A plan at work: the rate of every update, in a framework or in a loop of one's own.

`plain` follows a plan without any framework, and `state` and `resume` say where a run is and how it goes on;
`keras`, `torch` and `optax` put the same numbers into those libraries, and are imported by name.
"""

from stepsize.adapters.plain import PlainSchedule
from stepsize.adapters.resume import Continuation, resume

__all__ = ["Continuation", "PlainSchedule", "resume"]
