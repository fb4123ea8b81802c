"""The pages of documents: what there is, what was not read and how to mend it, and one document with its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from wellread.documents.kinds import BY_TYPE
from wellread.documents.pictures import size_of
from wellread.markup import Markup, el, join
from wellread.serve import reading
from wellread.serve.pages import page, search_field
from wellread.serve.passages import PageLink, page_links, picture
from wellread.types import Document, Failure, Span, Status

PAGE = 100  # documents on a page of the list
# what helps where a file was not read, by the kind of the failure; the reason itself names the place
CURES: Mapping[str, str] = {
    "encrypted": "Save it without a password and sync again.",
    "too-large": "Split it, or raise parse.max_bytes, then sync again.",
    "timeout": "Raise parse.timeout_s, or split the file, then: wellread sync --retry-failed",
    "memory": "Raise parse.memory_bytes, then: wellread sync --retry-failed",
    "crashed": "Open and save it again with the program that made it, then sync.",
    "broken": "Open and save it again with the program that made it, then sync.",
    "empty": "Nothing is in it; remove it, or put something in.",
    "suspect": "A scan needs OCR: pip install 'wellread[ocr]', then: wellread sync --retry-failed",
    "unreadable": "Check its permissions, or the disk that it lies on, then sync again.",
    "extra": "Install what the reason names, then: wellread sync --retry-failed",
    "plugin": "Update the package that the reason names, then: wellread sync --retry-failed",
    "unknown-type": "Save it in a format that is read: PDF, DOCX, HTML, Markdown, CSV …",
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the list of documents shows: a page of it from ``offset``, of those that hold ``words``."""

    listed: Sequence[Document]
    failures: Sequence[Failure]
    status: Status
    words: str = ""
    offset: int = 0

    @property
    def chosen(self) -> list[Document]:
        """Those whose title, address or label holds the words."""
        wanted = self.words.casefold().split()
        return [one for one in self.listed if all(word in _said(one) for word in wanted)]


def _said(document: Document) -> str:
    return " ".join((document.title, document.uri, *document.labels)).casefold()


def address(document: Document) -> str:
    """The page of a version of a document."""
    return f"/d?{urlencode({'uri': document.uri, 'v': document.version})}"


def documents(shelf: Shelf, form: Markup | None = None) -> str:
    """What the reader may see, and which files gave no document, why, and what helps; ``form`` sends a file."""
    chosen = shelf.chosen
    part = chosen[shelf.offset : shelf.offset + PAGE]
    counted = f"{shelf.status.documents} documents, {shelf.status.chunks} passages."
    nothing = el("p", "No document is called so.")
    if not shelf.listed:
        nothing = el("p", "There are no documents yet. Bring some in: ", el("code", "wellread add FOLDER"))
    return page(
        "Documents",
        el("h1", "Documents"),
        el("p", counted, class_="place"),
        search_field("/documents", "Filter by name or label", shelf.words),
        form,
        _table(part) if part else nothing,
        _turning(shelf, len(chosen)),
        failures(shelf.failures),
        wide=True,
    )


def _table(listed: Sequence[Document]) -> Markup:
    rows = [
        el(
            "tr",
            el("th", _name(one), scope="row"),
            el("td", kind(one)),
            el("td", f"{one.version}", class_="figure"),
            el("td", one.modified_at.date().isoformat() if one.modified_at else "", class_="figure"),
            el("td", in_force(one)),
            el("td", readers(one)),
        )
        for one in listed
    ]
    names = ("Document", "Type", "Version", "Changed", "In force", "Who may read")
    head = el("tr", *(el("th", name, scope="col") for name in names))
    table = el("table", el("thead", head), el("tbody", *rows))
    return el("div", table, class_="scroll", tabindex="0", role="group", aria_label="Documents")


def _name(document: Document) -> Markup:
    link = el("a", document.title or document.uri, href=address(document))
    return join(link, el("span", short(document.uri), class_="uri"))


def _turning(shelf: Shelf, n: int) -> Markup | None:
    links = []
    for name, offset in (("Earlier", shelf.offset - PAGE), ("Further", shelf.offset + PAGE)):
        if 0 <= offset < n:
            links.append(el("a", name, href=f"/documents?{urlencode({'q': shelf.words, 'from': offset})}"))
    return el("p", join(*links), class_="turning") if links else None


def kind(document: Document) -> str:
    """What kind of file it is, in a word."""
    known = BY_TYPE.get(document.media_type)
    return known.name if known is not None else document.media_type


def short(uri: str) -> str:
    """The end of an address: the file and its folder."""
    *before, folder, name = uri.split("/") if uri.count("/") > 2 and "://" not in uri else ("", uri)
    return f"…/{folder}/{name}" if before else uri


def in_force(document: Document) -> str:
    """Whether, and in which years, a document is in force."""
    if document.superseded_by:
        return f"superseded by {document.superseded_by}"
    if document.unreadable:
        return "its file cannot be read now"
    start, end = document.valid_from, document.valid_until
    if end is not None and end < date.today():
        return f"until {end.isoformat()}"
    if start is not None and start > date.today():
        return f"from {start.isoformat()}"
    return "yes"


def readers(document: Document) -> str:
    """Whose documents they are: labels are any-of."""
    return ", ".join(sorted(document.labels)) if document.labels else "everybody"


