"""Sources as they are shown: the words around a quotation, its pages as pictures, what became of the document since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from wellread.documents.media import PDF
from wellread.documents.pages.marks import part_of_page
from wellread.documents.pictures import pages_of, size_of
from wellread.knowledge_base import KnowledgeBase
from wellread.serve import openai
from wellread.store import documents as store_documents
from wellread.types import Citation, Document, Span

BESIDE = 260  # characters before and behind a quotation, at most
_BLANK_LINE = "\n\n"


@dataclass(frozen=True, slots=True)
class PageLink:
    """The picture of a page with a quotation marked: where it is, how large, and how large the spot of it."""

    page: int
    address: str
    width: int
    height: int
    spot: tuple[int, int] | None = None

    @property
    def spot_address(self) -> str:
        """Where the part for a small screen is."""
        return self.address.replace("&part=strip", "&part=spot")


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
    read: dict[tuple[str, int], Document | None] = {}
    live: dict[str, Document | None] = {}
    with base.store.reading() as connection:
        for uri, version in dict.fromkeys((one.document, one.version) for one in citations):
            number = store_documents.by_uri(connection, uri, who=base.who)
            rows = store_documents.history(connection, number, who=base.who) if number is not None else []
            live[uri] = next((one for one, retired in rows if retired is None), None)
            of_version = next((one for one, _ in rows if one.version == version), None)
            seen = of_version if may_read else None
            read[uri, version] = _with_text(base, seen) if seen is not None else None
    return [_shown(one, read[one.document, one.version], live[one.document]) for one in citations]


def _with_text(base: KnowledgeBase, found: Document) -> Document:
    """With its text, and of a PDF with blocks and boxes too: of a long table these take half a second."""
    with base.store.reading() as connection:
        if found.media_type == PDF:
            return store_documents.get(connection, found.id, who=base.who, version=found.version) or found
        text = store_documents.text(connection, found.id, found.version, who=base.who)
    return replace(found, text=text or "")


def _shown(citation: Citation, read: Document | None, live: Document | None) -> ShownSource:
    note = _since(citation, live)
    span = citation.span
    if read is None or read.text[span.start : span.end] != citation.quote:
        return ShownSource(citation, note=note)
    return ShownSource(citation, *around(read.text, span), note, page_links(read, span, "strip"))


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


def around(text: str, span: Span) -> tuple[str, str]:
    """What stands before and behind the span in its own paragraph or table, cut between words."""
    before = text[max(0, span.start - BESIDE) : span.start].rpartition(_BLANK_LINE)[2]
    after = text[span.end : span.end + BESIDE].partition(_BLANK_LINE)[0]
    if len(before) == BESIDE:
        before = "… " + before.partition(" ")[2]
    if len(after) == BESIDE:
        after = after.rpartition(" ")[0] + " …"
    return before, after


def page_links(document: Document, span: Span, part: part_of_page) -> tuple[PageLink, ...]:
    """The pages on which the span stands, as pictures; none where the document is no PDF."""
    found = []
    for page in pages_of(document, span):
        size = size_of(document, page, part)
        if size is not None:
            found.append(PageLink(page, picture(document, page, span, part), *size, size_of(document, page, "spot")))
    return tuple(found)


def picture(document: Document, page: int, span: Span | None, part: part_of_page) -> str:
    """The address of the picture of a page, or of the part of it around the span."""
    asked = {"uri": document.uri, "v": document.version, "page": page}
    asked |= {"at": f"{span.start}-{span.end}"} if span is not None else {}
    return f"/d/picture?{urlencode(asked | {'part': part})}"
