"""The types of a map of rates: the answer that `find --json` prints. Every field carries its description."""

# No `from __future__ import annotations`, as in `verdict/answer.py`.

from typing import Annotated, Any, Literal, TypedDict

Word = Literal["too small", "slow", "good", "best", "unstable", "overfits", "too large", "diverges"]
Status = Literal["ok", "open_below", "open_above", "flat", "all_diverged"]


class RateAnswer(TypedDict):
    """One learning rate, held constant."""

    rate: Annotated[float, "the learning rate"]
    word: Annotated[Word, "what it does"]
    reason: Annotated[str, "what the curves show, in words"]
    n: Annotated[int, "runs"]
    diverged: Annotated[int, "runs that diverged"]
    mean: Annotated[
        float | None,
        "mean score of the finished runs after the last epoch; in a cross-validation, of the repeats that "
        "finished whole",
    ]
    replicates: Annotated[
        int,
        "what it is the mean of: seeds that finished, or repeats of a cross-validation that finished whole",
    ]
    ci95: Annotated[list[float] | None, "95 % interval of the mean over these"]
    train_loss: Annotated[
        list[float | None],
        "median training loss of the finished runs after each epoch; null where none is reported",
    ]
    valid_loss: Annotated[list[float | None], "median validation loss, likewise"]
    score: Annotated[list[float | None], "median score"]


class BestRate(TypedDict):
    """The rate to use."""

    rate: Annotated[float, "the middle of the good rates, on a log scale; of given rates, the best"]
    range: Annotated[list[float], "the good rates: none is shown to be worse by more than the margin"]
    regret: Annotated[float, "what it is expected to lose to the best rate, in units of the metric"]


class MapAnswer(TypedDict):
    """The map of one setting of the optimizer."""

    settings: Annotated[dict[str, Any], "settings of the optimizer that replace those of the problem"]
    status: Annotated[Status, "`ok` if both ends of the good rates were found"]
    sentence: Annotated[str, "the answer in words"]
    rates: Annotated[list[RateAnswer], "all rates tried, in rising order"]
    best: Annotated[BestRate | None, "the rate to use; null if all runs diverged"]


class RateMapAnswer(TypedDict):
    """The answer of `find`: the fields of the first map, and all maps."""

    study: Annotated[dict[str, Any], "name, fingerprint, seeds, protocol, versions and command"]
    data: Annotated[dict[str, Any], "how the data were read"]
    status: Annotated[Status, "of the first map"]
    sentence: Annotated[str, "of the first map"]
    rates: Annotated[list[RateAnswer], "of the first map"]
    best: Annotated[BestRate | None, "of the first map"]
    maps: Annotated[list[MapAnswer], "the map of every setting of the optimizer"]
    next: Annotated[str, "the command that compares schedules on the same problem"]
    notes: Annotated[list[str], "what to know about the numbers"]
    cost: Annotated[dict[str, Any], "runs, seconds, runs per second, seconds of compiling, layout"]
