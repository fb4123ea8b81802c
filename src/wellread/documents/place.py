"""Where a quotation stands, in the words that people use for its kind of file: cells, slides, minutes, lines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from wellread.documents.kinds import kind_of, place_in
from wellread.types import Cell, Citation, Document, Span, Table, Unit

_ROWS = frozenset({"text/csv", "text/tab-separated-values", "application/jsonl"})  # whose rows people count
_SLIDE, _SHEET, _MESSAGE = "slide", "sheet", "message"


def place(document: Document, span: Span, page: int | None) -> str:
    """«Fares» B4:D4, slide 12, notes, 12:34–12:51, lines 12–40, page 7; empty where the heading path says enough.

    Args: a document with its blocks, units and tables; the characters of a quotation; its unit, from 1.
    """  # dashes between numbers, as they are shown
    kind = kind_of(document.uri)
    unit = next((one for one in document.units if one.number == page), None)
    table, cells = _cells(document.tables, span)
    if unit is not None and unit.kind == _SHEET:
        return _in_sheet(unit, table, cells)
    if document.media_type in _ROWS and cells:
        return _ranged("row", min(cell.row for cell in cells) + 1, max(_last(cell) for cell in cells) + 1)
    if kind is not None and kind.parser == "code":
        before = document.text.count("\n", 0, span.start) + 1
        return _ranged("line", before, before + document.text.count("\n", span.start, max(span.end - 1, span.start)))
    if times := [block.ms for block in document.blocks if block.ms and _meet(block.span, span)]:
        return f"{_clock(times[0][0])}–{_clock(times[-1][1])}"  # a dash between times
    if unit is not None and unit.kind == _MESSAGE:
        return _sent(document)
    named = place_in(document.uri, page)
    if unit is not None and unit.kind == _SLIDE and _is_note(document, span):
        return f"{named}, notes"
    return f"{named}, read by OCR" if named and _is_read(document, span) else named or _pictured(document, span)


def place_of(citation: Citation) -> str:
    """The place of a citation; of one that was logged before places were, its unit alone."""
    return citation.place or place_in(citation.document, citation.page)


def _meet(one: Span, two: Span) -> bool:
    return one.start < two.end and two.start < one.end


def _cells(tables: Iterable[Table], span: Span) -> tuple[Table | None, list[Cell]]:
    """The table that the characters are of, and those of its cells that they touch."""
    for table in tables:
        touched = [cell for cell in table.cells if _meet(cell.span, span)]
        if touched:
            return table, touched
    return None, []


def _last(cell: Cell) -> int:
    return cell.row + cell.row_span - 1


def _in_sheet(unit: Unit, table: Table | None, cells: list[Cell]) -> str:
    name = f"«{unit.label}»" if unit.label else f"sheet {unit.number}"
    if table is None or table.origin is None or not cells:
        return name
    top, left = table.origin
    first = f"{_column(left + min(cell.col for cell in cells))}{top + min(cell.row for cell in cells) + 1}"
    right = max(cell.col + cell.col_span - 1 for cell in cells)
    last = f"{_column(left + right)}{top + max(map(_last, cells)) + 1}"
    return f"{name} {first}" if first == last else f"{name} {first}:{last}"


def _column(number: int) -> str:
    """A, B, … Z, AA …, from 0."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _ranged(word: str, first: int, last: int) -> str:
    return f"{word} {first}" if first == last else f"{word}s {first}–{last}"  # a dash between numbers


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _sent(document: Document) -> str:
    try:
        day = datetime.fromisoformat(document.metadata.get("date", ""))
    except ValueError:
        return ""
    return f"message of {day.day} {day:%b %Y}"


def _is_note(document: Document, span: Span) -> bool:
    return any(block.kind == "note" and _meet(block.span, span) for block in document.blocks)


def _is_read(document: Document, span: Span) -> bool:
    """Whether the characters were read in a picture."""
    return any(_meet(line.span, span) for image in document.images for line in image.lines)


def _pictured(document: Document, span: Span) -> str:
    return "read by OCR" if _is_read(document, span) else ""
