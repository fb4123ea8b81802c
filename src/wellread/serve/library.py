"""The routes of documents for people: the list, one document with its versions, and its pages as pictures."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from functools import partial

from starlette.responses import HTMLResponse, Response

from wellread.documents.pages.marks import Quoted, part_of_page
from wellread.documents.pictures import PagePicture, pages_of, size_of
from wellread.errors import SourceError, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.markup import el
from wellread.serve import shelf, tools, tuned, work_page
from wellread.serve.app import Endpoint, Visit
from wellread.serve.replies import NOT_FOUND, HttpError
from wellread.store import documents as store_documents
from wellread.store import files as store_files
from wellread.types import Document, Span

_SPAN = re.compile(r"(\d{1,9})-(\d{1,9})")
DRAWING = 1  # another number where pages are drawn in another way, so that browsers ask again
PARTS: Mapping[str, part_of_page] = {"strip": "strip", "spot": "spot"}
_ON_DISK = frozenset({"folder", "file", "glob"})
_STATUS = {"changed": 410, "unreadable": 410, "elsewhere": 404}


async def documents(visit: Visit) -> Response:
    """What the reader may see, and what was not read."""
    query, base = visit.request.query_params, visit.base

    def told() -> shelf.Shelf:
        words, start = query.get("q", "").strip(), _number(query.get("from")) or 0
        return shelf.Shelf(base.documents(), base.failures(), base.status(), words, start)

    may_write = visit.credential is not None and "write" in visit.credential.actions
    form = work_page.sending() if may_write else None
    return HTMLResponse(shelf.documents(await visit.served.in_thread(told), form))


async def document(visit: Visit) -> Response:
    """A version of a document: its pages, its text at a quotation where one is asked for, its history."""
    query = visit.request.query_params
    found = await _found(visit)
    opened = await visit.served.in_thread(lambda: _opened(visit.base, found))
    opened = shelf.Opened(
        found,
        opened.versions,
        opened.learned_by,
        _span(query.get("at"), found),
        _number(query.get("page")) if not query.get("at") else None,
        _number(query.get("from")),
    )
    shown = shelf.pages_shown(opened)
    trouble = ""
    for link in shown[:1]:  # so that the page says in words why there is no picture
        try:
            await _drawn(visit, found, link.page, opened.span, "page")
        except SourceError as error:
            trouble = str(error)
    if trouble:
        opened = shelf.Opened(
            found, opened.versions, opened.learned_by, opened.span, opened.page, opened.start, f"No picture: {trouble}"
        )
    return HTMLResponse(shelf.document(opened))


def _opened(base: KnowledgeBase, found: Document) -> shelf.Opened:
    with base.store.reading() as connection:
        versions = store_documents.history(connection, found.id, who=base.who)
    return shelf.Opened(found, versions, tuned.learned_by(base, found.id))


async def picture(visit: Visit) -> Response:
    """A page of a PDF as PNG with the quotation marked; why there is none as a picture of words."""
    query, found = visit.request.query_params, await _found(visit)
    page, part = _number(query.get("page")) or 1, PARTS.get(query.get("part", ""), "page")
    if size_of(found, page, part) is None:
        raise NOT_FOUND
    span = _span(query.get("at"), found)
    tag = f'"{DRAWING}-{found.digest[:32]}-{page}-{query.get("at", "")}-{part}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}  # asked again each time: a right may be gone
    if visit.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    try:
        drawn = await _drawn(visit, found, page, span, part)
    except SourceError as error:
        return Response(_sorry(str(error)), _STATUS.get(error.kind, 422), media_type="image/svg+xml")
    return Response(drawn.png, media_type="image/png", headers=headers)


async def _drawn(visit: Visit, found: Document, page: int, span: Span | None, part: part_of_page) -> PagePicture:
    """Raises: SourceError where it cannot be drawn, Busy where too many wait."""
    quoted: tuple[Quoted, ...] = pages_of(found, span).get(page, ()) if span is not None else ()
    draw = partial(visit.served.pictures.draw, found, page, quoted, part)
    async with visit.served.drawing.turn(visit.base.who.tenant):
        await visit.served.in_thread(lambda: _check_on_disk(visit.base, found))
        drawn: PagePicture = await visit.served.in_thread(draw)
    return drawn


def _check_on_disk(base: KnowledgeBase, found: Document) -> None:
    """Raises: SourceError where the document did not come from a file of this machine."""
    with base.store.reading() as connection:
        item = store_files.get(connection, base.who.tenant, found.uri)
        kinds = {row.id: row.kind for row in store_files.every_source(connection, base.who.tenant)}
    if item is None or kinds.get(item.source_id) not in _ON_DISK:
        raise SourceError(f"{found.uri}: is not a file of this machine, so its pages are not drawn", "elsewhere")


async def _found(visit: Visit) -> Document:
    """The version that the address names. Raises: HttpError, the same for what is hidden and what there is not."""
    query, base = visit.request.query_params, visit.base
    uri, version = query.get("uri", ""), _number(query.get("v"))
    try:
        found: Document = await visit.served.in_thread(lambda: tools.found(base, uri, version))
    except UsageError as error:
        raise NOT_FOUND from error
    return found


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 10 else None


def _span(value: str | None, found: Document) -> Span | None:
    """A span of the text. Raises: HttpError for one that lies outside of it."""
    if not value:
        return None
    match = _SPAN.fullmatch(value)
    if match is None or not int(match[1]) < int(match[2]) <= len(found.text):
        raise HttpError(400, "invalid_request", "at: is START-END, characters of the document's text", "at")
    return Span(int(match[1]), int(match[2]))


def _sorry(reason: str) -> str:
    """A picture of the words, so that what stands in the place of a page says why."""
    lines = textwrap.wrap(reason, 72, max_lines=12)
    words = [el("text", line, x="24", y=str(48 + 32 * n)) for n, line in enumerate(lines)]
    ground = el("rect", width="1100", height="550", fill="#f3f1ea")
    group = el("g", *words, fill="#3d3a30", font_family="sans-serif", font_size="24")
    return el("svg", ground, group, xmlns="http://www.w3.org/2000/svg", viewBox="0 0 1100 550")


ROUTES = (
    Endpoint("GET", "/documents", "read", documents, page=True),
    Endpoint("GET", "/d", "read", document, page=True),
    Endpoint("GET", "/d/picture", "read", picture),
)
