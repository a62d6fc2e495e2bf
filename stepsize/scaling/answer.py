"""The types of the answer of `scale`, which `--json` prints. Every field carries its description."""

# No `from __future__ import annotations`, as in `verdict/answer.py`.

from typing import Annotated, Any, Literal, TypedDict


class ValueAnswer(TypedDict):
    """One value, with the map of its rates."""

    value: Annotated[float, "the value"]
    epochs: Annotated[int, "of every run"]
    updates: Annotated[int, "of every run"]
    status: Annotated[str, "of the map of rates, as in `find`"]
    rate: Annotated[float | None, "the middle of the good rates; null if every run diverged"]
    range: Annotated[list[float] | None, "the good rates"]
    mean: Annotated[float | None, "mean score at this rate, as in `find`"]


class BendAnswer(TypedDict):
    """Where the law changes its exponent."""

    at: Annotated[float, "the value"]
    before: Annotated[float, "the exponent at lower values"]
    after: Annotated[float, "the exponent at higher values"]


class RuleAnswer(TypedDict):
    """A rule of thumb beside the measured exponent."""

    name: Annotated[str, "what it is called"]
    exponent: Annotated[float, "the exponent that it predicts"]
    fits: Annotated[bool, "whether that lies in the interval of the measured one"]


class LawAnswer(TypedDict):
    """The power law through the values."""

    exponent: Annotated[float, "the rate grows as the value (for the momentum, 1 - momentum) to this power"]
    ci95: Annotated[list[float], "95 % interval of the exponent"]
    bend: Annotated[BendAnswer | None, "where the exponent changes; null if one exponent fits as well as two"]
    rules: Annotated[list[RuleAnswer], "rules of thumb"]


class MomentAnswer(TypedDict):
    """The gradient noise scale at one moment of training."""

    moment: Annotated[str, '"start", "middle" or "end"']
    epoch: Annotated[int, "epochs before it"]
    rows: Annotated[float, "the noise scale, as a batch size: the median over the seeds"]
    range: Annotated[list[float], "the lowest and the highest of the seeds; null if no gradient is left"]


class NoiseAnswer(TypedDict):
    """The gradient noise scale, tr(Σ)/|G|² over the training rows."""

    batch_size: Annotated[int, "of the runs in which it was measured"]
    rate: Annotated[float, "of these runs"]
    seeds: Annotated[int, "how many they are"]
    moments: Annotated[list[MomentAnswer], "at the start, in the middle and at the end of training"]
    sentence: Annotated[str, "the noise scale in words"]


class ScalingAnswer(TypedDict):
    """The answer of `scale`."""

    name: Annotated[str, "name of the problem"]
    along: Annotated[str, "what was varied"]
    hold: Annotated[Literal["epochs", "updates"], "what was held fixed"]
    seeds: Annotated[int, "runs of each rate"]
    values: Annotated[list[ValueAnswer], "all values, in rising order"]
    law: Annotated[LawAnswer | None, "null if fewer than three values have a rate"]
    noise_scale: Annotated[NoiseAnswer | None, "along the batch size; null if a note says why"]
    sentence: Annotated[str, "the answer in words"]
    notes: Annotated[list[str], "what to know about the numbers"]
    command: Annotated[str, "the command or call that made it"]
    cost: Annotated[dict[str, Any], "runs and seconds"]


class BothAnswer(TypedDict):
    """The answer of `scale` with `hold="both"`."""

    name: Annotated[str, "name of the problem"]
    along: Annotated[str, "what was varied"]
    hold: Annotated[Literal["both"], "what was held fixed"]
    seeds: Annotated[int, "runs of each rate"]
    laws: Annotated[list[ScalingAnswer], "the answers at equal epochs and at equal updates"]
    sentence: Annotated[str, "both answers in words"]
    command: Annotated[str, "the command or call that made it"]
    cost: Annotated[dict[str, Any], "runs and seconds; those of both laws count once"]
