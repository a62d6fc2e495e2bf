"""What a careful colleague would say of an answer: the sentence, the notes, the warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.report.numbers import Scale, rate, scale_for
from stepsize.stats import compare_paired, judge
from stepsize.stats.paired import LEAST_SEEDS
from stepsize.verdict import data_notes

LISTED = 20  # warnings or notes of one kind; of more, the rest are counted

Answer = Mapping[str, Any]
Candidate = Mapping[str, Any]
Scores = Mapping[str, Sequence[float]]  # by candidate, [seeds]; higher is better: a loss has its sign turned
Divergences = Mapping[
    str, tuple[int, float]
]  # by candidate: the earliest update, the highest rate of that run


def sentence(answer: Answer, divergences: Divergences, scores: Scores) -> str:
    """Say in one sentence what to use, and how sure that is."""
    verdict, candidates = answer["verdict"], answer["candidates"]
    if verdict["status"] == "all_diverged":
        gentlest = min(candidates, key=lambda c: divergences[c["name"]][1])
        update, highest = divergences[gentlest["name"]]
        return (
            f"Every run of every candidate diverged, {gentlest['spec']} with the lowest rates (up to "
            f"{rate(highest)}) from update {update} on; try lower learning rates."
        )
    scale = scale_of(answer)
    best = _named(candidates, verdict["recommended"])
    baseline = _named(candidates, answer["study"]["protocol"]["baseline"])
    over = _replication(best, answer["study"]["protocol"].get("folds"))
    reached = f"{_percent(scale, best['mean'], best['ci95'])} over {over}"
    use = f"Use {_full_spec(best)} ({scale.name} {reached})"
    count = len(verdict["best_set"])
    if len(candidates) == 1:
        return f"{use}; it had no rival."
    if count == 1:
        only = f"it is the only one of {len(candidates)} candidates that may be the best"
        return f"{use}: {only}{_gain(best, scale)}{_credit(answer, scores, best)}."
    among = f"all {count}" if count == len(candidates) else f"{count} of {len(candidates)}"
    simplest = f"{among} candidates may be the best, and {verdict['reason']}"
    if best is baseline:
        return f"{use}: no candidate is shown to be better; {simplest}."
    return f"{use}: {simplest}{_gain(best, scale)}{_credit(answer, scores, best)}."


def notes(answer: Answer, scores: Scores) -> list[str]:
    """Say what made the difference, what the split is worth, how rates were chosen, what to run next."""
    protocol, verdict = answer["study"]["protocol"], answer["verdict"]
    scale = scale_of(answer)
    said = [*_attributions(answer, scores), *data_notes.notes(answer["data"], protocol)]
    if protocol["split_kind"] == "lesson":
        said.append(
            "The validation rows are the last of the table, unshuffled and the same for every seed; the same "
            f"candidates on fair splits: {_on_fair_splits(answer['study'])}"
        )
    if protocol["split_kind"] == "test":
        said.append(
            "The data's own test part serves for validation, as in the lesson; a choice made on it has no "
            "unseen rows left to confirm it."
        )
    tuning = protocol["tuning"]
    if tuning:
        fine = f", then {tuning['fine_rates']} rates around the best on {tuning['fine_seeds']} more"
        said.append(
            f"Each candidate's lr is the peak of a curve through {len(tuning['first_rates'])} rates on "
            f"{tuning['first_seeds']} tuning seeds{fine if tuning['fine_seeds'] else ''}; the verdict rests "
            "on fresh seeds."
        )
    if verdict["seeds_needed"] is not None:
        said.append(
            f"To tell it from the next best by {_points(scale, protocol['margin'])} takes about "
            f"{verdict['seeds_needed']:,} seeds at the spread seen; there were "
            f"{len(answer['study']['seeds']):,}."
        )
    return said


def warnings(answer: Answer, divergences: Divergences) -> list[str]:
    """Say what may make the answer wrong or weak."""
    data, candidates = answer["data"], answer["candidates"]
    scale = scale_of(answer)
    protocol = answer["study"]["protocol"]
    said = list(data_notes.doubts(data, protocol))
    worst = protocol.get("worst", 0.0)
    counts_as = "the worst score of all" if worst is None else f"{scale.shown(worst):g} {scale.unit}".strip()
    if candidates[0]["replicates"] < LEAST_SEEDS and len(candidates) > 1:
        units = "repeats" if protocol.get("folds") else "seeds"
        said.append(f"With fewer than {LEAST_SEEDS} {units} no difference can be shown, whatever its size.")
    at_edge = [candidate for candidate in candidates if candidate["lr_at_edge"]]
    for candidate in _first(at_edge):
        limit = candidate["lr_at_limit"]
        where = "the last that its numbers beside lr allow" if limit else "at the edge of those tried"
        said.append(
            f"{candidate['name']}: its best rate, {rate(candidate['lr'])}, is {where}; "
            "a better one may lie beyond."
        )
    if len(at_edge) > LISTED:
        said.append(f"So it is with {len(at_edge) - LISTED:,} more candidates.")
    lost = [candidate for candidate in candidates if candidate["diverged"]]
    listed = _first(lost)
    for candidate in listed:
        update, at_rate = divergences[candidate["name"]]
        said.append(
            f"{candidate['name']}: {candidate['diverged']} of {candidate['n']} runs diverged, the first "
            f"at update {update} (rates up to {rate(at_rate)}); each counts as {counts_as}."
        )
    if len(lost) > LISTED:
        runs = sum(candidate["diverged"] for candidate in lost if candidate not in listed)
        said.append(f"So did {runs:,} runs of {len(lost) - LISTED:,} more candidates.")
    means = [candidate["mean"] for candidate in candidates]
    if all(len(set(candidate["scores"])) == 1 for candidate in candidates) and len(set(means)) == 1:
        said.append(
            f"The {scale.name} never changed, over seeds and candidates: look at model and data first."
        )
    elif nothing := data_notes.beats_nothing(data, protocol, max(means)):
        said.append(nothing)
    return said


def _first(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Give those to list: all, or of many the ones that may be the best before the others."""
    if len(candidates) <= LISTED:
        return candidates
    return sorted(candidates, key=lambda candidate: not candidate["in_best_set"])[:LISTED]


