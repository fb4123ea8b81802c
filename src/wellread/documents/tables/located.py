"""A table whose cells stand in a text that was not made from them: raw Markdown, records with named columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wellread.documents.tables.build import GridCell, build
from wellread.types import Span, Table


def located(
    cells: Sequence[GridCell], spans: Mapping[tuple[int, int], Span], text: str, block: int, head_rows: int | None
) -> Table | None:
    """The table with its cells typed, each at its span in ``text``; None where no cell has one.

    Args:
        cells: in any order.
        spans: of the filled cells, by row and column.
        text: of the whole document.
        block: the table's place in the document's blocks.
        head_rows: as in ``build``.
    """
    _, typed, n_head = build(cells, head_rows)
    placed = [
        replace(cell, span=spans[cell.row, cell.col], text=text[slice(*spans[cell.row, cell.col])])
        for cell in typed
        if (cell.row, cell.col) in spans
    ]
    return Table(block, tuple(placed), n_head) if placed else None
