"""The characters of a page as pieces of text: the letters are pdfium's, their boxes say where a piece ends.

A character costs three calls into pdfium (about a microsecond in all); the rest is done on arrays of the whole page.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product, repeat
from typing import Any

import numpy as np
import numpy.typing as npt
from pypdfium2 import raw

from wellread.documents.clean import visible
from wellread.documents.pages.pieces import Piece, Rect

MAX_CHARACTERS = 400_000  # of one page
COLUMN_GAP = 1.0  # of the height of a character; a wider gap ends a piece
DRAWN_APART = 0.55  # likewise, where what follows was drawn for itself
LETTERS_A_RUN = 4  # on the average; with fewer every letter may be drawn for itself, which says nothing
SAME_LINE = 0.35  # of the lower character's height that two characters on a line overlap at least
_HYPHENS = (2, 0xFFFE)  # what pdfium writes for a hyphen at the end of a line
_SPACES = np.array([0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF])
_RTL = ((0x0590, 0x08FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFC), (0x10800, 0x10FFF), (0x1E800, 0x1EFFF))
_LAM, _ALEFS = 0x0644, frozenset((0x0622, 0x0623, 0x0625, 0x0627))
_RAISED = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_RAISABLE = frozenset("0123456789+-−=()")

Boxes = npt.NDArray[np.float64]  # (characters, 4): left, top, right, bottom
Numbers = npt.NDArray[np.int64]


def _function(of: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A function of pdfium without pypdfium2's conversion of pointers, which costs more than the call."""
    return ctypes.CFUNCTYPE(result, *arguments)(ctypes.cast(of, ctypes.c_void_p).value or 0)


_P, _I = ctypes.c_void_p, ctypes.c_int
_unicode = _function(raw.FPDFText_GetUnicode, ctypes.c_uint, _P, _I)
_loose_box = _function(raw.FPDFText_GetLooseCharBox, _I, _P, _I, _P)
_angle = _function(raw.FPDFText_GetCharAngle, ctypes.c_float, _P, _I)
_text_object = _function(raw.FPDFText_GetTextObject, _P, _P, _I)
_unmapped = _function(raw.FPDFText_HasUnicodeMapError, _I, _P, _I)
_render_mode = _function(raw.FPDFTextObj_GetTextRenderMode, _I, _P)
_font = _function(raw.FPDFTextObj_GetFont, _P, _P)
_fill = _function(raw.FPDFPageObj_GetFillColor, _I, _P, _P, _P, _P, _P)
_font_name = _function(raw.FPDFFont_GetBaseFontName, ctypes.c_size_t, _P, _P, ctypes.c_size_t)
_font_flags = _function(raw.FPDFFont_GetFlags, _I, _P)


@dataclass(frozen=True, slots=True)
class Ink:
    """How a run of characters is drawn."""

    bold: bool
    invisible: bool
    white: bool


_INKS = {key: Ink(*key) for key in product((False, True), repeat=3)}


@dataclass(slots=True)
class GlyphReader:
    """Buffers that are kept from page to page, and the fonts of the page that is open; not for two threads."""

    fonts: dict[int, bool] = field(default_factory=dict)
    _buffer: Any = None
    _places: list[Any] = field(default_factory=list)
    _colour: list[Any] = field(default_factory=lambda: [ctypes.c_uint() for _ in range(4)])
    _colour_places: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._colour_places = [ctypes.byref(value) for value in self._colour]

    def boxes(self, handle: int, n: int) -> Boxes:
        """Boxes of the first ``n`` characters, y growing upwards: left, bottom, right, top."""
        if n > len(self._places):
            size = max(4_096, 1 << n.bit_length())
            self._buffer = (ctypes.c_float * (4 * size))()
            self._places = [ctypes.byref(self._buffer, 16 * at) for at in range(size)]
        deque(map(_loose_box, repeat(handle, n), range(n), self._places), maxlen=0)
        # FS_RECTF holds left, top, right, bottom.
        made = np.frombuffer(self._buffer, np.float32, 4 * n).reshape(n, 4).astype(np.float64)
        return made[:, [0, 3, 2, 1]]

    def ink(self, text_object: int) -> Ink:
        """How a text object of the page that is open is drawn."""
        red, green, blue, alpha = self._colour
        mode = _render_mode(text_object)
        found = _fill(text_object, *self._colour_places)
        white = bool(found) and min(red.value, green.value, blue.value) >= 250
        clear = bool(found) and alpha.value < 8 and mode in (0, 2)
        return _INKS[self._is_bold(_font(text_object)) or mode == 2, mode == 3 or clear, white]

    def _is_bold(self, font: int | None) -> bool:
        if not font:
            return False
        if font not in self.fonts:
            name = ctypes.create_string_buffer(256)
            _font_name(font, name, 256)
            words = name.value.lower()
            self.fonts[font] = any(word in words for word in (b"bold", b"black", b"heavy")) or bool(
                _font_flags(font) & 1 << 18
            )
        return self.fonts[font]


