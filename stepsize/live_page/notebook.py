"""`explore`: the live page as a widget in Jupyter, Colab and VS Code, with the same module as on loopback."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Unpack

from stepsize.engine.client import Engine
from stepsize.errors import require
from stepsize.live_page.desks import Desks
from stepsize.live_page.module import script, style
from stepsize.study.study_files.keys import StudyKeys
from stepsize.study.study_files.options import study_options

if TYPE_CHECKING:
    import anywidget


def explore(
    problem: Any,
    schedules: Sequence[Any] | None = None,
    seeds: int | None = None,
    **keys: Unpack[StudyKeys],
) -> anywidget.AnyWidget:
    """Return a widget on which a schedule is dragged, and the verdict of real runs follows.

    `problem`, `schedules`, `seeds` and `keys` are those of `compare`; the page begins with the
    first of the schedules beside the baseline. Its word is exploratory: the page counts how many schedules
    were compared, and shows the call of `compare` that confirms the one you like on fresh seeds.

    The training process stays open until the widget is closed, with `widget.close()` or with the kernel.

    Raises: MissingExtra if anywidget is not installed; InputError for arguments that cannot be used.

    >>> explore("ionosphere", epoch=5)
    Traceback (most recent call last):
    stepsize.errors.StudyError: unknown argument 'epoch'; did you mean 'epochs'?
    """
    study_options(keys, schedules, seeds)  # before anything starts
    require("explore", "anywidget")
    engine = Engine()
    try:
        desks = Desks(problem, engine, schedules, seeds, **keys)
    except BaseException:
        engine.close()
        raise
    return _widget_class()(desks, engine)  # type: ignore[call-arg]


@cache
def _widget_class() -> type[anywidget.AnyWidget]:
    """Return the class of the widget; anywidget is imported only where it is used."""
    import anywidget

    class Explore(anywidget.AnyWidget):
        _esm = script()
        _css = style()

        def __init__(self, desks: Desks, engine: Engine) -> None:
            super().__init__()
            self._desks, self._engine = desks, engine
            self.on_msg(self._answer)

        def _answer(self, widget: Any, message: Any, buffers: Any) -> None:
            """Answer in a thread of its own, so that a newer message can supersede this one."""
            if isinstance(message, dict):
                threading.Thread(target=self._desks.answer, args=(message, self.send), daemon=True).start()

        def close(self) -> None:
            """Close the widget, and end its training process."""
            super().close()
            self._engine.close()

    return Explore
