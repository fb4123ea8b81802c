"""Where a piece of a document stands: its page and headings; and rows of tables as a person reads them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from wellread.documents.chunk.chunk import heading_words
from wellread.index.open import IndexReader
from wellread.retrieve.parts import SearchResult
from wellread.store import files
from wellread.store.files import KnownFile
from wellread.types import Cell, Document, Principal, Span, Table


def with_structure(result: SearchResult, reader: IndexReader, *, who: Principal) -> SearchResult:
    """The same hits, each document with its text, blocks and tables, and with a word where its file cannot be read."""
    with reader.snapshot(who=who) as snapshot:
        whole: dict[str, Document] = {}
        for hit in result.hits:
            if hit.document.id not in whole:
                found = snapshot.document(hit.document.id)
                same = found is not None and found.version == hit.document.version
                known = files.get(snapshot.connection, who.tenant, hit.document.uri)
                document = found if same and found is not None else hit.document
                whole[hit.document.id] = replace(document, unreadable=_unreadable(known))
    return replace(result, hits=tuple(replace(hit, document=whole[hit.document.id]) for hit in result.hits))


def _unreadable(known: KnownFile | None) -> str:
    if known is None or known.document_id is None or known.state not in ("failed", "skipped"):
        return ""
    return f"the file can no longer be read since {known.seen_at[:10]}; this is its old text ({known.reason})"


class Outline:
    """The blocks and tables of one document, by place; read-only once it is made, so threads may share it."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._blocks = document.blocks
        self._starts = [block.span.start for block in document.blocks]
        self._paths: list[tuple[str, ...]] = []
        stack: list[tuple[int, str]] = []
        for block in document.blocks:
            if block.kind == "heading":
                words = heading_words(document.text[block.span.start : block.span.end])
                stack = [*(pair for pair in stack if pair[0] < block.level), (block.level, words)]
            self._paths.append(tuple(words for _, words in stack))
        self._tables = {table.block: table for table in document.tables}
        self._rows: dict[int, dict[int, str]] = {}

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known of the document's structure."""
        return not self._blocks

    def place(self, at: int) -> tuple[int | None, tuple[str, ...]] | None:
        """The page and the headings over the character ``at``; None where no block stands at or before it."""
        n = bisect_right(self._starts, at) - 1
        return (self._blocks[n].page, self._paths[n]) if n >= 0 else None

    def is_heading(self, at: int) -> bool:
        """Whether the character ``at`` stands in a heading: a name of what follows, never an answer itself."""
        n = bisect_right(self._starts, at) - 1
        return n >= 0 and self._blocks[n].kind == "heading" and at < self._blocks[n].span.end

    def row(self, span: Span) -> str | None:
        """The row of a table at ``span`` as «name: value» pairs, "" for one that only names columns; None: no row.

        A value over several rows stands in the reading of each.
        """
        n = bisect_right(self._starts, span.start) - 1
        table = self._tables.get(n)
        if table is None or n >= len(self._blocks) or span.end > self._blocks[n].span.end:
            return None
        if n not in self._rows:
            self._rows[n] = readings(table, self._text)
        return self._rows[n].get(self._text.rfind("\n", 0, span.start) + 1)


def readings(table: Table, text: str) -> dict[int, str]:
    """What each line of a table says, by the character at which the line begins."""
    names = column_names(table)
    by_row: dict[int, list[Cell]] = {}
    lines: dict[int, list[int]] = {}
    for cell in table.cells:
        for row in range(cell.row, cell.row + cell.row_span):
            by_row.setdefault(row, []).append(cell)
        lines.setdefault(cell.row, []).append(text.rfind("\n", 0, cell.span.start) + 1)
    in_pairs = max((cell.col + cell.col_span for cell in table.cells), default=0) == 2
    made: dict[int, str] = {}
    for row, starts in lines.items():
        if len(set(starts)) > 1:  # a record over several lines, each of which names its columns
            continue
        cells = sorted(by_row[row], key=lambda cell: cell.col)
        made[starts[0]] = "" if row < table.head_rows else _reading(cells, names, in_pairs)
    return made


def column_names(table: Table) -> dict[int, str]:
    """The names of the columns, each put together from its rows of heads; none for a table without a head."""
    names: dict[int, list[str]] = {}
    for cell in table.cells:
        if cell.row < table.head_rows:
            for col in range(cell.col, cell.col + cell.col_span):
                names.setdefault(col, []).append(cell.text)
    return {col: " ".join(dict.fromkeys(parts)) for col, parts in names.items()}


def _reading(cells: Sequence[Cell], names: dict[int, str], in_pairs: bool) -> str:
    if not names and in_pairs and len(cells) == 2:  # a name and its value
        return f"{cells[0].text.rstrip(' :')}: {cells[1].text}"
    if not names:
        return " | ".join(cell.text for cell in cells)
    return "; ".join(f"{names[cell.col]}: {cell.text}" if names.get(cell.col) else cell.text for cell in cells)
