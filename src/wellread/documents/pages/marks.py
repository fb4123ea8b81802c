"""Where quoted words stand on a page, and how large a page is drawn: geometry alone, nothing is opened here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from wellread.documents.pages.pieces import Rect
from wellread.types import Box

WIDTH, HIGHEST = 1_100, 1_600  # pixels of a page that is drawn, at most
STRIP = 0.5  # height of the part around a quotation, in widths of the page
SPOT = (640, 420)  # pixels of the part that a small screen shows, at most
part_of_page = Literal["page", "strip", "spot"]
AROUND = 15  # thousandths of a page by which a letter may stand beside the box that it belongs to
MOST_PLACES = 200  # of a text that stands on the page again and again


@dataclass(frozen=True, slots=True)
class Quoted:
    """A part of a quotation that stands on one page; ``box`` holds it and perhaps more, None where none is known."""

    text: str
    box: Box | None = None


class Mark(NamedTuple):
    """A rectangle on the page; ``exact`` where it holds the quoted letters alone."""

    place: Rect
    exact: bool


def size_drawn(width: float, height: float) -> tuple[int, int]:
    """Pixels of a page of that many points; neither side is longer than it may be."""
    scale = min(WIDTH / max(width, 1.0), HIGHEST / max(height, 1.0))
    return max(1, round(width * scale)), max(1, round(height * scale))


def size_of_part(part: part_of_page, width: float, height: float) -> tuple[int, int]:
    """The same for the whole page, a strip of it around a quotation, or a spot for a small screen."""
    across, down = size_drawn(width, height)
    if part == "strip":
        return across, min(down, max(1, round(across * STRIP)))
    return (min(across, SPOT[0]), min(down, SPOT[1])) if part == "spot" else (across, down)


def marks(
    quoted: list[Quoted], text: str, boxes: npt.NDArray[np.float64], size: tuple[float, float]
) -> tuple[list[Mark], int]:
    """Rectangles that show the quoted parts, and how many parts could not be placed.

    A part is looked for by its letters and digits alone, within its box: blanks, hyphens at the end of a line and the
    bars of a table are not in the file. Where the letters are not there in this order, its whole box is marked.

    Args:
        quoted: parts of the quotation on this page.
        text: the characters of the page, n of them.
        boxes: their rectangles as displayed, (n, 4): left, top, right, bottom.
        size: width and height of the page, in the units of ``boxes``.
    """
    letters, places = _letters(text)
    found: list[Mark] = []
    lost = 0
    for part in quoted:
        area = _scaled(part.box, size) if part.box is not None else None
        if at := _place(_letters(part.text)[0], letters, places, (boxes, area)):
            start, end = _with_signs(part.text, text, at)
            found += [Mark(line, True) for line in lines(boxes[start:end])]
        elif area is not None:
            found.append(Mark(area, False))
        else:
            lost += 1
    return found, lost


def lines(boxes: npt.NDArray[np.float64]) -> Iterator[Rect]:
    """Characters in their order, joined while they stand side by side on a line."""
    current: Rect | None = None
    for values in boxes.tolist():
        box = Rect(*values)
        if box.width <= 0 or box.height <= 0:
            continue
        if current is not None and _goes_on(current, box):
            left, right = min(current.left, box.left), max(current.right, box.right)
            current = Rect(left, min(current.top, box.top), right, max(current.bottom, box.bottom))
            continue
        if current is not None:
            yield current
        current = box
    if current is not None:
        yield current


def _goes_on(line: Rect, box: Rect) -> bool:
    shared = min(line.bottom, box.bottom) - max(line.top, box.top)
    gap = max(box.left - line.right, line.left - box.right)
    return shared > 0.5 * min(line.height, box.height) and gap < 3 * line.height


def _letters(text: str) -> tuple[str, list[int]]:
    """Letters and digits without case, accents and ligatures; for each, the place of the character that it is of."""
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in unicodedata.normalize("NFKD", character).casefold():
            if letter.isalnum():
                kept.append(letter)
                places.append(place)
    return "".join(kept), places


def _place(
    wanted: str, letters: str, places: list[int], where: tuple[npt.NDArray[np.float64], Rect | None]
) -> list[int]:
    """The characters that hold ``wanted``: those within the area best, without one where it stands only once."""
    boxes, area = where
    starts = list(_occurrences(wanted, letters))
    if area is None:
        return _span(places, starts[0], len(wanted)) if len(starts) == 1 else []
    best: list[int] = []
    most = 0.5
    for start in starts:
        at = _span(places, start, len(wanted))
        x, y = (boxes[at, 0] + boxes[at, 2]) / 2, (boxes[at, 1] + boxes[at, 3]) / 2
        inside = (x >= area.left) & (x <= area.right) & (y >= area.top) & (y <= area.bottom)
        if (share := float(inside.mean())) > most:
            best, most = at, share
    return best


def _with_signs(quote: str, text: str, at: list[int]) -> tuple[int, int]:
    """First and last place of the letters, and as many signs beside them as the quotation begins and ends with."""
    first, last = at[0], at[-1] + 1
    inner = quote.strip()
    for _ in takewhile(lambda sign: not sign.isalnum(), inner):
        first -= first > 0 and _is_sign(text[first - 1])
    for _ in takewhile(lambda sign: not sign.isalnum(), reversed(inner)):
        last += last < len(text) and _is_sign(text[last])
    return first, last


def _is_sign(character: str) -> bool:
    return character.isprintable() and not character.isalnum() and not character.isspace()


def _occurrences(wanted: str, letters: str) -> Iterator[int]:
    start = letters.find(wanted) if wanted else -1
    for _ in range(MOST_PLACES):
        if start < 0:
            return
        yield start
        start = letters.find(wanted, start + 1)


def _span(places: list[int], start: int, length: int) -> list[int]:
    return list(range(places[start], places[start + length - 1] + 1))


def _scaled(box: Box, size: tuple[float, float]) -> Rect:
    width, height = size[0] / 1000, size[1] / 1000
    left, top, right, bottom = box
    return Rect((left - AROUND) * width, (top - AROUND) * height, (right + AROUND) * width, (bottom + AROUND) * height)
