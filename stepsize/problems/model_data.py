"""Data loaded as the model that learns from them takes them."""

from __future__ import annotations

from typing import Any

from stepsize.problems.data import Data
from stepsize.problems.loading.catalog import load
from stepsize.problems.model_notes import has_signs
from stepsize.problems.models.model_transport import is_text, name_inputs, travel_form
from stepsize.problems.preprocessing import is_scaled
from stepsize.problems.torch.user_problem import converted_data


def load_for(model: Any, is_torch: bool, source: Any, **arguments: Any) -> Data:
    """Return `load(source, **arguments)`, with inputs by the names of the model's."""
    if not is_torch:
        return load(name_inputs(source, model), **arguments)
    source, kind = converted_data(source, model)
    return load(source, **{"kind": kind, **arguments} if kind else arguments)


def preparation(prepare: bool | None, model: Any) -> bool | None:
    """Return whether data are filled and scaled; None, for a text model, if the data decide it."""
    return False if prepare is None and not is_text(model) else prepare


def form_of(model: Any, data: Data, from_weights: bool) -> dict[str, Any]:
    """Return a model that is not PyTorch's as plain data, with what its inputs and targets are like."""
    form = travel_form(model, data.outputs, from_weights, data)
    if is_scaled(data) and not is_text(model):
        form["scaled"] = True
    if has_signs(data) and not is_text(model):
        form["signs"] = True
    return form
