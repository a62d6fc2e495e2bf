"""The answer in a terminal: a table with a picture of each schedule, the sentence, notes and warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stepsize.number_format import MISSING, rate_range
from stepsize.report.prediction import short_code
from stepsize.report.recipe import next_words
from stepsize.report.terminal_text import ascii_only, cell_width, pad, safe, shorten, wrap
from stepsize.report.view_model import Row, View, view
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-:=+*#"
NARROWEST = 16  # cells in which a long name goes over several lines; in fewer its middle is left out


@dataclass(frozen=True)
class Column:
    """One column of the table; in a narrow terminal those of the highest `rank` are dropped, 0 never."""

    title: str
    rank: int
    cell: Callable[[Row], str]
    right: bool = True


def schedule_sparkline(lr_values: Sequence[float], cells: int = 12, ascii: bool = False) -> str:
    """Draw a plan with block characters, linear from zero to its peak.

    Each cell is the mean of its part of the run; a part that is zero throughout stays blank.

    >>> schedule_sparkline([0, 1, 2, 3, 4, 4, 2, 0], cells=4)
    '▁▅█▂'
    """
    blocks = ASCII_BLOCKS if ascii else BLOCKS
    if not lr_values:
        return " " * cells
    edges = [round(i * len(lr_values) / cells) for i in range(cells + 1)]
    parts = [lr_values[min(a, len(lr_values) - 1) : max(b, a + 1)] for a, b in pairwise(edges)]
    means = [sum(part) / len(part) for part in parts]
    top = max(means)
    levels = [max(1, round(len(blocks) * mean / top)) if mean > 0 else 0 for mean in means]
    return "".join(blocks[level - 1] if level else " " for level in levels)


def render(
    answer: Answer,
    details: Details,
    width: int = 80,
    colour: bool = False,
    ascii: bool = False,
    in_python: bool = False,
) -> str:
    """Write the answer for a terminal `width` cells wide; no line is wider, but code that must be copied.

    With `in_python` the next step is a call of the result, else a command or lines to paste. `colour` adds
    ANSI codes; `ascii` spells everything in ASCII, for streams that accept nothing else.
    """
    shown = view(answer, details)
    spell = (lambda text: ascii_only(safe(text))) if ascii else safe
    paint = _paint if colour else lambda text, code: text
    lines = [
        *(paint(line, _BOLD) for line in wrap(spell(shown.title), width)),
        *(paint(line, _DIM) for line in wrap(spell(shown.subtitle), width)),
        "",
        *_table(shown, width, spell, paint, ascii),
        "",
        *(paint(line, _BOLD) for line in wrap(spell(shown.headline), width)),
        *(line for text in shown.for_scale for line in wrap(spell(text), width)),
        *wrap(spell(shown.sentence), width),
    ]
    if shown.notes:
        lines += ["", *_items(map(spell, shown.notes), width, "- ")]
    if shown.warnings:
        lines += ["", *(paint(line, _WARN) for line in _items(map(spell, shown.warnings), width, "! "))]
    lines += ["", *(paint(line, _DIM) for line in wrap(spell(shown.cost), width))]
    lines += _next(answer, width, spell, in_python)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _next(answer: Answer, width: int, spell: Callable[[str], str], in_python: bool) -> list[str]:
    """Return what to do with the answer: how to predict new rows of a table, and the schedule as code."""
    words, code = next_words(answer, in_python), short_code(answer)
    if not words:
        return []
    if code is None:
        return ["", *_command("Next:", words, width, spell)]
    if in_python:
        return ["", "Next: result.train().save('model.keras') to predict new rows, or " + " ".join(words)]
    return [
        "",
        "Next, in Python, to predict the rows of new.csv (the report has more):",
        *(f"    {spell(line)}" for line in code.splitlines()),
        "",
        *_command("The schedule as code:", words, width, spell),
    ]


def _command(title: str, words: Sequence[str], width: int, spell: Callable[[str], str]) -> list[str]:
    """Return the next command, over lines that end in a backslash if it is long, so that it can be copied."""
    parts: list[str] = []
    for word in map(spell, words):
        if parts and parts[-1].startswith("--") and " " not in parts[-1]:
            parts[-1] += f" {word}"  # an option stays with its value
        else:
            parts.append(word)
    lines = [title]
    for part in parts:
        if cell_width(lines[-1]) + cell_width(part) + 3 > width and lines[-1] != title:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {part}"
    is_fitting = all(cell_width(line) <= width for line in lines)
    return lines if is_fitting else wrap(spell(f"{title} {' '.join(words)}"), width, rest="  ")


_BOLD, _DIM, _ACCENT, _WARN = "1", "2", "1;36", "33"


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if text else text


def _items(texts: Iterable[str], width: int, bullet: str) -> list[str]:
    return [line for text in texts for line in wrap(text, width, first=bullet, rest="  ")]


def _columns(shown: View, ascii: bool, picture_cells: int) -> list[Column]:
    any_diverged = any(row.diverged for row in shown.rows)
    columns = [
        Column("", 3, lambda row: schedule_sparkline(row.plan, picture_cells, ascii), right=False),
        Column("lr", 2, lambda row: row.lr),
        Column("as good", 9, lambda row: rate_range(row.lr_range)),
        Column(shown.scale.title, 0, lambda row: row.score),
        Column("error", 3, lambda row: row.error),
        Column("sd", 6, lambda row: row.sd),
        Column("runs", 1 if any_diverged else 7, lambda row: row.runs),
        Column("vs baseline", 0, lambda row: row.difference),
        Column("P(better)", 5, lambda row: row.p_better),
        Column("p (Holm)", 4, lambda row: row.p_holm),
        Column("verdict", 0, lambda row: row.verdict, right=False),
        Column("schedule", 8, _spec_and_settings, False),
    ]
    needed = {
        "schedule": any(row.spec != row.name or row.shows_settings for row in shown.rows),
        "as good": any(row.lr_range for row in shown.rows),
        "lr": any(row.lr != MISSING for row in shown.rows),
        "error": any(row.error != MISSING for row in shown.rows),
    }
    return [column for column in columns if needed.get(column.title, True)]


def _spec_and_settings(row: Row) -> str:
    return row.spec + (f"; {row.settings}" if row.shows_settings else "")


def _table(
    shown: View,
    width: int,
    spell: Callable[[str], str],
    paint: Callable[[str, str], str],
    ascii: bool,
) -> list[str]:
    ellipsis = "..." if ascii else "…"
    names = [spell(row.name) for row in shown.rows]
    columns = _columns(shown, ascii, picture_cells=16 if width >= 110 else 8)
    texts = {id(c): [spell(c.title), *(spell(c.cell(row)) for row in shown.rows)] for c in columns}
    sizes = {id(c): min(40, max(map(cell_width, texts[id(c)]))) for c in columns}
    longest = max(cell_width("candidate"), *map(cell_width, names))

    def left_for_names(kept: list[Column]) -> int:
        return width - 2 - sum(sizes[id(c)] + 2 for c in kept)

    # Columns join in order of rank while the names keep enough room to be told apart.
    kept = [c for c in columns if c.rank == 0]
    for column in sorted((c for c in columns if c.rank), key=lambda c: c.rank):
        if left_for_names([*kept, column]) >= min(longest, 16 if column.rank <= 3 else 34):
            kept.append(column)
    kept = [c for c in columns if c in kept]
    name_cells = max(4, min(longest, left_for_names(kept)))

    def line(mark: str, name: str, number: int) -> list[str]:
        beginning, *rest = wrap(name, name_cells, rest="  ") if name_cells >= NARROWEST else [name]
        parts = [mark + " " + pad(shorten(beginning, name_cells, ellipsis), name_cells)]
        for c in kept:
            text = shorten(texts[id(c)][number], sizes[id(c)], ellipsis)
            parts.append(pad(text, sizes[id(c)], c.right))
        return [shorten("  ".join(parts).rstrip(), width, ellipsis), *(f"  {more}" for more in rest)]

    best, use = ("*", ">") if ascii else ("•", "→")
    lines = [paint(text, _DIM) for text in line(" ", "candidate", 0)]
    for number, (row, name) in enumerate(zip(shown.rows, names, strict=True), start=1):
        texts_of_row = line(use if row.recommended else best if row.in_best_set else " ", name, number)
        lines += [paint(text, _ACCENT) for text in texts_of_row] if row.recommended else texts_of_row
    return [*lines, "", *_legend(shown, width, spell, paint, use, best)]


def _legend(
    shown: View,
    width: int,
    spell: Callable[[str], str],
    paint: Callable[[str, str], str],
    use: str,
    best: str,
) -> list[str]:
    marks = [f"{use} recommended"] if shown.recommended else []
    if any(row.in_best_set and not row.recommended for row in shown.rows):
        marks.append(f"{best} may also be the best (95 %)")
    if any(row.ci95 for row in shown.rows):
        marks.append("± half the width of the 95 % interval")
    if any(row.diverged for row in shown.rows):
        marks.append("runs: finished/started")
    if any(row.error != MISSING for row in shown.rows):
        marks.append("error: root mean squared, in the units of the target")
    unit = f" in {shown.scale.difference_unit}" if shown.scale.difference_unit else ""
    better = "" if shown.scale.higher_is_better else "; lower is better"
    marks.append(f"differences{unit} from {shown.baseline}{better}")
    texts = [", ".join(marks), *([shown.left_out] if shown.left_out else [])]
    return [paint(line, _DIM) for text in texts for line in wrap(spell(text), width)]
