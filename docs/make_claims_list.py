"""The claims of claims.md: how each is tested, which comparisons count, and what was not tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import make_claims_counts as counts
import make_claims_pictures as pictures
import make_claims_words as words
from make_claims_counts import Answer, Compared, Result
from make_claims_pictures import Bar, Group

from stepsize.problems.built_in import built_in_study

Document = Mapping[str, Any]
Answers = Sequence[Answer]


@dataclass(frozen=True)
class Claim:
    """A claim of the lessons: where it is tested, what the answers show, and what was not tested."""

    key: str
    title: str
    experiment: str
    outcomes: Callable[[Document], list[Result]]
    results: Callable[[Document], str]
    counted: Callable[[Document], str]
    says_so: str
    picture: Callable[[Document], str]
    commands: Callable[[Document], list[str]]
    untested: str
    always: bool = False

    def verdict(self, document: Document) -> counts.Verdict:
        """Return the verdict that the rule of the page gives."""
        return counts.verdict((each.outcome for each in self.outcomes(document)), self.always)


def compared(
    study: str,
    experiment: str,
    *,
    count: Callable[[Answers], list[Compared]] = counts.all_of,
    which: str | Callable[[Answers], str] = "",
    says_so: str,
    results: Callable[[Answers, Sequence[Compared]], str] = lambda answers, results: words.differences(
        results
    ),
    untested: str,
    always: bool = False,
    laws: Sequence[str] = (),
) -> Claim:
    """Return a claim that one study tests, on one or more data sets."""

    def counted(document: Document) -> str:
        answers = _of(document, study)
        some, all_ = len(count(answers)), len(counts.drawn(answers))
        number = f"all {all_} drawn." if some == all_ else f"{some} of the {all_} drawn:"
        return f"{number} {which if isinstance(which, str) else which(answers)}".strip()

    return Claim(
        key=study.removeprefix("claim-"),
        title=built_in_study(study)["about"].rstrip("."),
        experiment=experiment,
        outcomes=lambda document: [each.result for each in count(_of(document, study))],
        results=lambda document: results(_of(document, study), count(_of(document, study))),
        counted=counted,
        says_so=says_so,
        picture=lambda document: _differences(_of(document, study), count),
        commands=lambda document: [
            *(each["command"] for each in _of(document, study)),
            *(document["laws"][law]["command"] for law in laws),
        ],
        untested=untested,
        always=always,
    )


def _of(document: Document, study: str) -> list[Answer]:
    return [each for each in document["comparisons"] if each["claim"] == study]


def _differences(answers: Answers, count: Callable[[Answers], list[Compared]]) -> str:
    counted = {(each.answer["data"], each.row["name"]) for each in count(answers)}
    titles = [words.TITLES[each["data"]] for each in answers]
    return pictures.differences(answers, titles, lambda each, name: (each["data"], name) in counted)


def _first_rates(document: Document) -> list[Group]:
    groups = []
    for each in _of(document, "claim-smaller-steps"):
        best = each["candidates"][0]["lr"]
        bars = [
            Bar(row["name"], row["lr"], *row["lr_range"], says_so=counts.is_above(row, best))
            for row in each["candidates"]
        ]
        groups.append(Group(words.TITLES[each["data"]], bars, best))
    return groups


def _best_rates(document: Document) -> list[Group]:
    maps = [Bar(words.TITLES[each["data"]], each["rate"], *each["range"]) for each in document["maps"]]
    laws = [
        Group(
            f"{title}, on Ionosphere",
            [
                Bar(f"{each['value']:g}", each["rate"], *each["range"])
                for each in document["laws"][name]["values"]
            ],
        )
        for name, title in (("width", "Width"), ("depth", "Hidden layers"), ("epochs", "Epochs"))
    ]
    return [Group("One network on several data sets", maps), *laws]


CLAIMS = (
    compared(
        "claim-decay",
        "A constant rate with momentum 0.9, beside rates that decay without momentum, both, and neither.",
        count=lambda answers: counts.some_of(answers, counts.DECAY),
        which="the rates that decay without momentum. “Momentum and linear decay” replaces nothing, and "
        "“neither” has no decay.",
        says_so="equivalent to momentum, or better",
        results=words.decay,
        untested="networks with many layers.",
    ),
    compared(
        "claim-smaller-steps",
        "A constant rate beside five schedules that only fall; the last one falls to a millionth.",
        says_so="better than the constant rate. Equivalent says otherwise, as worse does: then it does not "
        "pay",
        results=words.always,
        untested="large networks and data.",
        always=True,
    ),
    Claim(
        "larger-start",
        "A schedule that decays should start at a larger rate",
        "No new runs: the best first rates of the schedules of claim 2, found while their rates were tuned.",
        lambda document: counts.larger_starts(_of(document, "claim-smaller-steps")),
        lambda document: words.larger_start(_of(document, "claim-smaller-steps")),
        lambda document: "every decaying schedule drawn, beside the constant rate of the same data set.",
        "that every good first rate lies above the best constant rate (dashed). If that rate is a good start "
        "too, the comparison says otherwise. The ranges are estimates without intervals of their own, so no "
        "comparison “cannot tell”",
        lambda document: pictures.ranges(_first_rates(document)),
        lambda document: [],
        "the scores of larger and smaller starts on new seeds.",
    ),
    compared(
        "claim-larger-momentum",
        "A rate that falls linearly, with six momenta, each at a best rate of its own. The lesson's "
        "time-based schedule has momentum 0.8.",
        count=lambda answers: counts.some_of(answers, counts.LARGER_MOMENTA),
        which="momentum 0.9, 0.95 and 0.99. The others drawn are smaller than 0.8.",
        says_so="better than momentum 0.8",
        results=words.momentum,
        untested="whether a falling rate needs more momentum than a constant one (no constant rate runs "
        "here; claim 1 has two); a momentum that grows while the rate falls.",
    ),
    compared(
        "claim-exponential",
        "A rate that falls linearly to 0, beside exponential ones that end at four different shares of it.",
        says_so="better than the linear schedule",
        untested="exponential rates that rise.",
    ),
    compared(
        "claim-accuracy",
        "A constant rate beside two rules that watch the validation accuracy, one that watches the "
        "validation loss, and a schedule that watches nothing. Wine takes the place of Diabetes, which has "
        "no accuracy, and of Digits, whose 5 epochs are too few for rules that wait.",
        count=lambda answers: counts.some_of(answers, counts.WATCH_ACCURACY),
        which="the two rules that watch the accuracy. The other two do not watch it.",
        says_so="better than the constant rate",
        untested="rules that watch rows of their own. Here they watch those that judge them, which favours "
        "them.",
    ),
    compared(
        "claim-plateau",
        "A constant rate beside seven rules that cut it when the validation loss stalls: three patiences, "
        "two factors, and a higher threshold. Each data set lends the rule with its highest mean to the two "
        "others. Digits is left out: rules that wait up to 10 epochs need more than its 5.",
        count=counts.moved,
        which=words.lent,
        says_so="worse than the constant rate",
        results=words.plateau,
        untested="the lessons' own sentence, that thresholds set in advance do not suit other data. A rule "
        "that is equivalent to a constant rate does no harm, but perhaps nothing else either; and "
        "no lent rule is compared with the borrower's own best one.",
    ),
    compared(
        "claim-rare-features",
        "A logistic regression on 2,000 rows with 100 features: the commonest is in half of the rows, the "
        "rarest in one of 200, and each says as much about the class of its rows. SGD with one rate, beside "
        "momentum, which keeps one rate, a tenfold rate for the rarer half, and optimizers that adapt the "
        "rate of each parameter.",
        count=lambda answers: counts.some_of(answers, counts.RARE),
        says_so="better than SGD, for the four with more than one rate; but no better than SGD for momentum, "
        "because if one rate can do better, one rate need not be wrong",
        results=words.rare,
        untested="real text, and longer runs. These data are drawn so that the claim has a good chance.",
    ),
    replace(
        compared(
            "claim-summed-loss",
            "On Ionosphere, Breast cancer and Diabetes, batches of 32 rows with the mean of their losses or "
            "with the sum, at fixed rates; then the best rates of both at five batch sizes. On Diabetes the "
            "loss is the squared error.",
            count=lambda answers: counts.some_of(answers, counts.SUMMED),
            which="The five batch sizes do not count: they tell how much smaller the rate must be.",
            says_so="worse than the mean at the same rate; at a 32nd of it, equivalent or better",
            untested="other optimizers than SGD.",
            laws=("sum", "mean"),
        ),
        results=lambda document: words.summed(_of(document, "claim-summed-loss"), document["laws"]),
    ),
    Claim(
        "best-rate",
        "The best rate depends on the data, the network and the length of training",
        "One network on six data sets; then networks of other widths and depths, and runs of other lengths, "
        "on one of them.",
        counts.best_rates,
        words.best_rate,
        lambda document: (
            "four things: the data, the width, the depth and the number of epochs, with all that is drawn."
        ),
        "that some pair of data sets has no good rate in common; and for the other three, that the best rate "
        "follows a power law with an exponent whose 95 % interval leaves out 0",
        lambda document: pictures.ranges(_best_rates(document)),
        lambda document: [
            *(each["command"] for each in document["maps"]),
            *(document["laws"][name]["command"] for name in ("width", "depth", "epochs")),
        ],
        "the stage of training, which the lessons name: whether another rate is best early in a run than "
        "late.",
    ),
)
