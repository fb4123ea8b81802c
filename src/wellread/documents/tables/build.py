"""A table put together from cells: one line a row, every filled cell typed and at its place in that text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from wellread.documents.clean import one_line, visible
from wellread.documents.tables.rows import head_rows as rows_of_head
from wellread.documents.tables.rows import totals
from wellread.documents.tables.values import Value, read_column, unit_of_head
from wellread.types import Box, Cell, Span, flag_of_cell, type_of_value

BETWEEN_CELLS = " | "
MAX_COLUMNS = 2_000  # of one row as text; beyond that, empty cells are not spelled out


@dataclass(frozen=True, slots=True)
class GridCell:
    """A cell as a parser finds it; ``row`` and ``col`` count from 0, spans are at least 1.

    ``kind`` None leaves it to the text of the column to say what the value is.
    """

    row: int
    col: int
    text: str
    row_span: int = 1
    col_span: int = 1
    kind: type_of_value | None = None
    value: float | str | None = None
    unit: str = ""
    box: Box | None = None
    flags: frozenset[flag_of_cell] = frozenset()


def build(
    cells: Sequence[GridCell], head_rows: int | None = None, start_at: int = 0
) -> tuple[str, tuple[Cell, ...], int]:
    """The text of a table, its filled cells with spans in that text, and how many rows are its head.

    A value over several rows or columns stands once, at its first cell; two cells at one place keep the first.

    Args:
        cells: in any order; blank ones may be left out.
        head_rows: None finds them by the types of the columns.
        start_at: where the table begins in the document.
    """
    filled = _cleaned(cells)
    values = _values(filled)
    n_head = rows_of_head(filled, values) if head_rows is None else head_rows
    sums = totals(filled, values, n_head)
    heads = _units_by_column(filled, n_head)
    lines: list[str] = []
    placed: list[Cell] = []
    at = start_at
    for row, group in groupby(filled, key=lambda cell: cell.row):
        marks: frozenset[flag_of_cell] = frozenset({"head"} if row < n_head else {"total"} if row in sums else ())
        pieces: list[str] = []
        col = length = 0
        for cell in group:
            gap = min(cell.col - col, MAX_COLUMNS)
            before = BETWEEN_CELLS * gap
            start = at + length + len(before)
            pieces += [before, cell.text]
            length += len(before) + len(cell.text)
            col = cell.col
            span = Span(start, start + len(cell.text))
            placed.append(_placed(cell, values[cell.row, cell.col], span, heads, marks))
        lines.append("".join(pieces))
        at += length + 1
    return "\n".join(lines), tuple(placed), n_head


def _cleaned(cells: Sequence[GridCell]) -> list[GridCell]:
    """Filled cells in order, their texts on one line, each place taken once."""
    kept: dict[tuple[int, int], GridCell] = {}
    for cell in cells:
        text = one_line(visible(cell.text))
        if text and (cell.row, cell.col) not in kept:
            kept[cell.row, cell.col] = cell if text == cell.text else replace(cell, text=text)
    return [kept[place] for place in sorted(kept)]


def _values(cells: Sequence[GridCell]) -> dict[tuple[int, int], Value]:
    columns: dict[int, list[GridCell]] = {}
    for cell in cells:
        columns.setdefault(cell.col, []).append(cell)
    values: dict[tuple[int, int], Value] = {}
    for column in columns.values():
        open_ones = [cell for cell in column if cell.kind is None]
        read = iter(read_column([cell.text for cell in open_ones]))
        for cell in column:
            given = next(read) if cell.kind is None else Value(cell.kind, cell.value, cell.unit)
            values[cell.row, cell.col] = given
    return values


def _units_by_column(cells: Sequence[GridCell], n_head: int) -> dict[int, str]:
    units: dict[int, str] = {}
    for cell in cells:
        unit = unit_of_head(cell.text) if cell.row < n_head else ""
        if unit:
            units.update(dict.fromkeys(range(cell.col, cell.col + cell.col_span), unit))
    return units


def _placed(cell: GridCell, value: Value, span: Span, heads: dict[int, str], marks: frozenset[flag_of_cell]) -> Cell:
    unit = value.unit or (heads.get(cell.col, "") if value.kind == "number" else "")
    flags = cell.flags | marks if cell.flags else marks
    if cell.kind is None and value.flags:
        flags |= value.flags
    return Cell(
        cell.row,
        cell.col,
        span,
        cell.text,
        max(cell.row_span, 1),
        max(cell.col_span, 1),
        value.kind,
        value.value,
        unit,
        cell.box,
        flags,
    )
