"""With which optimizer the runs of a problem train, as the answer of a study states it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepsize.problems.usual_settings import usual_of_keras, usual_settings


def optimizer_facts(
    problem: Any, form: Mapping[str, Any], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the optimizer of a `Problem` as JSON values; `form` is the travel form of a Keras model.

    If `settings`, those of a candidate, name an optimizer, it is that one, with what it takes over from the
    problem. The other settings of the candidate are left out.
    """
    named = (settings or {}).get("optimizer")
    own = {} if named is None else {"optimizer": named}
    if problem.torch_source is not None:
        optimizer, groups = problem.torch_source.optimizer_facts(own)
    else:
        usual = usual_settings(problem.settings or {}, own)
        name, groups = usual.pop("optimizer", "as compiled"), None
        optimizer = {"name": named or name, **usual}
    return {
        "optimizer": optimizer,
        "optimizer_groups": groups,
        "compiled_optimizer": compiled_optimizer(form),
        "undecayed": undecayed(form),
    }


def compiled_optimizer(form: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the optimizer that a Keras model is compiled with, its usual values left out; None if not known.

    >>> compiled_optimizer({"optimizer": ["SGD", {"momentum": 0.8, "nesterov": False, "clipnorm": None}]})
    {'name': 'SGD', 'momentum': 0.8}
    >>> compiled_optimizer({"optimizer": ["Lion", {"beta_1": 0.9, "beta_2": 0.999}]})
    {'name': 'Lion', 'beta_2': 0.999}
    """
    name, arguments, *_ = form.get("optimizer") or (None, {})
    usual = usual_of_keras(str(name))
    fields = {
        key: value
        for key, value in arguments.items()
        if key != "name" and value is not None and usual.get(key, False if value is False else None) != value
    }
    return None if name is None else {"name": name, **fields}


def undecayed(form: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a compiled optimizer excludes from weight decay, as Keras takes it; None if nothing.

    >>> undecayed({"optimizer": ["AdamW", {}, {"variables": [1, 3], "pattern": None}]})
    {'weights': [1, 3], 'names': []}
    """
    optimizer = form.get("optimizer") or ()
    if len(optimizer) < 3:
        return None
    weights, pattern = optimizer[2]["variables"], optimizer[2]["pattern"]
    return {"weights": list(weights), "names": [pattern] if pattern else []}
