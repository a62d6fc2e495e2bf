"""What a search of several knobs chose, promised and held, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepsize.number_format import counted
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.formatting import LISTED, scale_of, written


def notes(answer: Answer) -> Iterator[str]:
    """Yield what was chosen for each candidate, and once what its intervals do not cover."""
    searched = [each for each in answer["candidates"] if each["knobs"] is not None]
    for candidate in searched[:LISTED]:
        yield f"{candidate['name']}: {chosen_text(candidate)} {_held(answer, candidate)}"
    if len(searched) > LISTED:
        yield f"The knobs of {counted(len(searched) - LISTED, 'more candidate')} were searched as well."
    if searched:
        yield (
            "Where several knobs were searched together, the intervals are about the values that were "
            "chosen, not about the best ones: how much better others would be is not known."
        )


def warnings(candidates: Sequence[CandidateAnswer]) -> Iterator[str]:
    """Yield the knobs whose value lies at an end of its range."""
    for candidate in candidates:
        if names := candidate["knobs_at_edge"]:
            several = len(names) > 1
            yield (
                f"{candidate['name']}: {' and '.join(names)} {'lie' if several else 'lies'} at the end of "
                f"{'their ranges' if several else 'its range'}; a better value may lie beyond."
            )


def chosen_text(candidate: CandidateAnswer) -> str:
    """Write the values that were chosen together."""
    return ", ".join(f"{name}={written(value)}" for name, value in (candidate["knobs"] or {}).items())


def _held(answer: Answer, candidate: CandidateAnswer) -> str:
    """Write what the search promised, and what fresh seeds held."""
    scale, promised, held = scale_of(answer), candidate["promised"], candidate["mean"]
    if promised is None or held is None:
        return "were chosen together."
    unit = f" {scale.unit}" if scale.unit else ""
    return (
        f"were chosen together; the search promised {scale.number(promised)}{unit}, "
        f"and {counted(candidate['n'], 'fresh seed')} held {scale.number(held)}{unit}."
    )
