"""`ScalingLaw` and `ScalingLaws`: what `scale` returns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import StudyError
from stepsize.number_format import plain
from stepsize.report.pictures import scaling as scaling_picture
from stepsize.report.pictures.picture import Picture
from stepsize.report.terminal import scaling
from stepsize.scaling.answer import BothAnswer, ScalingAnswer
from stepsize.scaling.summary import predicted
from stepsize.stats.power_law import PowerLaw


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """How the best rate moves with the batch size or another value; it displays itself in a notebook.

    `answer` is the document that `stepsize scale --json` prints.
    """

    answer: ScalingAnswer
    _law: PowerLaw | None = field(repr=False)

    @property
    def exponent(self) -> float | None:
        """The rate grows as the value to this power; None if too few values have a rate."""
        return None if self._law is None else self._law.exponent

    @property
    def ci95(self) -> tuple[float, float] | None:
        """The 95 % interval of the exponent."""
        return None if self._law is None else self._law.ci95

    def rate(self, value: float) -> dict[str, Any]:
        """Return the rate to use for a value: `rate`, its 95 % `range`, and whether it is `extrapolated`.

        Raises: StudyError if there is no law, or for a value that is not a positive number.
        """
        if self._law is None:
            raise StudyError(f"there is no law to predict from: {self.answer['sentence']}")
        along = self.answer["along"]
        if not is_number(value) or value <= 0 or (along == "momentum" and value >= 1):
            below = " below 1" if along == "momentum" else ""
            raise StudyError(f"rate({shown(value)}) needs a positive number{below} as {along}")
        return predicted(self._law, along, value, [each["value"] for each in self.answer["values"]])

    def plot(self) -> Picture | None:
        """Return the picture of the law, which a notebook displays; None if too few values have a rate."""
        return scaling_picture.scaling_picture(self.answer)

    def to_json(self) -> str:
        """Return the answer as one JSON document."""
        return json.dumps(plain(self.answer), indent=1, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return scaling_picture.fragment(self.answer)

    def __repr__(self) -> str:
        return scaling.render(self.answer)


@dataclass(frozen=True, eq=False)
class ScalingLaws:
    """The laws at equal `epochs` and at equal `updates`, side by side; they display themselves in a notebook.

    `answer` is the document that `stepsize scale --hold both --json` prints.
    """

    answer: BothAnswer
    epochs: ScalingLaw
    updates: ScalingLaw

    def plot(self) -> Picture | None:
        """Return the picture of both laws; None if too few values have a rate."""
        return scaling_picture.scaling_picture(self.answer)

    def to_json(self) -> str:
        """Return the answer as one JSON document."""
        return json.dumps(plain(self.answer), indent=1, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return scaling_picture.fragment(self.answer)

    def __repr__(self) -> str:
        return scaling.render(self.answer)
