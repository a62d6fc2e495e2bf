"""Notes on candidates that train another model than the study's: with which optimizer, and how."""

from __future__ import annotations

from collections.abc import Iterator

from stepsize.verdict.answer import Answer
from stepsize.verdict.formatting import settings_text


def notes(answer: Answer) -> Iterator[str]:
    """Yield each optimizer that is not the study's, and how a model of the user's own is treated.

    What holds for several models is said once.
    """
    known = set(answer["study"]["protocol"]["model_notes"])
    for candidate in answer["candidates"]:
        own = candidate["protocol"]
        sentences = list(own.get("model_notes", []))
        if "optimizer" in own and "optimizer" not in candidate["settings"]:
            sentences.append(f"the optimizer is {_optimizer(own)}")
        for note in sentences:
            if note not in known:
                known.add(note)
                yield f"With model={own.get('model')}: {note}."


def _optimizer(own: dict[str, object]) -> str:
    """Return an optimizer in words."""
    compiled, optimizer = own.get("compiled_optimizer"), own["optimizer"]
    assert isinstance(optimizer, dict)
    if optimizer["name"] == "as compiled":
        if not isinstance(compiled, dict):
            return "the one that it is compiled with"
        optimizer = compiled
    settings = settings_text({key: value for key, value in optimizer.items() if key != "name"})
    return f"{optimizer['name']}{f' with {settings}' if settings else ''}"
