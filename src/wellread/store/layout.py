"""What stands where in a document, as JSON: on the pipe from the child that parses, and in the row of a version.

A block is ``[kind, start, end, level, page]``, longer where it has more; a cell ``[row, col, start, end]``, likewise.
The text of a cell is not repeated: it is the document's text at its span.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wellread.types import Block, Box, Cell, Document, Image, Parsed, Span, Table, TextLine, Unit

MAX_UNITS, MAX_TABLES, MAX_CELLS, MAX_IMAGES = 100_000, 20_000, 250_000, 10_000


@dataclass(frozen=True, slots=True)
class Layout:
    """The structure on top of a text."""

    blocks: tuple[Block, ...] = ()
    units: tuple[Unit, ...] = ()
    tables: tuple[Table, ...] = ()
    images: tuple[Image, ...] = ()


def layout_of(document: Document | Parsed) -> Layout:
    """The structure that ``document`` has."""
    return Layout(document.blocks, document.units, document.tables, document.images)


def limited(layout: Layout) -> tuple[Layout, dict[str, str]]:
    """``layout`` within the limits of this module, and what was left out as metadata; the text is never cut.

    Tables beyond the limit of cells stay blocks of text and are no longer data.
    """
    kept, held = [], 0
    for table in layout.tables[:MAX_TABLES]:
        held += len(table.cells)
        if held > MAX_CELLS:
            break
        kept.append(table)
    units, images = layout.units[:MAX_UNITS], layout.images[:MAX_IMAGES]
    left = {
        "tables_not_kept": len(layout.tables) - len(kept),
        "units_not_kept": len(layout.units) - len(units),
        "images_not_kept": len(layout.images) - len(images),
    }
    told = {key: str(n) for key, n in left.items() if n}
    return (replace(layout, units=units, tables=tuple(kept), images=images) if told else layout), told


def rows(layout: Layout) -> dict[str, Any]:
    """``layout`` as values of JSON; kinds of structure that a document lacks are not named."""
    made: dict[str, Any] = {"blocks": [_block_row(block) for block in layout.blocks]}
    if layout.units:
        made["units"] = [[u.number, u.kind, u.label, int(u.hidden), u.size] for u in layout.units]
    if layout.tables:
        made["tables"] = [
            [
                *(t.block, t.head_rows, t.caption, t.origin, t.confidence, [_cell_row(cell) for cell in t.cells]),
                *(() if t.continues is None else (t.continues,)),
            ]
            for t in layout.tables
        ]
    if layout.images:
        made["images"] = [
            [
                i.block,
                i.digest,
                i.size,
                i.page,
                i.alt,
                i.box,
                [[line.span, line.box, line.confidence] for line in i.lines],
            ]
            for i in layout.images
        ]
    return made


def from_rows(made: Mapping[str, Any], text: str) -> Layout:
    """The layout of a document with that text; ``rows`` of it are ``made``."""
    return Layout(
        tuple(_block(row) for row in made["blocks"]),
        tuple(
            Unit(number, kind, label, bool(hidden), tuple(size) if size else None)
            for number, kind, label, hidden, size in made.get("units", ())
        ),
        tuple(
            Table(
                block,
                tuple(_cell(row, text) for row in cells),
                head,
                caption,
                tuple(origin) if origin else None,
                sure,
                *further,
            )
            for block, head, caption, origin, sure, cells, *further in made.get("tables", ())
        ),
        tuple(
            Image(
                block,
                digest,
                tuple(size),
                page,
                alt,
                _box(box),
                tuple(TextLine(Span(*span), Box(*place), sure) for span, place, sure in lines),
            )
            for block, digest, size, page, alt, box, lines in made.get("images", ())
        ),
    )


def to_json(layout: Layout) -> bytes:
    """What a row keeps: the list of blocks alone where there is nothing else."""
    made = rows(layout)
    return json.dumps(made if len(made) > 1 else made["blocks"], ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes, text: str) -> Layout:
    """The layout that ``to_json`` wrote."""
    made = json.loads(data)
    return from_rows(made if isinstance(made, dict) else {"blocks": made}, text)


def _block_row(block: Block) -> list[Any]:
    row = [block.kind, block.span.start, block.span.end, block.level, block.page]
    if block.box is None and block.ms is None and not block.hidden:
        return row
    return [*row, block.box, block.ms, int(block.hidden)]


def _block(row: Sequence[Any]) -> Block:
    kind, start, end, level, page = row[:5]
    if len(row) == 5:
        return Block(kind, Span(start, end), level, page)
    box, ms, hidden = row[5:]
    return Block(kind, Span(start, end), level, page, _box(box), tuple(ms) if ms else None, bool(hidden))


def _box(row: Sequence[int] | None) -> Box | None:
    return Box(*row) if row else None


_CELL_DEFAULTS: tuple[Any, ...] = (1, 1, "text", None, "", None, [])


def _cell_row(cell: Cell) -> list[Any]:
    more = [cell.row_span, cell.col_span, cell.kind, cell.value, cell.unit, cell.box, sorted(cell.flags)]
    while more and more[-1] == _CELL_DEFAULTS[len(more) - 1]:
        more.pop()
    return [cell.row, cell.col, *cell.span, *more]


def _cell(row: Sequence[Any], text: str) -> Cell:
    at, col, start, end, *given = row
    row_span, col_span, kind, value, unit, box, flags = [*given, *_CELL_DEFAULTS[len(given) :]]
    words = text[start:end]
    return Cell(at, col, Span(start, end), words, row_span, col_span, kind, value, unit, _box(box), frozenset(flags))
