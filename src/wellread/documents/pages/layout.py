"""Reading order: a page's pieces as paragraphs and tables, column by column, as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np

from wellread.documents.pages.loose import is_number, tables
from wellread.documents.pages.pieces import PageLine, PageTable, Piece, Prose, Rect, Slot, around
from wellread.documents.pages.ruled import Grid, Pane

ITEM_START = re.compile(r"(?:[•‣▪●○◦■□–—*·]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)])\s+\S")
_BIN = 2.0  # points

Element = Piece | PageTable


@dataclass(frozen=True, slots=True)
class Gutter:
    """A blank strip between two columns of text."""

    low: float
    high: float

    @property
    def x(self) -> float:
        """Its middle."""
        return (self.low + self.high) / 2


def arrange(pieces: Sequence[Piece], grids: Sequence[Grid]) -> list[Prose | PageTable]:
    """Paragraphs and tables of the pieces of one frame (which all run in one direction), in reading order.

    Args:
        pieces: in the order of the page's text, with boxes in the frame.
        grids: ruled tables in the same frame.
    """
    figures, free = _fill_grids(pieces, grids)
    skewed = [piece for piece in free if piece.skewed]
    elements: list[Element] = [*figures, *(piece for piece in free if not piece.skewed)]
    items = _in_columns(elements)
    return items + [Prose((PageLine((piece,), piece.box),)) for piece in skewed]


def _box(element: Element) -> Rect:
    return element.box


def _fill_grids(pieces: Sequence[Piece], grids: Sequence[Grid]) -> tuple[list[PageTable], list[Piece]]:
    """Ruled tables with their text, and the pieces that stand outside of them."""
    inside: dict[int, dict[int, list[Piece]]] = {}
    free: list[Piece] = []
    by_area = sorted(range(len(grids)), key=lambda n: grids[n].box.width * grids[n].box.height)
    for piece in pieces:
        x, y = (piece.box.left + piece.box.right) / 2, (piece.box.top + piece.box.bottom) / 2
        at = next((n for n in by_area if grids[n].box.holds(x, y)), None)
        pane = None if at is None else next((i for i, p in enumerate(grids[at].panes) if p.box.holds(x, y)), None)
        if at is None or pane is None:
            free.append(piece)
        else:
            inside.setdefault(at, {}).setdefault(pane, []).append(piece)
    figures = []
    for at, held in inside.items():
        figure = _ruled(grids[at], held)
        if figure is None:
            free += [piece for found in held.values() for piece in found]
        else:
            figures.append(figure)
    return figures, sorted(free, key=lambda piece: piece.order)


def _ruled(grid: Grid, held: dict[int, list[Piece]]) -> PageTable | None:
    """The grid with its text; None where it only frames text."""
    filled = [(grid.panes[at], _lines(found)) for at, found in sorted(held.items())]
    columns, rows = {pane.col for pane, _ in filled}, {pane.row for pane, _ in filled}
    most = max(len(lines) for _, lines in filled)
    if len(filled) < 2 or len(columns) < 2 or (len(rows) < 2 and most < 2):
        return None
    if most > 8 and len(filled) <= 3:
        return None
    if any(_is_frame(lines, found) for (_, lines), (_, found) in zip(filled, sorted(held.items()), strict=True)):
        return None
    slots: list[Slot] = []
    shift = 0
    spanned = [pane for pane, _ in filled if pane.row_span > 1]
    for row in range(len(grid.edges_y) - 1):
        band = [(pane, lines) for pane, lines in filled if pane.row == row]
        inside = any(pane.row <= row < pane.row + pane.row_span for pane in spanned)
        n = 1 if inside else _rows_of_band(band)
        for pane, lines in band:
            if len(lines) == n > 1:
                slots += [
                    Slot(row + shift + i, pane.col, 1, pane.col_span, text_of(line), line.box)
                    for i, line in enumerate(lines)
                ]
            else:
                slots.append(_slot(pane, lines, shift, n))
        shift += n - 1
    slots.sort(key=lambda slot: (slot.row, slot.col))
    n_rows, n_cols = len(grid.edges_y) - 1 + shift, len(grid.edges_x) - 1
    quarters = next(iter(held.values()))[0].quarters
    return PageTable(tuple(slots), n_rows, n_cols, grid.box, grid.edges_x, 0.97, ruled=True, quarters=quarters)


def _is_frame(lines: Sequence[PageLine], pieces: Sequence[Piece]) -> bool:
    """Whether a cell holds columns of its own: text side by side, or rows of further cells."""
    apart = sum(line.has_cells for line in lines)
    return (apart > 1 and apart >= 0.3 * len(lines)) or (len(lines) > 4 and _gutter(pieces) is not None)


def _slot(pane: Pane, lines: Sequence[PageLine], shift: int, n: int) -> Slot:
    """A cell as one value; over ``n`` rows where the band between two rulings holds so many."""
    text = joined([text_of(line, " ") for line in lines], " ")
    box = around([line.box for line in lines])
    return Slot(pane.row + shift, pane.col, pane.row_span + n - 1, pane.col_span, text, box)


def _rows_of_band(band: Sequence[tuple[Pane, list[PageLine]]]) -> int:
    """How many rows stand between two rulings.

    Several where all cells of more than one line have as many, at the same heights, and they are three or one of
    them holds figures alone.
    """
    several = [lines for _, lines in band if len(lines) > 1]
    if len(several) < 2 or len({len(lines) for lines in several}) > 1:
        return 1
    n = len(several[0])
    figures = any(all(is_number(text_of(line)) for line in lines) for lines in several)
    level = all(
        abs(lines[i].box.bottom - several[0][i].box.bottom) < 0.5 * lines[i].size for lines in several for i in range(n)
    )
    return n if (figures or n > 2) and level else 1


def _in_columns(elements: Sequence[Element]) -> list[Prose | PageTable]:
    """Zones from top to bottom; neighbours that share a gutter are read as columns."""
    if not elements:
        return []
    items: list[Prose | PageTable] = []
    open_zone: list[Element] = []
    gutter: Gutter | None = None
    for zone in _zones(elements):
        own = _gutter(zone)
        both = _shared(gutter, own) if gutter and own else None
        if both or (own is None and (gutter is None or _fits(zone, gutter))):
            open_zone += zone
            gutter = both or gutter
        else:
            items += _zone(open_zone, gutter)
            open_zone, gutter = list(zone), own
    return items + _zone(open_zone, gutter)


def _zone(zone: Sequence[Element], gutter: Gutter | None) -> list[Prose | PageTable]:
    if not zone:
        return []
    if gutter is None:
        return _column(zone)
    items: list[Prose | PageTable] = []
    across = sorted((e for e in zone if _side(e, gutter) == 0), key=lambda e: _box(e).top)
    rest = [e for e in zone if _side(e, gutter) != 0]
    rtl = sum(isinstance(e, Piece) and e.rtl for e in rest) * 2 > len(rest)
    for n in range(len(across) + 1):
        limit = _middle(across[n]) if n < len(across) else float("inf")
        band = [e for e in rest if _middle(e) < limit]
        rest = [e for e in rest if _middle(e) >= limit]
        sides = [[e for e in band if _side(e, gutter) == side] for side in ((1, -1) if rtl else (-1, 1))]
        if n and _is_line(across[n - 1]) and all(sides) is False and band:
            items += _column([across[n - 1], *band])
            continue
        if n:
            items += _column([across[n - 1]])
        for side in sides:
            items += _in_columns(side) if len(side) < len(zone) else _column(side)
    return _merged(items)


def _is_line(element: Element) -> bool:
    return isinstance(element, Piece)


def _middle(element: Element) -> float:
    return (_box(element).top + _box(element).bottom) / 2


def _side(element: Element, gutter: Gutter) -> int:
    """-1 left of the gutter, 1 right of it, 0 across it."""
    box = _box(element)
    if box.right <= gutter.high + 1:
        return -1
    return 1 if box.left >= gutter.low - 1 else 0


def _merged(items: list[Prose | PageTable]) -> list[Prose | PageTable]:
    """Neighbouring lines that were cut apart only because each reaches over the gutter, as one paragraph again."""
    made: list[Prose | PageTable] = []
    for item in items:
        last = made[-1] if made else None
        if isinstance(last, Prose) and isinstance(item, Prose) and len(item.lines) == 1:
            one, two = last.lines[-1], item.lines[0]
            gap = two.box.top - one.box.bottom
            wide = min(one.box.width, last.lines[0].box.width) > 0.5 * two.box.width
            same = abs(one.size - two.size) < 0.1 * two.size and one.bold == two.bold
            if same and wide and -two.size < gap < 0.3 * two.size and not ITEM_START.match(text_of(two)):
                made[-1] = Prose((*last.lines, replace(two, gap=gap)))
                continue
        made.append(item)
    return made


def _zones(elements: Sequence[Element]) -> list[list[Element]]:
    """Elements parted where a blank strip of more than a line's height runs across."""
    ordered = sorted(elements, key=lambda element: _box(element).top)
    size = median([e.size for e in ordered if isinstance(e, Piece)] or [10.0])
    zones: list[list[Element]] = [[ordered[0]]]
    low = _box(ordered[0]).bottom
    for element in ordered[1:]:
        if _box(element).top - low > 0.7 * size:
            zones.append([])
        zones[-1].append(element)
        low = max(low, _box(element).bottom)
    return zones


