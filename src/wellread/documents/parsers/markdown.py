"""Markdown: the text stays as it was written, the structure is read from its lines."""

from __future__ import annotations

import re

from wellread.documents.clean import visible
from wellread.documents.media import decode
from wellread.documents.sources.front_matter import split
from wellread.types import Block, Parsed, Span, type_of_block

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\Z")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LIST = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\Z)")
_TABLE_RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")


def parse(data: bytes, name: str) -> Parsed:
    """The raw Markdown without front matter; the title is the front matter's or the first heading of level 1."""
    raw, encoding = decode(data, name)
    keys, text = split(visible(raw))
    text = text.rstrip()
    blocks = tuple(_blocks(text))
    metadata = dict(keys)
    if not encoding.startswith("utf-8"):
        metadata["encoding"] = encoding
    title = metadata.pop("title", "") or next(
        (heading_text(text[b.span.start : b.span.end]) for b in blocks if b.kind == "heading" and b.level == 1), ""
    )
    return Parsed(text, blocks, "text/markdown", title, metadata)


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
    fence = _FENCE.match(line)
    if fence:
        mark = fence.group(1)
        end = at + 1
        while end < len(lines) and not lines[end].strip().startswith(mark):
            end += 1
        return "code", 0, min(end + 1, len(lines))
    if "|" in line and at + 1 < len(lines) and "|" in lines[at + 1] and _TABLE_RULE.match(lines[at + 1]):
        end = at + 2
        while end < len(lines) and "|" in lines[end] and lines[end].strip():
            end += 1
        return "table", 0, end
    in_list = bool(_LIST.match(line))
    end = at + 1
    while end < len(lines) and lines[end].strip() and not _ATX.match(lines[end]) and not _FENCE.match(lines[end]):
        rule = _SETEXT.match(lines[end])
        if rule and not in_list:
            return "heading", 1 if rule.group(1)[0] == "=" else 2, end + 1
        if not in_list and _LIST.match(lines[end]):
            break
        end += 1
    return ("list" if in_list else "paragraph"), 0, end