def scale_of(answer: Answer) -> Scale:
    """Give the way this answer writes its scores."""
    protocol = answer["study"]["protocol"]
    halves = [(c["ci95"][1] - c["ci95"][0]) / 2 for c in answer["candidates"] if c["ci95"]]
    return scale_for(protocol["metric"], protocol["higher_is_better"], protocol.get("share"), halves)


@dataclass(frozen=True)
class _Attribution:
    """One schedule that met two settings of the optimizer: what is due to the settings, what to schedules."""

    plain: Candidate  # the baseline
    changed: Candidate  # its schedule with other settings
    answer: Answer
    scores: Scores
    scale: Scale

    @property
    def words(self) -> str:
        """The settings that were changed, by name."""
        return " and ".join(sorted(self.changed["settings"]))

    @property
    def schedules(self) -> list[Candidate]:
        """The candidates that share the changed settings and have another schedule."""
        own = self.changed["settings"]
        return [c for c in self.answer["candidates"] if c["settings"] == own and c is not self.changed]

    def effect(self, candidate: Candidate, against: Candidate) -> tuple[str, str]:
        """Give the verdict on a difference, and the difference in words."""
        step, scale = self.answer["data"]["sample_value"], self.scale
        pair = (self.scores[each["name"]] for each in (candidate, against))
        found = compare_paired(*pair, sample_value=step)
        interval = None if found.ci95 is None else list(found.ci95)
        change = found.mean if scale.higher_is_better else -found.mean
        size = f"{scale.plus_minus(change, interval, signed=True)} {scale.difference_unit}".strip()
        return judge(found, found.p, self.answer["study"]["protocol"]["margin"]), size

    @property
    def settings_matter(self) -> bool:
        """Whether the settings alone are shown to change the score."""
        return self.effect(self.changed, self.plain)[0] in ("better", "worse")

    @property
    def schedules_add(self) -> bool:
        """Whether any schedule is shown to be better than the plain one at the same settings."""
        return any(self.effect(c, self.changed)[0] == "better" for c in self.schedules)


