"""What a difference is due to: the settings of a candidate, or its schedule.

A schedule that runs both with the settings of the baseline and with others separates the two. Schedules and
settings are compared as they were given: what is chosen for each, such as its rate, is part of neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepsize.number_format import Scale, counted
from stepsize.stats import Decision
from stepsize.stats.decision import Word
from stepsize.study.candidates import Candidate
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.compared_settings import Compared, compared, differing, differing_text
from stepsize.verdict.formatting import (
    LISTED,
    candidate_named,
    names_listed,
    paired_difference,
    scale_of,
    settings_text,
    word_with_losses,
)

PLURALS = ("betas", "epochs", "multipliers")


@dataclass(frozen=True)
class Attribution:
    """The schedule of the baseline with other settings, once or several times: `changed`.

    `candidates` are those of the study, by name, and `trained` the settings with which they train.
    """

    baseline: CandidateAnswer
    changed: list[CandidateAnswer]
    answer: Answer
    decision: Decision
    scale: Scale
    candidates: Mapping[str, Candidate]
    trained: Mapping[str, Compared]

    def spec(self, candidate: CandidateAnswer) -> str:
        """Return the schedule of a candidate as it was given."""
        return str(self.candidates[candidate["name"]].schedule)

    def own_settings(self, candidate: CandidateAnswer) -> dict[str, Any]:
        """Return the settings of a candidate as they were given."""
        return dict(self.candidates[candidate["name"]].settings)

    def same_schedule(self, candidate: CandidateAnswer, rival: CandidateAnswer) -> bool:
        """Return whether two candidates have the same schedule, whatever rates were chosen for it."""
        return self.candidates[candidate["name"]].schedule == self.candidates[rival["name"]].schedule

    def settings(self, candidate: CandidateAnswer, against: CandidateAnswer) -> dict[str, Any]:
        """Return the settings in which a candidate differs from another one, with the candidate's values."""
        return differing(self.trained[candidate["name"]], self.trained[against["name"]])

    def are_alike(self, candidate: CandidateAnswer, rival: CandidateAnswer) -> bool:
        """Return whether two candidates train with the same settings, however these are given."""
        return self.trained[candidate["name"]].key == self.trained[rival["name"]].key

    def names(self, candidate: CandidateAnswer) -> str:
        """Return the names of the settings in which a candidate differs from the baseline."""
        return names_listed(sorted(self.settings(candidate, self.baseline)), "and")

    def like(self, candidate: CandidateAnswer) -> list[CandidateAnswer]:
        """Return the candidates with the settings of another one and another schedule."""
        return [
            c
            for c in _judged(self.answer)
            if self.are_alike(c, candidate) and not self.same_schedule(c, candidate)
        ]

    @property
    def others(self) -> list[CandidateAnswer]:
        """The candidates with another schedule than the baseline and with settings of their own."""
        known = {self.trained[each["name"]].key for each in (self.baseline, *self.changed)}
        return [
            c
            for c in _judged(self.answer)
            if not self.same_schedule(c, self.baseline) and self.trained[c["name"]].key not in known
        ]

    def effect(self, candidate: CandidateAnswer, against: CandidateAnswer) -> tuple[Word, str]:
        """Return the verdict on a difference, and the difference in words with its verdict."""
        pair = self.decision.between(candidate["name"], against["name"])
        change, interval = pair.estimate, pair.ci95
        if change is not None and not self.scale.higher_is_better:
            change = -change
        interval = None if interval is None else list(interval)
        size = paired_difference(self.scale, candidate, against, change, interval, self.answer["study"])
        return pair.word, f"{size} ({word_with_losses(pair, candidate, against)})"

    def matters(self, candidate: CandidateAnswer) -> bool:
        """Return whether the settings of a candidate alone are shown to change the score."""
        return self.effect(candidate, self.baseline)[0] in ("better", "worse")

    def schedules_add(self, changed: CandidateAnswer) -> bool:
        """Return whether any schedule is shown to be better than the baseline's at the changed settings."""
        return any(self.effect(c, changed)[0] == "better" for c in self.like(changed))


def attribution_of(
    answer: Answer, decision: Decision, candidates: Mapping[str, Candidate]
) -> Attribution | None:
    """Return the attribution, or None where no other candidate has the schedule of the baseline."""
    judged = _judged(answer)
    baseline = candidate_named(judged, answer["study"]["protocol"]["baseline"])
    trained = {c["name"]: compared(answer, c, candidates[c["name"]].settings) for c in judged}
    attribution = Attribution(baseline, [], answer, decision, scale_of(answer), candidates, trained)
    same = [c for c in judged if attribution.same_schedule(c, baseline)]
    changed = [c for c in same if not attribution.are_alike(c, baseline)]
    return replace(attribution, changed=changed) if changed else None


