"""A recorded answer of a real study, and the check that an answer has exactly the declared keys.

`python -m tests.support.answers` runs the study and records its answer again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from stepsize.verdict.answer import Answer

RECORDED = Path(__file__).with_name("recorded_answer.json")


def recorded_answer() -> Answer:
    """Return a fresh copy of the recorded answer, to vary."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def record(path: Path = RECORDED) -> None:
    """Run a small study with a diverging candidate and two momenta, and write its answer."""
    import tempfile

    import stepsize as ss
    from stepsize.study.candidates import Candidate

    candidates = [
        "constant(0.1)",
        Candidate("constant(0.1)", momentum=0.0),
        "linear(lr)",
        "cosine(lr)",
        "warmup(5*epochs) >> cosine(lr)",
        "constant(0.1) * plateau(factor=0.5, patience=5)",
        "constant(1e30)",
    ]
    with tempfile.TemporaryDirectory() as folder:
        result = ss.compare("ionosphere", candidates, 12, store=Path(folder, "runs.sqlite"))
    path.write_text(result.to_json() + "\n", encoding="utf-8")


def assert_declared(value: object, declared: Any, path: str = "answer") -> None:
    """Check that a value has the declared type, and every mapping in it exactly the declared keys."""
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Annotated, Required, NotRequired):
        assert_declared(value, arguments[0], path)
    elif is_typeddict(declared):
        assert isinstance(value, dict), f"{path} is not a mapping: {value!r}"
        required, known = declared.__required_keys__, set(get_type_hints(declared))
        assert required <= set(value) <= known, (
            f"{path} lacks {sorted(required - set(value))} and has undeclared {sorted(set(value) - known)}"
        )
        hints = get_type_hints(declared, include_extras=True)
        for key, item in value.items():
            assert_declared(item, hints[key], f"{path}.{key}")
    elif origin is list:
        assert isinstance(value, list), f"{path} is not a list: {value!r}"
        for number, item in enumerate(value):
            assert_declared(item, arguments[0], f"{path}[{number}]")
    elif origin in (dict, Mapping):
        assert isinstance(value, dict), f"{path} is not a mapping: {value!r}"
        for key, item in value.items():
            assert_declared(item, arguments[1], f"{path}.{key}")
    elif origin in (UnionType, Union):  # a Literal makes the second
        assert_declared(value, NoneType if value is None else _not_none(arguments), path)
    elif arguments:
        assert value in arguments, f"{path} is {value!r}, not one of {arguments}"
    elif declared is not Any:
        kinds = (int, float) if declared is float else declared
        is_right = isinstance(value, kinds) and (declared is bool or not isinstance(value, bool))
        assert is_right, f"{path} is not a {declared.__name__}: {value!r}"


def _not_none(arguments: tuple[Any, ...]) -> Any:
    (declared,) = (each for each in arguments if each is not NoneType)
    return declared


if __name__ == "__main__":
    record(*map(Path, sys.argv[1:]))
