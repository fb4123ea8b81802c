"""CSV and TSV: a record per line, "column: value" for every cell that holds something.

A row that names its columns can be understood, embedded and quoted alone, far from the table's head; the price is that
the names are repeated. A wide record is several lines, each of which begins with its first column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line, visible
from wellread.documents.delimited import DelimitedRow, records
from wellread.documents.encodings import decode, told
from wellread.documents.tables.build import GridCell
from wellread.documents.tables.located import located
from wellread.store.layout import MAX_CELLS
from wellread.types import Parsed, Span, Table

_VALUE = re.compile(r"[-+−(]?[$€£¥]?\s?\d")  # what begins like a quantity, date or number names no column
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
WIDE = 400  # characters of one line; beyond it a record is cut into lines that repeat its first column
MOST_COLUMNS = 2_000  # of a table as data; a sheet of more is one line of text after the other
MAX_NAME = 80  # characters of the name of a column


def parse(data: bytes, name: str) -> Parsed:
    """A table block for each table of the file, titles above them as paragraphs.

    Raises: SourceError for what is not text.
    """
    raw, encoding = decode(data, name)
    tabs = PurePosixPath(name).suffix.lower() == ".tsv"
    found = records(visible(raw), "\t" if tabs else "")
    assembly = Assembly()
    found_tables: list[tuple[int, list[GridCell], dict[tuple[int, int], Span], list[str]]] = []
    columns: list[str] = []
    for table in _tables(found):
        n_title, names = _names(table)
        for record in table[:n_title]:
            assembly.add("paragraph", one_line(" ".join(record.values)))
        body = [_cells(record) for record in table[n_title + bool(names) :]]
        columns += names
        text, cells, spans = _text(body, names)
        span = assembly.add("table", text)
        if span is not None:
            moved = {place: Span(start + span.start, end + span.start) for place, (start, end) in spans.items()}
            found_tables.append((assembly.n_blocks - 1, cells, moved, names))
    metadata = {"columns": ", ".join(filter(None, columns))} if columns else {}
    if opened := [record.line for record in found if record.open_quote]:
        metadata["open_quotes"] = "row " + ", ".join(map(str, opened[:20]))
    parsed = assembly.parsed("text/tab-separated-values" if tabs else "text/csv", "", {**metadata, **told(encoding)})
    as_data = [_as_data(parsed.text, *table) for table in found_tables]
    return replace(parsed, tables=tuple(table for table in as_data if table is not None))


def _as_data(
    text: str, block: int, cells: list[GridCell], spans: dict[tuple[int, int], Span], names: list[str]
) -> Table | None:
    """The table with its names as a head row; these stand before each value, at their first place in the text."""
    if len(cells) > MAX_CELLS or max((cell.col for cell in cells), default=0) > MOST_COLUMNS:
        return None  # stays a block of text
    if not names:
        return located(cells, spans, text, block, 0)
    start = min((span.start for span in spans.values()), default=0)
    first: dict[int, int] = {}
    for (_, col), span in spans.items():
        first[col] = min(span.start, first.get(col, span.start))
    heads = {}
    for col, name in enumerate(names):
        place = first.get(col, -1) - len(name) - 2
        if name and place >= 0 and text[place : place + len(name)] == name and place >= start - len(name) - 2:
            heads[0, col] = Span(place, place + len(name))
    below = [GridCell(cell.row + 1, cell.col, cell.text) for cell in cells]
    above = [GridCell(0, col, names[col]) for _, col in heads]
    shifted = {(row + 1, col): span for (row, col), span in spans.items()}
    return located([*above, *below], {**heads, **shifted}, text, block, 1)


def _cells(record: DelimitedRow) -> list[str]:
    return [one_line(value) for value in record.values]


def _tables(found: Sequence[DelimitedRow]) -> list[list[DelimitedRow]]:
    """Records by table: one begins below a blank line where it names columns of its own."""
    tables: list[list[DelimitedRow]] = []
    for _, group in groupby(_numbered(found), key=lambda pair: pair[0]):
        part = [record for _, record in group]
        names = _names(part)[1]
        width = max((len(record.values) for record in tables[-1]), default=0) if tables else 0
        own = bool(names) and len(part) > 1
        if not tables or (own and (width < 2 or not _continues(part[0], tables[-1]))):
            tables.append(part)
        else:
            tables[-1] += part
    if len(tables) > 1 and all(len(record.values) < 2 for record in tables[0]):  # a title stands above what it names
        tables[:2] = [tables[0] + tables[1]]
    return tables


def _numbered(found: Sequence[DelimitedRow]) -> list[tuple[int, DelimitedRow]]:
    """Records with the number of their paragraph: how many blank lines stand above them."""
    numbered, group, end = [], 0, 0
    for record in found:
        group += bool(end and record.line > end)
        numbered.append((group, record))
        end = record.line + record.n_lines
    return numbered


def _continues(record: DelimitedRow, table: Sequence[DelimitedRow]) -> bool:
    """Whether a record has values where the table above it has them."""
    last = table[-1]
    same = len(record.values) == len(last.values)
    kinds = [bool(_VALUE.match(a)) == bool(_VALUE.match(b)) for a, b in zip(record.values, last.values, strict=False)]
    return same and all(kinds)


def _names(table: Sequence[DelimitedRow]) -> tuple[int, list[str]]:
    """Records above the table that are its title, and the names of its columns; none where the first row is a row.

    Names are different, short, and begin like no quantity (years apart). Two columns of texts alone are taken for pairs
    of a name and a value: nothing tells that their first row is another kind of row.
    """
    width = max((len(_filled(record)) for record in table), default=0)
    if width < 2:
        return 0, []
    n_title = next((n for n, record in enumerate(table) if len(_filled(record)) > 1), 0)
    if n_title > 3:
        n_title = 0
    cells, body = _cells(table[n_title]), table[n_title + 1 :]
    while cells and not cells[-1]:
        cells.pop()
    filled = [cell for cell in cells[1:] if cell] + ([cells[0]] if cells and cells[0] else [])
    short = len(cells) < 2 or len(filled) < len(cells) - 1 or any(len(cell) > MAX_NAME for cell in cells)
    if not body or short or len(set(filled)) < len(filled):
        return n_title, []
    quantities = [cell for cell in filled if _VALUE.match(cell)]
    years = bool(quantities) and all(map(_YEAR.match, quantities)) and not _VALUE.match(cells[0] or "")
    if quantities and not (years and any(not _YEAR.match(c) for r in body for c in _cells(r)[1:] if c)):
        return n_title, []
    if len(cells) == 2 and not quantities:
        values = [_cells(record)[1] for record in body if len(record.values) > 1]
        typed = sum(bool(re.search(r"\d", value)) for value in values) * 2 > len(values)
        as_field = all(cell == cell.lower() for cell in cells) or any("_" in cell for cell in cells)
        prose = sum(map(len, values)) > 3 * len(values) * len(cells[1])
        return n_title, cells if (typed and not re.search(r"\d", cells[1])) or as_field or prose else []
    return n_title, cells


def _filled(record: DelimitedRow) -> list[str]:
    return [value for value in record.values if value.strip()]


def _text(rows: Sequence[list[str]], names: list[str]) -> tuple[str, list[GridCell], dict[tuple[int, int], Span]]:
    """The records as lines of at most about ``WIDE`` characters, their filled cells, and where each stands first."""
    between = "; " if names else " | "
    lines: list[str] = []
    cells: list[GridCell] = []
    spans: dict[tuple[int, int], Span] = {}
    at = 0
    for n, row in enumerate(rows):
        line, first = "", ""
        for col, value in enumerate(row):
            if not value and (names or not any(row)):
                continue
            name = names[col] if col < len(names) else ""
            pair = f"{name}: {value}" if name else value
            if first and len(line) + len(pair) > WIDE and len(line) > len(first):
                lines.append(line)
                at += len(line) + 1
                line = first
            line += between + pair if line or (col and not names) else pair
            first = first or line
            if value:
                cells.append(GridCell(n, col, value))
                spans[n, col] = Span(at + len(line) - len(value), at + len(line))
        if line.strip(" |"):
            lines.append(line)
            at += len(line) + 1
    return "\n".join(lines), cells, spans
