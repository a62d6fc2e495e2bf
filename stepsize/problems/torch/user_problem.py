"""The arguments with which a user trains a PyTorch model: recognised, loaded and read."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from stepsize.errors import ProblemError, require, unknown
from stepsize.metric_directions import direction, is_share
from stepsize.problems.data import Data
from stepsize.problems.metrics import Metric
from stepsize.problems.torch.data import torch_data
from stepsize.problems.torch.factories import factory_of, imported, is_torch_model

if TYPE_CHECKING:
    from stepsize.problems.torch.source import Source


def trains_in_torch(model: Any, loss: Any) -> bool:
    """Return whether a model is PyTorch's: a module, a class of modules, or one that comes with a loss.

    Raises: ProblemError for a PyTorch model without a loss, and for a loss beside a model of another kind.
    """
    if loss is None:
        if is_torch_model(model):
            raise ProblemError("loss=None: a PyTorch model needs a loss, such as loss=nn.CrossEntropyLoss()")
        return False
    if hasattr(model, "get_compile_config") or (isinstance(model, str) and ":" not in model):
        shown = repr(model) if isinstance(model, str) else f"a {type(model).__name__}"
        if isinstance(model, str) and "(" not in model:
            raise ProblemError(
                f"loss is for a PyTorch model, and model {shown} is not one; write "
                "'package.module:function', or leave loss out"
            )
        raise ProblemError(f"loss is for a PyTorch model, but model is {shown}; leave loss out")
    require("torch", "torch")
    return True


def converted_data(source: Any, model: Any) -> tuple[Any, str | None]:
    """Return data with arrays in place of tensors, and the kind of the target if its type implies one."""
    return (
        (source, None)
        if isinstance(source, Data)
        else torch_data(source, lambda: factory_of(model)().forward)
    )


def loss_of(loss: Any) -> Any:
    """Return a loss by its name in `torch.nn`, by its path `package.module:loss`, or as it is."""
    if not isinstance(loss, str):
        return loss
    from torch import nn

    if ":" in loss:
        value = imported("loss", loss)
    elif hasattr(nn, loss) and loss.endswith("Loss"):
        value = getattr(nn, loss)
    else:
        raise ProblemError(unknown("loss", loss, sorted(name for name in dir(nn) if name.endswith("Loss"))))
    return value() if inspect.isclass(value) else value


def read_source(problem: Any, series: str | None = None) -> Source:
    """Read the PyTorch model of a `Problem` with its loss and its optimizer, for its data.

    `series` is why it is to train in PyTorch, one run at a time; None to do so only if it must.

    Raises: ProblemError, in one sentence, for what cannot be trained in a population or in PyTorch.
    """
    from stepsize.problems.torch.reading import read_model

    factory, metric = factory_of(problem.model, problem.from_weights), problem.metric
    user_metric = metric if is_own_metric(metric) else None
    settings = problem.settings or {}
    loss = loss_of(problem.loss)
    return read_model(factory, loss, problem.optimizer, settings, problem.data, user_metric, series)


def is_own_metric(metric: Any) -> bool:
    """Return whether a metric is a function of outputs and targets, not a name or an object of Keras."""
    return callable(metric) and not hasattr(metric, "update_state")


def own_metric(metric: Any, mode: str | None) -> Metric:
    """Return the description of a metric that is a function of outputs and targets.

    Raises: ProblemError unless `mode` or the function's name says which direction is better.
    """
    name = getattr(metric, "__name__", type(metric).__name__)
    known = direction(name)
    if (mode or known) is None:
        raise ProblemError(
            f"metric {name!r} does not show which direction is better; add mode='max' or mode='min'"
        )
    if mode not in (None, "max", "min"):
        raise ProblemError(unknown("mode", str(mode), ("max", "min")))
    return Metric(name, (mode or known) == "max", is_share(name) and mode != "min")
