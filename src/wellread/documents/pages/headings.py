"""Which paragraphs are headings, and of which level: by the outline, by their numbers, by size and weight."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pypdfium2 import PdfiumError

from wellread.documents.clean import one_line
from wellread.documents.pages.pieces import Piece, Prose

MAX_BOOKMARKS = 20_000
LARGER = 1.14  # than the body, from where on a line is a heading
LONGEST = 180  # characters
_NUMBERED = re.compile(
    r"(?:(?:chapter|section|part|article|appendix|annex|kapitel|§)\s+)?(\d{1,3}(?:\.\d{1,3}){0,4})\.?\s+\S", re.I
)
_LETTERS = re.compile(r"[^\W\d_]")

Outline = Mapping[tuple[int, str], int]


def outline(document: Any) -> Outline:
    """Levels of the document's bookmarks by page number and folded title; empty where it has none."""
    levels: dict[tuple[int, str], int] = {}
    try:
        for n, mark in enumerate(document.get_toc(max_depth=8)):
            if n >= MAX_BOOKMARKS:
                break
            target = mark.get_dest()
            index = target.get_index() if target is not None else None
            if index is not None:
                levels.setdefault((index + 1, folded(mark.get_title())), min(6, mark.level + 1))
    except (PdfiumError, ctypes.ArgumentError):
        return levels  # a broken outline only costs its levels
    return levels


def folded(title: str) -> str:
    """A title without number, case and blanks, as outline and page may write them differently."""
    words = re.sub(r"\A[\dIVXivx.]+[.)]?\s+", "", one_line(title))
    return "".join(words.split()).casefold()


def body_size(pieces: Iterable[Piece], sizes: Counter[float]) -> float:
    """The size in which most characters so far are set; ``sizes`` goes on counting.

    Args:
        pieces: of further pages.
        sizes: characters by size in half points.
    """
    for piece in pieces:
        sizes[round(2 * piece.size) / 2] += len(piece.text)
    return max(sizes.items(), key=lambda pair: (pair[1], -pair[0]))[0] if sizes else 0.0


def level(item: Prose, text: str, page: int, body: float, levels: Outline) -> int:
    """Level of a heading from 1 to 6; 0 for other text.

    Args:
        item: the paragraph.
        text: its words.
        page: its number.
        body: size of the running text.
        levels: the outline.
    """
    if len(item.lines) > 3 or len(text) > LONGEST or not _LETTERS.search(text) or item.note:
        return 0
    if any(piece.field or piece.skewed for line in item.lines for piece in line.pieces):
        return 0
    if item.lines[0].pieces[0].title:
        return 2
    flat = one_line(text)
    known = levels.get((page, folded(flat))) if levels else None
    if known:
        return known
    size = item.lines[0].size
    bold = all(line.bold for line in item.lines)
    ratio = size / body if body else 1.0
    numbered = _NUMBERED.match(flat)
    if flat.endswith((".", ",", ";", ":")) or " | " in flat or len(flat.split()) > 20:
        return 0
    if ratio < LARGER and not (bold and ratio > 0.93 and len(flat.split()) <= 14 and _starts(flat)):
        return 0
    if numbered:
        return min(6, 1 + numbered[1].count("."))
    return 1 if ratio >= 1.75 else 2 if ratio >= 1.35 else 3 if ratio >= LARGER else 4


def _starts(text: str) -> bool:
    """Whether the first letter is a capital, or of a script without them."""
    first = _LETTERS.search(text)
    return first is not None and not first[0].islower()
