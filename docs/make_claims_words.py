"""What the stored answers say about each claim, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import make_claims_counts as counts
from make_claims_counts import Answer, Compared

from stepsize.number_format import Scale, rounded, scale_for
from stepsize.number_format import rate as rate_text
from stepsize.stats.decision import Word
from stepsize.stats.margins import HALF_A_POINT

TITLES = {
    "ionosphere": "Ionosphere",
    "breast-cancer": "Breast cancer",
    "diabetes": "Diabetes",
    "digits": "Digits",
    "iris": "Iris",
    "wine": "Wine",
    "rare-features": "Rare features",
}
FEW = 4  # candidates that are named with their differences
ORDER: tuple[Word, ...] = ("better", "equivalent", "not shown", "worse")


def joined(items: Sequence[str]) -> str:
    """Return a list as a sentence has it.

    >>> joined(["a"]), joined(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def words_of(results: Iterable[Compared]) -> str:
    """Return how often each word occurs, such as `7 are equivalent and 1 is worse`."""
    counted = Counter(each.row["word"] for each in results)
    verbs = [
        f"{counted[word]} {'is' if counted[word] == 1 else 'are'} {word}" for word in ORDER if counted[word]
    ]
    return joined(verbs)


def scale(answer: Answer) -> Scale:
    """Return how the scores of a comparison are written."""
    intervals = [row["difference_ci95"] for row in answer["candidates"] if row["difference_ci95"]]
    halves = [(high - low) / 2 for low, high in intervals]
    return scale_for(answer["metric"], True, None, halves)


def size(each: Compared) -> str:
    """Return a difference from the first row with its interval and unit."""
    if each.row["difference"] is None:
        return "every run diverges"
    number = scale(each.answer).plus_minus(each.row["difference"], each.row["difference_ci95"], signed=True)
    return f"{number} of R²" if each.answer["metric"] == "r2" else f"{number} points"


def named(results: Sequence[Compared], word: Word) -> str:
    """Return a sentence that names the candidates with this word, and their differences if these are few."""
    kept = [each for each in results if each.row["word"] == word]
    listed = []
    for name in dict.fromkeys(each.row["name"] for each in kept):
        places = [
            TITLES[each.answer["data"]] + (f" ({size(each)})" if len(kept) <= FEW else "")
            for each in kept
            if each.row["name"] == name
        ]
        listed.append(f"{name} on {joined(places)}")
    return f" {word.capitalize()}: {'; '.join(listed)}." if listed else ""


def differences(results: Sequence[Compared]) -> str:
    """Return which candidates are better or worse."""
    return f"{named(results, 'better')}{named(results, 'worse')}".strip()


def called(answers: Iterable[Answer], *names: str) -> list[Compared]:
    """Return the candidates with these names."""
    return [each for each in counts.drawn(answers) if each.row["name"] in names]


def decay(answers: Sequence[Answer], results: Sequence[Compared]) -> str:
    """Return what is shown of decay in place of momentum, and of neither."""
    neither = called(answers, "neither")
    needed = any(each.row["word"] == "worse" for each in neither)
    end = (
        ""
        if needed
        else ": momentum itself is not shown to be needed here, so there may be nothing to replace"
    )
    return f"{differences(results)} With neither, {words_of(neither)}{end}.".strip()


def always(answers: Sequence[Answer], results: Sequence[Compared]) -> str:
    """Return what is shown of schedules that only fall, and that the worse ones would do alone."""
    worse = sum(each.row["word"] == "worse" for each in results)
    end = " These alone contradict an “always”." if worse else ""
    return differences(results) + end


def momentum(answers: Sequence[Answer], results: Sequence[Compared]) -> str:
    """Return what is shown of momenta that are larger than that of the first row, and of smaller ones."""
    smaller = called(answers, "momentum 0.0", "momentum 0.5")
    return (
        f"{differences(results)} Of the {len(smaller)} with a smaller momentum, {words_of(smaller)}.".strip()
    )


def plateau(answers: Sequence[Answer], _: Sequence[Compared]) -> str:
    """Return which rules were lent, and what is shown of all rules."""
    lenders: dict[str, list[str]] = {}
    for each in answers:
        lenders.setdefault(counts.highest(each), []).append(TITLES[each["data"]])
    rules = joined([f"“{rule}” ({joined(titles)})" for rule, titles in lenders.items()])
    everything = counts.drawn(answers)
    return f"The rules lent are {rules}. Of all {len(everything)} drawn, {words_of(everything)}."


def lent(answers: Sequence[Answer]) -> str:
    """Return which rules count: those of each data set on the others, a shared one only once."""
    pairs, counted = len(answers) * (len(answers) - 1), len(counts.moved(answers))
    why = f"; not {pairs}, because two data sets lend the same rule to a third" if counted < pairs else ""
    return (
        f"each rule lent, on the data that borrow it{why}. Rules on their own data, and others, do not count."
    )


def rare(answers: Sequence[Answer], results: Sequence[Compared]) -> str:
    """Return what is shown of rates of their own for rare features, and of momentum, which has one rate."""
    (one,) = called(answers, "SGD, momentum 0.9")
    own = [each for each in results if each.row["name"] != one.row["name"]]
    gains = [f"{each.row['name']} ({size(each)})" for each in own if each.row["word"] == "better"]
    start = f"Better: {'; '.join(gains)}. " if gains else ""
    end = (
        ", so at least a part of the gain needs no rate per parameter" if one.row["word"] == "better" else ""
    )
    return f"{start}But momentum, which keeps one rate, is {one.row['word']} too ({size(one)}){end}."


def larger_start(answers: Sequence[Answer]) -> str:
    """Return how far the best first rates lie above the best constant rate."""
    times = []
    for each in answers:
        first, *others = each["candidates"]
        ratios = [row["lr"] / first["lr"] for row in others]
        times.append(f"{rounded(min(ratios), 2)} to {rounded(max(ratios), 2)} on {TITLES[each['data']]}")
    return f"As a multiple of the best constant rate, the best first rates are {joined(times)}."


def best_rate(document: Mapping[str, Any]) -> str:
    """Return how the best rate moves with the data, the network and the length of the run."""
    maps = document["maps"]
    pairs, apart = len(maps) * (len(maps) - 1) // 2, counts.apart(maps)
    lowest, highest = (pick(maps, key=lambda each: each["rate"]) for pick in (min, max))
    shared = set.intersection(*({a["data"], b["data"]} for a, b in apart)) if apart else set()
    who = f", all with {TITLES[shared.pop()]}, the only regression" if shared == {"diabetes"} else ""
    ends = [f"{rate_text(each['rate'])} on {TITLES[each['data']]}" for each in (lowest, highest)]
    laws = {name: document["laws"][name] for name in ("width", "depth", "epochs")}
    exponents = joined([f"{exponent(law)} along the {name}" for name, law in laws.items()])
    return (
        f"The best rate goes from {ends[0]} to {ends[1]}; {len(apart)} of {pairs} pairs of data sets have no "
        f"good rate in common{who}. On Ionosphere, the exponents are {exponents}."
    )


def summed(answers: Sequence[Answer], laws: Mapping[str, Any]) -> str:
    """Return what is shown of the sum at the same rate and at a smaller one, and how its best rate moves."""
    same, smaller = called(answers, "sum, 0.1"), called(answers, "sum, 0.1/32")
    return (
        f"At the same rate, {words_of(same)}; at a 32nd of it, {words_of(smaller)}."
        f"{named(smaller, 'not shown')} On Ionosphere, at equal updates, the best rate of the sum moves as "
        f"the batch size to the power {exponent(laws['sum'])} (a division by the batch size would be −1), "
        f"that of the mean to the power {exponent(laws['mean'])}."
    )


def exponent(law: Mapping[str, Any]) -> str:
    """Return the exponent of a law with half of its interval."""
    low, high = law["law"]["ci95"]
    number = f"{abs(law['law']['exponent']):.2f}"
    return f"{'−' if law['law']['exponent'] < 0 else ''}{number} ± {(high - low) / 2:.2f}"


def margins(document: Mapping[str, Any]) -> str:
    """Return the margins of the data sets on which one row is worth more than half a point."""
    every = {each["data"]: each["margin"] for each in (*document["comparisons"], *document["maps"])}
    return joined(
        [
            f"{rounded(100 * margin, 2)} on {TITLES[data]}"
            for data, margin in every.items()
            if margin > HALF_A_POINT
        ]
    )


def numbers(values: Iterable[int]) -> str:
    """Return the different numbers among some, 0 left out."""
    return joined([str(value) for value in sorted(set(values) - {0})])
