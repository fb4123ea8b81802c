"""The tables of live documents as somebody may see them: columns with names and types, rows with their cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from sqlalchemy import Connection

from wellread.errors import UsageError
from wellread.store import documents
from wellread.types import Cell, Document, Principal, Table

ColumnKind = Literal["number", "text"]
BETWEEN = " · "  # between the heads of one column that stand above each other


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name as the heads say it, whether it can be computed with, and the unit of its numbers."""

    name: str
    kind: ColumnKind
    unit: str = ""


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of a document; ``number`` counts from 1 within it. A row holds a cell for each column, None where blank.

    A cell over several rows or columns stands in every one of them. ``totals`` are the places in ``rows`` of rows that
    sum others up; nothing that is computed counts them. Threads may share it.
    """

    document: Document
    number: int
    caption: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell | None, ...], ...]
    totals: frozenset[int]
    confidence: float

    @property
    def name(self) -> str:
        """As it is named on a command line: the file's name and the number."""
        return f"{PurePath(self.document.uri).name}#{self.number}"


def of_document(document: Document) -> list[StoredTable]:
    """The tables of a document that was read with its text."""
    return [_stored(document, number, table) for number, table in enumerate(document.tables, 1)]


def listed(connection: Connection, *, who: Principal, named: str = "") -> Iterator[StoredTable]:
    """The tables of the live documents that ``who`` may see; with ``named`` those of documents of that name or uri."""
    for listing in documents.listing(connection, who=who):
        if named and named not in (listing.uri, PurePath(listing.uri).name, listing.title):
            continue
        document = documents.get(connection, listing.id, who=who)
        if document is not None:
            yield from of_document(document)


def find(connection: Connection, name: str, *, who: Principal) -> StoredTable:
    """The table called ``DOCUMENT#NUMBER``. Raises: UsageError where ``who`` may see none, or several, of that name."""
    document, _, number = name.rpartition("#")
    if not document or not number.isdecimal():
        raise UsageError(f"{name}: a table is named DOCUMENT#NUMBER; wellread tables list shows them")
    found = [one for one in listed(connection, who=who, named=document) if one.number == int(number)]
    if not found:
        raise UsageError(f"{name}: no such table; wellread tables list shows those that there are")
    if len({one.document.id for one in found}) > 1:
        places = ", ".join(one.document.uri for one in found)
        raise UsageError(f"{name}: several documents are called so ({places}); write the whole address")
    return found[0]


def _stored(document: Document, number: int, table: Table) -> StoredTable:
    n_rows, n_cols = table.shape
    grid: list[list[Cell | None]] = [[None] * n_cols for _ in range(n_rows)]
    for cell in table.cells:
        for row in range(cell.row, cell.row + cell.row_span):
            for col in range(cell.col, cell.col + cell.col_span):
                grid[row][col] = cell
    body = [tuple(row) for row in grid[table.head_rows :]]
    totals = {place for place, row in enumerate(body) if any(c is not None and "total" in c.flags for c in row)}
    columns = tuple(_column(col, grid[: table.head_rows], body, totals) for col in range(n_cols))
    caption = table.caption or (document.title if len(document.tables) == 1 else "")
    return StoredTable(document, number, caption, columns, tuple(body), frozenset(totals), table.confidence)


def _column(
    col: int, heads: Sequence[Sequence[Cell | None]], body: Sequence[Sequence[Cell | None]], totals: set[int]
) -> TableColumn:
    names = list(dict.fromkeys(" ".join(cell.text.split()) for row in heads if (cell := row[col]) is not None))
    cells = [cell for place, row in enumerate(body) if place not in totals and (cell := row[col]) is not None]
    numbers = [cell for cell in cells if cell.kind == "number"]
    units = {cell.unit for cell in numbers if cell.unit}
    kind: ColumnKind = "number" if cells and 2 * len(numbers) > len(cells) else "text"
    return TableColumn(BETWEEN.join(names) or f"column {col + 1}", kind, units.pop() if len(units) == 1 else "")
