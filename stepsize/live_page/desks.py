"""The desks of a page: one for the problem that it begins with, and one for every other that is chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stepsize.engine.trainer import Trainer
from stepsize.errors import StepsizeError, StudyError, unknown
from stepsize.live_page.opening import Confirm, open_desk
from stepsize.live_page.requests import Desk, Message, Send
from stepsize.live_page.turns import Turns
from stepsize.problems.built_in import BUILT_IN


class Desks:
    """Hands each message to the desk of its problem; any thread may call `answer`.

    The arguments are those of `open_desk`. A built-in problem is opened when a page first names it;
    `confirming` returns what writes the command that confirms a schedule on a problem. The desks take turns
    with the trainer, which nothing else may use meanwhile.

    Raises: InputError for arguments that cannot be used.
    """

    def __init__(
        self,
        problem: Any,
        trainer: Trainer,
        schedules: Sequence[Any] | None = None,
        seeds: int | None = None,
        confirming: Callable[[Any], Confirm] | None = None,
        **keys: Any,
    ) -> None:
        self._trainer, self._confirming = Turns(trainer), confirming
        self.first = open_desk(problem, self._trainer, schedules, seeds, self._confirm(problem), **keys)
        self._desks = {self.first.session.study.name: self.first}
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
                return self.first
            if name not in self._desks:
                if name not in BUILT_IN:
                    raise StudyError(unknown("problem", name, [*self._desks, *BUILT_IN]))
                desk = open_desk(name, self._trainer, confirm=self._confirm(name))
                problems = {"problems": self.first.opening["problems"]}
                self._desks[name] = replace(desk, opening={**desk.opening, **problems})
            return self._desks[name]

    def _confirm(self, problem: Any) -> Confirm | None:
        return None if self._confirming is None else self._confirming(problem)
