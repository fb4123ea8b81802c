"""Text in columns (CSV, TSV): which character parts them, and the records that it gives, none lost to an open quote."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SEPARATORS = "\t;|,"  # in this order where several fit alike: a comma is also a decimal mark and part of names
SAMPLE_LINES = 200
MAX_QUOTED_LINES = 2_000  # of one value in quotes
MAX_FIELD = 1 << 20
_QUOTE = re.compile('"+')
_SEP_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*\Z", re.I)


@dataclass(frozen=True, slots=True)
class DelimitedRow:
    """The values of one record; ``line`` counts from 1, ``n_lines`` that it takes; ``open_quote``: one never closed."""

    values: tuple[str, ...]
    line: int
    n_lines: int = 1
    open_quote: bool = False


def records(text: str, separator: str = "") -> list[DelimitedRow]:
    """The records of a file that are not blank; a ``sep=`` line names its separator and is none of them.

    A value in quotes may run over lines. A quote that nothing closes, or whose close would swallow whole records of as
    many values, is a character like another one («5" pipe»), and the record says so.
    """
    lines = text.split("\n")
    first = _SEP_LINE.match(lines[0])
    if first:
        separator = separator or first.group(1)
        lines[0] = ""
    separator = separator or separator_of(lines)
    width = _width(lines[:SAMPLE_LINES], separator)
    found: list[DelimitedRow] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        values, n_lines, open_quote = _record(lines, at, separator, width)
        if any(value.strip() for value in values):
            found.append(DelimitedRow(tuple(values), at + 1, n_lines, open_quote))
        at += n_lines
    return found


def separator_of(lines: Sequence[str]) -> str:
    """The character that splits the most of the first lines, and those into the same number of values."""
    sample = [line for line in lines[: 2 * SAMPLE_LINES] if line.strip()][:SAMPLE_LINES]
    best, score = ",", 0.0
    for mark in SEPARATORS:
        widths = [len(_split(line, mark)) for line in sample]
        split = [width for width in widths if width > 1]
        if not split:
            continue
        alike = Counter(split).most_common(1)[0][1]
        worth = len(split) * alike / len(sample) ** 2
        if worth > score * 1.0001:
            best, score = mark, worth
    return best


def _width(lines: Sequence[str], separator: str) -> int:
    widths = Counter(len(_split(line, separator)) for line in lines if line.strip())
    return widths.most_common(1)[0][0] if widths else 1


def _record(lines: Sequence[str], at: int, separator: str, width: int) -> tuple[list[str], int, bool]:
    """The values of the record that begins at a line, how many lines it takes, and whether a quote stays open."""
    line = lines[at]
    if '"' not in line:
        return line.split(separator), 1, False
    values = _strict(line, separator)
    if values is not None:
        return values, 1, False
    n_lines = _lines_of(lines, at, separator)
    if n_lines > 1:
        values = _strict("\n".join(lines[at : at + n_lines]), separator)
        inner = lines[at + 1 : at + n_lines - 1]
        swallowed = width > 1 and any('"' not in one and len(one.split(separator)) == width for one in inner)
        if values is not None and len(values) <= width and not swallowed:
            return values, n_lines, False
    return line.split(separator), 1, True


def _lines_of(lines: Sequence[str], at: int, separator: str) -> int:
    """Lines from the one at which a quote opens to the one where all quotes are closed as they should; 0 without."""
    open_quote = False
    for n, line in enumerate(lines[at : at + MAX_QUOTED_LINES], start=1):
        for mark in _QUOTE.finditer(line):
            start, end = mark.span()
            if not open_quote:
                if start and line[start - 1] != separator:  # a character inside a value
                    continue
                open_quote = (end - start) % 2 == 1
            elif (end - start) % 2 == 1:
                if line[end : end + 1] not in ("", separator):
                    return 0
                open_quote = False
        if not open_quote:
            return n
    return 0


def _strict(text: str, separator: str) -> list[str] | None:
    """The values of exactly one record, None where its quotes do not fit."""
    csv.field_size_limit(MAX_FIELD)
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=separator, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _split(line: str, separator: str) -> list[str]:
    if '"' not in line:
        return line.split(separator)
    return _strict(line, separator) or line.split(separator)
