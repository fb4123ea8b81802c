"""A document inside another one (a chapter, the body of a mail), read by the parser of its type."""

from __future__ import annotations

from wellread.documents.assemble import Assembly
from wellread.documents.media import parser_for
from wellread.documents.tables.build import GridCell
from wellread.types import Parsed


def read(data: bytes, media_type: str, name: str) -> Parsed:
    """What the parser of a media type makes of ``data``. Raises: SourceError."""
    return parser_for(media_type)(data, name)


def add_parsed(assembly: Assembly, parsed: Parsed, *, hidden: bool = False, keep: bool = False) -> None:
    """The blocks and tables of ``parsed`` at the end of ``assembly``, in the unit that was begun last.

    Their places are kept only where ``keep`` says that they are of that unit.
    """
    tables = {table.block: table for table in parsed.tables}
    for n, block in enumerate(parsed.blocks):
        table = tables.get(n)
        if table is None:
            words = parsed.text[block.span.start : block.span.end]
            box = block.box if keep else None
            assembly.add(block.kind, words, block.level, box=box, ms=block.ms, hidden=hidden or block.hidden)
            continue
        cells = [
            GridCell(
                c.row, c.col, c.text, c.row_span, c.col_span, c.kind, c.value, c.unit, c.box if keep else None, c.flags
            )
            for c in table.cells
        ]
        assembly.add_table(
            cells,
            head_rows=table.head_rows,
            caption=table.caption,
            confidence=table.confidence,
            box=block.box if keep else None,
            hidden=hidden or block.hidden,
        )
