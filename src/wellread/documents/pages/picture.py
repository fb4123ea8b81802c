"""One page of a PDF drawn, with quoted words marked on it; runs in the child process that parses."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pypdfium2

from wellread.documents.pages.glyphs import GlyphReader, characters
from wellread.documents.pages.marks import Mark, Quoted, marks, part_of_page, size_drawn, size_of_part
from wellread.documents.pages.page import frame_of
from wellread.errors import SourceError

LETTERS = np.array([255, 226, 92], np.uint16)  # as a highlighter: what is under it shows through
AREA = np.array([255, 246, 205], np.uint16)
EDGE = np.array([176, 128, 0], np.uint8)
MARGIN = 24  # pixels before a quotation that is too wide for the part
TOP_SHARE = 0.35  # of the part around a quotation lies above it

Pixels = npt.NDArray[np.uint8]  # (height, width, 3), red, green, blue


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A PNG, its size in pixels, how many marks hold letters alone or a whole block, and how many parts have none."""

    png: bytes
    size: tuple[int, int]
    n_exact: int
    n_areas: int
    n_lost: int


def draw(data: bytes, name: str, number: int, quoted: list[Quoted], part: part_of_page) -> DrawnPage:
    """Page ``number``, from 1, of a PDF with the quotation marked, or the ``part`` of it around the first mark.

    Raises: SourceError (broken) where it cannot be opened or drawn, or has no such page.
    """
    try:
        document = pypdfium2.PdfDocument(data)
        try:
            if not 1 <= number <= len(document):
                raise SourceError(f"{name}: has no page {number}", "broken")
            document.init_forms()
            return _draw(document[number - 1], quoted, part)
        finally:
            document.close()
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise SourceError(f"{name}: page {number} cannot be drawn: {error}", "broken") from error


def _draw(page: Any, quoted: list[Quoted], part: part_of_page) -> DrawnPage:
    stored, rotation = frame_of(page)
    width, height = stored.right - stored.left, stored.bottom - stored.top
    shown = (abs(height), width) if rotation % 2 else (width, abs(height))
    textpage = page.get_textpage()
    try:
        read = characters(textpage, GlyphReader(), stored, rotation)
    finally:
        textpage.close()
    found, lost = marks(quoted, read.text, read.boxes, shown)
    pixels = _pixels(page, size_drawn(*shown))
    scale = pixels.shape[1] / max(shown[0], 1e-6), pixels.shape[0] / max(shown[1], 1e-6)
    for mark in sorted(found, key=lambda mark: mark.exact):  # letters over the blocks that hold others
        _mark(pixels, mark, scale)
    pixels = _around(pixels, found, scale, size_of_part(part, *shown))
    exact = sum(mark.exact for mark in found)
    return DrawnPage(png(pixels), (pixels.shape[1], pixels.shape[0]), exact, len(found) - exact, lost)


def _pixels(page: Any, size: tuple[int, int]) -> Pixels:
    across, down = page.get_size()
    scale = min(size[0] / max(across, 1.0), size[1] / max(down, 1.0))
    bitmap = page.render(scale=scale, rev_byteorder=True)
    try:
        rows = np.frombuffer(bitmap.buffer, np.uint8).reshape(bitmap.height, bitmap.stride)
        drawn = rows[:, : bitmap.width * bitmap.n_channels].reshape(bitmap.height, bitmap.width, bitmap.n_channels)
        colours = drawn[:, :, :3] if bitmap.n_channels >= 3 else np.repeat(drawn[:, :, :1], 3, axis=2)
        return np.ascontiguousarray(colours).copy()
    finally:
        bitmap.close()


def _mark(pixels: Pixels, mark: Mark, scale: tuple[float, float]) -> None:
    height, width = pixels.shape[:2]
    left, right = (min(width, max(0, round(x * scale[0]))) for x in (mark.place.left, mark.place.right))
    top, bottom = (min(height, max(0, round(y * scale[1]))) for y in (mark.place.top, mark.place.bottom))
    if right <= left or bottom <= top:
        return
    under = pixels[top:bottom, left:right]
    under[:] = (under * (LETTERS if mark.exact else AREA) // 255).astype(np.uint8)
    if not mark.exact:  # the words stand somewhere in here: an edge as well, so that colour is not all that tells
        for edge in (under[:2], under[-2:], under[:, :2], under[:, -2:]):
            edge[:] = EDGE


def _around(pixels: Pixels, found: list[Mark], scale: tuple[float, float], size: tuple[int, int]) -> Pixels:
    """The part of that size: the upper mark in its upper half, all marks beside each other where they fit."""
    width, height = size
    upper = min((mark.place.top for mark in found), default=0.0) * scale[1]
    left = min((mark.place.left for mark in found), default=0.0) * scale[0]
    right = max((mark.place.right for mark in found), default=0.0) * scale[0]
    room = max(MARGIN, (width - (right - left)) / 2)
    top = min(max(0, round(upper - TOP_SHARE * height)), max(0, pixels.shape[0] - height))
    start = min(max(0, round(left - room)), max(0, pixels.shape[1] - width))
    return pixels[top : top + height, start : start + width]


def png(pixels: Pixels) -> bytes:
    """The picture as a PNG of 8 bits a colour.

    Source: PNG Specification (W3C), third edition, sections 5, 9 and 11.2.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_part(kind, content) for kind, content in parts)


def _png_part(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
