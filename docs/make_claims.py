"""Write claims.md and its pictures from the stored answers in claims.json.

    python docs/make_claims.py [--run]

With --run, all experiments are made again first, in about five minutes. The tests do not make them again.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import make_claims_answers as answers
import make_claims_pictures as pictures
import make_claims_words as words
from make_claims_pictures import Bar
from make_libraries import DOCS

from stepsize.problems.built_in import built_in_study

PAGE, IMAGES = DOCS / "claims.md", DOCS / "images" / "claims"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """A claim of the lessons: where it is tested, what the answers show, and what was not tested."""

    key: str
    title: str
    experiment: str
    verdict: Callable[[Document], str]
    picture: Callable[[Document], str]
    commands: Callable[[Document], list[str]]
    untested: str


def compared(study: str, experiment: str, verdict: Callable[[Any], str], untested: str) -> Claim:
    """Return a claim that one study tests, on several data sets."""

    return Claim(
        key=study.removeprefix("claim-"),
        title=_title(study),
        experiment=experiment,
        verdict=lambda document: verdict(_of(document, study)),
        picture=lambda document: _differences(_of(document, study)),
        commands=lambda document: [each["command"] for each in _of(document, study)],
        untested=untested,
    )


def _title(study: str) -> str:
    return built_in_study(study)["about"].rstrip(".")


def _of(document: Document, study: str) -> list[Mapping[str, Any]]:
    return [each for each in document["comparisons"] if each["claim"] == study]


def _differences(comparisons: list[Mapping[str, Any]]) -> str:
    return pictures.differences(comparisons, [words.TITLES[each["data"]] for each in comparisons])


def _peaks(document: Document) -> Mapping[str, list[Bar]]:
    return {
        words.TITLES[each["data"]]: [
            Bar(row["name"], row["lr"], *row["lr_range"]) for row in each["candidates"]
        ]
        for each in _of(document, "claim-smaller-steps")
    }


def _best_rates(document: Document) -> Mapping[str, list[Bar]]:
    maps = [Bar(words.TITLES[each["data"]], each["rate"], *each["range"]) for each in document["maps"]]
    laws = {
        f"{title}, on Ionosphere": [
            Bar(f"{each['value']:g}", each["rate"], *each["range"])
            for each in document["laws"][name]["values"]
        ]
        for name, title in (("width", "Width"), ("depth", "Hidden layers"), ("epochs", "Epochs"))
    }
    return {"One network on several data sets": maps, **laws}


CLAIMS = (
    compared(
        "claim-decay",
        "A constant rate with momentum 0.9, beside rates that decay without momentum, both, and neither.",
        words.decay,
        "networks with many layers.",
    ),
    compared(
        "claim-smaller-steps",
        "A constant rate beside five schedules that only fall; the last one falls to a millionth.",
        words.always,
        "large networks and data.",
    ),
    Claim(
        "larger-start",
        "A schedule that decays should start at a larger rate",
        "The same studies: how far is the best first rate of each schedule above the best constant rate?",
        lambda document: words.larger_start(_of(document, "claim-smaller-steps")),
        lambda document: pictures.ranges(_peaks(document)),
        lambda document: [],
        "what a start above the best one costs.",
    ),
    compared(
        "claim-larger-momentum",
        "A rate that falls linearly, with six momenta, each at a best rate of its own.",
        words.momentum,
        "a momentum that grows while the rate falls.",
    ),
    compared(
        "claim-exponential",
        "A rate that falls linearly to 0, beside exponential ones that end at four different shares of it.",
        words.better,
        "exponential rates that rise.",
    ),
    compared(
        "claim-accuracy",
        "A constant rate beside two rules that watch the validation accuracy, one that watches the "
        "validation loss, and a schedule that watches nothing.",
        words.better,
        "rules that watch rows of their own. Here they watch those that judge them, which favours them.",
    ),
    compared(
        "claim-plateau",
        "A constant rate beside seven rules that cut it when the validation loss stalls: three patiences, "
        "two factors, and a higher threshold.",
        words.plateau,
        "rules that set their own thresholds while they train.",
    ),
    compared(
        "claim-rare-features",
        "A logistic regression on 2,000 rows with 100 features: the commonest is in half of the rows, the "
        "rarest in one of 200, and each says as much about the class of its rows. SGD with one rate, beside "
        "a tenfold rate for the rarer half, and optimizers that adapt the rate of each parameter.",
        words.rare,
        "real text, and longer runs. These data are drawn so that the claim has a good chance.",
    ),
    Claim(
        "summed-loss",
        _title("claim-summed-loss"),
        "Batches of 32 rows, with the mean of their losses or with the sum; then the best rates of both at "
        "five batch sizes. On Diabetes the loss is the squared error.",
        lambda document: words.summed(_of(document, "claim-summed-loss"), document["laws"]),
        lambda document: _differences(_of(document, "claim-summed-loss")),
        lambda document: [
            *(each["command"] for each in _of(document, "claim-summed-loss")),
            document["laws"]["sum"]["command"],
            document["laws"]["mean"]["command"],
        ],
        "other optimizers than SGD.",
    ),
    Claim(
        "best-rate",
        "The best rate depends on the problem, the network and the stage of training",
        "One network on six data sets; then networks of other widths and depths, and runs of other lengths, "
        "on one of them.",
        words.best_rate,
        lambda document: pictures.ranges(_best_rates(document)),
        lambda document: [
            *(each["command"] for each in document["maps"]),
            *(document["laws"][name]["command"] for name in ("width", "depth", "epochs")),
        ],
        "a search over the rate together with other numbers; the lessons name spearmint and hyperopt.",
    ),
)

HEAD = """# The claims of the lessons, tested

