"""The refusal of a row whose loss is not finite before the first update."""

from __future__ import annotations

from typing import Any, NoReturn

from stepsize.errors import ProblemError

CHUNK = 256  # rows of one evaluation


def refuse(row: int, target: Any, is_output_finite: bool) -> NoReturn:
    """Raise ProblemError for row number `row`, whose loss or output is not finite."""
    of_target = f"the loss for its target, {target},"
    cause = of_target if is_output_finite else "the output of the model for it"
    raise ProblemError(
        f"row {row + 1} of the data: {cause} is not finite before the first update, so no learning rate can "
        "help; correct or remove the row, or change the model or the loss"
    )
