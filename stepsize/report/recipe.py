"""The recommended candidate as something to use: its schedule, its plan, its settings, and code for them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.errors import InputError, ScheduleError
from stepsize.export import export
from stepsize.export.module import commented
from stepsize.schedules import Plan, Schedule, parse
from stepsize.study.candidate_settings import changes_model, of_training
from stepsize.study.trained_settings import (
    UNKNOWN_OPTIMIZERS,
    is_torch,
    trained_groups,
    trained_settings,
    trained_undecayed,
)
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.formatting import candidate_named, settings_text

FRAMEWORKS = {"keras": "Keras", "torch": "PyTorch", "optax": "optax", "transformers": "transformers"}


@dataclass(frozen=True)
class Recipe:
    """How to train as a candidate of a study did.

    `settings` are the optimizer's, with its name as `optimizer`, and the `batch_size` if it is known.
    `library`, "keras" or "torch", is the one whose names the settings have. `is_function` says that a
    training function makes the optimizer itself; its `library` is one that it uses, or "plain". `model` is
    that of a candidate with a model of its own, `groups` are the parameter groups of a PyTorch optimizer,
    where they differ, and `undecayed` is what a compiled optimizer excludes from weight decay.
    """

    schedule: Schedule
    settings: Mapping[str, Any]
    epochs: int
    updates_per_epoch: int
    library: str
    scaled: tuple[str, ...] = ()
    is_function: bool = False
    model: str | None = None
    groups: tuple[Mapping[str, Any], ...] = ()
    undecayed: Mapping[str, Any] | None = None

    @property
    def plan(self) -> Plan:
        """The schedule, planned for the run of the study."""
        return self.schedule.plan(epochs=self.epochs, updates_per_epoch=self.updates_per_epoch)

    @property
    def optimizer(self) -> dict[str, Any] | None:
        """The optimizer's name and settings; None if only the user's own code knows it."""
        settings = dict(self.settings)
        name = settings.pop("optimizer", None)
        groups = {"groups": self.groups} if self.groups else {}
        return None if name in (None, *UNKNOWN_OPTIMIZERS) else {"name": name, **settings, **groups}

    def code(self, to: str) -> str:
        """Return code for another library: optimizer, settings and schedule; it needs only a `model`.

        Raises: ScheduleError for an unknown library, or a schedule that it cannot express.
        """
        text = export(self.plan, to, self.optimizer, self.library)
        notes = [] if self.model is None else [f"The study trained this with the model {self.model}."]
        if self.optimizer is None:
            more = {key: value for key, value in self.settings.items() if key not in ("optimizer",)}
            others = f", and {settings_text(more)}" if more else ""
            notes.append(f"Keep the optimizer of your own code{others}.")
        if self.scaled:
            notes.append(
                f"The study scaled the {' and the '.join(self.scaled)}: scale yours in the same way."
            )
        if self.undecayed is not None and to == "keras":
            text += exclusion(self.undecayed)
        elif self.undecayed is not None:
            notes.append("The study excluded some weights from weight decay, and this code does not.")
        if to == "keras" and self.optimizer is not None:
            size = self.settings.get("batch_size")
            batches = "" if size is None else f", batch_size={size}"
            text += f"# model.compile(optimizer, loss=...); model.fit(..., epochs={self.epochs}{batches})\n"
        return "".join(f"{line}\n" for note in notes for line in commented(note)) + text

    def codes(self) -> dict[str, str]:
        """Return the code of each framework, or a comment with the reason why there is none."""
        codes = {}
        for to in self.frameworks:
            try:
                codes[to] = self.code(to)
            except ScheduleError as error:
                codes[to] = "\n".join(commented(str(error))) + "\n"
        return codes

    @property
    def frameworks(self) -> list[str]:
        """The frameworks, the one of the study first."""
        return sorted(FRAMEWORKS, key=lambda each: each != self.library)

    @property
    def export_command(self) -> str:
        """The command that writes the code."""
        return " ".join(self.export_words)

    @property
    def export_words(self) -> list[str]:
        """The words of the command that writes the code, in quotes where a shell needs them."""
        to = self.library
        if to == "plain" and self.schedule.metric_factor is not None:
            to = "torch"
        words = ["stepsize", "export", str(self.schedule), "--to", to]
        words += ["--epochs", str(self.epochs), "--updates-per-epoch", str(self.updates_per_epoch)]
        if self.optimizer is not None and not self.groups and self.undecayed is None:  # it cannot name these
            words += ["--optimizer", optimizer_text(self.optimizer)]
        return [*map(quoted, words)]


def recipe(answer: Answer) -> Recipe | None:
    """Return the recipe of the recommended candidate; None if there is none."""
    name = answer["verdict"]["recommended"]
    return None if name is None else recipe_of(answer, candidate_named(answer["candidates"], name))


def readable_recipe(answer: Answer) -> Recipe | None:
    """Return the recipe; None also for a schedule that cannot be read back in this process."""
    try:
        return recipe(answer)
    except InputError:
        return None


def next_words(answer: Answer, in_python: bool) -> list[str]:
    """Return the words of the next command, or of the next call; none if there is nothing to use."""
    found = readable_recipe(answer)
    if found is None:
        return []
    if not in_python:
        return found.export_words
    return ["result.plan" if found.is_function else f'result.code("{found.library}")']


def recipe_of(answer: Answer, candidate: CandidateAnswer) -> Recipe:
    """Return how one candidate was trained."""
    protocol, data = {**answer["study"]["protocol"], **candidate["protocol"]}, answer["data"]
    is_function = data["kind"] is None
    own = candidate["settings"] if is_function else of_training(candidate["settings"])
    settings = trained_settings(protocol, own)
    size = settings.get("batch_size", protocol["batch_size"])
    updates = protocol["updates_per_epoch"]
    if "batch_size" in settings and data["parts"]:
        updates = -(-data["parts"]["train"]["rows"] // size)
    if size is not None:
        settings["batch_size"] = size
    return Recipe(
        schedule=parse(candidate["spec"]),
        settings=settings,
        epochs=protocol["epochs"],
        updates_per_epoch=updates,
        library=_library(answer),
        scaled=tuple(candidate["protocol"].get("scaled", data["scaled"])),
        is_function=is_function,
        model=protocol["model"] if not is_function and changes_model(candidate["settings"]) else None,
        groups=tuple(trained_groups(protocol, own)),
        undecayed=trained_undecayed(protocol, own),
    )


def _library(answer: Answer) -> str:
    """Return the library of a problem's model, or of a training function: one that its module imports."""
    if answer["data"]["kind"] is not None:
        return "torch" if is_torch(answer["study"]["protocol"]) else "keras"
    return next(
        (each for each in ("torch", "keras", "optax") if each in answer["study"]["versions"]), "plain"
    )


