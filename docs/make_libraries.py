"""Write libraries.md from libraries.toml: families elsewhere and specs for the same rates."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from stepsize.schedules import FAMILIES

OURS = {
    name: kind
    for name, kind in FAMILIES.items()
    if not kind.__module__.startswith("stepsize.schedules.foreign.")
}
DOCS = Path(__file__).parent
LIBRARIES = ("Keras", "PyTorch", "optax", "transformers", "timm", "fastai")
HEAD = """# Schedules in other libraries

Every family beside what other libraries call it. A dash means that the library
has no schedule of its own with these rates.

{overview}

## The same rates, call by call

All for a peak of 0.1 in a run of 100 updates, 10 an epoch; `optimizer` is one with learning rate 0.1. The
tests compute the rates of both and compare them, for every library that is installed where they run.

{calls}

This page is made by `python docs/make_libraries.py` from `libraries.toml`.
"""


@dataclass(frozen=True)
class Row:
    """A call of another library, and the spec that gives the same rates."""

    family: str
    library: str
    call: str
    spec: str
    note: str = ""
    unchecked: str = ""

    @property
    def name(self) -> str:
        """The name that is called."""
        return self.call.partition("(")[0]


def rows() -> list[Row]:
    """Return all rows, by family and library."""
    tables = tomllib.loads((DOCS / "libraries.toml").read_text(encoding="utf-8"))
    result = [Row(family, **row) for family, items in tables.items() for row in items]
    return sorted(result, key=lambda row: (row.family, LIBRARIES.index(row.library)))


def names(family: str, library: str) -> list[str]:
    """Return what a library calls a family, each name once."""
    return list(dict.fromkeys(r.name for r in rows() if (r.family, r.library) == (family, library)))


def table(*lines: list[str]) -> str:
    """Return a Markdown table; the first line is its head."""
    head, *body = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *body])


def code(text: str) -> str:
    return f"`{text}`"


def page() -> str:
    """Return the text of libraries.md."""
    overview = [
        [code(family), *(", ".join(map(code, names(family, each))) or "–" for each in LIBRARIES)]
        for family in sorted(OURS)
    ]
    calls = [[code(r.family), r.library, code(r.call), code(r.spec), r.note] for r in rows()]
    return HEAD.format(
        overview=table(["family", *LIBRARIES], *overview),
        calls=table(["family", "library", "there", "here", "note"], *calls),
    )


if __name__ == "__main__":
    (DOCS / "libraries.md").write_text(page(), encoding="utf-8")
