"""A table put together from cells: one line a row, every filled cell typed and at its place in that text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, takewhile
from operator import attrgetter
from typing import NamedTuple

from wellread.documents.clean import one_line, visible
from wellread.documents.tables.rows import head_rows as rows_of_head
from wellread.documents.tables.rows import totals
from wellread.documents.tables.values import Value, read_column, unit_of_head
from wellread.types import Box, Cell, Span, flag_of_cell, type_of_value

BETWEEN_CELLS = " | "
MAX_COLUMNS = 2_000  # of one row as text; beyond that, empty cells are not spelled out


class GridCell(NamedTuple):
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


_HEAD: frozenset[flag_of_cell] = frozenset({"head"})
_TOTAL: frozenset[flag_of_cell] = frozenset({"total"})
_PLAIN: frozenset[flag_of_cell] = frozenset()


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
    for row, group in groupby(filled, key=attrgetter("row")):
        marks = _HEAD if row < n_head else _TOTAL if row in sums else _PLAIN
        pieces: list[str] = []
        col = length = 0
        for cell in group:
            before = BETWEEN_CELLS * min(cell.col - col, MAX_COLUMNS)
            col, text = cell.col, cell.text
            start = at + length + len(before)
            end = start + len(text)
            pieces += (before, text)
            length = end - at
            placed.append(_placed(cell, values[row, col], Span(start, end), heads, marks))
        lines.append("".join(pieces))
        at += length + 1
    return "\n".join(lines), tuple(placed), n_head


def _cleaned(cells: Sequence[GridCell]) -> list[GridCell]:
    """Filled cells in order, their texts on one line, each place taken once."""
    kept: dict[tuple[int, int], GridCell] = {}
    for cell in cells:
        text = one_line(visible(cell.text))
        place = (cell.row, cell.col)
        if text and place not in kept:
            kept[place] = cell if text == cell.text else cell._replace(text=text)
    return [kept[place] for place in sorted(kept)]


def _values(cells: Sequence[GridCell]) -> dict[tuple[int, int], Value]:
    columns: dict[int, list[GridCell]] = {}
    for cell in cells:
        columns.setdefault(cell.col, []).append(cell)
    values: dict[tuple[int, int], Value] = {}
    for column in columns.values():
        read = iter(read_column([cell.text for cell in column if cell.kind is None]))
        for cell in column:
            kind = cell.kind
            values[cell.row, cell.col] = next(read) if kind is None else Value(kind, cell.value, cell.unit)
    return values


def _units_by_column(cells: Sequence[GridCell], n_head: int) -> dict[int, str]:
    units: dict[int, str] = {}
    for cell in takewhile(lambda cell: cell.row < n_head, cells):
        unit = unit_of_head(cell.text)
        if unit:
            units.update(dict.fromkeys(range(cell.col, cell.col + cell.col_span), unit))
    return units


def _placed(cell: GridCell, value: Value, span: Span, heads: dict[int, str], marks: frozenset[flag_of_cell]) -> Cell:
    row, col, text, down, across, given, _, _, box, own = cell
    kind, said, unit, doubts = value
    if kind == "number" and not unit:
        unit = heads.get(col, "")
    if own:
        marks = own | marks
    if doubts and given is None:
        marks = marks | doubts
    return Cell(
        row, col, span, text, down if down > 0 else 1, across if across > 0 else 1, kind, said, unit, box, marks
    )
