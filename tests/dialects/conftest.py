"""What all comparisons share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stepsize.schedules import Schedule, constant, from_json, parse


def check(
    schedule: Schedule, theirs: Any, rtol: float = 1e-10, t: Any = None, per_epoch: int | None = None
) -> None:
    """Assert that a schedule, its text and its JSON have these values, at updates `t` or at all from 0 on."""
    theirs = np.asarray(theirs, dtype=np.float64)
    t = np.arange(len(theirs)) if t is None else np.asarray(t)
    for copy in (schedule, parse(repr(schedule)), from_json(schedule.to_json())):
        assert copy == schedule
        ours = copy.plan(updates=int(t.max()) + 1, updates_per_epoch=per_epoch)(t)
        np.testing.assert_allclose(ours, theirs, rtol, rtol * theirs.max(), err_msg=repr(schedule))


@pytest.fixture
def assert_follows() -> Callable[..., None]:
    """Return `check`, once it has been seen to fail."""
    with pytest.raises(AssertionError):
        check(constant(1), [1.0, 0.999])
    return check
