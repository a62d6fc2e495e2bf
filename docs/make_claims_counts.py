"""Which comparisons count for a claim of claims.md, what each says, and the verdict that follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

from stepsize.stats.decision import Word

Answer = Mapping[str, Any]
Outcome = Literal["so", "otherwise", "cannot tell"]
Verdict = Literal["Shown", "Shown in part", "Contradicted", "Not shown"]
Words = tuple[Word, ...]

BETTER: Words = ("better",)
WORSE: Words = ("worse",)
AS_GOOD: Words = ("equivalent", "better")
NO_BETTER: Words = ("equivalent", "worse")

DECAY: Mapping[str, Words] = dict.fromkeys(("time-based decay", "linear decay"), AS_GOOD)
LARGER_MOMENTA: Mapping[str, Words] = dict.fromkeys(
    ("momentum 0.9", "momentum 0.95", "momentum 0.99"), BETTER
)
WATCH_ACCURACY: Mapping[str, Words] = dict.fromkeys(
    ("halve if accuracy stalls", "up and down by accuracy"), BETTER
)
RARE: Mapping[str, Words] = {
    **dict.fromkeys(("SGD, rare features tenfold", "Adagrad", "RMSprop", "Adam"), BETTER),
    "SGD, momentum 0.9": NO_BETTER,
}
SUMMED: Mapping[str, Words] = {"sum, 0.1": WORSE, "sum, 0.1/32": AS_GOOD}


class Result(NamedTuple):
    """What a comparison says about a claim, and the word of its answer if it has one."""

    outcome: Outcome
    word: Word | None = None


class Compared(NamedTuple):
    """A candidate beside the first row of its study, and the words with which it says so."""

    answer: Answer
    row: Answer
    says_so: Words = ()

    @property
    def result(self) -> Result:
        """What the comparison says about the claim."""
        word = self.row["word"]
        return Result(
            "so" if word in self.says_so else "cannot tell" if word == "not shown" else "otherwise", word
        )


def verdict(outcomes: Iterable[Outcome], always: bool = False) -> Verdict:
    """Return the verdict on a claim; if it is about "always", one comparison that says otherwise is enough.

    >>> verdict(["so", "so"]), verdict(["so", "otherwise"]), verdict(["otherwise", "cannot tell"])
    ('Shown', 'Shown in part', 'Not shown')
    >>> verdict(["otherwise", "otherwise"]), verdict(["so", "cannot tell", "otherwise"], always=True)
    ('Contradicted', 'Contradicted')
    """
    kinds = set(outcomes)
    if kinds == {"so"}:
        return "Shown"
    if kinds == {"otherwise"} or (always and "otherwise" in kinds):
        return "Contradicted"
    return "Shown in part" if "so" in kinds and not always else "Not shown"


def tally(results: Sequence[Result]) -> str:
    """Return how many comparisons say what, and with which words.

    >>> tally([Result("so", "better"), Result("cannot tell"), Result("otherwise", "worse")])
    '1 of 3 says so (better), 1 says otherwise (worse) and 1 cannot tell'
    """
    counted = Counter(each.outcome for each in results)
    so, otherwise, cannot = counted["so"], counted["otherwise"], counted["cannot tell"]
    parts = [f"{so or 'none'} of {len(results)} {'say' if so > 1 else 'says'} so{_words(results, 'so')}"]
    if otherwise:
        parts.append(
            f"{otherwise} {'say' if otherwise > 1 else 'says'} otherwise{_words(results, 'otherwise')}"
        )
    if cannot:
        parts.append(f"{cannot} cannot tell")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _words(results: Iterable[Result], outcome: Outcome) -> str:
    words = Counter(each.word for each in results if each.outcome == outcome and each.word)
    if not words:
        return ""
    numbers = [f"{number} {word}" for word, number in words.most_common()] if len(words) > 1 else list(words)
    return f" ({', '.join(numbers)})"


def drawn(answers: Iterable[Answer]) -> list[Compared]:
    """Return every candidate but the first ones, counted or not."""
    return [Compared(each, row) for each in answers for row in each["candidates"][1:]]


def all_of(answers: Iterable[Answer], says_so: Words = BETTER) -> list[Compared]:
    """Return every candidate, counted with the same words."""
    return [each._replace(says_so=says_so) for each in drawn(answers)]


def some_of(answers: Iterable[Answer], words: Mapping[str, Words]) -> list[Compared]:
    """Return the candidates that are named, each counted with its own words."""
    return [
        each._replace(says_so=words[each.row["name"]]) for each in drawn(answers) if each.row["name"] in words
    ]


def highest(answer: Answer) -> str:
    """Return the candidate with the highest mean, the first row left out."""
    return max(answer["candidates"][1:], key=lambda row: row["mean"])["name"]


def moved(answers: Sequence[Answer]) -> list[Compared]:
    """Return the rules that are best on one data set, on each of the others."""
    best = {each["data"]: highest(each) for each in answers}
    return [
        each._replace(says_so=WORSE)
        for each in drawn(answers)
        if each.row["name"] in {name for data, name in best.items() if data != each.answer["data"]}
    ]


def larger_starts(answers: Iterable[Answer]) -> list[Result]:
    """Return, for every decaying schedule, whether the best constant rate is too small for its first rate."""
    return [
        Result("so" if is_above(row, each["candidates"][0]["lr"]) else "otherwise")
        for each in answers
        for row in each["candidates"][1:]
    ]


def is_above(row: Answer, rate: float) -> bool:
    """Return whether every good rate of a candidate lies above a rate."""
    return row["lr_range"][0] > rate


def apart(maps: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """Return the pairs of rate maps that have no good rate in common."""
    return [
        (a, b)
        for a, b in combinations(maps, 2)
        if a["range"][1] < b["range"][0] or b["range"][1] < a["range"][0]
    ]


def moves(law: Answer) -> bool:
    """Return whether the 95 % interval of a law's exponent leaves out 0."""
    low, high = law["law"]["ci95"]
    return not low <= 0 <= high


def best_rates(document: Answer) -> list[Result]:
    """Return what the maps say about the data, and the laws about width, depth and epochs."""
    shown = [bool(apart(document["maps"]))]
    shown += [moves(document["laws"][name]) for name in ("width", "depth", "epochs")]
    return [Result("so" if each else "cannot tell") for each in shown]
