"""Pages of PDF files as pictures with quoted words marked: drawn in a child process within limits, then remembered."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from wellread.documents.media import PDF
from wellread.documents.pages.marks import Quoted, part_of_page, size_of_part
from wellread.documents.parse import PageOf, ParserPool, Request
from wellread.documents.settings import MEBIBYTE, ParseSettings
from wellread.documents.sources.listing import path_of
from wellread.documents.sources.look import INSIDE, outer_of
from wellread.errors import SourceError
from wellread.types import Box, Document, Span

DRAW_S = 10.0  # of computing for one page
MOST_BYTES = 32 * MEBIBYTE  # of pictures that are remembered
LARGEST = 8 * MEBIBYTE  # of one picture on its way from the child
PASSING = frozenset({"changed", "unreadable", "too-large"})  # reasons that may be gone a moment later


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A PNG of a page; parts of the quotation marked by their letters, by the block that holds them, and not at all."""

    png: bytes
    n_exact: int
    n_areas: int
    n_lost: int


def pages_of(document: Document, span: Span) -> dict[int, tuple[Quoted, ...]]:
    """The pages on which characters of the text stand, in order, each with the parts that stand there.

    A row of a table is a part for each cell, and a line read by OCR one of its own, because they have boxes.
    """
    found: dict[int, list[Quoted]] = {}
    for number, block in enumerate(document.blocks):
        own = _shared(block.span, span)
        if block.page is None or own is None or block.hidden:
            continue
        parts = [
            Quoted(document.text[part.start : part.end], box)
            for place, box in _inner(document, number)
            if (part := _shared(place, span)) is not None
        ]
        found.setdefault(block.page, []).extend(parts or [Quoted(document.text[own.start : own.end], block.box)])
    return {page: tuple(parts) for page, parts in sorted(found.items())}


def _inner(document: Document, block: int) -> list[tuple[Span, Box]]:
    """What has a box of its own inside a block: cells, and lines that were read in a picture."""
    cells = [cell for table in document.tables if table.block == block for cell in table.cells]
    read = [line for image in document.images if image.block == block for line in image.lines]
    return [(c.span, c.box) for c in cells if c.box is not None] + [(line.span, line.box) for line in read]


def _shared(one: Span, other: Span) -> Span | None:
    start, end = max(one.start, other.start), min(one.end, other.end)
    return Span(start, end) if start < end else None


def size_of(document: Document, page: int, part: part_of_page) -> tuple[int, int] | None:
    """Pixels of the picture of a page, or of a part of it; None where the document has no such page, or is no PDF."""
    sizes = [unit.size for unit in document.units if unit.number == page and unit.kind == "page"]
    if document.media_type != PDF or not sizes or sizes[0] is None:
        return None
    return size_of_part(part, *sizes[0])


class PagePictures:
    """Draws pages, one at a time, and remembers what it drew by the content of the file; any thread may use it.

    A page that ends the child process, or takes too long, is not tried again while that is remembered.
    """

    def __init__(self, settings: ParseSettings) -> None:
        few = min(settings.timeout_s, DRAW_S)
        text = min(settings.max_text_bytes, LARGEST)
        limits = replace(settings, workers=1, in_flight=1, timeout_s=few, max_text_bytes=text)
        self._pool = ParserPool(limits)
        self._drawing, self._keeping = threading.Lock(), threading.Lock()
        self._kept: OrderedDict[PageOf, PagePicture | SourceError] = OrderedDict()
        self._size = 0

    def draw(
        self, document: Document, page: int, quoted: tuple[Quoted, ...], part: part_of_page = "page"
    ) -> PagePicture:
        """The page, or the part of it around the quotation, as it is in this version of a document that is a PDF.

        Raises: SourceError (changed) where the file is another one by now, (unreadable, broken, timeout, crashed)
        where it cannot be drawn.
        """
        wanted = PageOf(document.digest, page, quoted, part)
        found = self._remembered(wanted)
        if found is None:
            with self._drawing:
                found = self._remembered(wanted) or self._drawn(document, wanted)
                self._keep(wanted, found)
        if isinstance(found, SourceError):
            raise SourceError(str(found), found.kind)
        return found

    def close(self) -> None:
        """Ends the child process."""
        with self._drawing:
            self._pool.__exit__()

    def _drawn(self, document: Document, wanted: PageOf) -> PagePicture | SourceError:
        outer, *part = document.uri.split(INSIDE)
        path = path_of(outer)
        request = Request(path, document.uri, outer=outer_of(document.uri), part=tuple(part), picture=wanted)
        (reply,) = self._pool.run([request])
        if reply.kind == "timeout":
            return SourceError(f"{document.uri}: page {wanted.page} takes too long to draw", "timeout")
        if reply.kind:
            return SourceError(reply.reason, reply.kind)
        png = base64.b64decode(reply.fields["png"])
        counted = [int(reply.fields[name]) for name in ("n_exact", "n_areas", "n_lost")]
        return PagePicture(png, *counted)

    def _remembered(self, wanted: PageOf) -> PagePicture | SourceError | None:
        with self._keeping:
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
            return self._kept.get(wanted)

    def _keep(self, wanted: PageOf, found: PagePicture | SourceError) -> None:
        if isinstance(found, SourceError) and found.kind in PASSING:
            return
        with self._keeping:
            if wanted not in self._kept:
                self._size += _bytes(found)
            self._kept[wanted] = found
            while self._size > MOST_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._size -= _bytes(oldest)


def _bytes(kept: PagePicture | SourceError) -> int:
    return len(kept.png) if isinstance(kept, PagePicture) else 1_000