def _shared(one: Gutter, two: Gutter) -> Gutter | None:
    low, high = max(one.low, two.low), min(one.high, two.high)
    return Gutter(low, high) if high - low >= 2 * _BIN else None


def _fits(zone: Sequence[Element], gutter: Gutter) -> bool:
    """Whether a zone without columns of its own may belong to columns around it: text on one side, or both."""
    sides = [_side(element, gutter) for element in zone]
    return 0 not in sides and len(zone) <= 6


def _gutter(elements: Sequence[Element]) -> Gutter | None:
    """The gap between two columns of running text; None for one column and for tables."""
    boxes = [_box(element) for element in elements]
    pieces = [element for element in elements if isinstance(element, Piece)]
    if len(pieces) < 4:
        return None
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    cover = np.zeros(int((right - left) / _BIN) + 2)
    for box in boxes:
        cover[int((box.left - left) / _BIN) : int((box.right - left) / _BIN) + 1] += box.height
    size = median(piece.size for piece in pieces)
    free = np.concatenate([[False], cover <= 0.2 * cover.max(), [False]])
    edges = np.flatnonzero(np.diff(free.astype(np.int8))).reshape(-1, 2)
    candidates = [
        Gutter(left + a * _BIN, left + b * _BIN)
        for a, b in edges.tolist()
        if (b - a) * _BIN >= max(5.0, 0.55 * size) and a > 0 and b < len(cover) - 1
    ]
    candidates.sort(key=lambda g: g.low - g.high)
    return next((gutter for gutter in candidates if _parts_text(pieces, gutter)), None)


