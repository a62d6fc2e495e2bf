"""Notes on candidates that train another model than the study's: with which optimizer, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.formatting import settings_text


def notes(answer: Answer) -> Iterator[str]:
    """Yield each optimizer that is not the study's, and how a model of the user's own is treated.

    What holds for several models is said once.
    """
    yield from _once(answer, answer["study"]["protocol"]["model_notes"], _notes)


def warnings(answer: Answer) -> Iterator[str]:
    """Yield what makes the scores of a model of the user's own worse than they could be."""
    known = answer["study"]["protocol"]["model_warnings"]
    yield from (f"Model: {text}." for text in known)
    yield from _once(answer, known, lambda candidate: candidate["protocol"].get("model_warnings", []))


def _once(
    answer: Answer, known: Sequence[str], texts_of: Callable[[CandidateAnswer], Sequence[str]]
) -> Iterator[str]:
    """Yield the texts of candidates with models of their own that are not `known`, each once."""
    said = set(known)
    for candidate in answer["candidates"]:
        for text in texts_of(candidate):
            if text not in said:
                said.add(text)
                yield f"With model={candidate['protocol'].get('model')}: {text}."


def _notes(candidate: CandidateAnswer) -> list[str]:
    own = candidate["protocol"]
    sentences = list(own.get("model_notes", []))
    if "optimizer" in own and "optimizer" not in candidate["settings"]:
        sentences.append(f"the optimizer is {_optimizer(own)}")
    return sentences


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
