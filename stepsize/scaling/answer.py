"""The types of the answer of `scale`, which `--json` prints. Every field carries its description."""

# No `from __future__ import annotations`, as in `verdict/answer.py`.

from typing import Annotated, Any, Literal, TypedDict


class ValueAnswer(TypedDict):
    """One value, with the map of its rates."""

    value: Annotated[float, "the value"]
    epochs: Annotated[int, "of every run"]
    status: Annotated[str, "of the map of rates, as in `find`"]
    rate: Annotated[float | None, "the middle of the good rates; null if every run diverged"]
    range: Annotated[list[float] | None, "the good rates"]
    mean: Annotated[float | None, "mean score at the rate"]


class BendAnswer(TypedDict):
    """Where the law changes its exponent."""

    at: Annotated[float, "the value"]
    before: Annotated[float, "the exponent below it"]
    after: Annotated[float, "the exponent above it"]


class RuleAnswer(TypedDict):
    """A rule of thumb beside the measured exponent."""

    name: Annotated[str, "what it is called"]
    exponent: Annotated[float, "what it says"]
    fits: Annotated[bool, "whether it lies in the interval"]


class LawAnswer(TypedDict):
    """The power law through the values."""

    exponent: Annotated[float, "the rate grows as the value to this power; of a momentum, as 1 - momentum"]
    ci95: Annotated[list[float], "95 % interval of the exponent"]
    bend: Annotated[BendAnswer | None, "where two exponents fit better than one; null if none does"]
    rules: Annotated[list[RuleAnswer], "rules of thumb"]


class ScalingAnswer(TypedDict):
    """The answer of `scale`."""

    name: Annotated[str, "name of the problem"]
    along: Annotated[str, "what was changed"]
    hold: Annotated[Literal["epochs", "updates"], "what stayed as it is"]
    seeds: Annotated[int, "runs of each rate"]
    values: Annotated[list[ValueAnswer], "all values, in rising order"]
    law: Annotated[LawAnswer | None, "null if fewer than three values have a rate"]
    sentence: Annotated[str, "the answer in words"]
    notes: Annotated[list[str], "what to know about the numbers"]
    command: Annotated[str, "the command or call that made it"]
    cost: Annotated[dict[str, Any], "runs and seconds"]