[Lessons](lessons.md) on learning-rate schedules make claims that readers take home untested. Here each is an
experiment on small problems. Unless a rate is given, every schedule runs at the rate that suits it best. The
verdicts hold for these problems, and each of the {count} studies keeps the chance of a false word at 5 %. A
script made the sentences and pictures from stored answers of {date}: stepsize {stepsize}, Keras {keras}, JAX
{jax}.

{table}

**The words.** A candidate is compared with the first row of its picture, seed by seed. n is the number of
seeds; another seed has other initial weights, other validation rows and another order of the rows.

| word | meaning |
| --- | --- |
| better, worse | shown, and the difference may matter |
| equivalent | shown to lie within the margin: {margins} |
| not shown | this experiment cannot tell |

A claim is **shown** if every comparison says so, and **shown in part** if some do. It is **contradicted** if
none does and every comparison can tell; a claim about "always", if any comparison tells otherwise. In all
other cases it is **not shown**.

**The pictures.** A line is the 95 % interval of a difference, in points or in hundredths of R²; further right
is better. Blue is better, orange worse, hollow not shown, and otherwise equivalent. The grey band is the
margin, an arrow a difference beyond the picture, and the number above a panel the score of the first row.
[How the verdict is reached](verdict.md) has the rules.
"""
FOOT = """
## Test them on your own data

`stepsize studies` lists the claims. As a schedule, the name of one stands for its candidates:

```sh
stepsize compare table.csv --target kind -s claim-smaller-steps
```

This page is made by `python docs/make_claims.py`; with `--run`, all experiments are made again first.
"""


def page(document: Document) -> str:
    """Return the text of claims.md."""
    versions = document["versions"]
    table = ["| claim | verdict |", "| --- | --- |"]
    table += [
        f"| [{each.title}](#{_anchor(each.title)}) | {_label(each.verdict(document))} |" for each in CLAIMS
    ]
    count = len(document["comparisons"])
    margins = words.small(list({each["data"]: each for each in document["comparisons"]}.values()))
    head = HEAD.format(
        date=document["date"], table="\n".join(table), margins=margins, count=count, **versions
    )
    return head + "".join(_section(each, document) for each in CLAIMS) + FOOT


def _section(claim: Claim, document: Document) -> str:
    commands = claim.commands(document)
    listed = "\n```sh\n" + "\n".join(commands) + "\n```\n" if commands else ""
    verdict = claim.verdict(document)
    return (
        f"\n## {claim.title}\n\n{_filled(claim.experiment)}\n\n"
        f"![{claim.title}: {_label(verdict).lower()}](images/claims/{claim.key}.svg)\n\n"
        f"{_filled(verdict)}\n{listed}\n{_filled(f'Not tested: {claim.untested}')}\n"
    )


def _filled(text: str) -> str:
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def _label(verdict: str) -> str:
    return verdict.split("**")[1].rstrip(".")


def _anchor(title: str) -> str:
    return title.lower().replace(",", "").replace(" ", "-")


def drawn(document: Document) -> dict[Path, str]:
    """Return the SVG of every claim by its path."""
    return {IMAGES / f"{each.key}.svg": each.picture(document) for each in CLAIMS}


def main() -> None:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="store_true", help="make all experiments again first")
    if parser.parse_args().run:
        answers.write(answers.run())
    document = answers.read()
    PAGE.write_text(page(document), encoding="utf-8")
    IMAGES.mkdir(parents=True, exist_ok=True)
    for path, text in drawn(document).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
