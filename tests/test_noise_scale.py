"""Why a noise scale is missing, and what a larger batch may take; `test_scaling_law.py` measures one."""

from __future__ import annotations

from typing import Any

import pytest

from stepsize.errors import EngineError
from stepsize.noise_scale import NoiseScale
from stepsize.problems.problem import problem


class Broken:
    """A trainer that cannot measure gradients."""

    def open(self, *arguments: Any) -> Any:
        raise EngineError("training failed with ValueError: no gradient")


def missing(rate: float | None, **changes: Any) -> str:
    ionosphere, trainer = problem("ionosphere", **changes), Broken()
    value: Any = {"value": 8, "epochs": 5, "rate": rate}
    scale = NoiseScale(trainer, ionosphere, {}, 2, summed=False)  # type: ignore[arg-type]
    answer, note = scale.beside(None, [value])
    assert answer is None
    return note


@pytest.mark.parametrize(
    ("rate", "changes", "reason"),
    [
        (0.1, {"rows": 60}, "60 training rows are fewer than 64"),
        (None, {}, "every run diverged"),
        (0.1, {}, "training failed with ValueError: no gradient"),
    ],
)
def test_a_note_says_why_there_is_none(rate: float | None, changes: Any, reason: str) -> None:
    assert missing(rate, **changes) == f"The gradient noise scale is not measured: {reason}."
