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
    neither, or several rates or counts, as that of `multi_transform` does: record one of its parts, with an
    audit for each; StateError if updates were made without a record, or the audit starts at another update.

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
    parts: list[tuple[str, Any]] = list(_parts(opt_state))
    injected = [(path, part) for path, part in parts if "learning_rate" in getattr(part, "hyperparams", {})]
    if len(injected) > 1:
        raise ScheduleError(
            f"the optimizer's state holds {len(injected)} learning rates; {_one_of(injected)}"
        )
    for _, part in injected:
        return _completed(part), part.hyperparams["learning_rate"]
    counted = [(path, part) for path, part in parts if isinstance(part, optax.ScaleByScheduleState)]
    if schedule is None or not counted:
        raise ScheduleError(
            "the optimizer's state holds no learning rate; build it with optax.inject_hyperparams(optax.sgd)"
            "(learning_rate), or with a schedule, and pass that: record(audit, opt_state, schedule)"
        )
    numbers: list[Any] = [part.count for _, part in counted]
    counts = {int(number) for number in numbers}
    if len(counts) > 1:
        raise ScheduleError(f"the optimizer's state counts {sorted(counts)} updates; {_one_of(counted)}")
    count = counts.pop()
    return count, schedule(max(count - 1, 0))


def _completed(injected: Any) -> int:
    """Return the updates that an injected rate was used for.

    It counts all calls, also those whose gradients an optimizer inside it accumulates or skips.
    """
    for _, state in _parts(injected.inner_state):
        if isinstance(state, optax.MultiStepsState):
            updates: Any = state.gradient_step
            return int(updates)
        if isinstance(state, optax.ApplyIfFiniteState):
            skipped: Any = state.total_notfinite
            return int(injected.count) - int(skipped)
    return int(injected.count)


def _one_of(parts: list[tuple[str, Any]]) -> str:
    """Return what to write instead of a state with several parts that could be recorded."""
    calls = " or ".join(f"record(audit, opt_state{path})" for path, _ in parts)
    return f"record one of them, with an audit for each: {calls}"


def _parts(state: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the states inside a state with their paths, outermost first."""
    yield path, state
    if isinstance(state, dict):
        items = [(f"{path}[{key!r}]", part) for key, part in state.items()]
    elif names := getattr(state, "_fields", None):
        items = [(f"{path}.{name}", getattr(state, name)) for name in names]
    elif isinstance(state, tuple | list):
        items = [(f"{path}[{index}]", part) for index, part in enumerate(state)]
    else:
        items = []
    for name, part in items:
        yield from _parts(part, name)
