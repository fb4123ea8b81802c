"""A sheet's cells come in; paragraphs, captions and tables go into a document, hidden rows and columns apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wellread.documents.assemble import Assembly
from wellread.documents.tables.build import GridCell

MAX_CELLS = 5_000_000


@dataclass(slots=True)
class Sheet:
    """A sheet as its file has it; rows and columns count from 0."""

    name: str
    cells: list[GridCell] = field(default_factory=list)
    hidden: bool = False
    hidden_rows: set[int] = field(default_factory=set)
    hidden_cols: set[int] = field(default_factory=set)
    notes: list[tuple[int, int, str]] = field(default_factory=list)  # row, column, words


def cell_name(row: int, col: int) -> str:
    """A cell as people call it: row 3, column 1 (from 0) is B4."""
    letters = ""
    col += 1
    while col:
        col, rest = divmod(col - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


def add_sheet(assembly: Assembly, sheet: Sheet) -> None:
    """The sheet as the next unit: its name, its tables cut at blank rows and columns, its comments as notes.

    A row with one cell over a table is its caption. What is hidden stands last and makes no passage.
    """
    assembly.begin("sheet", sheet.name, hidden=sheet.hidden)
    shown = [c for c in sheet.cells if c.row not in sheet.hidden_rows and c.col not in sheet.hidden_cols]
    away = [c for c in sheet.cells if c.row in sheet.hidden_rows or c.col in sheet.hidden_cols]
    if not sheet.cells and not sheet.notes:
        return
    assembly.add("heading", sheet.name, level=1)
    caption = ""
    for region in _regions(shown, sheet.hidden_rows, sheet.hidden_cols):
        caption = _add_region(assembly, region, caption, hidden=False)
    for region in _regions([c._replace(flags=c.flags | {"hidden"}) for c in away], set(), set()):
        _add_region(assembly, region, "", hidden=True)
    for row, col, words in sheet.notes:
        assembly.add("note", f"{cell_name(row, col)}: {words}")


def _add_region(assembly: Assembly, cells: list[GridCell], caption: str, *, hidden: bool) -> str:
    """One table, or the words of a single cell, which are the caption of the table that comes next."""
    top, left = min(c.row for c in cells), min(c.col for c in cells)
    right = max(c.col + c.col_span for c in cells)
    rows: dict[int, list[GridCell]] = {}
    for cell in cells:
        rows.setdefault(cell.row, []).append(cell)
    order = sorted(rows)
    while len(order) > 1 and len(rows[order[0]]) == 1 and right - left > 1:
        title = rows[order[0]][0]
        if title.kind not in (None, "text") or (title.col_span < 2 and title.col != left):
            break
        assembly.add("caption", title.text, hidden=hidden)
        caption = title.text
        order = order[1:]
        top = order[0]
    if len(order) == 1 and len(rows[order[0]]) == 1:
        words = rows[order[0]][0].text
        assembly.add("paragraph", words, hidden=hidden)
        return words
    body = [c._replace(row=c.row - top, col=c.col - left) for row in order for c in rows[row]]
    assembly.add_table(body, caption=caption, origin=(top, left), hidden=hidden)
    return ""


def _regions(cells: Sequence[GridCell], away_rows: set[int], away_cols: set[int]) -> list[list[GridCell]]:
    """Cells between blank rows, then between blank columns; hidden rows and columns do not part anything."""
    regions = []
    for band in _apart(cells, lambda c: (c.row, c.row + c.row_span), away_rows):
        regions += _apart(band, lambda c: (c.col, c.col + c.col_span), away_cols)
    return [sorted(region, key=lambda c: (c.row, c.col)) for region in regions]


def _apart(
    cells: Sequence[GridCell], place: Callable[[GridCell], tuple[int, int]], away: set[int]
) -> list[list[GridCell]]:
    groups: list[list[GridCell]] = []
    end = -1
    for cell in sorted(cells, key=place):
        first, last = place(cell)
        while end in away:
            end += 1
        if not groups or first > end:
            groups.append([])
            end = first
        groups[-1].append(cell)
        end = max(end, last)
    return groups
