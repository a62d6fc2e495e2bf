"""A count of updates that somebody else keeps: read as seldom as possible, to notice the end of a plan."""

from __future__ import annotations

from collections.abc import Callable

from stepsize.adapters.plain import warn_caller
from stepsize.schedules import Plan
from stepsize.schedules.callers import past_end


class EndWatch:
    """Warn once when a count is past the end of a plan that fades.

    `look` reads the count; if that is `slow`, as on a GPU, and `look` is called at each update, it does not
    before the end can have come.

    >>> from stepsize.schedules import linear
    >>> watch, reads = EndWatch(linear(1).plan(updates=100)), []
    >>> for update in range(100):
    ...     watch.look(lambda: reads.append(update) or update, slow=True)
    >>> reads
    [0]
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._fades = plan.fades
        self._skipped = 0  # calls that need not read the count
        self._is_reported = False

    def look(self, count: Callable[[], int], slow: bool = False, continues: bool = False) -> None:
        """Warn if the count is past the end, or at the end itself if the run `continues` there."""
        if not self._fades:
            return
        if slow and self._skipped:
            self._skipped -= 1
            return
        update, horizon = count(), self._plan.horizon
        is_over = update > horizon or (continues and update == horizon)
        self._skipped = horizon if is_over else max(0, horizon - update - 1)
        if is_over and not self._is_reported:
            warn_caller(past_end(self._plan, update))
        self._is_reported = is_over
