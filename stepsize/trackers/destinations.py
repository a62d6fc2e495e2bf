"""Where a study is logged: the destinations that `log_to` names, and the trackers that there are."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.errors import OutputError, first_line, require, unknown
from stepsize.trackers import mlflow, tensorboard, trackio, wandb
from stepsize.trackers.study_log import StudyLog, describe


@dataclass(frozen=True)
class Tracker:
    """An experiment tracker: its name for people, its usual place, how to write to it and how to look at it.

    `write` returns whether it had to write anything; its second argument is the place.
    """

    title: str
    place: str
    write: Callable[[StudyLog, str], bool]
    look: str


TRACKERS = {
    "tensorboard": Tracker("TensorBoard", "runs", tensorboard.write, "tensorboard --logdir {place}"),
    "mlflow": Tracker("MLflow", "", mlflow.write, ""),
    "wandb": Tracker("Weights & Biases", "stepsize", wandb.write, ""),
    "trackio": Tracker("trackio", "stepsize", trackio.write, "trackio show --project {place}"),
}  # by the package to import, which is also the name of the extra


@dataclass(frozen=True)
class Destination:
    """A tracker by its name, and the place in it."""

    name: str
    place: str

    @property
    def tracker(self) -> Tracker:
        """The tracker of this name."""
        return TRACKERS[self.name]


def read_destinations(log_to: str | Sequence[str] | None) -> list[Destination]:
    """Return the destinations that `log_to` names, each as `TRACKER` or `TRACKER:PLACE`.

    Raises: OutputError for an unknown tracker, MissingExtra for one that is not installed.

    >>> read_destinations("tensorboard:logs")
    [Destination(name='tensorboard', place='logs')]
    >>> read_destinations("tensorbord:runs")
    Traceback (most recent call last):
    stepsize.errors.OutputError: unknown tracker 'tensorbord'; did you mean 'tensorboard'?
    """
    given: Any = [] if log_to is None else log_to
    destinations = []
    for text in given if isinstance(given, list | tuple) else [given]:
        if not isinstance(text, str):
            raise OutputError(f"log_to={text!r} is not text; write for example log_to='tensorboard:runs'")
        name, _, place = text.partition(":")
        if name not in TRACKERS:
            raise OutputError(unknown("tracker", name, TRACKERS))
        require(name, name)
        destinations.append(Destination(name, place or TRACKERS[name].place))
    return destinations


def log_study(study: StudyLog, destinations: Sequence[Destination]) -> Iterator[str]:
    """Log a study to every destination; yield what was done, or why it could not be done.

    The answer of a study that took hours must not be lost to a server that does not answer, so no error of a
    tracker ends the call.
    """
    for destination in destinations:
        tracker = destination.tracker
        try:
            is_new = tracker.write(study, destination.place)
        except Exception as error:
            yield (
                f"The study was not logged to {tracker.title}: {first_line(error)}. Its runs are kept: run "
                "the same again to log it."
            )
            continue
        look = (
            f"; to look at it, run {tracker.look.format(place=shlex.quote(destination.place))}"
            if tracker.look
            else ""
        )
        was = "Logged to" if is_new else "Already in"
        yield f"{was} {tracker.title}: {describe(study)}{look}"
