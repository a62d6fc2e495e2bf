"""Study files as text: values as TOML, and paths that are relative to the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stepsize.problems.loading.catalog import is_named


def write_study_file(path: Path, said: Mapping[str, Any]) -> None:
    """Write a study file; its paths become relative to it."""
    folder = os.path.abspath(path.parent)
    said = relocated(said, lambda place: Path(os.path.relpath(place, folder)).as_posix())
    lines = [f"{key} = {_toml(value, key == 'candidates')}" for key, value in said.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def relocated(said: Mapping[str, Any], move: Callable[[str], str]) -> dict[str, Any]:
    """Return the keys of a study with the paths among their values moved.

    >>> relocated({"data": "table.csv", "epochs": 5}, lambda path: "../" + path)
    {'data': '../table.csv', 'epochs': 5}
    """
    moved = dict(said)
    if "data" in said and not is_named(said["data"]):
        moved["data"] = move(said["data"])
    if str(said.get("model", "")).endswith(".keras"):
        moved["model"] = move(said["model"])
    if "folder" in said:
        moved["folder"] = move(said["folder"])
    return moved


def _toml(value: Any, lines: bool = False) -> str:
    """Write a value as TOML, tables inline; with `lines` the items of a list on lines of their own.

    >>> _toml({"kind": "lesson", "shares": [0.5, 1e-05], "on": True})
    '{ kind = "lesson", shares = [0.5, 1e-05], on = true }'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        items = [_toml(item) for item in value]
        return "[\n  " + ",\n  ".join(items) + ",\n]" if lines else "[" + ", ".join(items) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)
