"""PDF as people see it: pages in windows, each put in order, headings and tables told, what was not read named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pypdfium2
from pypdfium2 import raw

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.media import PDF
from wellread.documents.parsers.pdf.glyphs import Reader
from wellread.documents.parsers.pdf.headings import Outline, body_size, level, outline
from wellread.documents.parsers.pdf.layout import ITEM_START, arrange, joined, text_of
from wellread.documents.parsers.pdf.page import PageText, read_page
from wellread.documents.parsers.pdf.pieces import Figure, Piece, Prose
from wellread.documents.parsers.pdf.ruled import grids
from wellread.documents.parsers.pdf.running import running
from wellread.errors import SourceError
from wellread.types import Parsed

MAX_PAGES = 20_000
WINDOW = 48  # pages that are looked at together for running heads; more are not held in memory
_NO_TITLE = re.compile(r"\A(?:untitled.*|microsoft word - .*|.*\.(?:docx?|pdf|indd|qxd|tex|dvi|xlsx?|pptx?))\Z", re.I)
_COMPOUND = re.compile(r"[^\W\d_]{2,}-[^\W\d_]{2,}")


@dataclass(slots=True)
class Progress:
    """What is carried from window to window of one document."""

    assembly: Assembly = field(default_factory=Assembly)
    kept_heads: set[str] = field(default_factory=set)
    sizes: Counter[float] = field(default_factory=Counter)
    compounds: set[str] = field(default_factory=set)
    hidden: Counter[str] = field(default_factory=Counter)
    readings: dict[int, str] = field(default_factory=dict)
    n_running: int = 0


def parse(data: bytes, name: str) -> Parsed:
    """Blocks page by page with page numbers from 1. Raises: SourceError (encrypted, broken, suspect)."""
    document = _open(data, name)
    try:
        n_pages = len(document)
        if n_pages > MAX_PAGES:
            raise SourceError(f"{name}: has {n_pages:,} pages; more than {MAX_PAGES:,} are not read", "too-large")
        document.init_forms()
        levels = outline(document)
        reader, progress = Reader(), Progress()
        window: list[PageText] = []
        for index in range(n_pages):
            window.append(_page(document, index, reader))
            if len(window) == WINDOW and n_pages - index > WINDOW // 3:
                _add_window(progress, window, levels)
                window = []
        _add_window(progress, window, levels)
        if n_pages and all(reading == "broken" for reading in progress.readings.values()):
            raise SourceError(f"{name}: none of its {n_pages} pages can be read", "broken")
        title = one_line(str(document.get_metadata_dict().get("Title", "")))
        return progress.assembly.parsed(PDF, "" if _NO_TITLE.match(title) else title, _metadata(progress, n_pages))
    finally:
        document.close()


def _open(data: bytes, name: str) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code == raw.FPDF_ERR_PASSWORD or "assword" in str(error):
            raise SourceError(f"{name}: is encrypted; save it without a password", "encrypted") from error
        raise SourceError(f"{name}: pdfium cannot open it: {error}; open and save it again", "broken") from error


def _page(document: pypdfium2.PdfDocument, index: int, reader: Reader) -> PageText:
    try:
        return read_page(document, index, reader)
    except pypdfium2.PdfiumError:
        return PageText(index + 1, 0.0, 0.0, reading="broken")


def _add_window(progress: Progress, pages: Sequence[PageText], levels: Outline) -> None:
    """Puts the pages in order and adds them to the document."""
    dropped, labels = running([(page.number, page.height, page.pieces) for page in pages], progress.kept_heads)
    arranged: list[tuple[PageText, list[Prose | Figure]]] = []
    for page in pages:
        out = dropped.get(page.number, set())
        progress.n_running += len(out)
        kept = [piece for piece in page.pieces if piece.order not in out] if out else list(page.pieces)
        for piece in kept:
            if "-" in piece.text:
                progress.compounds.update(_COMPOUND.findall(piece.text))
        arranged.append((page, _items(page, kept)))
    body = body_size((piece for page in pages for piece in page.pieces), progress.sizes)
    whole = frozenset(progress.compounds)
    for page, items in arranged:
        progress.hidden.update(dict(page.hidden))
        progress.readings[page.number] = page.reading
        _add_page(progress.assembly, page, items, (body, levels, whole, labels.get(page.number, "")))


def _items(page: PageText, pieces: Sequence[Piece]) -> list[Prose | Figure]:
    """The page's items in reading order: what runs in its main direction first, what is turned after it."""
    letters = Counter[int]()
    for piece in pieces:
        letters[piece.quarters] += len(piece.text)
    items: list[Prose | Figure] = []
    for quarters, _ in letters.most_common():
        drawn = page.drawing.turned(quarters, page.width, page.height)
        own = [piece for piece in pieces if piece.quarters == quarters]
        items += arrange(own, grids(drawn.across, drawn.down))
    return items


def _add_page(
    assembly: Assembly,
    page: PageText,
    items: Sequence[Prose | Figure],
    how: tuple[float, Outline, frozenset[str], str],
) -> None:
    body, levels, whole, _ = how
    listed: list[str] = []

    def end_list() -> None:
        if listed:
            assembly.add("list", "\n".join(listed), page=page.number)
            listed.clear()

    for item in items:
        if isinstance(item, Figure):
            end_list()
            rows: dict[int, list[str]] = {}
            for slot in item.slots:
                rows.setdefault(slot.row, []).append(slot.text)
            assembly.add("table", "\n".join(" | ".join(row) for row in rows.values()), page=page.number)
            continue
        text = joined([text_of(line) for line in item.lines], whole=whole)
        depth = level(item, text, page.number, body, levels)
        if depth:
            end_list()
            assembly.add("heading", one_line(text), level=depth, page=page.number)
        elif ITEM_START.match(text):
            listed.append(text)
        else:
            end_list()
            assembly.add("paragraph", text, page=page.number)
    end_list()
    for remark in page.remarks:
        said = f"{remark.author}: {remark.text}" if remark.author else remark.text
        assembly.add("paragraph", f"Note: {said}", page=page.number)


def _metadata(progress: Progress, n_pages: int) -> dict[str, str]:
    made = {"pages": str(n_pages)}
    unread = sorted(n for n, reading in progress.readings.items() if reading in ("scan", "garbled", "broken"))
    if unread:
        made["units_not_read"] = ", ".join(map(str, unread))
    for reading in ("scan", "garbled", "broken"):
        n = sum(found == reading for found in progress.readings.values())
        if n:
            made[f"pages_{reading}"] = str(n)
    if progress.hidden:
        made["hidden_characters"] = ", ".join(f"{n} {why}" for why, n in sorted(progress.hidden.items()))
    if progress.n_running:
        made["running_lines_left_out"] = str(progress.n_running)
    return made
