"""The desks of a page: one for the problem that it begins with, and one for every other that is chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stepsize.engine.trainer import Trainer
from stepsize.errors import StepsizeError, StudyError, unknown
from stepsize.live_page.opening import Confirm, open_desk
from stepsize.live_page.requests import Desk, Message, Send
from stepsize.problems.built_in import BUILT_IN


class Desks:
    """Hands each message to the desk of its problem; any thread may call `answer`.

    A built-in problem is opened when a page first names it. `confirming` returns what writes the command that
    confirms a schedule on a problem.
    """

    def __init__(
        self, first: Desk, trainer: Trainer, confirming: Callable[[str], Confirm] | None = None
    ) -> None:
        self._trainer, self._confirming = trainer, confirming
        self._desks = {first.session.study.name: first}
        self._first = first
        self._opening = threading.Lock()

    def answer(self, message: Message, send: Send) -> None:
        """Send the replies to one message."""
        try:
            desk = self._desk(message.get("problem"))
        except StepsizeError as error:
            send({"id": message.get("id"), "kind": "error", "text": str(error)})
        else:
            desk.answer(message, send)

    def _desk(self, name: object) -> Desk:
        with self._opening:
            if not isinstance(name, str) or not name:
                return self._first
            if name not in self._desks:
                if name not in BUILT_IN:
                    raise StudyError(unknown("problem", name, [*self._desks, *BUILT_IN]))
                confirm = None if self._confirming is None else self._confirming(name)
                desk = open_desk(name, self._trainer, confirm=confirm, lock=self._first.lock)
                self._desks[name] = Desk(
                    desk.session,
                    {**desk.opening, "problems": self._first.opening["problems"]},
                    desk.confirm,
                    desk.lock,
                )
            return self._desks[name]
