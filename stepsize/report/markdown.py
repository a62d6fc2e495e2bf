"""The answer as Markdown, for a pull request or a note, and its candidates as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from stepsize.number_format import MISSING, plain
from stepsize.report.terminal_text import safe
from stepsize.report.view_model import Row, View, view
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details


def render(answer: Answer, details: Details) -> str:
    """Write the headline, the sentence, the table, notes and warnings as Markdown."""
    shown = view(answer, details)
    blocks = [
        f"## {_text(shown.headline)}",
        *([_text(" ".join(shown.for_scale))] if shown.for_scale else []),
        _text(shown.sentence),
        f"{_text(shown.title)}: {_text(shown.subtitle)}.",
        _table(shown),
    ]
    if shown.left_out:
        blocks.append(_text(shown.left_out))
    if shown.references:
        blocks.append("For scale: " + "; ".join(f"{name} {text}" for name, text, _ in shown.references) + ".")
    if shown.warnings:
        blocks.append("\n".join(f"- **Warning:** {_text(text)}" for text in shown.warnings))
    if shown.notes:
        blocks.append("\n".join(f"- {_text(text)}" for text in shown.notes))
    blocks.append(f"```sh\n{safe(shown.command)}\n```")
    return "\n\n".join(blocks) + "\n"


def _table(shown: View) -> str:
    unit = f", {shown.scale.difference_unit}" if shown.scale.difference_unit else ""
    columns = {
        "candidate": _name,
        "lr": lambda row: row.lr,
        shown.scale.title: lambda row: row.score,
        "error": lambda row: row.error,
        "runs": lambda row: row.runs,
        f"difference{unit}": lambda row: row.difference,
        "p (Holm)": lambda row: row.p_holm,
        "verdict": lambda row: row.verdict,
    }
    if all(row.error == MISSING for row in shown.rows):
        del columns["error"]
    sides = ["---" if title in ("candidate", "verdict") else "---:" for title in columns]
    rows = [[cell(row) for cell in columns.values()] for row in shown.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [[*columns], sides, *rows])


def _name(row: Row) -> str:
    name = _text(row.name + (f", {row.settings}" if row.shows_settings else ""))
    return f"**{name}** (recommended)" if row.recommended else name


def _text(text: str) -> str:
    r"""Write text so that Markdown shows it as it is.

    >>> print(_text("a*b | <c>"))
    a\*b \| \<c\>
    """
    return "".join(f"\\{each}" if each in "\\`*_{}[]<>|#" else each for each in safe(text))


def candidates_csv(answer: Answer) -> str:
    """Write the candidates as CSV, one row each; nested fields have names such as `vs_baseline.mean`.

    Lists and settings are JSON.
    """
    rows = [_flat(plain(candidate)) for candidate in answer["candidates"]]
    names = dict.fromkeys(name for row in rows for name in row)
    nested = {name.partition(".")[0] for name in names if "." in name}
    names = [name for name in names if name not in nested]  # where a whole part is missing
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested fields on one level."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = prefix + key
        if isinstance(item, Mapping) and key != "settings":
            flat |= _flat(item, f"{name}.")
        elif isinstance(item, Mapping | Sequence) and not isinstance(item, str):
            flat[name] = json.dumps(item)
        else:
            flat[name] = item
    return flat