def _parts_text(pieces: Sequence[Piece], gutter: Gutter) -> bool:
    """Whether running text stands on both sides: long lines, and each side written in one go rather than by rows."""
    sides = [[piece for piece in pieces if _side(piece, gutter) == side] for side in (-1, 1)]
    fewest = min(map(len, sides))
    if fewest < 2 or fewest + len(sides[1]) < 4:
        return False
    runs = sorted((piece.order, side) for side, found in enumerate(sides) for piece in found)
    changes = sum(one[1] != two[1] for one, two in pairwise(runs))
    in_one_go = changes <= max(1, 0.34 * fewest)
    letters = min(median(len(piece.text) for piece in side) for side in sides)
    words = min(sum(len(piece.text.split()) for piece in side) / len(side) for side in sides)
    figures = max(sum(is_number(piece.text) for piece in side) / len(side) for side in sides)
    if figures > 0.4:
        return False
    if in_one_go and letters >= 14 and words >= 2.2:
        return True
    if in_one_go and fewest >= 3 and figures < 0.1:
        return _level(sides) < 0.5
    return letters >= 26 and words >= 4.2 and fewest >= 5


def _level(sides: Sequence[Sequence[Piece]]) -> float:
    """Share of the lines on the shorter side that have a line at the same height on the other."""
    few, many = sorted(sides, key=len)
    tops = np.array([piece.box.bottom for piece in many])
    return sum(bool((np.abs(tops - piece.box.bottom) < 0.15 * piece.size).any()) for piece in few) / len(few)


