"""Pieces of text on a page and their boxes: what the readers of characters and of layout share.

All boxes are in points with y growing downwards, (left, top, right, bottom); a frame is the page turned so that its
text runs from left to right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Rect(NamedTuple):
    """A rectangle in points: x grows to the right, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Points from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Points from top to bottom."""
        return self.bottom - self.top

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies inside or on the edge."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def turned(self, quarters: int, width: float, height: float) -> Rect:
        """The box after the page of ``width`` x ``height`` was turned counterclockwise by ``quarters`` right angles."""
        left, top, right, bottom = self
        if quarters == 1:
            return Rect(top, width - right, bottom, width - left)
        if quarters == 2:
            return Rect(width - right, height - bottom, width - left, height - top)
        if quarters == 3:
            return Rect(height - bottom, left, height - top, right)
        return self


def around(boxes: list[Rect]) -> Rect:
    """The smallest box that holds all of ``boxes`` (at least one)."""
    return Rect(
        min(b.left for b in boxes), min(b.top for b in boxes), max(b.right for b in boxes), max(b.bottom for b in boxes)
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters that stand side by side on one line, in the order of the page's text.

    ``size`` is the height of a character's cell in points, ``order`` the place in the page's text; ``quarters`` is how
    often the page has to be turned counterclockwise by 90 degrees for the piece to stand upright. A ``title`` heads its
    page as like ones head the others.
    """

    text: str
    box: Rect
    size: float
    order: int
    bold: bool = False
    rtl: bool = False
    quarters: int = 0
    skewed: bool = False
    field: bool = False
    title: bool = False


@dataclass(frozen=True, slots=True)
class PageLine:
    """Pieces on one baseline in reading order; ``gap`` is the distance in points to the line above."""

    pieces: tuple[Piece, ...]
    box: Rect
    gap: float = 0.0

    @property
    def size(self) -> float:
        """Height of the characters of the longest piece."""
        return max(self.pieces, key=lambda piece: len(piece.text)).size

    @property
    def bold(self) -> bool:
        """Whether every piece is bold."""
        return all(piece.bold for piece in self.pieces)

    @property
    def has_cells(self) -> bool:
        """Whether some of its pieces stand further apart than words do."""
        return any(
            max(two.box.left - one.box.right, one.box.left - two.box.right) > max(one.size, two.size)
            for one, two in pairwise(self.pieces)
        )

    @property
    def rtl(self) -> bool:
        """Whether most characters are read from right to left."""
        return 2 * sum(len(p.text) for p in self.pieces if p.rtl) > sum(len(p.text) for p in self.pieces)


@dataclass(frozen=True, slots=True)
class Slot:
    """A cell of a table on the page: its place and spans in the grid, its text and box."""

    row: int
    col: int
    row_span: int
    col_span: int
    text: str
    box: Rect


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table on the page: slots in row order; ``confidence`` says how sure its columns are, 0 to 1."""

    slots: tuple[Slot, ...]
    n_rows: int
    n_cols: int
    box: Rect
    edges: tuple[float, ...]
    confidence: float
    ruled: bool = False
    quarters: int = 0

    def row(self, number: int) -> tuple[str, ...]:
        """The texts of one row."""
        return tuple(slot.text for slot in self.slots if slot.row == number)

    def continues(self, before: PageTable) -> bool:
        """Whether the columns of the table that ends the page before go on here."""
        if self.n_cols != before.n_cols or self.ruled != before.ruled or self.quarters != before.quarters:
            return False
        near = 4.0 if self.ruled else 12.0
        moved = [abs(a - b) > near for a, b in zip(self.edges, before.edges, strict=False)]
        return len(self.edges) == len(before.edges) and sum(moved) <= (0 if self.ruled else 0.3 * len(moved))


@dataclass(frozen=True, slots=True)
class Prose:
    """Lines that belong together: a paragraph, a heading or a list item."""

    lines: tuple[PageLine, ...]
    note: str = ""

    @property
    def box(self) -> Rect:
        """All its lines."""
        return around([line.box for line in self.lines])

    @property
    def quarters(self) -> int:
        """How often the page has to be turned for it to stand upright."""
        return self.lines[0].pieces[0].quarters
