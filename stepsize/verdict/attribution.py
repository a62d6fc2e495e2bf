"""What a difference is due to: the settings of a candidate, or its schedule.

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
from stepsize.verdict.formatting import (
    LISTED,
    candidate_named,
    full_spec,
    paired_difference,
    scale_of,
    settings_text,
)

PLURALS = ("Betas", "Epochs", "Multipliers")


@dataclass(frozen=True)
class Attribution:
    """The schedule of the baseline with other settings, once or several times: `changed`."""

    baseline: CandidateAnswer
    changed: list[CandidateAnswer]
    answer: Answer
    decision: Decision
    scale: Scale

    def settings(self, candidate: CandidateAnswer, against: CandidateAnswer) -> dict[str, Any]:
        """Return the settings in which a candidate differs from another one, with the candidate's values."""
        ours, theirs = (_all_settings(self.answer, each) for each in (candidate, against))
        keys = {**candidate["settings"], **against["settings"]}
        return {key: ours.get(key, "default") for key in keys if ours.get(key) != theirs.get(key)}

    def names(self, candidate: CandidateAnswer) -> str:
        """Return the names of the settings in which a candidate differs from the baseline."""
        return " and ".join(sorted(self.settings(candidate, self.baseline)))

    def like(self, candidate: CandidateAnswer) -> list[CandidateAnswer]:
        """Return the candidates with the settings of another one and another schedule."""
        settings = candidate["settings"]
        return [c for c in _judged(self.answer) if c["settings"] == settings and c is not candidate]

    @property
    def others(self) -> list[CandidateAnswer]:
        """The candidates with another schedule than the baseline and with settings of their own."""
        known = [each["settings"] for each in (self.baseline, *self.changed)]
        return [
            c
            for c in _judged(self.answer)
            if c["spec"] != self.baseline["spec"]
            and c["settings"] not in known
            and self.settings(c, self.baseline)
        ]

    def effect(self, candidate: CandidateAnswer, against: CandidateAnswer) -> tuple[Word, str]:
        """Return the verdict on a difference, and the difference in words."""
        pair = self.decision.between(candidate["name"], against["name"])
        change, interval = pair.estimate, pair.ci95
        if change is not None and not self.scale.higher_is_better:
            change = -change
        interval = None if interval is None else list(interval)
        return pair.word, paired_difference(
            self.scale, candidate, against, change, interval, self.answer["study"]
        )

    def matters(self, candidate: CandidateAnswer) -> bool:
        """Return whether the settings of a candidate alone are shown to change the score."""
        return self.effect(candidate, self.baseline)[0] in ("better", "worse")

    def schedules_add(self, changed: CandidateAnswer) -> bool:
        """Return whether any schedule is shown to be better than the baseline's at the changed settings."""
        return any(self.effect(c, changed)[0] == "better" for c in self.like(changed))


def attribution_of(answer: Answer, decision: Decision) -> Attribution | None:
    """Return the attribution, or None where no other candidate has the schedule of the baseline."""
    candidates = _judged(answer)
    baseline = candidate_named(candidates, answer["study"]["protocol"]["baseline"])
    same = [c for c in candidates if c["spec"] == baseline["spec"] and c is not baseline]
    attribution = Attribution(baseline, same, answer, decision, scale_of(answer))
    changed = [c for c in same if attribution.settings(c, baseline)]
    return Attribution(baseline, changed, answer, decision, scale_of(answer)) if changed else None


def _judged(answer: Answer) -> list[CandidateAnswer]:
    """Return the candidates that ran on all seeds."""
    return [candidate for candidate in answer["candidates"] if not candidate["dropped"]]


