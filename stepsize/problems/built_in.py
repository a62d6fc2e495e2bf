"""The built-in studies, stored as study files: what is trained, and what is compared."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

BUILT_IN = (
    "ionosphere", "breast-cancer", "diabetes", "digits", "iris", "wine", "fashion-mnist",
    "lesson-ionosphere", "lesson-fashion-mnist",
    "claim-decay", "claim-smaller-steps", "claim-larger-momentum", "claim-exponential",
    "claim-accuracy", "claim-plateau", "claim-rare-features", "claim-summed-loss",
)  # fmt: skip


def canonical_name(name: str) -> str:
    """Return the name of a built-in study or data set as it is spelled here.

    >>> canonical_name("Fashion_MNIST")
    'fashion-mnist'
    """
    return name.lower().replace("_", "-")


@cache
def built_in_study(name: str) -> dict[str, Any]:
    """Read the built-in study called `name`; the keys are those of a study file.

    >>> built_in_study("digits")["epochs"]
    30
    """
    text = resources.files("stepsize.problems").joinpath(f"studies/{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def usual_problem(name: str) -> dict[str, Any]:
    """Return the fields of `Problem` that a built-in study sets, apart from data and model.

    >>> usual_problem("lesson-fashion-mnist")["epochs"]
    5
    """
    study = built_in_study(name)
    fields = {key: study[key] for key in ("epochs", "batch_size", "split") if key in study}
    if "optimizer" in study:
        fields["settings"] = optimizer_settings(study["optimizer"])
    return fields


def optimizer_settings(table: dict[str, Any]) -> dict[str, Any]:
    """Return a study file's `optimizer` table as the `settings` of a problem.

    >>> optimizer_settings({"name": "sgd", "momentum": 0.9})
    {'optimizer': 'sgd', 'momentum': 0.9}
    """
    return {"optimizer" if key == "name" else key: value for key, value in table.items()}