def failures(failed: Sequence[Failure]) -> Markup | None:
    """Files that gave no document: each with its reason and what helps."""
    if not failed:
        return None
    items = [
        el(
            "li",
            el("strong", one.uri),
            el("p", one.reason),
            el("p", CURES.get(one.kind, "Sync again: wellread sync --retry-failed"), class_="cure"),
            el("p", f"{one.kind} · tried {one.attempts} {'time' if one.attempts == 1 else 'times'}", class_="place"),
        )
        for one in failed
    ]
    heading = el("h2", f"{len(failed)} {'file was' if len(failed) == 1 else 'files were'} not read", id="failures")
    return el("section", heading, el("ul", *items, class_="failures"))


@dataclass(frozen=True, slots=True)
class Opened:
    """A version of a document on its page: its versions, the models that learned from it, and where it is opened.

    ``trouble`` says why its pages cannot be drawn, "" where they can.
    """

    document: Document
    versions: Sequence[tuple[Document, datetime | None]]
    learned_by: Sequence[str] = ()
    span: Span | None = None
    page: int | None = None
    start: int | None = None
    trouble: str = ""


def document(opened: Opened) -> str:
    """Its text by blocks with the quotation marked, its pages as pictures, its versions, and who may read it."""
    one = opened.document
    shown = reading.window(one, opened.span, opened.start)
    pictures = pages_shown(opened)
    force = "not in force" if _retired(opened) else in_force(one)
    about = [kind(one), f"version {one.version}", "in force" if force == "yes" else force]
    return page(
        one.title or one.uri,
        el("h1", one.title or one.uri),
        el("p", short(one.uri), class_="uri", title=one.uri),
        el("p", " · ".join(about), class_="place"),
        el("p", opened.trouble, class_="notice") if opened.trouble else None,
        el(
            "div",
            el("div", _pictures(opened, pictures), _text(opened, shown), class_="said"),
            el("aside", _facts(opened), class_="sources", aria_label="About the document"),
            class_="answer",
        ),
        wide=True,
    )


def pages_shown(opened: Opened) -> tuple[PageLink, ...]:
    """The pictures on the page of a document: where the quotation stands, else the page that is asked for."""
    one = opened.document
    if opened.span is not None and opened.page is None:
        return page_links(one, opened.span, "page")
    number = opened.page or 1
    size = size_of(one, number, "page")
    return (PageLink(number, picture(one, number, opened.span, "page"), *size),) if size is not None else ()


def _pictures(opened: Opened, links: Sequence[PageLink]) -> Markup | None:
    if not links or opened.trouble:
        return None
    one = opened.document
    title = one.title or one.uri
    drawn = [
        el(
            "figure",
            el("img", src=link.address, width=link.width, height=link.height, alt=f"Page {link.page} of {title}"),
            el("figcaption", f"Page {link.page} of {len(one.units)}"),
            class_="paper",
            id="quote" if n == 0 and opened.span is not None else None,
        )
        for n, link in enumerate(links)
    ]
    near = [(name, number) for name, number in (("Page before", links[0].page - 1), ("Next page", links[-1].page + 1))]
    turn = [
        el("a", name, href=f"{address(one)}&page={number}") for name, number in near if 1 <= number <= len(one.units)
    ]
    return join(*drawn, el("p", *turn, class_="turning") if turn else None)


def _text(opened: Opened, shown: Span) -> Markup:
    one = opened.document
    further = []
    if shown.start > 0:
        start = max(0, shown.start - 2 * reading.AROUND)
        further.append(el("a", "Earlier text", href=f"{address(one)}&from={start}#text"))
    if shown.end < len(one.text):
        further.append(el("a", "Further text", href=f"{address(one)}&from={shown.end}#text"))
    turning = el("p", *further, class_="turning") if further else None
    name = "quote" if opened.trouble or not pages_shown(opened) else None
    body = reading.text(one, opened.span, shown, name)
    return el("section", el("h2", "Text"), body, turning, id="text", class_="reading")


def _retired(opened: Opened) -> bool:
    return any(one.version == opened.document.version and at is not None for one, at in opened.versions)


def _facts(opened: Opened) -> Markup:
    one = opened.document
    versions = [
        el(
            "li",
            el("a", f"version {each.version}", href=address(each))
            if each.version != one.version
            else el("strong", f"version {each.version}"),
            f" · {each.ingested_at.date().isoformat()}" if each.ingested_at else None,
            f" until {retired.date().isoformat()}" if retired is not None else " · in force",
        )
        for each, retired in reversed(opened.versions)
    ]
    models = [el("li", el("a", name, href=f"/models#{name}")) for name in opened.learned_by]
    units = f"{len(one.units)} {one.units[0].kind}{'s' if len(one.units) > 1 else ''}" if one.units else ""
    unread = one.metadata.get("units_not_read", "")
    return join(
        el("h2", "Who may read it"),
        el("p", f"Groups: {readers(one)}" if one.labels else "Everybody of the tenant."),
        el("h2", "Versions"),
        el("ol", *versions, class_="plain"),
        el("h2", "Models that learned from it") if models else None,
        el("ul", *models, class_="plain") if models else None,
        el("h2", "Size"),
        el("p", " · ".join(filter(None, (units, f"{len(one.text):,} characters", f"{one.size_bytes:,} bytes")))),
        el("p", f"Not read: {unread}", class_="notice") if unread else None,
    )