@dataclass(frozen=True, slots=True)
class Characters:
    """All characters of a page, generated blanks and line ends included, as parallel arrays of length n."""

    codes: Numbers
    text: str
    boxes: Boxes  # as displayed, y downwards
    quarters: Numbers
    skewed: npt.NDArray[np.bool_]
    bold: npt.NDArray[np.bool_]
    invisible: npt.NDArray[np.bool_]
    white: npt.NDArray[np.bool_]
    run: Numbers  # number of the text object, so that neighbours drawn apart are known
    n_unmapped: int

    @property
    def printed(self) -> npt.NDArray[np.bool_]:
        """Which of them leave a mark: no blanks, no controls but pdfium's hyphens."""
        return ((self.codes > 32) & ~np.isin(self.codes, _SPACES)) | np.isin(self.codes, _HYPHENS)


def characters(textpage: Any, reader: GlyphReader, page_box: Rect, rotation: int) -> Characters:
    """Reads every character of an open text page.

    Args:
        textpage: pypdfium2's text page.
        reader: kept between the pages of a document.
        page_box: the page as stored, y upwards: left, bottom, right, top.
        rotation: quarters by which the page is turned clockwise when it is displayed.
    """
    handle = ctypes.cast(textpage.raw, ctypes.c_void_p).value or 0
    n = min(textpage.count_chars(), MAX_CHARACTERS)
    if not n:
        return _none()
    codes = list(map(_unicode, repeat(handle, n), range(n)))
    objects = np.array([at or 0 for at in map(_text_object, repeat(handle, n), range(n))], np.int64)
    objects = objects[np.maximum.accumulate(np.where(objects != 0, np.arange(n), 0))]  # what is generated: as before it
    stored = reader.boxes(handle, n)
    left, low, _, high = page_box
    boxes = np.stack([stored[:, 0] - left, high - stored[:, 3], stored[:, 2] - left, high - stored[:, 1]], axis=1)
    boxes = turn(boxes, -rotation % 4, page_box.right - left, high - low)
    _mend_lam_alef(codes, boxes)
    reader.fonts.clear()  # a handle may name another font once its page is closed
    changes = np.diff(objects, prepend=-1) != 0
    starts = np.flatnonzero(changes)
    lengths = np.diff(np.append(starts, n))
    inks: dict[int, Ink] = {0: _INKS[False, False, False]}
    drawn = [inks.get(at) or inks.setdefault(at, reader.ink(at)) for at in objects[starts].tolist()]
    flags = np.array([(ink.bold, ink.invisible, ink.white) for ink in drawn], bool)
    bold, invisible, white = np.repeat(flags, lengths, axis=0).T
    degrees = np.degrees(list(map(_angle, repeat(handle), starts.tolist()))) + 90 * rotation
    nearest = np.round(degrees / 90)
    quarters = np.repeat(nearest.astype(np.int64) % 4, lengths)
    skewed = np.repeat(np.abs(degrees - 90 * nearest) > 10, lengths)
    n_unmapped = _count_unmapped(handle, codes)
    text = "".join(map(chr, codes))
    runs = np.cumsum(changes)
    return Characters(
        np.array(codes, np.int64), text, boxes, quarters, skewed, bold, invisible, white, runs, n_unmapped
    )


def _none() -> Characters:
    no, numbers = np.zeros(0, bool), np.zeros(0, np.int64)
    return Characters(numbers, "", np.zeros((0, 4)), numbers, no, no, no, no, numbers, 0)


def _mend_lam_alef(codes: list[int], boxes: Boxes) -> None:
    """Puts lam before alef where one glyph stands for both: pdfium turns the two round with the rest of the line."""
    if _LAM not in codes:
        return
    for at in range(len(codes) - 1):
        if codes[at + 1] == _LAM and codes[at] in _ALEFS and bool((boxes[at] == boxes[at + 1]).all()):
            codes[at], codes[at + 1] = _LAM, codes[at]


