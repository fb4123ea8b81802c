"""The text of a document by its blocks (headings, paragraphs, lists, tables), a quotation marked in them."""

from __future__ import annotations

from collections.abc import Iterator

from wellread.markup import Markup, el, join
from wellread.types import Block, Cell, Document, Span, Table

AROUND = 6_000  # characters that are shown before and behind a quotation, and of a page of text twice that


def window(document: Document, span: Span | None, start: int | None) -> Span:
    """The part that is shown: from ``start``, or around ``span``."""
    if start is None:
        start = max(0, span.start - AROUND) if span is not None else 0
    start = min(start, max(0, len(document.text) - 1))
    return Span(start, min(len(document.text), max(start + 2 * AROUND, span.end if span is not None else 0)))


def text(document: Document, span: Span | None, shown: Span, name: str | None) -> Markup:
    """The blocks within ``shown``, cut at its ends, rows whole; of a text without blocks its letters as they are.

    ``name`` is the id of the first mark, to which a link leads.
    """
    marked = _Marked(document.text, span, name)
    inside = [(n, block) for n, block in enumerate(document.blocks) if _overlap(block.span, shown)]
    if not inside:
        return el("pre", *marked.pieces(shown))
    tables = {table.block: table for table in document.tables}
    return join(*(_block(block, tables.get(n), shown, marked) for n, block in inside if _is_shown(block, span)))


def _is_shown(block: Block, span: Span | None) -> bool:
    return not block.hidden or (span is not None and _overlap(block.span, span))


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


class _Marked:
    """Pieces of a text with a span of it marked; the first mark has the name."""

    def __init__(self, whole: str, span: Span | None, name: str | None) -> None:
        self._text, self._span, self._name = whole, span or Span(0, 0), name

    def pieces(self, part: Span) -> Iterator[str]:
        start, end = max(part.start, self._span.start), min(part.end, self._span.end)
        if start >= end:
            yield self._text[part.start : part.end]
            return
        yield self._text[part.start : start]
        yield el("mark", self._text[start:end], id=self._name)
        self._name = None
        yield self._text[end : part.end]

    def lines(self, part: Span) -> Iterator[Span]:
        """The lines of a part that hold something."""
        start = part.start
        for line in self._text[part.start : part.end].split("\n"):
            if line.strip():
                yield Span(start, start + len(line))
            start += len(line) + 1


def _block(block: Block, table: Table | None, shown: Span, marked: _Marked) -> Markup:
    if table is not None and table.cells:
        return _table(table, shown, marked)
    part = Span(max(block.span.start, shown.start), min(block.span.end, shown.end))
    if block.kind == "heading":
        return el(f"h{min(6, max(2, block.level + 1))}", *marked.pieces(part))
    if block.kind == "list":
        return el("ul", *(el("li", *marked.pieces(line)) for line in marked.lines(part)), class_="plain")
    if block.kind in ("code", "table"):
        return el("pre", *marked.pieces(part))
    return el("p", *marked.pieces(part), class_=block.kind if block.kind != "paragraph" else None)


def _table(table: Table, shown: Span, marked: _Marked) -> Markup:
    """Its head, and the rows of which something is shown."""
    rows: dict[int, list[Cell]] = {}
    for cell in table.cells:
        if cell.row < table.head_rows or _overlap(cell.span, shown):
            rows.setdefault(cell.row, []).append(cell)
    width = table.shape[1]
    made = [_row(sorted(cells, key=lambda cell: cell.col), width, table.head_rows, marked) for cells in rows.values()]
    inside = el("table", el("caption", table.caption) if table.caption else None, el("tbody", *made))
    return el("div", inside, class_="scroll", tabindex="0", role="group", aria_label=table.caption or "Table")


def _row(cells: list[Cell], width: int, head_rows: int, marked: _Marked) -> Markup:
    made: list[Markup] = []
    at = 0
    for cell in cells:
        made += [el("td")] * max(0, cell.col - at)
        head = cell.row < head_rows
        made.append(
            el(
                "th" if head else "td",
                *marked.pieces(cell.span),
                scope="col" if head else None,
                colspan=cell.col_span if cell.col_span > 1 else None,
                class_="figure" if cell.kind == "number" else None,
            )
        )
        at = cell.col + cell.col_span
    return el("tr", *made, *[el("td")] * max(0, width - at))