def _attribution(answer: Answer, scores: Scores) -> _Attribution | None:
    candidates = answer["candidates"]
    plain = _named(candidates, answer["study"]["protocol"]["baseline"])
    changed = next((c for c in candidates if c["spec"] == plain["spec"] and c is not plain), None)
    return None if changed is None else _Attribution(plain, changed, answer, scores, scale_of(answer))


def _credit(answer: Answer, scores: Scores, best: Candidate) -> str:
    """Say it when the recommended candidate owes its gain to its settings."""
    found = _attribution(answer, scores)
    if found is None or best["settings"] != found.changed["settings"] or best["spec"] == found.plain["spec"]:
        return ""
    due = found.settings_matter and not found.schedules_add
    return f", by its {found.words} and not by its schedule" if due else ""


def _attributions(answer: Answer, scores: Scores) -> Iterator[str]:
    """Tell the effect of settings from that of schedules, where a schedule met two settings."""
    found = _attribution(answer, scores)
    if found is None:
        return
    plain, changed = found.plain, found.changed
    protocol = answer["study"]["protocol"]
    usual = {**protocol["optimizer"], "batch_size": protocol.get("batch_size")}
    now, before = (
        _said(changed["settings"]),
        _said({key: usual.get(key, "default") for key in changed["settings"]}),
    )
    head = "made the difference" if found.settings_matter else "is not shown to make a difference"
    yield (
        f"{found.words.capitalize()} {head}: {plain['spec']} with {now} instead of {before} changes the "
        f"{found.scale.name} by {found.effect(changed, plain)[1]}."
    )
    if found.schedules:
        sum_up = (
            "a schedule adds to it"
            if found.schedules_add
            else "no schedule is shown to add anything that matters"
        )
        effects = ((c["spec"], *found.effect(c, changed)) for c in found.schedules[:LISTED])
        each = "; ".join(f"{spec} {size} ({verdict})" for spec, verdict, size in effects)
        more = f"; and {len(found.schedules) - LISTED:,} more" if len(found.schedules) > LISTED else ""
        yield f"With {now} throughout, {sum_up}; against {changed['spec']}: {each}{more}."
    alike = (changed["settings"], plain["settings"])
    others = [c for c in answer["candidates"] if c["spec"] != plain["spec"] and c["settings"] not in alike]
    for c in others[:LISTED]:
        verdict, size = found.effect(c, changed)
        yield (
            f"{c['spec']} with {_said(c['settings'])} changes schedule and settings at once; against "
            f"{changed['spec']} with {now} it is {size} ({verdict})."
        )
    if len(others) > LISTED:
        yield f"So do {len(others) - LISTED:,} more candidates."


def _said(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def _on_fair_splits(study: Mapping[str, Any]) -> str:
    command = study["command"]
    if not command.startswith("stepsize compare "):
        command = f"stepsize compare {study['name']}"
    return re.sub(r" --split[= ]\S+", "", command) + " --split stratified"


def _gain(candidate: Candidate, scale: Scale) -> str:
    versus = candidate["vs_baseline"]
    if versus is None:
        return ""
    change = (
        f"{scale.plus_minus(versus['mean'], versus['ci95'], signed=True)} {scale.difference_unit}".strip()
    )
    return f"; against the baseline it is {change} ({versus['verdict']})"


def _replication(candidate: Candidate, folds: int | None) -> str:
    """Say what the statistics count: seeds, or repeats of a cross-validation."""
    count = candidate["replicates"]
    return (
        f"{count:,} × {folds}-fold cross-validation" if folds else f"{count:,} seed{'s' if count > 1 else ''}"
    )


def _percent(scale: Scale, mean: float, interval: Sequence[float] | None) -> str:
    return f"{scale.plus_minus(mean, interval)} {scale.unit}".strip()


def _points(scale: Scale, value: float) -> str:
    return f"{100 * value:.2f} points" if scale.percent else f"{value:.2g}"


def _full_spec(candidate: Candidate) -> str:
    return candidate["spec"] + (f" with {_said(candidate['settings'])}" if candidate["settings"] else "")


def _named(candidates: Sequence[Candidate], name: str) -> Candidate:
    return next(candidate for candidate in candidates if candidate["name"] == name)