def _all_settings(answer: Answer, candidate: CandidateAnswer) -> Mapping[str, Any]:
    """Return the settings of a candidate: the study's, and its own."""
    protocol = {**answer["study"]["protocol"], **candidate["protocol"]}
    optimizer = protocol["optimizer"]
    usual = {**optimizer, "optimizer": optimizer["name"]}
    if answer["data"]["kind"] is not None:  # a training function may call anything model or epochs
        usual |= {key: protocol[key] for key in ("batch_size", "model", "epochs")}
        usual["prepare"] = "inputs" in candidate["protocol"].get("scaled", answer["data"]["scaled"])
    return {**usual, **candidate["settings"]}


def credit(answer: Answer, decision: Decision, best: CandidateAnswer) -> str:
    """Return the end of a sentence for a recommended candidate that owes its gain to its settings."""
    attribution = attribution_of(answer, decision)
    if attribution is None or best["spec"] == attribution.baseline["spec"]:
        return ""
    changed = next((c for c in attribution.changed if c["settings"] == best["settings"]), None)
    if changed is None or not attribution.matters(changed) or attribution.schedules_add(changed):
        return ""
    return f", because of its {attribution.names(changed)}, not its schedule"


def attribution_notes(answer: Answer, decision: Decision) -> Iterator[str]:
    """Yield notes that separate the effect of settings from the effect of schedules."""
    attribution = attribution_of(answer, decision)
    if attribution is not None:
        yield _settings_note(attribution)
        for changed in attribution.changed[:LISTED]:
            yield from _schedules_note(attribution, changed)
        yield from _other_notes(attribution)


def _settings_note(attribution: Attribution) -> str:
    """Return what the settings alone change, with every candidate that has the schedule of the baseline."""
    baseline, changed = attribution.baseline, attribution.changed
    varied = {key for c in changed for key in attribution.settings(c, baseline)}
    names = " and ".join(sorted(varied)).capitalize()
    head = f"{'are' if len(varied) > 1 or names in PLURALS else 'is'} not shown to make a difference"
    if any(map(attribution.matters, changed)):
        head = "made the difference" if len(changed) == 1 else "made a difference"
    effects = []
    for candidate in changed[:LISTED]:
        word, size = attribution.effect(candidate, baseline)
        after = settings_text(attribution.settings(candidate, baseline))
        before = settings_text(attribution.settings(baseline, candidate))
        effects.append(f"{after} instead of {before} changes the {attribution.scale.name} by {size} ({word})")
    rest = f"; and {len(changed) - LISTED:,} more" if len(changed) > LISTED else ""
    return f"{names} {head}: {baseline['spec']} with {'; with '.join(effects)}{rest}."


def _schedules_note(attribution: Attribution, changed: CandidateAnswer) -> Iterator[str]:
    schedules = attribution.like(changed)
    if not schedules:
        return
    conclusion = "no schedule is shown to add anything that matters"
    if attribution.schedules_add(changed):
        conclusion = "at least one schedule is shown to be better"
    effects = ((c["spec"], *attribution.effect(c, changed)) for c in schedules[:LISTED])
    listed = "; ".join(f"{spec} {size} ({verdict})" for spec, verdict, size in effects)
    rest = f"; and {len(schedules) - LISTED:,} more" if len(schedules) > LISTED else ""
    yield (
        f"With {settings_text(changed['settings']) or 'the settings of the study'} throughout, {conclusion}. "
        f"Compared with {changed['spec']}: {listed}{rest}."
    )


def _other_notes(attribution: Attribution) -> Iterator[str]:
    """Yield how candidates with another schedule and settings differ from what changes the settings alone."""
    others = attribution.others
    rival = attribution.changed[0] if len(attribution.changed) == 1 else attribution.baseline
    for candidate in others[:LISTED]:
        verdict, size = attribution.effect(candidate, rival)
        settings = settings_text(attribution.settings(candidate, attribution.baseline))
        yield (
            f"{candidate['spec']} with {settings} changes both schedule and settings; it differs from "
            f"{full_spec(rival)} by {size} ({verdict})."
        )
    if len(others) > LISTED:
        yield f"{counted(len(others) - LISTED, 'more candidate')} also changed both schedule and settings."