def _judged(answer: Answer) -> list[CandidateAnswer]:
    """Return the candidates that ran on all seeds."""
    return [candidate for candidate in answer["candidates"] if not candidate["dropped"]]


def credit(attribution: Attribution | None, best: CandidateAnswer) -> str:
    """Return the end of a sentence for a recommended candidate that owes its gain to its settings.

    It is empty unless the candidate is shown to differ from the baseline, its settings alone do so in the
    same direction, and no schedule is shown to add to that.
    """
    versus = best["vs_baseline"]
    if attribution is None or versus is None or versus["verdict"] not in ("better", "worse"):
        return ""
    if attribution.same_schedule(best, attribution.baseline):
        return ""
    changed = next((c for c in attribution.changed if attribution.are_alike(c, best)), None)
    if changed is None or attribution.schedules_add(changed):
        return ""
    if attribution.effect(changed, attribution.baseline)[0] != versus["verdict"]:
        return ""
    return f", because of its {attribution.names(changed)}, not its schedule"


def attribution_notes(attribution: Attribution | None) -> Iterator[str]:
    """Yield notes that separate the effect of settings from the effect of schedules."""
    if attribution is not None:
        yield _settings_note(attribution)
        for changed in attribution.changed[:LISTED]:
            yield from _schedules_note(attribution, changed)
        yield from _other_notes(attribution)


def _settings_note(attribution: Attribution) -> str:
    """Return what the settings alone change, with every candidate that has the schedule of the baseline."""
    baseline, changed = attribution.baseline, attribution.changed
    shown = [c for c in changed if attribution.matters(c)]
    varied = {key for c in shown or changed for key in attribution.settings(c, baseline)}
    names = names_listed(sorted(varied), "and")
    is_plural = len(varied) > 1 or names in PLURALS
    head = f"{'are' if is_plural else 'is'} not shown to make a difference"
    if shown:
        head = "made the difference" if len(changed) == 1 else "made a difference"
    effects = []
    for candidate in changed[:LISTED]:
        size = attribution.effect(candidate, baseline)[1]
        after = differing_text(attribution.settings(candidate, baseline))
        before = differing_text(attribution.settings(baseline, candidate))
        effects.append(f"{after} instead of {before} changes the {attribution.scale.name} by {size}")
    rest = f"; and {len(changed) - LISTED:,} more" if len(changed) > LISTED else ""
    names = names[0].upper() + names[1:]
    return f"{names} {head}: {attribution.spec(baseline)} with {'; with '.join(effects)}{rest}."


def _schedules_note(attribution: Attribution, changed: CandidateAnswer) -> Iterator[str]:
    schedules = attribution.like(changed)
    if not schedules:
        return
    conclusion = "no schedule is shown to add anything that matters"
    if attribution.schedules_add(changed):
        conclusion = "at least one schedule is shown to be better"
    effects = ((attribution.spec(c), attribution.effect(c, changed)[1]) for c in schedules[:LISTED])
    listed = "; ".join(f"{spec} {size}" for spec, size in effects)
    rest = f"; and {len(schedules) - LISTED:,} more" if len(schedules) > LISTED else ""
    own = settings_text(attribution.own_settings(changed)) or "the settings of the study"
    yield f"With {own} throughout, {conclusion}. Compared with {attribution.spec(changed)}: {listed}{rest}."


def _other_notes(attribution: Attribution) -> Iterator[str]:
    """Yield how candidates with another schedule and settings differ from what changes the settings alone."""
    others = attribution.others
    rival = attribution.changed[0] if len(attribution.changed) == 1 else attribution.baseline
    own = settings_text(attribution.own_settings(rival))
    other = attribution.spec(rival) + (f" with {own}" if own else "")
    for candidate in others[:LISTED]:
        size = attribution.effect(candidate, rival)[1]
        settings = differing_text(attribution.settings(candidate, attribution.baseline))
        yield (
            f"{attribution.spec(candidate)} with {settings} changes both schedule and settings; it differs "
            f"from {other} by {size}."
        )
    if len(others) > LISTED:
        yield f"{counted(len(others) - LISTED, 'more candidate')} also changed both schedule and settings."
