"""The rows of a text file: its separator and quotation mark recognised, blank lines left out."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

SEPARATORS = "\t;|,"  # if two separate all rows alike, the first of them does
SPACES = ""  # the separator of a table whose columns are separated by any white space
SAMPLE = 200  # lines that are looked at
SAMPLE_SIZE = 2**22  # characters of these lines
END = "\0"  # a line after the last one, which no file has
HINT = re.compile(r'"?sep=(.)"?\s*')  # a first line for Excel
NUMBER = re.compile(r"[-+]?[\d.,]*,\d[\d.,]*")
SPACED_CELL = re.compile(r'"[^"]*"|\S+')

Row = tuple[int, list[str]]  # the number of its first line, counted from 1, and its cells


class Layout(NamedTuple):
    """How a text file writes its rows: separator, quotation mark, and lines before the first row."""

    separator: str
    quote: str
    skipped: int


def find_layout(path: Path) -> Layout:
    """Recognise the layout of a file from its first lines.

    The separator is the one that splits most lines into one number of cells: a tab, semicolon, bar or comma.
    It is white space if that splits all lines alike while none of these splits most of them, or if all commas
    are inside numbers. Single quotation marks are recognised if they enclose cells and no line has double
    ones.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = list(_first_lines(file))
    hint = HINT.fullmatch(lines[0]) if lines else None
    if hint:
        separator = SPACES if hint[1] == " " else hint[1]
        return Layout(separator, _quote(lines[1:], separator), 1)
    separator = (
        "\t" if path.suffix.lower() == ".tsv" else _separator([line for line in lines if line.strip()])
    )
    return Layout(separator, _quote(lines, separator), 0)


def read_rows(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the rows of a file, without blank lines and the spaces around cells, in Unicode's NFC.

    Raises: csv.Error for null bytes and a quotation mark that is never closed, OSError, UnicodeDecodeError.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = map(_normalised, file)
        next(islice(lines, layout.skipped, layout.skipped), None)
        for number, cells in _split(lines, layout):
            if len(cells) > 1 or any(cells):
                yield number + layout.skipped, cells


def _normalised(line: str) -> str:
    if END in line:
        raise csv.Error("it contains null bytes, so it is not text")
    return line if line.isascii() else unicodedata.normalize("NFC", line)


def _split(lines: Iterable[str], layout: Layout) -> Iterator[Row]:
    if layout.separator == SPACES:
        for number, line in enumerate(lines, 1):
            yield number, [_unquoted(cell, layout.quote) for cell in SPACED_CELL.findall(line)]
        return
    reader = csv.reader(
        chain(lines, [END]), delimiter=layout.separator, quotechar=layout.quote, skipinitialspace=True
    )
    number = 1
    for cells in reader:
        if cells and END in cells[-1]:
            if cells != [END]:
                raise csv.Error(
                    f"a quotation mark in the row of line {number + layout.skipped} is never closed"
                )
            return
        yield number, [cell.strip() for cell in cells]
        number = reader.line_num + 1


def _first_lines(lines: Iterable[str]) -> Iterator[str]:
    size = 0
    for line in islice(lines, SAMPLE):
        yield line
        size += len(line)
        if size > SAMPLE_SIZE:
            return


def _separator(lines: list[str]) -> str:
    shares = {each: _share(_count(lines, each)) for each in SEPARATORS}
    best = max(SEPARATORS, key=lambda each: shares[each])
    rows = [SPACED_CELL.findall(line) for line in lines]
    spaced = Counter(map(len, rows))
    commas = [cell.strip('"') for cells in rows for cell in cells if "," in cell]
    other = shares[best] < 0.5 or (best == "\t" and shares[best] < 1)
    if (
        len(spaced) == 1
        and 1 not in spaced
        and (other or (best == "," and all(map(NUMBER.fullmatch, commas))))
    ):
        return SPACES
    return best if shares[best] else ","


def _count(lines: list[str], separator: str) -> Counter[int]:
    """Return how many rows have each number of cells."""
    try:
        rows = [len(row) for row in csv.reader(lines, delimiter=separator, skipinitialspace=True)]
    except csv.Error:
        return Counter()
    return Counter(rows[:-1] if len(lines) == SAMPLE else rows)  # the last row may continue after the sample


def _share(counts: Counter[int]) -> float:
    """Return the share of the rows with the most frequent number of cells; 0 if that number is 1."""
    if not counts:
        return 0.0
    cells, rows = counts.most_common(1)[0]
    return rows / counts.total() if cells > 1 else 0.0


def _quote(lines: list[str], separator: str) -> str:
    cells = [
        cell.strip() for line in lines for cell in (line.split(separator) if separator else line.split())
    ]
    quoted = [cell for cell in cells if cell.startswith("'")]
    whole = all(len(cell) > 1 and cell.endswith("'") for cell in quoted)
    return "'" if quoted and whole and not any('"' in line for line in lines) else '"'


def _unquoted(cell: str, quote: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == quote else cell
