"""Study files as text: values as TOML, paths relative to the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stepsize.output_files import RESOLVED_STUDY, write_output
from stepsize.problems.loading.catalog import is_named


def write_study_file(path: Path, keys: Mapping[str, Any], study: str = "") -> None:
    """Write the resolved study `study` as a study file; paths in it become relative to it.

    Raises: OutputError if the file cannot be written, or would replace one that is not a resolved study.
    """
    folder = os.path.abspath(path.parent)
    moved = move_paths(keys, lambda place: Path(os.path.relpath(place, folder)).as_posix())
    lines = [f"{key} = {_toml(value, key == 'candidates')}" for key, value in moved.items()]
    write_output("path", path, RESOLVED_STUDY, "\n".join(lines) + "\n", study)


def move_paths(keys: Mapping[str, Any], move: Callable[[str], str]) -> dict[str, Any]:
    """Return the keys of a study with `move` applied to the paths among their values.

    >>> move_paths({"data": "table.csv", "epochs": 5}, lambda path: "../" + path)
    {'data': '../table.csv', 'epochs': 5}
    >>> move_paths({"model": ["logistic", "net.keras"]}, lambda path: "../" + path)
    {'model': ['logistic', '../net.keras']}
    """
    moved = dict(keys)
    if "data" in keys and not is_named(keys["data"]):
        moved["data"] = move(keys["data"])
    if "model" in keys:
        moved["model"] = _moved_model(keys["model"], move)
    if "candidates" in keys:
        moved["candidates"] = [
            {**each, "model": _moved_model(each["model"], move)}
            if isinstance(each, Mapping) and "model" in each
            else each
            for each in keys["candidates"]
        ]
    if "folder" in keys:
        moved["folder"] = move(keys["folder"])
    return moved


def _moved_model(model: Any, move: Callable[[str], str]) -> Any:
    """Return a model, or several, with `move` applied to the paths of files."""
    if isinstance(model, list):
        return [_moved_model(each, move) for each in model]
    return move(model) if str(model).endswith(".keras") else model


def _toml(value: Any, lines: bool = False) -> str:
    """Return a value as TOML, tables inline; with `lines`, each item of a list on its own line.

    >>> _toml({"kind": "lesson", "shares": [0.5, 1e-05], "on": True})
    '{ kind = "lesson", shares = [0.5, 1e-05], on = true }'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(key))} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        items = [_toml(item) for item in value]
        return "[\n  " + ",\n  ".join(items) + ",\n]" if lines else "[" + ", ".join(items) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)
