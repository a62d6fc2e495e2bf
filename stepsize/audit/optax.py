"""An audit of an optax optimizer: the rates that can be read in its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from stepsize.audit.record import Audit, check_audit
from stepsize.errors import ScheduleError, StateError, require

require("optax", "optax")

import optax  # noqa: E402


def record(audit: Audit, opt_state: Any, schedule: Callable[[Any], Any] | None = None) -> None:
    """Record the rate of the update that gave `opt_state`; call it after each `optimizer.update`.

    Under `optax.inject_hyperparams` the rate itself is read. Otherwise the state holds no rate, only the
    count of updates: pass the `schedule` that the optimizer was built with, and its rate for that count is
    recorded; the audit then checks the count. Nothing is recorded while updates are accumulated or skipped.

    Raises: AuditError at the first difference, under a strict audit; ScheduleError if the state holds
    neither; StateError if updates were made without a record, or the audit starts at another update.

    >>> import jax.numpy as jnp
    >>> from stepsize.schedules import linear
    >>> optimizer = optax.inject_hyperparams(optax.sgd)(optax.linear_schedule(0.5, 0.0, 4))
    >>> audit, state = Audit(linear(0.5).plan(updates=4)), optimizer.init(jnp.ones(2))
    >>> for _ in range(4):
    ...     gradients, state = optimizer.update(jnp.ones(2), state)
    ...     record(audit, state)
    >>> audit.applied
    array([0.5  , 0.375, 0.25 , 0.125])
    """
    check_audit(audit)
    completed, rate = _read(opt_state, schedule)
    if completed not in (audit.update, audit.update + 1):
        raise StateError(
            f"the optimizer's state has completed {completed} updates and the audit {audit.update}; record "
            "after every update, and write Audit(plan, start=...) for a resumed run"
        )
    if completed > audit.update:
        audit.record(rate)


def _read(opt_state: Any, schedule: Callable[[Any], Any] | None) -> tuple[int, Any]:
    """Return the updates completed, and the rate of the last one."""
    for part in _parts(opt_state):
        rates = getattr(part, "hyperparams", {})
        if "learning_rate" in rates:
            return int(part.count), rates["learning_rate"]
    for part in _parts(opt_state):
        if schedule is not None and isinstance(part, optax.ScaleByScheduleState):
            count: Any = part.count
            return int(count), schedule(max(int(count) - 1, 0))
    raise ScheduleError(
        "the optimizer's state holds no learning rate; build it with optax.inject_hyperparams(optax.sgd)"
        "(learning_rate), or with a schedule, and pass that: record(audit, opt_state, schedule)"
    )


def _parts(state: Any) -> Iterator[Any]:
    """Yield the states inside a state, outermost first."""
    yield state
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, tuple | list) else ()
    for part in inner:
        yield from _parts(part)
