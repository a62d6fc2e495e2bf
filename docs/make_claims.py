"""Write claims.md and its pictures from the stored answers in claims.json.

    python docs/make_claims.py [--run]

With --run, all experiments are made again first, in about five minutes. The tests do not make them again.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import make_claims_answers as answers
import make_claims_counts as counts
import make_claims_words as words
from make_claims_list import CLAIMS, Claim
from make_libraries import DOCS

PAGE, IMAGES = DOCS / "claims.md", DOCS / "images" / "claims"
Document = Mapping[str, Any]

HEAD = """# The claims of the lessons, tested

Lessons on learning-rate schedules make claims that readers take home untested. Here each is an experiment on
small problems, and the verdicts hold for these problems. Claims 3 to 6 state the closing advice of a Keras
lesson, *Using Learning Rate Schedules for Deep Learning Models in Python with Keras* ([its
experiment](lessons.md#ionosphere)); 7 and 8 start from what *An overview of gradient descent optimization
algorithms* says against schedules; the others are passed on in many lessons. The sentences say what was
tested, in our words.

{table}

**The rule.** Every section says which comparisons count, and when one of them *says so*. A claim is **shown**
if all of these say so, **shown in part** if only some do, **contradicted** if all say otherwise, and else
**not shown**. A claim about “always” is contradicted by a single comparison that says otherwise.

**A comparison** is of a candidate with the first row of its picture, seed by seed, over {seeds} seeds;
another seed has other initial weights, other validation rows and another order of the rows. Unless a rate is
given, each candidate runs at the best rate that was found for it on {tuning} other seeds. Claim 3 looks at
these; the power laws of claims 9 and 10 and the rates of claim 10 come from {map_seeds} seeds for each rate.
Unless a section says otherwise, the data sets are Ionosphere, Breast cancer, Diabetes (the one regression)
and Digits (for 5 epochs).

| word | meaning |
| --- | --- |
| better, worse | shown, and may matter: the interval, if not its middle, reaches beyond the margin |
| equivalent | the whole interval lies within the margin |
| not shown | this experiment cannot tell |

The **margin** is the smallest difference that matters: half a point of accuracy (a point is one percentage
point), or the worth of one validation row if that is more: {margins}. For R² on Diabetes it is half a
hundredth, 0.005. A **good rate** scores within the margin of the best one, on a smooth curve through the
scores at all rates tried.

The words are stricter than the 95 % intervals drawn: a 96.5 % interval decides about equivalent, and the more
comparisons a study has, the clearer a difference must be to count (Holm's correction). So an interval just
inside the margin, or just clear of 0, may be “not shown”. [How the verdict is reached](verdict.md) has the
details. Each of the {count} studies (claims 1, 2 and 4 to 9, one for each data set) has a chance of up to 5 %
of a false word, so about one may be expected on this page.
"""
FOOT = """
## Test them again, or on your own data

`stepsize studies` lists the claims. As a schedule, the name of one stands for its candidates:

```sh
stepsize compare table.csv --target kind -s claim-smaller-steps
```

The commands of this page are:

```sh
{commands}
```

A script made the sentences and pictures from stored answers of {date}: stepsize {stepsize}, Keras {keras},
JAX {jax}. To make them again, run `python docs/make_claims.py`; with `--run`, all experiments are made again
first.
"""


def page(document: Document) -> str:
    """Return the text of claims.md."""
    table = ["| claim | so, otherwise, cannot tell | verdict |", "| --- | --- | --- |"]
    for number, each in enumerate(CLAIMS, 1):
        outcomes = [result.outcome for result in each.outcomes(document)]
        counted = ", ".join(str(outcomes.count(kind)) for kind in ("so", "otherwise", "cannot tell"))
        title = f"{number}. {each.title}"
        table.append(f"| [{title}](#{_anchor(title)}) | {counted} | {each.verdict(document)} |")
    comparisons = document["comparisons"]
    head = HEAD.format(
        table="\n".join(table),
        margins=words.margins(document),
        seeds=words.numbers(each["seeds"] for each in comparisons),
        tuning=words.numbers(each["tuning_seeds"] for each in comparisons),
        map_seeds=words.numbers(each["seeds"] for each in (*document["maps"], *document["laws"].values())),
        count=len(comparisons),
    )
    sections = [_section(number, each, document) for number, each in enumerate(CLAIMS, 1)]
    commands = [
        line
        for number, each in enumerate(CLAIMS, 1)
        if each.commands(document)
        for line in (f"# {number}. {each.title}", *each.commands(document))
    ]
    foot = FOOT.format(commands="\n".join(commands), date=document["date"], **document["versions"])
    return _filled(head) + "".join(sections) + _filled(foot)


def _section(number: int, claim: Claim, document: Document) -> str:
    verdict, tally = claim.verdict(document), counts.tally(claim.outcomes(document))
    paragraphs = [
        f"## {number}. {claim.title}",
        claim.experiment,
        f"![{claim.title}: {verdict.lower()}](images/claims/{claim.key}.svg)",
        f"**{verdict}:** {tally}. {claim.results(document)}",
        f"**Counted:** {claim.counted(document)} **“Says so”** means {claim.says_so}.",
        f"**Not tested:** {claim.untested}",
    ]
    return "\n" + _filled("\n\n".join(map(str.rstrip, paragraphs))) + "\n"


def _filled(text: str) -> str:
    """Return the text with its paragraphs filled; headings, tables, pictures and code stay as they are."""
    filled, is_code = [], False
    for part in text.split("\n\n"):
        is_code ^= part.count("```") % 2 == 1
        kept = is_code or "```" in part or part.lstrip().startswith(("#", "|", "!["))
        ends = part[len(part.rstrip("\n")) :]
        filled.append(part if kept else _paragraph(part.strip("\n")) + ends)
    return "\n\n".join(filled)


def _paragraph(text: str) -> str:
    joined = " ".join(text.split("\n"))
    return textwrap.fill(joined, 110, break_long_words=False, break_on_hyphens=False)


def _anchor(title: str) -> str:
    return "".join(letter for letter in title.lower() if letter not in ",.").replace(" ", "-")


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
