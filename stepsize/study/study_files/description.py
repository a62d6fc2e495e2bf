"""A study as a dict with the keys of a study file: from a name, a file or keyword arguments, to a `Study`."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsize.checks import shown
from stepsize.errors import StudyError, unknown
from stepsize.problems.built_in import BUILT_IN, built_in_study, canonical_name, optimizer_settings
from stepsize.problems.own_models import with_objects
from stepsize.problems.problem import Problem, problem
from stepsize.study.candidates import DEFAULT, SEEDS, read_candidates
from stepsize.study.knobs.knob_ranges import plain_ranges
from stepsize.study.more_seeds import read_budget
from stepsize.study.stores.saved_study import study_id
from stepsize.study.study import Study, make_study
from stepsize.study.study_files.keys import FUNCTION_KEYS, PROTOCOL_KEYS, SPLIT_KEYS, check_keys, check_table
from stepsize.study.study_files.several import SEVERAL, is_several
from stepsize.study.study_files.toml_writer import write_study_file
from stepsize.study.trainable import Trainable, check_name, is_trainable
from stepsize.study.tuning import Tuning, usual_tuning
from stepsize.study.user_functions.training import Training

Description = Mapping[str, Any]


def describe_study(source: Any, options: Description | None = None) -> dict[str, Any]:
    """Return the study of `source` as a dict with the keys of a study file.

    `source` is the name of a problem, data as `load` takes it, a study file (`study.toml`), or a training
    function or its path (`package.module:train`). `options` are keys of a study, which replace those of a
    study file. For a `Problem` or `Training`, they can only be keys of the protocol.

    Raises: StudyError for an unknown key, or a study file that cannot be read.

    >>> describe_study("lesson-ionosphere", {"epochs": 2, "folds": 5})
    {'problem': 'lesson-ionosphere', 'epochs': 2, 'split': {'folds': 5, 'kind': 'kfold'}}
    """
    options = dict(options or {})
    check_keys(options)
    if is_trainable(source):
        return _describe_trainable(source, options)
    source = str(source) if isinstance(source, Path) else source
    if isinstance(source, str) and source.lower().endswith(".toml"):
        from stepsize.study.study_files.toml_reader import read_study_file  # imports pydantic, which is slow

        description = read_study_file(source)
    elif inspect.isroutine(source) or is_function_path(source):
        description = {"train": source}
    else:
        description = {"problem" if isinstance(source, str) else "data": source}
    if canonical_name(str(description.get("problem", ""))) in BUILT_IN:
        description["problem"] = canonical_name(str(description["problem"]))
    if "name" in {**description, **options}:
        check_name({**description, **options}["name"])
    split = _split_table(description.pop("split", {})) | _split_options(options)
    return {**description, **options, **({"split": split} if split else {})}


def is_function_path(source: Any) -> bool:
    """Return whether `source` is text of the form `package.module:function`.

    >>> is_function_path("my.nets:train"), is_function_path("openml:61"), is_function_path("C:/table.csv")
    (True, False, False)
    """
    module, _, name = source.partition(":") if isinstance(source, str) else ("", "", "")
    return (
        name.isidentifier() and all(part.isidentifier() for part in module.split(".")) and module != "openml"
    )


def make_problem(description: Description) -> Problem | Training:
    """Return the problem, or the training function, of a description.

    Raises: ProblemError or StudyError for data, a model or keys that cannot be used.
    """
    if "train" in description:
        return _make_training(description)
    if "updates_per_epoch" in description:
        raise StudyError(
            f"updates_per_epoch={shown(description['updates_per_epoch'])} is only for a training function; "
            "other problems count their batches"
        )
    for key in SEVERAL:
        if is_several(description.get(key)):
            raise StudyError(
                f"{key}={shown(description[key])} are several, which only compare takes; give one {key}"
            )
    others = (*PROTOCOL_KEYS, "seeds", "problem", "data")
    changes = {key: value for key, value in description.items() if key not in others}
    if "optimizer" in changes and ("loss" not in changes or isinstance(changes["optimizer"], Mapping)):
        check_table("optimizer", changes["optimizer"])
        changes["settings"] = optimizer_settings(changes.pop("optimizer"))
    for key, value in _split_table(changes.pop("split", {})).items():
        changes["split" if key == "kind" else key] = value
    return problem(description["problem"] if "problem" in description else description["data"], **changes)


def plan_study(description: Description, problem: Trainable, command: str = "") -> Study:
    """Return the study of a description; `command` is the command that the report shows.

    Raises: StudyError or ScheduleError for candidates, seeds or a protocol that cannot be used.
    """
    defaults = _defaults(description)
    seeds = description.get("seeds", problem.usual_seeds or defaults.get("seeds", SEEDS))
    keys = {**defaults, **description}
    count = seeds if isinstance(seeds, int) else len(seeds)
    tuning = _tuning(usual_tuning(problem, count), keys.get("tuning", {}))
    candidates = read_candidates(keys.get("candidates", DEFAULT))
    return make_study(
        problem, candidates, seeds, keys.get("baseline"), command, margin=keys.get("margin"), tuning=tuning,
        budget=_budget(keys.get("until"), keys.get("budget")), knobs=keys.get("knobs"),
    )  # fmt: skip


def resolve_study(description: Description, problem: Trainable, study: Study) -> dict[str, Any]:
    """Return the description with every default written out, so that later defaults cannot change it."""
    keys = {**_defaults(description), **description, "name": problem.name, **problem.study_keys()}
    if "train" not in keys:
        keys.setdefault("data", keys.pop("problem", None))
        keys.setdefault("model", getattr(problem, "model", None))
    keys |= {
        "margin": study.facts["protocol"].get("margin"),
        "seeds": _shortest(study.seeds),
        "baseline": study.baseline,
        "tuning": _tuning_table(study.tuning),
        "knobs": plain_ranges(study.knobs) or None,
        "candidates": [
            {"schedule": str(c.schedule), "name": c.name, **with_objects(c.settings)}
            for c in study.candidates
        ],
    }
    return {key: value for key, value in keys.items() if value is not None}


def write_resolved_study(
    path: Path, source: Any, description: Description, problem: Trainable, study: Study
) -> bool:
    """Write the resolved study to `path`; return whether that was possible.

    A study with values that a file cannot hold, such as a frame or a model, is not written, and the study
    file that was read is never overwritten.

    Raises: OutputError if the file cannot be written, or would replace one that is not a resolved study.
    """
    source = str(source) if isinstance(source, str | Path) else ""
    if path.exists() and source.lower().endswith(".toml") and path.samefile(source):
        return False
    keys = resolve_study(description, problem, study)
    try:
        json.dumps(keys)
    except (TypeError, ValueError):
        return False
    write_study_file(path, keys, study_id(study.definition()))
    return True


def _describe_trainable(problem: Trainable, options: Description) -> dict[str, Any]:
    """Return the description of a study of a problem that exists already."""
    kind = type(problem).__name__
    for key, value in options.items():
        if key not in (*PROTOCOL_KEYS, "seeds"):
            raise StudyError(
                f"{key}={shown(value)} belongs to the {kind}, which exists already; set it where the {kind} "
                "is created"
            )
    return {"problem": problem.name, **options}


def _make_training(description: Description) -> Training:
    for key, value in description.items():
        if key not in (*FUNCTION_KEYS, *PROTOCOL_KEYS, "seeds"):
            raise StudyError(
                f"{key}={shown(value)} is not for a training function, which takes "
                f"{', '.join(FUNCTION_KEYS[1:])}"
            )
    if "epochs" not in description:
        raise StudyError("a training function needs epochs; give for example epochs=20")
    modes = {"max": True, "min": False}
    if "mode" in description and description["mode"] not in modes:
        raise StudyError(unknown("mode", str(description["mode"]), modes))
    higher = modes[description["mode"]] if "mode" in description else None
    arguments = {key: description[key] for key in FUNCTION_KEYS if key in description and key != "mode"}
    return Training(**arguments, higher_is_better=higher)


def _defaults(description: Description) -> dict[str, Any]:
    """Return the keys of a built-in study, without what it is about; none for other problems."""
    name = description.get("problem")
    study = built_in_study(name) if name in BUILT_IN else {}
    return {key: value for key, value in study.items() if key != "about"}


def _split_table(split: Any) -> dict[str, Any]:
    """Return a split as a table; text, or a `Split`, is its kind."""
    if not isinstance(split, Mapping):
        return {"kind": split}
    check_table("split", split)
    return dict(split)


def _split_options(options: dict[str, Any]) -> dict[str, Any]:
    """Remove the keys of the split from `options` and return them; `folds` alone means cross-validation."""
    table = _split_table(options.pop("split", {}))
    table |= {key: options.pop(key) for key in SPLIT_KEYS if key in options}
    return table if "kind" in table or "folds" not in table else {**table, "kind": "kfold"}


def _budget(until: Any, budget: Any) -> str | int | None:
    """Return the budget of a study that runs until it is decided, checked; None for any other study."""
    if until is None and budget is None:
        return None
    if until is None:
        raise StudyError(f'budget={shown(budget)} needs until="decided"; give both')
    if until != "decided":
        raise StudyError(unknown("until", str(until), ["decided"]))
    if budget is None:
        raise StudyError('until="decided" needs a budget; give for example budget="10m" or budget=5000')
    runs = read_budget(budget).runs
    return str(budget) if math.isinf(runs) else int(runs)


def _tuning(usual: Tuning, changes: Any) -> Tuning:
    """Return the usual tuning with what a `tuning` table sets."""
    check_table("tuning", changes)
    return Tuning.of(**{**_tuning_table(usual), **changes})


def _tuning_table(tuning: Tuning) -> dict[str, Any]:
    """Return a tuning as the `tuning` table of a study file."""
    return {
        "rates": tuning.rates,
        "rounds": tuning.rounds,
        "seeds": len(tuning.seeds),
        "fine_seeds": len(tuning.fine_seeds),
        "extra_rounds": tuning.extra_rounds,
    }


def _shortest(seeds: tuple[int, ...]) -> int | list[int]:
    """Return seeds as a study file writes them: their number if they are 0, 1, ..."""
    return len(seeds) if seeds == tuple(range(len(seeds))) else list(seeds)