def optimizer_text(optimizer: Mapping[str, Any]) -> str:
    """Return an optimizer as it is typed.

    >>> optimizer_text({"name": "sgd", "momentum": 0.8, "batch_size": 28})
    'sgd(momentum=0.8)'
    """
    settings = {key: value for key, value in optimizer.items() if key not in ("name", "batch_size")}
    arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return f"{optimizer['name']}({arguments})" if arguments else optimizer["name"]


def exclusion(undecayed: Mapping[str, Any]) -> str:
    """Return the call of Keras that excludes weights from weight decay.

    >>> exclusion({"weights": [1], "names": ["bias"]})
    "optimizer.exclude_from_weight_decay([model.trainable_variables[1]], ['bias'])\\n"
    """
    weights = ", ".join(f"model.trainable_variables[{place}]" for place in undecayed["weights"])
    return f"optimizer.exclude_from_weight_decay([{weights}], {list(undecayed['names'])})\n"


def quoted(word: str) -> str:
    """Return a word of a command with the quotes that a shell needs, double ones where they will do.

    >>> quoted("constant(0.421)"), quoted("--to")
    ('"constant(0.421)"', '--to')
    """
    needs, plain = shlex.quote(word) != word, not any(mark in word for mark in '"$`\\!')
    return f'"{word}"' if needs and plain else shlex.quote(word)
