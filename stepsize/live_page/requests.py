"""What the page asks, and the answers: one dict for each, the same on loopback and in a notebook."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import StepsizeError, StudyError, first_line, save_traceback, unknown
from stepsize.export import export
from stepsize.export.module import commented
from stepsize.export.parameter_groups import in_words
from stepsize.live_page import shapes
from stepsize.live_page.freehand import nearest
from stepsize.live_page.replies import map_reply, scored_reply
from stepsize.live_page.session import Session, Superseded
from stepsize.report.terminal.rate_map import optimizer_text
from stepsize.schedules import Plan, Schedule
from stepsize.study.candidate_settings import checked_settings
from stepsize.study.candidates import Candidate
from stepsize.study.trained_settings import trained_settings

Message = Mapping[str, Any]
Send = Callable[[dict[str, Any]], None]


@dataclass
class Desk:
    """Answers the messages of a page, each with one reply or several; any thread may call `answer`.

    A `score` of a page that has asked for another one meanwhile is dropped.
    """

    session: Session
    opening: Mapping[str, Any]
    confirm: Callable[[Candidate, Candidate], str]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)  # of the session's runs
    _latest: dict[str, Any] = field(default_factory=dict, repr=False)

    def answer(self, message: Message, send: Send) -> None:
        """Send the replies to one message; an error of the user's input is a reply, too."""
        kind = message.get("kind")

        def reply(content: dict[str, Any]) -> None:
            send({"id": message.get("id"), **content})

        try:
            if not isinstance(kind, str) or kind not in KINDS:
                raise StudyError(unknown("kind", str(kind), KINDS))
            KINDS[kind](self, message, reply)
        except Superseded:
            reply({"kind": "superseded"})
        except StepsizeError as error:
            reply({"kind": "error", "text": str(error)})
        except Exception as error:  # the page must not wait for ever
            text = f"{type(error).__name__}: {first_line(error)}; the whole message is in {save_traceback()}"
            reply({"kind": "error", "text": text})

    def _open(self, message: Message, send: Send) -> None:
        send({"kind": "opened", **self.opening})

    def _shape(self, message: Message, send: Send) -> None:
        """Reply with the shape of a spec, after a drag or an edit if the message has one."""
        rate = _rate(message)
        schedule = shapes.read(_text(message, "spec"), rate)
        if "path" in message:
            plan = self._plan(schedule, message)
            schedule = shapes.drag(plan, _text(message, "path"), _number(message, "value"))
        elif "stroke" in message:
            schedule = nearest(message["stroke"], self.session.problem.epochs)
        elif "action" in message:
            schedule = shapes.edit(schedule, message, rate)
        send({"kind": "shape", **shapes.describe(self._plan(schedule, message))})

    def _score(self, message: Message, send: Send) -> None:
        """Reply with the comparison of two candidates, and with the progress on the way."""
        page = str(message.get("page"))
        self._latest[page] = message.get("id")

        def is_superseded() -> bool:
            return self._latest[page] != message.get("id")

        chosen, baseline = (_candidate(message, which) for which in ("chosen", "baseline"))
        with self._lock:
            if is_superseded():
                raise Superseded
            for each in (chosen, baseline):
                self.session.check(each)
            scored = self.session.score(
                chosen, baseline, is_superseded, lambda share: send({"kind": "progress", "share": share})
            )
        send({**scored_reply(scored), "confirm": self.confirm(chosen, baseline)})

    def _map(self, message: Message, send: Send) -> None:
        """Reply with the map of constant rates for some settings."""
        settings = {name: value for name, value in _settings(message).items() if name != "batch_size"}
        send(map_reply(self.session.map_rates(settings)))

    def _code(self, message: Message, send: Send) -> None:
        """Reply with the code of a schedule for another library, and what it was trained with."""
        plan = self._plan(shapes.read(_text(message, "spec"), _rate(message)), message)
        send({"kind": "code", "text": self._trained_with(message) + export(plan, _text(message, "to"))})

    def _trained_with(self, message: Message) -> str:
        """Return a comment with the settings that the rates belong to."""
        protocol = self.session.study.facts["protocol"]
        optimizer = trained_settings(protocol, _settings(message))
        batch = optimizer.pop("batch_size", protocol["batch_size"])
        optimizer["name"] = optimizer.pop("optimizer", "its own optimizer")
        groups = f" with {in_words(protocol['optimizer_groups'])}" if protocol["optimizer_groups"] else ""
        text = f"For {optimizer_text(optimizer)}{groups}, in batches of {batch}."
        return "".join(f"{line}\n" for line in commented(text))

    def _plan(self, schedule: Schedule, message: Message) -> Plan:
        problem = self.session.problem
        per_epoch = problem.updates_per_epoch_with(_settings(message))
        return schedule.plan(epochs=problem.epochs, updates_per_epoch=per_epoch)


KINDS: dict[str, Callable[[Desk, Message, Send], None]] = {
    "open": Desk._open,
    "shape": Desk._shape,
    "score": Desk._score,
    "map": Desk._map,
    "code": Desk._code,
}


def _candidate(message: Message, which: str) -> Candidate:
    part = message.get(which)
    if not isinstance(part, Mapping):
        raise StudyError(f"{which}={shown(part)} must be a schedule with its settings")
    schedule = shapes.read(_text(part, "spec"), _rate(part))
    return Candidate(schedule, **_settings(part))


def _settings(message: Message) -> dict[str, Any]:
    settings = message.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise StudyError(f"settings={shown(settings)} must be names with numbers")
    return checked_settings({str(name): value for name, value in settings.items() if value is not None})


def _rate(message: Message) -> float:
    value = message.get("rate", 0.1)
    return float(value) if is_number(value) and 0 < value < float("inf") else 0.1


def _text(message: Message, key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise StudyError(f"{key}={shown(value)} must be text")
    return value


def _number(message: Message, key: str) -> float:
    value = message.get(key)
    if not is_number(value):
        raise StudyError(f"{key}={shown(value)} must be a number")
    return float(value)  # type: ignore[arg-type]
