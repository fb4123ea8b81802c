"""PDF as people see it: pages in windows, each put in order, headings and tables told, what was not read named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pypdfium2
from pypdfium2 import raw

from wellread.documents.assemble import Assembly, ranges
from wellread.documents.clean import one_line
from wellread.documents.media import PDF
from wellread.documents.pages.glyphs import GlyphReader
from wellread.documents.pages.headings import Outline, body_size, level, outline
from wellread.documents.pages.layout import ITEM_START, arrange, joined, text_of
from wellread.documents.pages.page import PageText, read_page
from wellread.documents.pages.pieces import PageTable, Piece, Prose, Rect, around
from wellread.documents.pages.ruled import grids
from wellread.documents.pages.running import running, titles
from wellread.documents.tables.build import GridCell
from wellread.errors import SourceError
from wellread.types import Box, Parsed

MAX_PAGES = 20_000
UNREAD = ("scan", "garbled", "broken")
WINDOW = 48  # pages that are looked at together for running heads; more are not held in memory
_NO_TITLE = re.compile(r"\A(?:untitled.*|microsoft word - .*|.*\.(?:docx?|pdf|indd|qxd|tex|dvi|xlsx?|pptx?))\Z", re.I)
_CAPTION = re.compile(r"(?:table|figure|fig\.|chart|exhibit|tabelle|abbildung|tableau|tabla|tabell)\s+[\dIVX]+\b", re.I)
_COMPOUND = re.compile(r"[^\W\d_]{2,}-[^\W\d_]{2,}")


@dataclass(slots=True)
class Reading:
    """What is carried from window to window of one document."""

    levels: Outline
    assembly: Assembly = field(default_factory=Assembly)
    kept_heads: set[str] = field(default_factory=set)
    sizes: Counter[float] = field(default_factory=Counter)
    compounds: set[str] = field(default_factory=set)
    hidden: Counter[str] = field(default_factory=Counter)
    readings: dict[int, str] = field(default_factory=dict)
    n_running: int = 0
    last: PageTable | None = None  # the table with which the page before ends


@dataclass(frozen=True, slots=True)
class Setting:
    """What the pages of a window have in common: size of the running text, outline, words with hyphens."""

    body: float
    levels: Outline
    whole: frozenset[str]


def parse(data: bytes, name: str) -> Parsed:
    """Blocks page by page with page numbers from 1. Raises: SourceError (encrypted, broken, suspect)."""
    document = _open(data, name)
    try:
        n_pages = len(document)
        if n_pages > MAX_PAGES:
            raise SourceError(f"{name}: has {n_pages:,} pages; more than {MAX_PAGES:,} are not read", "too-large")
        document.init_forms()
        reader, reading = GlyphReader(), Reading(outline(document))
        window: list[PageText] = []
        for index in range(n_pages):
            window.append(_page(document, index, reader))
            if len(window) == WINDOW and n_pages - index > WINDOW // 3:
                _add_window(reading, window)
                window = []
        _add_window(reading, window)
        if n_pages and all(found == "broken" for found in reading.readings.values()):
            raise SourceError(f"{name}: none of its {n_pages} pages can be read", "broken")
        title = one_line(str(document.get_metadata_dict().get("Title", "")))
        return reading.assembly.parsed(PDF, "" if _NO_TITLE.match(title) else title, _metadata(reading))
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


def _page(document: pypdfium2.PdfDocument, index: int, reader: GlyphReader) -> PageText:
    try:
        return read_page(document, index, reader)
    except pypdfium2.PdfiumError:
        return PageText(index + 1, 0.0, 0.0, reading="broken")


def _add_window(reading: Reading, pages: Sequence[PageText]) -> None:
    """Puts the pages in order and adds them to the document."""
    contents = [(page.number, page.height, page.pieces) for page in pages]
    dropped, labels = running(contents, reading.kept_heads)
    heads = titles(contents, dropped)
    arranged: list[tuple[PageText, list[Prose | PageTable], list[str]]] = []
    for page in pages:
        out = dropped.get(page.number, set())
        kept = [piece for piece in page.pieces if piece.order not in out] if out else list(page.pieces)
        left = [piece.text for piece in page.pieces if piece.order in out] if out else []
        reading.n_running += len(left)
        if marked := heads.get(page.number):
            kept = [replace(piece, title=piece.order in marked) for piece in kept]
        for piece in kept:
            if "-" in piece.text:
                reading.compounds.update(_COMPOUND.findall(piece.text))
        arranged.append((page, _items(page, kept), left))
    body = body_size((piece for page in pages for piece in page.pieces), reading.sizes)
    setting = Setting(body, reading.levels, frozenset(reading.compounds))
    for page, items, left in arranged:
        reading.readings[page.number] = page.reading
        reading.assembly.begin("page", labels.get(page.number, ""), size=(round(page.width, 2), round(page.height, 2)))
        _add_items(reading, page, items, setting)
        for remark in page.remarks:
            said = f"{remark.author}: {remark.text}" if remark.author else remark.text
            reading.assembly.add("note", said, box=_place(remark.box, 0, page))
        reading.assembly.add("paragraph", "\n".join(left), hidden=True)
        for unseen in page.hidden:
            reading.hidden[unseen.why] += unseen.n_characters
            reading.assembly.add("paragraph", unseen.text, hidden=True)


def _items(page: PageText, pieces: Sequence[Piece]) -> list[Prose | PageTable]:
    """The page's items in reading order: what runs in its main direction first, what is turned after it."""
    letters = Counter[int]()
    for piece in pieces:
        letters[piece.quarters] += len(piece.text)
    items: list[Prose | PageTable] = []
    for quarters, _ in letters.most_common():
        drawn = page.drawing.turned(quarters, page.width, page.height)
        own = [piece for piece in pieces if piece.quarters == quarters]
        items += arrange(own, grids(drawn.across, drawn.down))
    return items


