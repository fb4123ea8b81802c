"""Sources as they are shown: the words around a quotation, its pages as pictures, what became of the document since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from wellread.documents.pictures import pages_of, size_of
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.serve import openai, tools
from wellread.types import Citation, Document, Span

BESIDE = 260  # characters before and behind a quotation, at most


@dataclass(frozen=True, slots=True)
class PageLink:
    """The picture of a page with a quotation marked: where it is, and how large."""

    page: int
    address: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A citation with the words around it; ``note`` says what became of the document since it was read."""

    citation: Citation
    before: str = ""
    after: str = ""
    note: str = ""
    pages: tuple[PageLink, ...] = ()

    @property
    def address(self) -> str:
        """The page of the document at the quotation."""
        return openai.address(self.citation)


def shown(base: KnowledgeBase, citations: Sequence[Citation], *, may_read: bool) -> list[ShownSource]:
    """The citations as ``base.who`` may see them now; of a document that is not there any more the words alone.

    So too where the caller ``may_read`` no document but only ask.
    """
    known: dict[tuple[str, int | None], Document | None] = {}

    def of(uri: str, version: int | None) -> Document | None:
        if (uri, version) not in known:
            try:
                known[uri, version] = tools.found(base, uri, version)
            except UsageError:
                known[uri, version] = None
        return known[uri, version]

    found = []
    for one in citations:
        live = of(one.document, None)
        read = live if live is not None and live.version == one.version else of(one.document, one.version)
        found.append(_shown(one, read if may_read else None, live))
    return found


def _shown(citation: Citation, read: Document | None, live: Document | None) -> ShownSource:
    note = _since(citation, live)
    span = citation.span
    if read is None or read.text[span.start : span.end] != citation.quote:
        return ShownSource(citation, note=note)
    return ShownSource(citation, *around(read, span), note, page_links(read, span, near=True))


def _since(citation: Citation, live: Document | None) -> str:
    if live is None:
        return "The document is not here any more."
    if live.version > citation.version:
        return f"The document has changed since: version {live.version} is in force."
    if live.superseded_by:
        return f"Superseded by {live.superseded_by}."
    if live.valid_until is not None and live.valid_until < date.today():
        return f"Valid until {live.valid_until.isoformat()}."
    return citation.note


def around(document: Document, span: Span) -> tuple[str, str]:
    """What stands before and behind the span in its own blocks, cut between words."""
    own = [block.span for block in document.blocks if block.span.start < span.end and span.start < block.span.end]
    first = max(min((block.start for block in own), default=span.start), span.start - BESIDE)
    last = min(max((block.end for block in own), default=span.end), span.end + BESIDE)
    before, after = document.text[first : span.start], document.text[span.end : last]
    if len(before) >= BESIDE:
        before = "… " + before.partition(" ")[2]
    if len(after) >= BESIDE:
        after = after.rpartition(" ")[0] + " …"
    return before, after


def page_links(document: Document, span: Span, *, near: bool) -> tuple[PageLink, ...]:
    """The pages on which the span stands, as pictures; none where the document is no PDF."""
    found = []
    for page in pages_of(document, span):
        size = size_of(document, page, near=near)
        if size is not None:
            found.append(PageLink(page, picture(document, page, span, near=near), *size))
    return tuple(found)


def picture(document: Document, page: int, span: Span | None, *, near: bool) -> str:
    """The address of the picture of a page."""
    asked = {"uri": document.uri, "v": document.version, "page": page}
    asked |= {"at": f"{span.start}-{span.end}"} if span is not None else {}
    return f"/d/picture?{urlencode(asked)}" + ("&near=1" if near else "")
