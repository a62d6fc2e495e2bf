"""Notes on the words that the difference and the interval beside them do not explain, each with its cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepsize.number_format import counted
from stepsize.stats import Comparison, Decision, look_alpha
from stepsize.stats.looks import LEAST_SEEDS
from stepsize.verdict.answer import Answer
from stepsize.verdict.formatting import names_listed

ROUNDING = 1e-9  # of the margin


def word_notes(answer: Answer, decision: Decision) -> Iterator[str]:
    """Yield why the words on candidates and the baseline are not those that the intervals suggest."""
    lost = {each["name"]: each["diverged"] for each in answer["candidates"]}
    causes: dict[str, list[str]] = {}
    for name, pair in decision.vs_baseline.items():
        cause = _cause(pair, decision, lost[name] - lost[decision.baseline])
        if cause is not None:
            causes.setdefault(cause, []).append(name)
    texts = _texts(decision)
    for cause in (each for each in texts if each in causes):
        joint = "and" if cause == "won by lost runs" else "or"
        yield texts[cause].format(names_listed(causes[cause], joint))


def _texts(decision: Decision) -> Mapping[str, str]:
    """Return what to say of each cause; a later look has a note that says what p must be."""
    nonzero = "Not shown, although the interval does not contain 0: {}. "
    level = 100 - float(f"{100 * look_alpha(decision.looks[-1], decision.looks[:-1]):.2g}")
    texts = {
        "p": f"{nonzero}With {counted(decision.comparisons, 'comparison')}, p (Holm) must be at most "
        f"{decision.alpha:.2g}; more seeds will tell.",
        "lost runs": f"{nonzero}The interval leaves out the runs that diverged, and the test ranks them "
        "below every finished one.",
        "wide": "Not shown, although the interval lies within the margin: {}. To be equivalent at this "
        f"look, the {level:g} % interval must lie within it, too, and it reaches beyond.",
        "won by lost runs": "Better or worse by the runs that diverged, not by the difference: {}. The "
        "difference leaves these runs out, and the test ranks them below every finished one.",
    }
    return texts if len(decision.looks) == 1 else {key: texts[key] for key in texts if key != "p"}


def _cause(pair: Comparison, decision: Decision, more_lost: int) -> str | None:
    """Return the cause of a word that the interval seems to contradict; None if it does not.

    `more_lost` is how many runs more than the baseline the candidate lost.
    """
    if pair.ci95 is None or pair.estimate is None:
        return None
    low, high = pair.ci95
    if pair.word in ("better", "worse"):
        agrees = low > 0 if pair.word == "better" else high < 0
        return "won by lost runs" if pair.basis == "lost runs" and not agrees else None
    if pair.word == "equivalent":
        return None
    reach = decision.margin * (1 + ROUNDING)
    if not pair.lost and pair.n >= LEAST_SEEDS and -reach <= low and high <= reach:
        return "wide"
    if low <= 0 <= high:
        return None
    return "lost runs" if pair.lost and pair.estimate * more_lost > 0 else "p"
