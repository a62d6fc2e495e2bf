"""What a difference is due to: the settings of the optimizer, or the schedule.

A schedule that runs both with the settings of the baseline and with others separates the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.number_format import Scale, counted
from stepsize.stats import Decision
from stepsize.stats.decision import Word
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.formatting import LISTED, candidate_named, difference, scale_of, settings_text


@dataclass(frozen=True)
class Attribution:
    """A schedule that ran with two settings: as the baseline, and `changed`."""

    baseline: CandidateAnswer
    changed: CandidateAnswer
    answer: Answer
    decision: Decision
    scale: Scale

    @property
    def names(self) -> str:
        """The names of the settings that were changed."""
        return " and ".join(sorted(self.changed["settings"]))

    @property
    def schedules(self) -> list[CandidateAnswer]:
        """The candidates with the changed settings and another schedule."""
        settings = self.changed["settings"]
        return [c for c in _judged(self.answer) if c["settings"] == settings and c is not self.changed]

    @property
    def others(self) -> list[CandidateAnswer]:
        """The candidates with another schedule and with settings of their own."""
        known = (self.changed["settings"], self.baseline["settings"])
        return [
            c
            for c in _judged(self.answer)
            if c["spec"] != self.baseline["spec"] and c["settings"] not in known
        ]

    def effect(self, candidate: CandidateAnswer, against: CandidateAnswer) -> tuple[Word, str]:
        """Return the verdict on a difference, and the difference in words."""
        pair = self.decision.between(candidate["name"], against["name"])
        change, interval = pair.estimate, pair.ci95
        if change is not None and not self.scale.higher_is_better:
            change = -change
        return pair.word, difference(self.scale, change, None if interval is None else list(interval))

    @property
    def settings_matter(self) -> bool:
        """Whether the settings alone are shown to change the score."""
        return self.effect(self.changed, self.baseline)[0] in ("better", "worse")

    @property
    def schedules_add(self) -> bool:
        """Whether any schedule is shown to be better than the baseline's at the changed settings."""
        return any(self.effect(c, self.changed)[0] == "better" for c in self.schedules)


def attribution_of(answer: Answer, decision: Decision) -> Attribution | None:
    """Return the attribution, or None where no other candidate has the schedule of the baseline."""
    candidates = _judged(answer)
    baseline = candidate_named(candidates, answer["study"]["protocol"]["baseline"])
    changed = next((c for c in candidates if c["spec"] == baseline["spec"] and c is not baseline), None)
    return None if changed is None else Attribution(baseline, changed, answer, decision, scale_of(answer))


def _judged(answer: Answer) -> list[CandidateAnswer]:
    """Return the candidates that ran on all seeds."""
    return [candidate for candidate in answer["candidates"] if not candidate["dropped"]]


def credit(answer: Answer, decision: Decision, best: CandidateAnswer) -> str:
    """Return the end of a sentence for a recommended candidate that owes its gain to its settings."""
    attribution = attribution_of(answer, decision)
    if (
        attribution is None
        or best["settings"] != attribution.changed["settings"]
        or best["spec"] == attribution.baseline["spec"]
    ):
        return ""
    due = attribution.settings_matter and not attribution.schedules_add
    return f", because of its {attribution.names}, not its schedule" if due else ""


def attribution_notes(answer: Answer, decision: Decision) -> Iterator[str]:
    """Yield notes that separate the effect of settings from the effect of schedules."""
    attribution = attribution_of(answer, decision)
    if attribution is not None:
        yield _settings_note(attribution)
        yield from _schedules_note(attribution)
        yield from _other_notes(attribution)


def _settings_note(attribution: Attribution) -> str:
    baseline, changed = attribution.baseline, attribution.changed
    head = "made the difference" if attribution.settings_matter else "is not shown to make a difference"
    before = settings_text(_usual(attribution.answer, changed["settings"]))
    return (
        f"{attribution.names.capitalize()} {head}: {baseline['spec']} with "
        f"{settings_text(changed['settings'])} instead of {before} changes the {attribution.scale.name} by "
        f"{attribution.effect(changed, baseline)[1]}."
    )


def _usual(answer: Answer, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the study has for the same settings."""
    protocol = answer["study"]["protocol"]
    usual = {**protocol["optimizer"], "batch_size": protocol["batch_size"]}
    return {key: usual.get(key, "default") for key in settings}


def _schedules_note(attribution: Attribution) -> Iterator[str]:
    schedules, changed = attribution.schedules, attribution.changed
    if not schedules:
        return
    conclusion = "no schedule is shown to add anything that matters"
    if attribution.schedules_add:
        conclusion = "at least one schedule is shown to be better"
    effects = ((c["spec"], *attribution.effect(c, changed)) for c in schedules[:LISTED])
    listed = "; ".join(f"{spec} {size} ({verdict})" for spec, verdict, size in effects)
    rest = f"; and {len(schedules) - LISTED:,} more" if len(schedules) > LISTED else ""
    yield (
        f"With {settings_text(changed['settings'])} throughout, {conclusion}. Compared with "
        f"{changed['spec']}: {listed}{rest}."
    )


def _other_notes(attribution: Attribution) -> Iterator[str]:
    changed, others = attribution.changed, attribution.others
    for candidate in others[:LISTED]:
        verdict, size = attribution.effect(candidate, changed)
        yield (
            f"{candidate['spec']} with {settings_text(candidate['settings'])} changes both schedule and "
            f"settings; it differs from {changed['spec']} with {settings_text(changed['settings'])} by "
            f"{size} ({verdict})."
        )
    if len(others) > LISTED:
        yield f"{counted(len(others) - LISTED, 'more candidate')} also changed both schedule and settings."
