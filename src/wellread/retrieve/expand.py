"""Small to big: what is found is small and exact, what is handed on is as much of the document as it takes to read it.

A widened hit is still a chunk of its document: ``document.text[span] == text``. Its id stays that of the passage found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wellread.documents.sentences import sentences
from wellread.retrieve.settings import ExpandSettings
from wellread.types import Block, Chunk, Document, Hit, Span

Read = Callable[[str], Document | None]  # document id → the document with text and blocks, as the reader may see it


@dataclass(slots=True)
class _Wide:
    """A hit with the span it has grown to."""

    hit: Hit
    span: Span


def expand(hits: Sequence[Hit], read: Read, settings: ExpandSettings, k: int, detail: dict[str, object]) -> list[Hit]:
    """At most ``k`` hits, widened as the settings say, in the order of the best passage of each.

    Hits that come to lie in one another become one, so a later hit moves up; ``detail`` says how many were widened and
    joined.
    """
    known: dict[str, Document | None] = {}

    def text_of(hit: Hit) -> Document | None:
        if hit.document.id not in known:
            known[hit.document.id] = read(hit.document.id)
        return known[hit.document.id]

    out: list[_Wide] = []
    joined = 0
    for hit in hits:
        document = text_of(hit)
        span = hit.chunk.span if document is None else _span(hit, hits, document, settings)
        holder = next((w for w in out if w.hit.document.id == hit.document.id and _same(w.span, span)), None)
        if holder is not None:
            union = Span(min(holder.span.start, span.start), max(holder.span.end, span.end))
            holder.span = union if union.end - union.start <= settings.max_chars else holder.span
            joined += 1
        elif len(out) < k:
            out.append(_Wide(hit, span))
        else:
            break
    made = [_widened(w, text_of(w.hit)) for w in out]
    widened = sum(hit.chunk.span != w.hit.chunk.span for hit, w in zip(made, out, strict=True))
    detail |= {"mode": settings.mode, "widened": widened, "joined": joined, "kept": len(made)}
    return made


def _span(hit: Hit, hits: Sequence[Hit], document: Document, settings: ExpandSettings) -> Span:
    span = hit.chunk.span
    if settings.mode == "window":
        return window(document.text, span, settings.sentences, settings.max_chars)
    whole = section(document, span)
    if settings.mode == "merge":
        mine = [other.chunk.span for other in hits if other.document.id == document.id]
        if covered(whole, mine) < settings.share or whole.end - whole.start > settings.max_chars:
            return span
    return _fitted(document.text, whole, span, settings.max_chars)


def window(text: str, span: Span, n: int, most: int) -> Span:
    """The span with ``n`` sentences before and after it, within ``most`` characters; never less than the span."""
    reach = max(0, most - (span.end - span.start))
    first, last = max(0, span.start - reach), min(len(text), span.end + reach)
    before = [s.start for s in sentences(text, first, span.start)][-n:] if n else []
    after = [s.end for s in sentences(text, span.end, last)][:n]
    start, end = before[0] if before else span.start, after[-1] if after else span.end
    while end - start > most and (start < span.start or end > span.end):
        if start < span.start and (end == span.end or span.start - start >= end - span.end):
            before = before[1:]
            start = before[0] if before else span.start
        else:
            after = after[:-1]
            end = after[-1] if after else span.end
    return Span(start, end)


def section(document: Document, span: Span) -> Span:
    """From the heading above the span (or at its start) to the next heading that is not below that one.

    Without headings: the whole document.
    """
    headings = [block for block in document.blocks if block.kind == "heading"]
    above = [block for block in headings if block.span.start <= _first(document.blocks, span)]
    if not above:
        end = headings[0].span.start if headings else len(document.text)
        return Span(0, max(end, span.end))
    opening = above[-1]
    end = next(
        (b.span.start for b in headings if b.span.start > opening.span.start and b.level <= opening.level),
        len(document.text),
    )
    return Span(min(opening.span.start, span.start), max(end, span.end))


def _first(blocks: Sequence[Block], span: Span) -> int:
    """Where the passage proper begins: after the headings that open it."""
    inside = [block for block in blocks if span.start <= block.span.start < span.end]
    proper = next((block for block in inside if block.kind != "heading"), None)
    return proper.span.start if proper is not None else span.start


def covered(whole: Span, parts: Sequence[Span]) -> float:
    """Share of a span that the parts cover together, 0 to 1; where they overlap it counts once."""
    at, total = whole.start, 0
    for start, end in sorted((max(p.start, whole.start), min(p.end, whole.end)) for p in parts):
        total += max(0, end - max(at, start))
        at = max(at, end)
    return total / (whole.end - whole.start) if whole.end > whole.start else 0.0


def _fitted(text: str, whole: Span, span: Span, most: int) -> Span:
    """The section, or where it is too long as many whole sentences around the passage as fit."""
    if whole.end - whole.start <= most:
        return _trimmed(text, whole)
    near = window(text, span, len(text), most)
    return Span(max(near.start, whole.start), max(span.end, min(near.end, whole.end)))


def _trimmed(text: str, span: Span) -> Span:
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def _same(one: Span, other: Span) -> bool:
    """Whether two spans are the same passage to a reader: more than half of the smaller lies in the larger."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared * 2 > min(one.end - one.start, other.end - other.start)


def _widened(wide: _Wide, document: Document | None) -> Hit:
    chunk = wide.hit.chunk
    if document is None or wide.span == chunk.span:
        return wide.hit
    held = {b.kind for b in document.blocks if b.span.start < wide.span.end and b.span.end > wide.span.start}
    header = chunk.header if held == {"table"} else chunk.header.split("\n", 1)[0]  # a head row stands in the text now
    larger: Chunk = replace(
        chunk,
        span=wide.span,
        text=document.text[wide.span.start : wide.span.end],
        kind=chunk.kind if held == {chunk.kind} else "paragraph",
        header=header,
    )
    return replace(wide.hit, chunk=larger)
