"""One page read: what is shown of it as pieces, what is drawn, and whether its text can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pypdfium2
from pypdfium2 import raw

from wellread.documents.pages.fields import Remark, fields
from wellread.documents.pages.garbled import is_garbled
from wellread.documents.pages.glyphs import Characters, GlyphReader, characters, pieces
from wellread.documents.pages.pieces import Piece, Rect
from wellread.documents.pages.rulings import Drawing, drawing

SMALLEST = 1.0  # points; smaller characters are for machines
FEW = 40  # characters; a page-wide picture with fewer is a scan with a stamp
WIDE_PICTURE = 0.5  # share of the page


@dataclass(frozen=True, slots=True)
class HiddenText:
    """Characters of the text layer that say nothing to a reader: off-page, zero-size, invisible, white, garbled."""

    why: str
    n_characters: int
    text: str


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page gives before its text is put in order; boxes as displayed, pieces in their own frames.

    ``reading`` says what its text layer is worth: text, empty (nothing is there), scan (a picture without text),
    garbled (letters without meaning), broken (pdfium cannot open it). ``hidden`` is what no reader of the page sees.
    """

    number: int
    width: float
    height: float
    pieces: tuple[Piece, ...] = ()
    drawing: Drawing = field(default_factory=Drawing)
    remarks: tuple[Remark, ...] = ()
    reading: str = "text"
    hidden: tuple[HiddenText, ...] = ()


def read_page(document: pypdfium2.PdfDocument, index: int, reader: GlyphReader) -> PageText:
    """Page ``index`` (from 0) of an open document. Raises: PdfiumError for a page that pdfium cannot open."""
    page = document[index]
    try:
        textpage = page.get_textpage()
        try:
            page_box, rotation = frame_of(page)
            return _read(document, page, textpage, page_box, (index + 1, rotation, reader))
        finally:
            textpage.close()
    finally:
        page.close()


def frame_of(page: Any) -> tuple[Rect, int]:
    """An open page as stored, y upwards (left, bottom, right, top), and the quarters by which it is shown turned."""
    stored = raw.FS_RECTF()
    if not raw.FPDF_GetPageBoundingBox(page.raw, stored):
        width, height = page.get_size()
        stored = raw.FS_RECTF(0, height, width, 0)
    page_box = Rect(stored.left, stored.bottom, stored.right, stored.top)
    return page_box, raw.FPDFPage_GetRotation(page.raw) % 4


def _read(
    document: pypdfium2.PdfDocument, page: Any, textpage: Any, page_box: Rect, how: tuple[int, int, GlyphReader]
) -> PageText:
    number, rotation, reader = how
    width, height = page_box.right - page_box.left, page_box.bottom - page_box.top
    height = abs(height)
    found = characters(textpage, reader, page_box, rotation)
    drawn = drawing(page, page_box, rotation)
    size = (height, width) if rotation % 2 else (width, height)

    def shown(left: float, low: float, right: float, high: float) -> Rect:
        box = Rect(left - page_box.left, page_box.bottom - high, right - page_box.left, page_box.bottom - low)
        return box.turned(-rotation % 4, width, height)

    printed = found.printed
    mask, hidden = visible_characters(found, printed, drawn, size)
    form = document.formenv.raw if document.formenv is not None else None
    values, remarks = fields(page, form, shown, len(found.codes) + 1)
    n_shown = int(mask.sum())
    covered = max((box.width * box.height for box in drawn.pictures), default=0.0) / max(1.0, size[0] * size[1])
    reading = "text"
    if n_shown < FEW and covered >= WIDE_PICTURE:
        reading = "scan"
    elif is_garbled(found, mask):
        reading = "garbled"
    elif n_shown == 0 and not values and not remarks:
        reading = "scan" if covered >= 0.02 or drawn.n_paths > 200 else "empty"
    if reading == "garbled":
        hidden["garbled"], mask = mask, np.zeros_like(mask)
    read = pieces(found, mask, size[0], size[1], drawn.down if drawn.across else [])
    unseen = tuple(
        HiddenText(why, int(own.sum()), "\n".join(piece.text for piece in pieces(found, own, size[0], size[1])))
        for why, own in sorted(hidden.items())
    )
    return PageText(number, size[0], size[1], (*read, *values), drawn, tuple(remarks), reading, unseen)


def visible_characters(
    page: Characters, printed: npt.NDArray[np.bool_], drawn: Drawing, size: tuple[float, float]
) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.bool_]]]:
    """Which characters a reader of the page sees, and which are hidden for which reason.

    Invisible ink over a picture that fills the page is the text of a scan, read by somebody's OCR, and is kept.
    """
    boxes = page.boxes
    left, top, right, bottom = boxes.T if len(boxes) else np.zeros((4, 0))
    outside = (right < 0) | (left > size[0]) | (bottom < 0) | (top > size[1])
    heights, widths = bottom - top, right - left
    across = np.where(page.quarters % 2 == 1, widths, heights)
    n_printed = max(1, int(printed.sum()))
    tiny = across < SMALLEST
    if (tiny & printed).sum() > 0.5 * n_printed:  # a page that is drawn small, or fonts without a height
        tiny = np.zeros_like(tiny)
    scan = any(box.width * box.height >= WIDE_PICTURE * size[0] * size[1] for box in drawn.pictures)
    invisible = page.invisible & ~np.bool_(scan)
    white = page.white & ~page.invisible
    if (white & printed).any():
        x, y = (left + right) / 2, (top + bottom) / 2
        for box in (*drawn.areas, *drawn.pictures):
            inside = (x >= box.left - 1) & (x <= box.right + 1) & (y >= box.top - 1) & (y <= box.bottom + 1)
            white &= ~inside
    mask = printed.copy()
    hidden: dict[str, npt.NDArray[np.bool_]] = {}
    for name, found in (("off-page", outside), ("zero-size", tiny), ("invisible", invisible), ("white", white)):
        own = mask & found
        if own.any():
            hidden[name] = own
            mask &= ~found
    return mask, hidden
