"""Study files: a whole study in one TOML file, checked key by key before anything is trained."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stepsize.checks import shown
from stepsize.errors import StudyError, unknown
from stepsize.study.study_files.keys import check_table
from stepsize.study.study_files.toml_writer import move_paths


class TuningTable(BaseModel):
    """How a free `lr` is chosen: `Tuning` with the numbers of seeds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rates: list[float] | None = None
    rounds: int | None = None
    seeds: int | None = None
    fine_seeds: int | None = None
    extra_rounds: int | None = None


class StudyFile(BaseModel):
    """The keys of a study file; messages quote the examples."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())

    name: str | None = Field(None, examples=['"wine"'])
    about: str | None = Field(None, examples=['"Is a warmup of any use?"'])
    problem: str | None = Field(None, examples=['"ionosphere"'])
    data: str | None = Field(None, examples=['"table.csv"'])
    target: str | int | None = Field(None, examples=['"kind"'])
    header: bool | None = Field(None, examples=["false"])
    kind: str | None = Field(None, examples=['"multiclass"'])
    groups: str | None = Field(None, examples=['"patient"'])
    order: str | None = Field(None, examples=['"day"'])
    part: str | None = Field(None, examples=['"part"'])
    weights: str | None = Field(None, examples=['"weight"'])
    drop: list[str | int] | None = Field(None, examples=['["id"]'])
    prepare: bool | None = Field(None, examples=["true"])
    folder: str | None = Field(None, examples=['"/usr/share/datasets/fashion-mnist"'])
    split: str | dict[str, Any] | None = Field(
        None, examples=['"stratified"', '{ kind = "stratified", validation = 0.33 }']
    )
    model: str | list[str] | None = Field(None, examples=['["mlp(64)", "logistic"]', '"mlp(64)"'])
    loss: str | None = Field(None, examples=['"CrossEntropyLoss"'])
    optimizer: dict[str, Any] | list[dict[str, Any]] | None = Field(
        None, examples=['{ name = "sgd", momentum = 0.9 }']
    )
    epochs: int | None = Field(None, examples=["50"])
    batch_size: int | None = Field(None, examples=["32"])
    metric: str | None = Field(None, examples=['"accuracy"'])
    mode: Literal["max", "min"] | None = Field(None, examples=['"max"'])
    class_weight: dict[str, float] | Literal["balanced"] | None = Field(None, examples=["{ rare = 2.0 }"])
    from_weights: bool | None = Field(None, examples=["true"])
    train: str | None = Field(None, examples=['"package.module:function"'])
    updates_per_epoch: int | None = Field(None, examples=["9"])
    candidates: list[str | dict[str, Any]] | None = Field(
        None, examples=['["constant(lr)", { schedule = "cosine(lr)", momentum = 0.8 }]']
    )
    seeds: int | list[int] | None = Field(None, examples=["30"])
    baseline: str | None = Field(None, examples=['"constant(lr)"'])
    margin: float | None = Field(None, examples=["0.01"])
    until: Literal["decided"] | None = Field(None, examples=['"decided"'])
    budget: str | int | None = Field(None, examples=['"60s"', "5000"])
    knobs: dict[str, list[float | str]] | None = Field(
        None, examples=['{ w = [0, 0.3], f = [0.001, 1, "log"] }']
    )
    tuning: TuningTable | None = Field(None, examples=["{ rates = [0.01, 0.1, 1.0] }"])


def read_study_file(path: str | Path) -> dict[str, Any]:
    """Read a study file and return its keys, with paths relative to the working folder.

    Raises: StudyError for a file that cannot be read, unknown keys, wrong values, and keys that exclude each
    other.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"study file {str(path)!r} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"study file {str(path)!r} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"study file {str(path)!r} is not TOML: {error}") from None
    try:
        keys = StudyFile(**table).model_dump(exclude_none=True)
        if isinstance(keys.get("split"), dict):
            check_table("split", keys["split"])
    except StudyError as error:
        raise StudyError(f"study file {str(path)!r}: {error}") from None
    except ValidationError as error:
        raise StudyError(f"study file {str(path)!r}: {_message(error, table)}") from None
    sources = [key for key in ("problem", "data", "train") if key in keys]
    if len(sources) != 1:
        present = f"it has {' and '.join(sources)}" if sources else "it has none of them"
        raise StudyError(f"study file {str(path)!r} must have one of problem, data and train; {present}")
    return move_paths(keys, lambda place: str(path.parent / place))


def _message(error: ValidationError, table: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    key, last = str(first["loc"][0]), str(first["loc"][-1])
    if first["type"] == "extra_forbidden":
        known = TuningTable.model_fields if len(first["loc"]) > 1 else StudyFile.model_fields
        return unknown("key" if len(first["loc"]) == 1 else f"key in {key}", last, known)
    example = (StudyFile.model_fields[key].examples or [""])[-1]
    return f"{key}={shown(table[key])} cannot be used ({first['msg']}); write for example {key} = {example}"
