"""What can go wrong, as one tree.

```
StepsizeError
├── InputError (ValueError)      something the caller typed or passed; exit code 2
│   ├── ScheduleError            a schedule, a length or a plan
│   ├── SpecError                the text or JSON of a schedule
│   ├── StateError               the state of a run, or how to resume from it
│   ├── ProblemError             data, model, split
│   │   └── NoPopulation         a PyTorch model that no population trains, and PyTorch does
│   ├── StudyError               candidates, seeds, protocol
│   ├── StoreError               the file that keeps the runs
│   └── OutputError              a report, a picture or another file to write
├── MissingExtra (ImportError)   an optional package is not installed; exit code 2
├── EngineError (RuntimeError)   training itself failed; exit code 1
└── AuditError (RuntimeError)    an update did not use the planned rate
```

Every message names the parameter, the value received, the rule, and what to type instead.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

FEW = 20  # names that a message lists


class StepsizeError(Exception):
    """The base of every error this package raises on purpose."""


class InputError(StepsizeError, ValueError):
    """Something the caller typed or passed cannot be used."""


class ScheduleError(InputError):
    """A schedule, a length or a plan cannot be built from these numbers."""


class SpecError(InputError):
    """The text or JSON of a schedule cannot be read."""


class StateError(InputError):
    """The state of a run cannot be read, or does not fit the plan."""


class ProblemError(InputError):
    """The data, the model or the split cannot be trained on."""


class NoPopulation(ProblemError):
    """A PyTorch model cannot be a population; studies train it in PyTorch instead, one run at a time."""


class StudyError(InputError):
    """The candidates, seeds or protocol of a study do not fit together."""


class StoreError(InputError):
    """The file that keeps the runs cannot be used."""


class OutputError(InputError):
    """A file cannot be written, or would replace one that stepsize did not write."""


class MissingExtra(StepsizeError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed: pip install "stepsize[{extra}]"')
        self._arguments = package, extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return type(self), self._arguments  # a training process sends it to its caller


class EngineError(StepsizeError, RuntimeError):
    """Training failed for a reason other than the caller's input."""


class AuditError(StepsizeError, RuntimeError):
    """An update did not use the planned rate, under a strict audit."""


def require(extra: str, *packages: str) -> None:
    """Raise MissingExtra for the first of `packages` that is not installed, without importing any.

    >>> require("train", "json", "no_such_package")
    Traceback (most recent call last):
    stepsize.errors.MissingExtra: no_such_package is not installed: pip install "stepsize[train]"
    """
    for package in packages:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:  # None: a mere folder of this name, such as `wandb` makes
            raise MissingExtra(package, extra)


def require_keras() -> None:
    """Raise StepsizeError unless Keras and its backend are installed.

    Keras' own default is TensorFlow, which it also writes into a new keras.json. If TensorFlow is not
    installed and no other backend was chosen, this chooses JAX, or PyTorch where JAX is not installed either.
    """
    import json
    import os
    import sys
    from pathlib import Path

    require("train", "keras")
    if "keras" in sys.modules:
        return
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        configured = json.loads((home / "keras.json").read_text())["backend"]
    except (OSError, ValueError, KeyError):
        configured = "tensorflow"
    chosen = os.environ.get("KERAS_BACKEND") or configured
    if importlib.util.find_spec(chosen) is not None:
        return
    installed = [name for name in ("jax", "torch") if importlib.util.find_spec(name) is not None]
    if os.environ.get("KERAS_BACKEND") or configured != "tensorflow" or not installed:
        raise StepsizeError(
            f"Keras' backend {chosen!r} is not installed; install it, or set KERAS_BACKEND=jax before Keras "
            "is imported"
        )
    os.environ["KERAS_BACKEND"] = installed[0]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message that `name` is not a known `what`, with the nearest name or the known ones.

    >>> unknown("schedule", "cosin", ["cosine", "constant"])
    "unknown schedule 'cosin'; did you mean 'cosine'?"
    >>> unknown("split", "zzz", ["lesson", "stratified"])
    "unknown split 'zzz'; use one of: lesson, stratified"
    """
    import difflib  # imported lazily: needed on the error path only

    known = list(known)
    shown = name if len(name) <= 60 else name[:57] + "..."
    near = difflib.get_close_matches(name, known, n=1)
    some = ", ".join(known) if len(known) <= FEW else ", ".join(known[:FEW]) + f" and {len(known) - FEW} more"
    hint = f"did you mean {near[0]!r}?" if near else f"use one of: {some}"
    return f"unknown {what} {shown!r}; {hint}"


def first_line(error: BaseException) -> str:
    """Return an error's message as one line; of Keras' long messages, the paragraph with the reason.

    Sequences that control a terminal are left out.

    >>> first_line(ValueError("no rows\\n\\nArguments received by Dense.call(): x=..."))
    'no rows'
    """
    import re

    try:
        text = str(error)
    except Exception:  # a user's own error can fail here too
        text = type(error).__name__
    text = re.sub(r"\x1b(\[[\d;]*[A-Za-z]|\][^\x07\x1b]*(\x07|\x1b\\)?)", "", text)
    text = re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", " ", text).split("Arguments received by")[0]
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    paragraphs = paragraphs or [type(error).__name__]
    if paragraphs[0].startswith("Exception encountered") and len(paragraphs) > 1:
        paragraphs = paragraphs[1:]
    return paragraphs[-1 if paragraphs[0].endswith("Error encountered:") else 0][:300]


def save_traceback() -> str:
    """Write the traceback of the error being handled to a temporary file; return the file's path.

    If it cannot be written, the text that is returned says why: the error itself is not lost.
    """
    import tempfile
    import traceback

    text = traceback.format_exc()
    try:
        with tempfile.NamedTemporaryFile("w", prefix="stepsize-", suffix=".txt", delete=False) as file:
            file.write(text)
    except OSError as error:
        return f"no file ({error.strerror})"
    return file.name