def _add_items(reading: Reading, page: PageText, items: Sequence[Prose | PageTable], setting: Setting) -> None:
    """Adds paragraphs, headings, lists and tables; neighbouring items of a list are one block."""
    assembly = reading.assembly
    listed: list[tuple[str, Rect]] = []
    caption = ""

    def end_list() -> None:
        if listed:
            box = _place(around([place for _, place in listed]), quarters, page)
            assembly.add("list", "\n".join(text for text, _ in listed), box=box)
            listed.clear()

    quarters = 0
    for item in items:
        if isinstance(item, PageTable) or item.quarters != quarters:
            end_list()
        quarters = item.quarters
        box = _place(item.box, quarters, page)
        if isinstance(item, PageTable):
            cells = [
                GridCell(s.row, s.col, s.text, s.row_span, s.col_span, box=_place(s.box, quarters, page))
                for s in item.slots
            ]
            before = reading.last if item is items[0] else None
            goes_on = before is not None and item.continues(before)
            again = goes_on and before is not None and item.row(0) == before.row(0)
            table = assembly.add_table(
                cells,
                head_rows=0 if goes_on and not again else None,
                caption=caption,
                box=box,
                confidence=item.confidence,
            )
            if goes_on and table is not None and assembly.n_tables > 1:
                assembly.continue_table(assembly.n_tables - 2)
            caption = ""
            continue
        text = joined([text_of(line) for line in item.lines], whole=setting.whole)
        depth = level(item, text, page.number, setting.body, setting.levels)
        is_caption = _CAPTION.match(text) is not None and len(text) < 600
        if ITEM_START.match(text) and not depth:
            listed.append((text, item.box))
            continue
        end_list()
        if is_caption:
            assembly.add("caption", text, box=box)
        elif depth:
            assembly.add("heading", one_line(text), level=depth, box=box)
        else:
            assembly.add("paragraph", text, box=box)
        caption = text if is_caption else ""
    end_list()
    last = items[-1] if items else None
    reading.last = last if isinstance(last, PageTable) else None


def _place(rect: Rect, quarters: int, page: PageText) -> Box:
    """A rectangle of a frame as thousandths of the page as displayed."""
    frame = (page.height, page.width) if quarters % 2 else (page.width, page.height)
    shown = rect.turned(-quarters % 4, *frame)
    across, down = 1000 / max(page.width, 1e-6), 1000 / max(page.height, 1e-6)

    def within(value: float) -> int:
        return min(1000, max(0, round(value)))

    return Box(
        within(shown.left * across), within(shown.top * down), within(shown.right * across), within(shown.bottom * down)
    )


def _metadata(reading: Reading) -> dict[str, str]:
    """Pages, those that gave nothing by reason, and how much of the text layer is no evidence."""
    made = {"pages": str(len(reading.readings))}
    unread = {number for number, found in reading.readings.items() if found in UNREAD} | set(reading.assembly.silent)
    if unread:
        made["units_not_read"] = ranges(sorted(unread))
    counted = Counter(reading.readings.values())
    made |= {f"pages_{found}": str(counted[found]) for found in (*UNREAD, "empty") if counted[found]}
    if reading.hidden:
        made["hidden_characters"] = ", ".join(f"{n} {why}" for why, n in sorted(reading.hidden.items()))
    if reading.n_running:
        made["running_lines"] = str(reading.n_running)
    return made
