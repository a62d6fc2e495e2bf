"""A study as a dict with the keys of a study file: from a file, a name or flags; and what it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsize.errors import StudyError, unknown
from stepsize.problems.built_in import BUILT_IN, built_in_study, optimizer_settings
from stepsize.problems.problem import Problem, problem
from stepsize.study.candidates import DEFAULT, SEEDS, described
from stepsize.study.study import Study, Tuning, make_study, usual_tuning
from stepsize.study.toml import write_study_file
from stepsize.study.user_functions.training import Training

Said = Mapping[str, Any]
OF_TRAINING = ("train", "name", "epochs", "updates_per_epoch", "metric", "mode", "margin")
OF_STUDY = ("candidates", "seeds", "baseline", "margin", "tuning")
OF_SPLIT = ("split", "validation", "folds")


def describe(source: str, flags: Said | None = None) -> dict[str, Any]:
    """Say what `source` stands for: a study file, a function `package.module:train`, a problem or data.

    `flags` replace what the file says; besides the keys of a study file they may have those of its split.

    >>> describe("lesson-ionosphere", {"epochs": 2, "folds": 5})
    {'problem': 'lesson-ionosphere', 'epochs': 2, 'split': {'folds': 5, 'kind': 'kfold'}}
    """
    flags = dict(flags or {})
    if source.lower().endswith(".toml"):
        from stepsize.study.study_file import read_study_file  # it brings pydantic, which takes time

        said = read_study_file(source)
    elif is_function_path(source):
        said = {"train": source}
    else:
        said = {"problem": source}
    split = _split_table(said.pop("split", {})) | _split_flags(flags)
    return {**said, **flags, **({"split": split} if split else {})}


def is_function_path(source: str) -> bool:
    """Say whether the text is `package.module:function`.

    >>> is_function_path("my.nets:train"), is_function_path("openml:61"), is_function_path("C:/table.csv")
    (True, False, False)
    """
    module, _, name = source.partition(":")
    return (
        name.isidentifier() and all(part.isidentifier() for part in module.split(".")) and module != "openml"
    )


def problem_of(said: Said) -> Problem | Training:
    """Give the problem, or the training function, that a description is about."""
    if "train" in said:
        return _training_of(said)
    if "updates_per_epoch" in said:
        raise StudyError("updates_per_epoch is for a training function; other problems count their batches")
    changes = {key: value for key, value in said.items() if key not in (*OF_STUDY, "problem", "data")}
    if "optimizer" in changes:
        changes["settings"] = optimizer_settings(changes.pop("optimizer"))
    for key, value in _split_table(changes.pop("split", {})).items():
        changes["split" if key == "kind" else key] = value
    return problem(said.get("problem") or said["data"], **changes)


def study_of(said: Said, chosen: Problem | Training, command: str = "") -> Study:
    """Plan the study that a description is about."""
    base = built_in_study(said["problem"]) if said.get("problem") in BUILT_IN else {}
    usual = None if isinstance(chosen, Training) else chosen.split.usual_seeds
    seeds = said.get("seeds", usual or base.get("seeds", SEEDS))
    said = {**base, **said}
    tuning = _tuning(
        usual_tuning(chosen, seeds if isinstance(seeds, int) else len(seeds)), said.get("tuning", {})
    )
    candidates = [described(each) for each in said.get("candidates", DEFAULT)]
    margin = said.get("margin")
    return make_study(chosen, candidates, seeds, said.get("baseline"), command, margin=margin, tuning=tuning)


def resolved(said: Said, chosen: Problem | Training, study: Study) -> dict[str, Any]:
    """Say everything that a study stands for, so that it is the same study again, whatever becomes usual."""
    base = built_in_study(said["problem"]) if said.get("problem") in BUILT_IN else {}
    full = {**base, **said, "name": chosen.name, "epochs": chosen.epochs}
    full.setdefault("data", full.pop("problem", None))
    if isinstance(chosen, Training):
        full.pop("data")
        full |= {"updates_per_epoch": chosen.updates_per_epoch}
    else:
        split, settings = chosen.split, dict(chosen.settings or {})
        full |= {
            "batch_size": chosen.batch_size,
            "split": {"kind": split.kind, "validation": split.validation, "folds": split.folds},
            "optimizer": {"name" if key == "optimizer" else key: value for key, value in settings.items()},
            "model": full.get("model", "mlp(64)"),
        }
    own = [{"schedule": str(c.schedule), "name": c.name, **c.settings} for c in study.candidates]
    tuning = _tuning_table(study.tuning)
    full |= {"margin": study.facts["protocol"].get("margin")}
    full |= {"seeds": _fewest(study.seeds), "baseline": study.baseline, "tuning": tuning, "candidates": own}
    return {key: value for key, value in full.items() if value is not None}


def keep_resolved(path: Path, source: str, said: Said, chosen: Problem | Training, study: Study) -> None:
    """Write the resolved study to `path`, unless that is the very file it was read from."""
    if not (path.exists() and source.lower().endswith(".toml") and path.samefile(source)):
        write_study_file(path, resolved(said, chosen, study))


def _training_of(said: Said) -> Training:
    for key in said:
        if key not in (*OF_TRAINING, *OF_STUDY):
            raise StudyError(
                f"{key} does not go with a training function: {unknown('key', key, OF_TRAINING)}"
            )
    for key, example in (("epochs", 20), ("updates_per_epoch", 9)):
        if key not in said:
            raise StudyError(f"a training function needs {key}, such as {key} = {example}")
    modes = {"max": True, "min": False}
    if "mode" in said and said["mode"] not in modes:
        raise StudyError(unknown("mode", said["mode"], modes))
    higher = modes[said["mode"]] if "mode" in said else None
    given = {key: said[key] for key in OF_TRAINING if key in said and key != "mode"}
    return Training(**given, higher_is_better=higher)


def _split_table(split: Any) -> dict[str, Any]:
    return {"kind": split} if isinstance(split, str) else dict(split)


def _split_flags(flags: dict[str, Any]) -> dict[str, Any]:
    """Take what flags say of the split out of them; folds alone ask for cross-validation."""
    table = {"kind" if key == "split" else key: flags.pop(key) for key in OF_SPLIT if key in flags}
    return table if "kind" in table or "folds" not in table else {**table, "kind": "kfold"}


def _tuning(usual: Tuning, table: Mapping[str, Any]) -> Tuning:
    return Tuning.of(**{**_tuning_table(usual), **table})


def _tuning_table(tuning: Tuning) -> dict[str, Any]:
    return {
        "rates": tuning.rates,
        "rounds": tuning.rounds,
        "seeds": len(tuning.seeds),
        "fine_seeds": len(tuning.fine_seeds),
    }


def _fewest(seeds: tuple[int, ...]) -> int | list[int]:
    return len(seeds) if seeds == tuple(range(len(seeds))) else list(seeds)