def _count_unmapped(handle: int, codes: Sequence[int]) -> int:
    """Printed characters that pdfium could not map to Unicode, estimated from up to 400 of them."""
    step = max(1, len(codes) // 400)
    sample = [at for at in range(0, len(codes), step) if codes[at] not in (10, 13, 32)]
    return step * sum(bool(_unmapped(handle, at) == 1) for at in sample)


def turn(boxes: Boxes, quarters: int, width: float, height: float) -> Boxes:
    """``Rect.turned`` for an array of boxes."""
    left, top, right, bottom = boxes.T
    if quarters == 1:
        return np.stack([top, width - right, bottom, width - left], axis=1)
    if quarters == 2:
        return np.stack([width - right, height - bottom, width - left, height - top], axis=1)
    if quarters == 3:
        return np.stack([height - bottom, left, height - top, right], axis=1)
    return boxes


def pieces(
    page: Characters, shown: npt.NDArray[np.bool_], width: float, height: float, borders: Sequence[Rect] = ()
) -> list[Piece]:
    """The characters that are ``shown`` as pieces, in the order of the page's text.

    Args:
        page: the characters.
        shown: which of them are read, as a mask.
        width: of the page as displayed, in points.
        height: likewise.
        borders: upright lines of tables, as displayed; no piece crosses one.
    """
    made: list[Piece] = []
    printed = np.flatnonzero(page.printed & shown)
    rank = np.arange(len(printed))
    groups = page.quarters[printed] + 4 * page.skewed[printed]
    for group in np.unique(groups).tolist():
        own = groups == group
        boxes = turn(page.boxes[printed[own]], group % 4, width, height)
        lines = [border.turned(group % 4, width, height) for border in borders]
        made += _pieces_of(page, printed[own], rank[own], boxes, group, lines)
    return sorted(made, key=lambda piece: piece.order)


def _pieces_of(
    page: Characters, at: Numbers, rank: Numbers, boxes: Boxes, group: int, borders: Sequence[Rect]
) -> list[Piece]:
    """Pieces of the characters ``at``, which all run in one direction."""
    ends = (page.codes == 10) | (page.codes == 13)
    line_of = np.cumsum(ends)[at]
    rtl = is_rtl(page.codes[at])
    rtl_lines = np.unique(line_of[rtl])
    from_right = np.isin(line_of, rtl_lines) if len(rtl_lines) else np.zeros(len(at), bool)
    torn = np.diff(rank, prepend=-9) != 1
    runs = page.run[at]
    if len(at) >= LETTERS_A_RUN * len(np.unique(runs)):
        gaps = boxes[1:, 0] - boxes[:-1, 2]
        torn[1:] |= (np.diff(runs) != 0) & (gaps > DRAWN_APART * (boxes[1:, 3] - boxes[1:, 1])) & ~from_right[1:]
    starts = _starts(boxes, line_of, torn, from_right, borders)
    heights = boxes[:, 3] - boxes[:, 1]
    left, top = np.minimum.reduceat(boxes[:, 0], starts), np.minimum.reduceat(boxes[:, 1], starts)
    right, bottom = np.maximum.reduceat(boxes[:, 2], starts), np.maximum.reduceat(boxes[:, 3], starts)
    tallest, lowest = np.maximum.reduceat(heights, starts), np.minimum.reduceat(heights, starts)
    lengths = np.diff([*starts.tolist(), len(at)])
    bold = np.add.reduceat(page.bold[at].astype(np.int64), starts) * 2 > lengths
    n_rtl = np.add.reduceat(rtl.astype(np.int64), starts)
    made = []
    for n, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        own = slice(start, start + length)
        size = float(tallest[n])
        if size - lowest[n] > 0.12 * size and not n_rtl[n]:
            size = float(np.median(heights[own]))
            text = _with_superscripts(page, at[own], boxes[own], size)
        else:
            text = page.text[at[start] : at[start + length - 1] + 1]
        text = readable(text)
        if text:
            box = Rect(float(left[n]), float(top[n]), float(right[n]), float(bottom[n]))
            made.append(Piece(text, box, size, int(at[start]), bool(bold[n]), bool(n_rtl[n]), group % 4, group >= 4))
    return made


def _starts(
    boxes: Boxes,
    line_of: Numbers,
    torn: npt.NDArray[np.bool_],
    from_right: npt.NDArray[np.bool_],
    borders: Sequence[Rect],
) -> Numbers:
    """Where pieces begin among characters in the order of the text."""
    one, two = boxes[:-1], boxes[1:]
    heights = boxes[:, 3] - boxes[:, 1]
    low, high = np.minimum(heights[:-1], heights[1:]), np.maximum(heights[:-1], heights[1:])
    overlap = np.minimum(one[:, 3], two[:, 3]) - np.maximum(one[:, 1], two[:, 1])
    gap = two[:, 0] - one[:, 2]
    new_line = np.diff(line_of) != 0
    apart = (gap > COLUMN_GAP * high) | (gap < -1.2 * high)
    breaks = (overlap < SAME_LINE * low) | (apart & ~from_right[1:])
    lower_line = (low > 0.88 * high) & (overlap < 0.7 * low)
    breaks |= new_line & (from_right[1:] | (gap > 0.4 * high) | (gap < -0.3 * high) | lower_line)
    breaks |= torn[1:]
    for border in borders[:400]:
        x = (border.left + border.right) / 2
        middle = (two[:, 1] + two[:, 3]) / 2
        beside = (one[:, 2] - 1.5 <= x) & (two[:, 0] + 1.5 >= x) & (one[:, 0] < x) & (two[:, 2] > x)
        breaks |= beside & (middle >= border.top - 1) & (middle <= border.bottom + 1)
    if from_right.any():
        breaks |= _breaks_from_right(boxes, breaks, from_right)
    return np.concatenate([[0], 1 + np.flatnonzero(breaks)]).astype(np.int64)


def _breaks_from_right(
    boxes: Boxes, breaks: npt.NDArray[np.bool_], from_right: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Further ends of pieces in lines that hold words from right to left: a blank strip that no character crosses."""
    made = np.zeros_like(breaks)
    starts = [0, *(1 + np.flatnonzero(breaks)).tolist(), len(boxes)]
    for start, end in pairwise(starts):
        if end - start < 2 or not from_right[start]:
            continue
        own = boxes[start:end]
        by_place = np.argsort(own[:, 0])
        edge = np.maximum.accumulate(own[by_place, 2])
        gaps = own[by_place[1:], 0] - edge[:-1]
        wide = np.flatnonzero(gaps > 2 * COLUMN_GAP * (own[:, 3] - own[:, 1]).max())
        if len(wide):
            part = np.zeros(end - start, np.int64)
            part[by_place] = np.searchsorted(wide, np.arange(end - start), side="left")
            made[start : end - 1] |= np.diff(part) != 0
    return made


def is_rtl(codes: Numbers) -> npt.NDArray[np.bool_]:
    """Which characters belong to scripts that are written from right to left."""
    found = np.zeros(len(codes), bool)
    if len(codes) and codes.max() >= _RTL[0][0]:
        for low, high in _RTL:
            found |= (codes >= low) & (codes <= high)
    return found


def _with_superscripts(page: Characters, at: Numbers, boxes: Boxes, size: float) -> str:
    """The text of one piece with raised digits and signs as Unicode superscripts."""
    heights = boxes[:, 3] - boxes[:, 1]
    usual = np.abs(heights - size) <= 0.12 * size
    if not usual.any():
        usual[:] = True
    bottom = float(np.median(boxes[usual, 3]))
    raised = (heights < 0.88 * size) & (bottom - boxes[:, 3] > 0.2 * size)
    out: list[str] = []
    n = 0
    while n < len(at):
        end = n + 1
        while end < len(at) and raised[end] == raised[n]:
            end += 1
        part = page.text[at[n] : at[end - 1] + 1]
        mark = bool(raised[n] and n) and set(part) <= _RAISABLE and any(sign.isdigit() for sign in part)
        if mark:
            part = part.translate(_RAISED)
            out[-1] = out[-1].rstrip("\r\n")
        between = page.text[at[end - 1] + 1 : at[end]] if end < len(at) else ""
        out += [part, between if between.strip("\r\n") or not mark else ""]
        n = end
    return "".join(out)


def readable(text: str) -> str:
    """One line of pdfium's characters: hyphens as hyphens, blanks single, halves of a character joined."""
    text = text.replace("\x02", "-").replace("\ufffe", "-")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(visible(text).split())
