"""An optimizer of PyTorch whose groups have these rates."""

from __future__ import annotations

from typing import Any

import torch


def optimizer(*rates: float, **group: Any) -> Any:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate, **group} for rate in rates]
    return torch.optim.SGD(groups, momentum=0.9)
