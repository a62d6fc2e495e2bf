"""What the stored answers say about each claim, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from stepsize.number_format import Scale, rounded, scale_for
from stepsize.number_format import rate as rate_text
from stepsize.stats.decision import Word

Comparison = Mapping[str, Any]
Results = list[tuple[Comparison, Comparison]]  # candidates, each beside its comparison
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


def rows(comparisons: Iterable[Comparison], names: Sequence[str] = ()) -> Results:
    """Return every candidate but the first ones beside its comparison; `names` keeps those alone."""
    return [
        (each, row)
        for each in comparisons
        for row in each["candidates"]
        if row["word"] != "baseline" and (not names or row["name"] in names)
    ]


def tally(results: Results) -> str:
    """Return how often each word occurs, such as `7 are equivalent and 1 is worse`."""
    counted = Counter(row["word"] for _, row in results)
    verbs = [
        f"{counted[word]} {'is' if counted[word] == 1 else 'are'} {word}" for word in ORDER if counted[word]
    ]
    return joined(verbs)


def label(results: Results, always: bool = False) -> str:
    """Return the word for a claim that candidates are better than the first row, or that all always are."""
    counted = Counter(row["word"] for _, row in results)
    if counted["better"] == len(results):
        return "Shown"
    if counted["better"] and not always:
        return "Shown in part"
    decided = counted["worse"] + counted["equivalent"]
    return "Contradicted" if decided == len(results) or (always and decided) else "Not shown"


def scale(each: Comparison) -> Scale:
    """Return how the scores of a comparison are written."""
    intervals = [row["difference_ci95"] for _, row in rows([each]) if row["difference_ci95"]]
    halves = [(high - low) / 2 for low, high in intervals]
    return scale_for(each["metric"], True, None, halves)


def size(each: Comparison, row: Comparison) -> str:
    """Return a difference from the baseline with its interval and unit."""
    if row["difference"] is None:
        return "no run finishes"
    number = scale(each).plus_minus(row["difference"], row["difference_ci95"], signed=True)
    return f"{number} {scale(each).difference_unit}".strip() + unit(each)


def unit(each: Comparison) -> str:
    """Return what follows a difference of a metric that is not in percent."""
    return "" if scale(each).percent else f" of {scale(each).name}"


def named(results: Results, word: Word) -> str:
    """Return a sentence that names the candidates with this word, and their differences if these are few."""
    kept = [(each, row) for each, row in results if row["word"] == word]
    names = dict.fromkeys(row["name"] for _, row in kept)
    listed = []
    for name in names:
        places = [
            TITLES[each["data"]] + (f" ({size(each, row)})" if len(kept) <= FEW else "")
            for each, row in kept
            if row["name"] == name
        ]
        listed.append(f"{name} on {joined(places)}")
    return f" {word.capitalize()}: {'; '.join(listed)}." if listed else ""


def each_on(comparisons: Sequence[Comparison]) -> str:
    """Return how many seeds the comparisons have."""
    numbers = sorted({each["seeds"] for each in comparisons})
    return f"n = {joined(list(map(str, numbers)))} seeds each"


def better(comparisons: Sequence[Comparison], names: Sequence[str] = (), always: bool = False) -> str:
    """Return the verdict on a claim that candidates are better than the first row."""
    results = rows(comparisons, names)
    first = comparisons[0]["candidates"][0]["name"]
    return (
        f"**{label(results, always)}.** Of {len(results)} comparisons with “{first}”, {tally(results)} "
        f"({each_on(comparisons)}).{named(results, 'better')}{named(results, 'worse')}"
    )


def always(comparisons: Sequence[Comparison]) -> str:
    """Return the verdict on a claim that candidates are better than the first row wherever they are tried."""
    return better(comparisons, always=True)


def momentum(comparisons: Sequence[Comparison]) -> str:
    """Return the verdict on momenta that are larger than that of the first row."""
    return better(comparisons, ("momentum 0.9", "momentum 0.95", "momentum 0.99"))


def rare(comparisons: Sequence[Comparison]) -> str:
    """Return the verdict on rates of their own for rare features, and on momentum, which has one rate."""
    own = better(comparisons, ("SGD, rare features tenfold", "Adagrad", "RMSprop", "Adam"))
    ((each, row),) = rows(comparisons, ("SGD, momentum 0.9",))
    return f"{own} But momentum, which keeps one rate, is {row['word']} too ({size(each, row)})."


def decay(comparisons: Sequence[Comparison]) -> str:
    """Return the verdict on decay instead of momentum."""
    results = rows(comparisons, ("time-based decay", "linear decay"))
    neither = rows(comparisons, ("neither",))
    as_good = [row["word"] in ("equivalent", "better") for _, row in results]
    word = "Shown" if all(as_good) else "Shown in part" if any(as_good) else "Not shown"
    needed = any(row["word"] == "worse" for _, row in neither)
    end = "" if needed else " So neither is shown to be needed, once each candidate has a rate of its own."
    return (
        f"**{word}.** Of {len(results)} comparisons of decay with momentum, {tally(results)} "
        f"({each_on(comparisons)}).{named(results, 'worse')} Of {len(neither)} comparisons of a "
        f"constant rate without momentum with one with it, {tally(neither)}.{named(neither, 'worse')}{end}"
    )


def larger_start(comparisons: Sequence[Comparison]) -> str:
    """Return the verdict on first rates above the best constant rate."""
    above, times = [], []
    for each in comparisons:
        first, *others = each["candidates"]
        above += [row["lr_range"][0] > first["lr"] for row in others]
        ratios = [row["lr"] / first["lr"] for row in others]
        times.append(f"{rounded(min(ratios), 2)} to {rounded(max(ratios), 2)} on {TITLES[each['data']]}")
    word = "Shown" if all(above) else "Shown in part" if any(above) else "Not shown"
    return (
        f"**{word}.** In {sum(above)} of {len(above)} cases, the best constant rate lies below every first "
        f"rate that is good for the decaying schedule (n = {comparisons[0]['tuning_seeds']} tuning seeds). "
        f"As a multiple of the best constant rate, the best first rates are {joined(times)}."
    )


def plateau(comparisons: Sequence[Comparison]) -> str:
    """Return the verdict on rules that are taken from one data set to another."""
    results = rows(comparisons)
    best = {
        each["data"]: max((row for _, row in rows([each])), key=lambda row: row["mean"])["name"]
        for each in comparisons
    }
    moved = [
        (each, row)
        for each, row in results
        if row["name"] in {name for data, name in best.items() if data != each["data"]}
    ]
    counted = Counter(row["word"] for _, row in moved)
    word = "Shown in part" if counted["worse"] else "Not shown" if counted["not shown"] else "Contradicted"
    chosen = joined([f"“{name}” on {TITLES[data]}" for data, name in best.items()])
    return (
        f"**{word}.** The rules with the highest means are {chosen}. Of {len(moved)} comparisons of these "
        f"rules with a constant rate on the other data sets, {tally(moved)} ({each_on(comparisons)})."
        f"{named(moved, 'worse')} Of all {len(results)} comparisons with a constant rate, {tally(results)}."
        f"{named(results, 'better')}"
    )


def best_rate(document: Mapping[str, Any]) -> str:
    """Return the verdict on rates that depend on the data, the network and the length of the run."""
    maps = document["maps"]
    pairs = list(combinations(maps, 2))
    clear = sum(a["range"][1] < b["range"][0] or b["range"][1] < a["range"][0] for a, b in pairs)
    lowest, highest = (pick(maps, key=lambda each: each["rate"]) for pick in (min, max))
    laws = {name: document["laws"][name] for name in ("width", "depth", "epochs")}
    moves = {
        name: law for name, law in laws.items() if not law["law"]["ci95"][0] <= 0 <= law["law"]["ci95"][1]
    }
    shown = bool(clear), *(name in moves for name in laws)
    along = {
        text: joined([f"{name} ({exponent(law)})" for name, law in laws.items() if (name in moves) == there])
        for text, there in (("it moves along", True), ("it is not shown to move along", False))
        if any((name in moves) == there for name in laws)
    }
    word = "Shown" if all(shown) else "Shown in part" if any(shown) else "Not shown"
    texts = "; ".join(f"{text} the {names}" for text, names in along.items())
    ends = [f"{rate_text(each['rate'])} on {TITLES[each['data']]}" for each in (lowest, highest)]
    return (
        f"**{word}.** With one network on {len(maps)} data sets (n = {maps[0]['seeds']} seeds), the best "
        f"rate goes from {ends[0]} to {ends[1]}; for {clear} of {len(pairs)} pairs of data sets, no rate is "
        f"good on both. On Ionosphere, {texts}. In brackets is "
        "the exponent of a power law with its 95 % interval."
    )


def summed(comparisons: Sequence[Comparison], laws: Mapping[str, Any]) -> str:
    """Return the verdict on the summed loss."""
    same, smaller = rows(comparisons, ("sum, 0.1",)), rows(comparisons, ("sum, 0.1/32",))
    shown = all(row["word"] == "worse" for _, row in same)
    fits = next(each for each in laws["sum"]["law"]["rules"] if each["exponent"] == -1)["fits"]
    word = "Shown" if shown and fits else "Shown in part" if shown or fits else "Not shown"
    return (
        f"**{word}.** Of {len(same)} comparisons of the sum with the mean at the same rate, {tally(same)}; "
        f"at a rate divided by the 32 rows of a batch, {tally(smaller)} ({each_on(comparisons)}). On "
        f"Ionosphere, at equal updates, the best rate of the sum moves as the batch size to the power "
        f"{exponent(laws['sum'])}, that of the mean as {exponent(laws['mean'])}."
    )


def exponent(law: Mapping[str, Any]) -> str:
    """Return the exponent of a law with half of its interval."""
    low, high = law["law"]["ci95"]
    number = f"{abs(law['law']['exponent']):.2f}"
    return f"{'−' if law['law']['exponent'] < 0 else ''}{number} ± {(high - low) / 2:.2f}"


def small(comparisons: Sequence[Comparison]) -> str:
    """Return the margins of comparisons, below which differences do not count."""
    margins = [
        f"{scale(each).step(each['margin'])}{unit(each)} on {TITLES[each['data']]}" for each in comparisons
    ]
    return joined(margins)
