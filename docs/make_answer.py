"""Write answer.md, and the tables of verdict.md and rates.md, from the types of the answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from stepsize.rate_map.answer import RateMapAnswer, Status
from stepsize.rate_map.answer import Word as RateWord
from stepsize.stats.decision import Word
from stepsize.verdict.answer import Answer, CandidateAnswer, Protocol, Verdict, VersusBaseline

DOCS = Path(__file__).parent
JSON = {
    str: "string", int: "integer", float: "number", bool: "boolean", Word: "string", RateWord: "string",
    Status: "string",
}  # fmt: skip
STATISTICS = (
    (CandidateAnswer, ("ci95",)),
    (VersusBaseline, ("mean", "p", "p_holm", "p_better")),
    (CandidateAnswer, ("in_best_set",)),
    (Protocol, ("margin",)),
    (Verdict, ("seeds_needed",)),
)
BETWEEN = re.compile(r"(?<=<!-- begin make_answer -->\n).*?(?=<!-- end make_answer -->)", re.DOTALL)
HEAD = """# The answer as JSON

`stepsize compare --json` prints one document, and nothing else, on standard output. In Python,
`Result.answer` is the same document and `Result.to_json()` its text; the types are in
`stepsize.verdict.answer`. The path `a.b` means field `b` of object `a`; `a[]` means each object in list `a`,
and `a.*` each value of object `a`. A field that does not apply is null.
[How the verdict is reached](verdict.md) explains the numbers.
"""
FOOT = """
This page is made by `python docs/make_answer.py` from `stepsize/verdict/answer.py`.
"""


def description(annotation: Any) -> tuple[Any, str]:
    """Return the plain type of a field and its description."""
    if get_origin(annotation) is NotRequired:
        return description(get_args(annotation)[0])
    assert get_origin(annotation) is Annotated, f"{annotation} has no description"
    declared, text = get_args(annotation)
    return declared, text


def fields(declared: Any) -> dict[str, tuple[Any, str]]:
    """Return the type and the description of each field, by name."""
    hints = get_type_hints(declared, include_extras=True)
    return {name: description(annotation) for name, annotation in hints.items()}


def json_type(declared: Any) -> str:
    """Return what a field is in JSON, in words."""
    arguments = get_args(declared)
    if declared in JSON:
        return JSON[declared]
    if get_origin(declared) is Literal:
        return "string"
    if get_origin(declared) is list:
        return f"list of {json_type(arguments[0])}s"
    if NoneType in arguments:
        return f"{json_type(arguments[0])} or null"
    return "object"


def nested(declared: Any) -> tuple[str, Any] | None:
    """Return the object inside a field, if its type is declared, after what its path appends."""
    if is_typeddict(declared):
        return "", declared
    inner = [nested(each) for each in get_args(declared)]
    suffix = {list: "[]", dict: ".*"}.get(get_origin(declared), "")
    return next(((suffix + more, kind) for more, kind in filter(None, inner)), None)


def objects(declared: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the type of each object in the document, the outer ones first."""
    yield path, declared
    for name, (kind, _) in fields(declared).items():
        inner = nested(kind)
        if inner:
            yield from objects(inner[1], f"{path}.{name}{inner[0]}".lstrip("."))


def table(*rows: tuple[str, ...]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *body]) + "\n"


def page() -> str:
    """Return the text of answer.md."""
    sections = []
    for path, declared in objects(Answer):
        rows = [(f"`{name}`", json_type(kind), text) for name, (kind, text) in fields(declared).items()]
        title = f"`{path}`" if path else "The document"
        listed = table(("field", "type", "what it is"), *rows)
        sections.append(f"\n## {title}\n\n{declared.__doc__}\n\n{listed}")
    return HEAD + "".join(sections) + FOOT


def statistics() -> str:
    """Return the table of the fields that statistics decide."""
    paths = {declared: path.replace("[]", "").rpartition(".")[2] for path, declared in objects(Answer)}
    rows = [
        (f"`{paths[declared]}.{name}`", fields(declared)[name][1])
        for declared, names in STATISTICS
        for name in names
    ]
    return table(("field", "what it is"), *rows)


def verdict_page() -> str:
    """Return the text of verdict.md with its table made again."""
    return with_tables("verdict.md", statistics())


def rates_page() -> str:
    """Return the text of rates.md with its tables made again."""
    seen, parts = set[Any](), []
    for path, declared in objects(RateMapAnswer):
        if declared not in seen:
            seen.add(declared)
            rows = [(f"`{name}`", json_type(kind), text) for name, (kind, text) in fields(declared).items()]
            title = f"**`{path}`.** {declared.__doc__}\n\n" if path else ""
            parts.append(title + table(("field", "type", "what it is"), *rows))
    return with_tables("rates.md", "\n".join(parts))


def with_tables(name: str, tables: str) -> str:
    """Return the text of a page with the tables between its comments made again."""
    text = (DOCS / name).read_text(encoding="utf-8")
    assert BETWEEN.search(text), f"{name} has lost the comments around its table"
    return BETWEEN.sub(lambda _: tables, text)


if __name__ == "__main__":
    (DOCS / "answer.md").write_text(page(), encoding="utf-8")
    (DOCS / "verdict.md").write_text(verdict_page(), encoding="utf-8")
    (DOCS / "rates.md").write_text(rates_page(), encoding="utf-8")
