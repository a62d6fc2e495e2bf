"""What a loss makes of chosen outputs and targets, where its graph does not show what it takes.

Every call is of a copy, because a loss may count its calls.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from stepsize.problems.torch.graph import first_output

RISING = (-5.0, -2.0, 2.0, 5.0)  # outputs, from the wrong side of 0 far into the right one
INSIDE = 0.9  # an output that a tanh may have
SHIFT = 3.0  # added to all outputs of a row

Loss = Callable[[Any, torch.Tensor], torch.Tensor]


def takes_signs(loss: Loss, outputs: Any, target: torch.Tensor) -> bool:
    """Return whether a loss may have the targets -1 and 1: a cross-entropy of 0 and 1 falls below 0 there."""
    values = [_loss_at(loss, outputs, target, x, sign) for x in (-INSIDE, INSIDE) for sign in (-1, 1)]
    return all(math.isfinite(value) and value >= 0 for value in values)


def takes_margins(loss: Loss, outputs: Any, target: torch.Tensor, lower: float) -> bool:
    """Return whether a loss falls the further an output is on the right side of 0, as with logits or margins.

    The targets are `lower` and 1. A loss of probabilities fails outside 0 to 1, and a squared error rises
    beyond the target.
    """
    ones = [_loss_at(loss, outputs, target, x, 1) for x in RISING]
    others = [_loss_at(loss, outputs, target, -x, lower) for x in RISING]
    return all(far > near > right >= beyond for far, near, right, beyond in (ones, others))


def ignores_shifts(loss: Loss, outputs: Any, target: torch.Tensor) -> bool:
    """Return whether a number that is added to all outputs of a row changes nothing, as with logits."""
    first = first_output(outputs)
    values = [_value(loss, outputs, first + shift, target) for shift in (0.0, SHIFT)]
    return math.isclose(*values, rel_tol=1e-4) if all(map(math.isfinite, values)) else False


def is_sum(loss: Loss, model: Any, inputs: Sequence[torch.Tensor], target: torch.Tensor) -> bool:
    """Return whether the loss of a batch that holds every row twice is twice as large."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        once = float(copy.deepcopy(loss)(model(*inputs), target))
        outputs = model(*(torch.cat([x, x]) for x in inputs))
        twice = float(copy.deepcopy(loss)(outputs, torch.cat([target, target])))
    return math.isclose(twice, 2 * once, rel_tol=1e-3) and not math.isclose(twice, once, rel_tol=1e-3)


def _loss_at(loss: Loss, outputs: Any, target: torch.Tensor, x: float, truth: float) -> float:
    """Return the loss of rows whose first output is `x`, for a target that is `truth` everywhere."""
    first = torch.full_like(first_output(outputs), x)
    return _value(loss, outputs, first, torch.full_like(target, truth))


def _value(loss: Loss, outputs: Any, first: torch.Tensor, target: torch.Tensor) -> float:
    """Return the loss of outputs whose first one is `first`; NaN if it fails."""
    changed = copy.deepcopy(outputs)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            first_output(changed).copy_(first)
            return float(copy.deepcopy(loss)(changed, target))
    except Exception:  # a user's loss may raise anything outside its domain
        return math.nan
