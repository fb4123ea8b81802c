"""Markdown: the text stays as it was written but for what no reader sees; the structure is read from its lines."""

from __future__ import annotations

import re

from wellread.documents.clean import visible
from wellread.documents.encodings import decode, told
from wellread.documents.rendered import rendered
from wellread.documents.sources.front_matter import split
from wellread.documents.tables.build import GridCell
from wellread.documents.tables.located import located
from wellread.types import Block, Parsed, Span, Table, type_of_block

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\Z")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*\Z")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*\Z")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_LIST = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\Z)")
_TABLE_RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")
_QUANTITY = re.compile(r"\W{0,3}\d[\d.,:]*(?!\d)(?:\s?[^\W\d]|\s?[%°€$£]|\Z)(?!\d{4}\Z)")
FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*\Z)|~{3,})")


def parse(data: bytes, name: str) -> Parsed:
    """The Markdown without front matter, comments and tags; the title is the front matter's or the first heading's.

    Raises: SourceError for what is not text.
    """
    raw, encoding = decode(data, name)
    keys, text = split(visible(raw))
    text = rendered(text).rstrip()
    blocks = tuple(_blocks(text))
    metadata = {**keys, **told(encoding)}
    title = metadata.pop("title", "") or next(
        (heading_text(text[b.span.start : b.span.end]) for b in blocks if b.kind == "heading" and b.level == 1), ""
    )
    tables = [_table(text, block.span, n) for n, block in enumerate(blocks) if block.kind == "table"]
    found = tuple(table for table in tables if table is not None)
    return Parsed(text, blocks, "text/markdown", title, metadata, tables=found)


def _table(text: str, span: Span, block: int) -> Table | None:
    """The table of pipes at ``span``; its first row is a head unless it is blank or begins like the rows below it."""
    cells: list[GridCell] = []
    spans: dict[tuple[int, int], Span] = {}
    at = span.start
    for n, line in enumerate(text[span.start : span.end].split("\n")):
        if n != 1:  # the rule below the head
            row = max(0, n - 1)
            start = at + len(line) - len(line.lstrip(" \t"))
            end = at + len(line.rstrip())
            borders = [at + found.start() for found in _CELL_BORDER.finditer(line)]
            inner = [edge for edge in borders if start < edge < end - 1]
            edges = [start + (start in borders), *[edge + 1 for edge in inner]]
            for col, (left, right) in enumerate(zip(edges, [*inner, end - (end - 1 in borders)], strict=True)):
                words = text[left:right]
                if words.strip():
                    left += len(words) - len(words.lstrip())
                    spans[row, col] = Span(left, left + len(words.strip()))
                    cells.append(GridCell(row, col, words.strip()))
        at += len(line) + 1
    head = [cell.text for cell in cells if cell.row == 0]
    pairs = max((cell.col for cell in cells), default=0) == 1
    as_value = pairs and len(head) == 2 and _QUANTITY.match(head[1]) is not None
    return located(cells, spans, text, block, 1 if head and not as_value else 0)


def heading_text(line: str) -> str:
    """The words of an ATX or Setext heading."""
    atx = _ATX.match(line)
    return (atx.group(2) or "").strip() if atx else line.split("\n", 1)[0].strip()


def _blocks(text: str) -> list[Block]:
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        kind, level, end = _block_at(lines, at)
        blocks.append(Block(kind, Span(starts[at], starts[end] - 1), level))
        at = end
    return blocks


def _block_at(lines: list[str], at: int) -> tuple[type_of_block, int, int]:
    """Kind, heading level, and the line after the block that begins at a line that is not blank."""
    line = lines[at]
    atx = _ATX.match(line)
    if atx:
        return "heading", len(atx.group(1)), at + 1
    if FENCE.match(line):
        return "code", 0, end_of_fence(lines, at)
    if _RULE.match(line):
        return "paragraph", 0, at + 1
    if "|" in line and at + 1 < len(lines) and "|" in lines[at + 1] and _TABLE_RULE.match(lines[at + 1]):
        end = at + 2
        while end < len(lines) and "|" in lines[end] and lines[end].strip():
            end += 1
        return "table", 0, end
    in_list = bool(_LIST.match(line))
    end = at + 1
    while end < len(lines) and lines[end].strip() and not _ATX.match(lines[end]):
        if FENCE.match(lines[end]):
            if not (in_list and lines[end][:1].isspace()):
                break
            end = end_of_fence(lines, end)  # a listing inside of an item
            continue
        rule = _SETEXT.match(lines[end])
        if rule and not in_list:
            if end == at + 1 and not _RULE.match(line):
                return "heading", 1 if rule.group(1)[0] == "=" else 2, end + 1
            break  # several lines above a rule are text
        if not in_list and _LIST.match(lines[end]):
            break
        end += 1
    return ("list" if in_list else "paragraph"), 0, end


def end_of_fence(lines: list[str], at: int) -> int:
    """The line after a fenced listing: its fence ends it, as long or longer and with nothing behind it."""
    found = FENCE.match(lines[at])
    mark = found.group(1) if found else "```"
    end = at + 1
    while end < len(lines):
        closing = lines[end].strip()
        if len(closing) >= len(mark) and closing == mark[0] * len(closing):
            return end + 1
        end += 1
    return end
