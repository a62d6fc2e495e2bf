"""From the maps of several values to the law between value and rate, in numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepsize.number_format import rate, rounded
from stepsize.scaling.answer import BendAnswer, BothAnswer, LawAnswer, RuleAnswer, ScalingAnswer, ValueAnswer
from stepsize.scaling.axes import HELD
from stepsize.stats.power_law import Bend, PowerLaw, fit_power_law

FEWEST = 3  # values with a rate
UNEQUAL = 1.05  # times as many updates in the longest run as in the shortest
RULES = {
    "batch_size": (("linear rule", 1.0), ("square-root rule", 0.5)),
    "momentum": (("rule of 1 - momentum", 1.0),),
}
SUMMED = (("inverse rule", -1.0),)  # of a loss that adds up, along anything that makes a batch larger


def base_of(along: str, value: float) -> float:
    """Return the number that the law is a power of: the value itself, or 1 - momentum."""
    return 1.0 - value if along == "momentum" else value


def law_of(along: str, values: Sequence[ValueAnswer]) -> PowerLaw | None:
    """Return the law through the values that have a rate; None if they are fewer than three."""
    points = [(base_of(along, each["value"]), each["rate"]) for each in values if each["rate"] is not None]
    return fit_power_law(*zip(*points, strict=True)) if len(points) >= FEWEST else None


def law_answer(along: str, law: PowerLaw, summed: bool = False) -> LawAnswer:
    """Return a law as JSON values; `summed` is whether the loss of a batch is the sum over its rows."""
    rules = SUMMED if summed and along in HELD else RULES.get(along, ())
    low, high = law.ci95
    return LawAnswer(
        exponent=law.exponent,
        ci95=[low, high],
        bend=None if law.bend is None else _bend_answer(along, law.bend),
        rules=[
            RuleAnswer(name=name, exponent=power, fits=bool(low <= power <= high)) for name, power in rules
        ],
    )


def _bend_answer(along: str, bend: Bend) -> BendAnswer:
    """Return a bend by the value: where momentum rises, the base of its law falls."""
    if along == "momentum":
        return BendAnswer(at=1.0 - bend.at, before=bend.after, after=bend.before)
    return BendAnswer(at=bend.at, before=bend.before, after=bend.after)


def held_text(hold: str, values: Sequence[ValueAnswer]) -> str:
    """Return what the runs of all values have in common.

    >>> held_text("updates", [{"updates": 400}, {"updates": 404}])
    'at equal updates'
    >>> held_text("updates", [{"updates": 400}, {"updates": 450}])
    'at 400 to 450 updates'
    """
    updates = [each["updates"] for each in values]
    if hold == "updates" and max(updates) > UNEQUAL * min(updates):
        return f"at {min(updates):,} to {max(updates):,} updates"
    return f"at equal {hold}"


def sentence(along: str, hold: str, values: Sequence[ValueAnswer], law: LawAnswer | None) -> str:
    """Return the answer in words.

    >>> law = LawAnswer(exponent=0.97, ci95=[0.9, 1.04], bend=None, rules=[])
    >>> ends = [{"value": 8, "updates": 80, "rate": 0.01}, {"value": 64, "updates": 10, "rate": 0.08}]
    >>> sentence("batch_size", "epochs", ends, law)
    'From batch_size 8 to 64, at equal epochs, the best rate grows as batch_size^(0.97 ± 0.07).'
    """
    rated = [each for each in values if each["rate"] is not None]
    if law is None:
        return f"No law: {len(rated)} of {len(values)} values have a rate, and three are needed."
    equal = f"{held_text(hold, values)}, " if along in HELD else ""
    span = f"From {along} {rated[0]['value']:g} to {rated[-1]['value']:g}, {equal}"
    low, high = law["ci95"]
    power = f"{law['exponent']:.2f} ± {(high - low) / 2:.2f}"
    if low <= 0 <= high:
        text = f"{span}no change in the best rate is shown (exponent {power})."
    else:
        base = "(1 - momentum)" if along == "momentum" else along
        verb = "grows" if law["exponent"] > 0 else "falls"
        text = f"{span}the best rate {verb} as {base}^({power})."
    if law["bend"]:
        at, before, after = law["bend"]["at"], law["bend"]["before"], law["bend"]["after"]
        text += (
            f" The law bends at {at:g}: the exponent is {rounded(before, 2)} below it and "
            f"{rounded(after, 2)} above."
        )
    for rule in law["rules"]:
        fits = "fits" if rule["fits"] else "does not fit"
        text += f" The {rule['name']} (exponent {rule['exponent']:g}) {fits}."
    return text


def notes_of(along: str, hold: str, values: Sequence[ValueAnswer], law: PowerLaw | None) -> list[str]:
    """Return what to know about the numbers."""
    notes = [
        "The rate of a value is the middle of its good rates, held constant. The ± of the exponent reflects "
        "how far the values lie from a straight line through the logarithms."
    ]
    if held_text(hold, values) != f"at equal {hold}":
        numbers = ", ".join(f"{each['updates']:,} at {each['value']:g}" for each in values)
        notes.append(f"A run has whole epochs, so the updates are not equal along {along}: {numbers}.")
    for each in values:
        if each["rate"] is None:
            notes.append(f"{along}={each['value']:g}: every run diverged, so this value is left out.")
        elif each["status"] in ("open_below", "open_above"):
            end = "lower" if each["status"] == "open_below" else "higher"
            notes.append(f"{along}={each['value']:g}: {end} rates may be as good, but none was tried.")
        elif each["status"] == "flat":
            notes.append(
                f"{along}={each['value']:g}: no rate is shown to be worse than another, so its best rate "
                "means little."
            )
    if law is not None and law.bend is not None:
        notes.append("Because the law bends, one exponent does not describe all values.")
    return notes


def predicted(law: PowerLaw, along: str, value: float, tried: Sequence[float]) -> dict[str, Any]:
    """Return the rate for a value, its 95 % interval, and whether the value lies outside those tried."""
    middle, (low, high) = law.predict(base_of(along, value))
    return {"rate": middle, "range": [low, high], "extrapolated": not min(tried) <= value <= max(tried)}


def laws_of(answer: ScalingAnswer | BothAnswer) -> list[ScalingAnswer]:
    """Return the one law of an answer, or the two."""
    return answer["laws"] if answer["hold"] == "both" else [answer]


def rate_text(each: ValueAnswer) -> str:
    """Return the rate of a value with its range, as text."""
    if each["rate"] is None or each["range"] is None:
        return "every run diverged"
    return f"{rate(each['rate'])}  ({rate(each['range'][0])} to {rate(each['range'][1])})"
