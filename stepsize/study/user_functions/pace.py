"""How fast processes make runs, apart from their start-up."""

from __future__ import annotations

LEAST = 1.0  # runs that are timed before anything is said


class Pace:
    """What processes have made so far, and how long it takes once they are warm.

    A process is warm from its first report on: until then it starts and imports packages, its first epoch
    included. All times are those of a clock in seconds.

    >>> pace = Pace(processes=2)
    >>> pace.begin(now=0)
    >>> pace.report(0, share=0.25, now=30)  # start-up
    >>> pace.report(0, share=0.5, now=31)
    >>> pace.seconds
    0.0
    >>> pace.end(0, now=33)
    >>> pace.report(0, share=0.25, now=34)  # now four warm seconds were one run, and two processes
    >>> pace.seconds  # make the run and its quarter
    2.5
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._since: dict[int, float] = {}  # by warm process: until when its time is counted
        self._shares: dict[int, float] = {}  # by process: what it has made of its run
        self._finished, self._counted = 0, 0.0  # runs, the latter in `seconds`
        self._timed, self._time = 0.0, 0.0  # runs of warm processes, and the time of these processes
        self.seconds = 0.0
        """Seconds that all runs made so far take warm processes; 0 before it is known."""

    @property
    def under_way(self) -> float:
        """What the processes have made of the runs that are not finished, in runs."""
        return sum(self._shares.values())

    def begin(self, now: float) -> None:
        """Note that a round begins, before which the processes had nothing to do."""
        self._since, self._shares = dict.fromkeys(self._since, now), {}

    def report(self, process: int, share: float, now: float) -> None:
        """Note that a process has made a share of its run."""
        if process in self._since:
            self._timed += share - self._shares.get(process, 0.0)
            self._time += now - self._since[process]
        self._since[process], self._shares[process] = now, share
        if self._timed >= LEAST:
            made = self._finished + self.under_way
            self.seconds += (made - self._counted) * self._time / self._timed / self._processes
            self._counted = made

    def end(self, process: int, now: float) -> None:
        """Note that a process has finished its run, maybe before its last epoch."""
        self.report(process, 1.0, now)
        self._shares[process] = 0.0
        self._finished += 1

    def lose(self, process: int) -> None:
        """Note that a process has died with its run; a new one takes its place."""
        self._since.pop(process, None)
        self._shares.pop(process, None)
