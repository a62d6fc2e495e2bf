"""Adapters: the plan's rate for every update, in a framework or in your own training loop.

`plain` follows a plan without any framework, `state` stores where a run is, and `resume` continues it;
`keras`, `torch` and `optax` put the same numbers into those libraries, and are imported by name.
"""

from stepsize.adapters.plain import PlainSchedule
from stepsize.adapters.resume import Continuation, resume

__all__ = ["Continuation", "PlainSchedule", "resume"]