def _column(elements: Sequence[Element]) -> list[Prose | PageTable]:
    """One column from top to bottom."""
    figures = sorted((e for e in elements if isinstance(e, PageTable)), key=lambda figure: figure.box.top)
    lines = _lines([e for e in elements if isinstance(e, Piece)])
    items: list[Prose | PageTable] = []
    for figure in figures:
        above = [line for line in lines if (line.box.top + line.box.bottom) / 2 < figure.box.top]
        items += _blocks(above)
        lines = lines[len(above) :] if above else lines
        items.append(figure)
    return items + _blocks(lines)


def _lines(pieces: Sequence[Piece]) -> list[PageLine]:
    """Pieces as lines by their height on the page, from top to bottom."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: (p.box.top + p.box.bottom, p.box.left)):
        middle = (piece.box.top + piece.box.bottom) / 2
        last = rows[-1][0].box if rows else None
        if last is not None and last.top <= middle <= last.bottom - 0.12 * last.height:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    lines: list[PageLine] = []
    low = 0.0
    for row in rows:
        box = around([piece.box for piece in row])
        line = PageLine(tuple(sorted(row, key=lambda p: (p.box.left, p.order))), box, box.top - low if lines else 0.0)
        if line.rtl:
            line = replace(line, pieces=line.pieces[::-1])
        lines.append(line)
        low = box.bottom
    return lines


def _blocks(lines: Sequence[PageLine]) -> list[Prose | PageTable]:
    """Lines as tables and paragraphs."""
    items: list[Prose | PageTable] = []
    at = 0
    for start, end, figure in tables(lines):
        items += _paragraphs(lines[at:start])
        items.append(figure)
        at = end
    return items + _paragraphs(lines[at:])


def _paragraphs(lines: Sequence[PageLine]) -> list[Prose]:
    if not lines:
        return []
    gaps = [line.gap for line in lines[1:]]
    usual = float(np.percentile(gaps, 40)) if gaps else 0.0
    groups = [[lines[0]]]
    for one, two in pairwise(lines):
        apart = two.gap > min(max(usual, 0.0), two.size) + 0.4 * two.size
        other = abs(one.size - two.size) > 0.12 * max(one.size, two.size) or one.bold != two.bold
        other = other or one.pieces[0].title or two.pieces[0].title
        if apart or other or ITEM_START.match(text_of(two)):
            groups.append([])
        groups[-1].append(two)
    return [Prose(tuple(group)) for group in groups]


def text_of(line: PageLine, cell: str = " | ") -> str:
    """The words of a line; ``cell`` stands between pieces that are far apart."""
    out = line.pieces[0].text
    for one, two in pairwise(line.pieces):
        gap = two.box.left - one.box.right if not line.rtl else one.box.left - two.box.right
        if two.field or gap <= 1.6 * max(one.size, two.size):
            out += " " if abs(gap) > 0.1 * two.size or two.field else ""
        else:
            out += cell
        out += two.text
    return out


_CUT = re.compile(r"(?<=[a-z\u00df-\u00ff])-\Z")


def joined(lines: Sequence[str], between: str = "\n", whole: frozenset[str] = frozenset()) -> str:
    """Lines of one paragraph; a word cut at a line's end is made whole where a small letter follows.

    Args:
        lines: of the paragraph.
        between: what stands between two lines.
        whole: words that the document writes with a hyphen, which they keep.
    """
    out = lines[0]
    for line in lines[1:]:
        if _CUT.search(out) and line[:1].islower():
            word = out.rsplit(None, 1)[-1] + line.split(None, 1)[0]
            out = (out if word.strip(".,;:()") in whole else out[:-1]) + line
        else:
            out += between + line
    return out
