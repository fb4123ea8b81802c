"""Tables without rulings: lines whose pieces stand in the same columns, told from text that merely has gaps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from wellread.documents.pages.pieces import PageLine, PageTable, Piece, Rect, Slot, around

SURE = 0.6  # confidence below which a run of lines is tried in parts
LONG_CELL = 60  # characters; a table has few longer ones
_NUMBER = re.compile(
    r"[-+–−(]?\s?(?:[$€£¥]|[A-Z]{2,3}\s)?\s?\d[\d.,'’\s]*(?:\s?(?:%|[A-Za-z°]{1,4}))?\)?|[-–—]|n/?a", re.I
)


def tables(lines: Sequence[PageLine]) -> list[tuple[int, int, PageTable]]:
    """Tables among the lines of one column of a page: first line, line after the last, the table."""
    made = []
    for start, end in _runs(lines):
        whole = _figure(lines[start:end])
        sure = whole.confidence if whole is not None else 0.0
        cut = _parts(lines, start, end)
        parts = [(a, b, found) for a, b in cut if (found := _figure(lines[a:b])) is not None]
        better = len(parts) == len(cut) > 1 and cut[-1][1] - cut[0][0] == end - start == sum(b - a for a, b in cut)
        if len(cut) > 1 and (sure < SURE or (better and min(each.confidence for *_, each in parts) > sure + 0.1)):
            made += parts
        elif whole is not None:
            made.append((start, end, whole))
    return made


def _parts(lines: Sequence[PageLine], start: int, end: int) -> list[tuple[int, int]]:
    """A run that is no good table, parted where a bold line begins another one, or the distance is wider."""
    usual = median(line.gap for line in lines[start + 1 : end])
    cuts = [start]
    for at in range(start + 1, end):
        begins = lines[at].bold and not lines[at - 1].bold
        if begins or lines[at].gap > usual + 0.5 * lines[at].size:
            cuts.append(at)
    return [(a, b) for a, b in pairwise([*cuts, end]) if sum(line.has_cells for line in lines[a:b]) > 1]


def is_number(text: str) -> bool:
    """Whether a cell holds a figure, with its sign, unit or brackets, or the mark for none."""
    return _NUMBER.fullmatch(text.strip()) is not None


def _runs(lines: Sequence[PageLine]) -> list[tuple[int, int]]:
    """Stretches that begin and end with a line of several pieces, with few other lines between them."""
    runs: list[list[int]] = []
    for at, line in enumerate(lines):
        if not line.has_cells or any(piece.field for piece in line.pieces):
            continue
        near = bool(runs) and at - runs[-1][1] <= 2
        if near and all(_belongs(lines[n], lines[runs[-1][0] : runs[-1][1]]) for n in range(runs[-1][1], at + 1)):
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1])
    return [(start, end) for start, end in runs if sum(line.has_cells for line in lines[start:end]) >= 2]


def _belongs(line: PageLine, above: Sequence[PageLine]) -> bool:
    if line.gap > 2.2 * line.size or abs(line.size - above[-1].size) > 0.45 * line.size:
        return False
    if line.has_cells:
        return True
    title = line.bold and not all(each.bold for each in above)
    return not title and line.box.width < 0.6 * around([each.box for each in above]).width


def _figure(lines: Sequence[PageLine]) -> PageTable | None:
    """The lines as a table; None where they do not stand in columns."""
    columns = _columns(lines)
    if len(columns) < 2 or len(columns) > 40:
        return None
    rows: list[dict[int, list[Piece]]] = []
    spans: list[dict[int, int]] = []
    n_shared = 0
    usual = median(line.gap for line in lines[1:])
    for n, line in enumerate(lines):
        placed: dict[int, list[Piece]] = {}
        wide: dict[int, int] = {}
        for piece in line.pieces:
            first, last = _place(piece.box, columns)
            n_shared += first in placed and piece.box.left - placed[first][-1].box.right > piece.size
            placed.setdefault(first, []).append(piece)
            wide[first] = max(wide.get(first, 1), last - first + 1)
        if rows and n and 0 not in placed and _continues(line, placed, rows[-1], usual):
            for col, found in placed.items():
                rows[-1].setdefault(col, []).extend(found)
            continue
        rows.append(placed)
        spans.append(wide)
    if not _sound(rows, len(columns)):
        return None
    slots = tuple(
        Slot(r, c, 1, spans[r].get(c, 1), " ".join(p.text for p in found), around([p.box for p in found]))
        for r, row in enumerate(rows)
        for c, found in sorted(row.items())
    )
    box = around([line.box for line in lines])
    filled = sum(len(row) for row in rows) / (len(rows) * len(columns))
    confidence = max(0.1, min(0.9, 0.4 + 0.5 * filled - n_shared / max(1, len(slots))))
    edges = tuple(low for low, _ in columns)
    return PageTable(
        slots, len(rows), len(columns), box, edges, round(confidence, 2), quarters=lines[0].pieces[0].quarters
    )


def _columns(lines: Sequence[PageLine]) -> list[tuple[float, float]]:
    """Strips of x that hold text, parted by strips that hardly any line crosses."""
    boxes = [piece.box for line in lines if line.has_cells for piece in line.pieces]
    left = min(box.left for box in boxes)
    cover = np.zeros(int(max(box.right for box in boxes) - left) + 3, np.int64)
    for box in boxes:
        cover[int(box.left - left) : max(int(box.left - left) + 1, int(box.right - left))] += 1
    n_lines = sum(line.has_cells for line in lines)
    full = np.concatenate([[False], cover > (0.15 * n_lines if n_lines >= 5 else 0), [False]])
    edges = np.flatnonzero(np.diff(full.astype(np.int8)))
    strips = [(float(a + left), float(b + left)) for a, b in edges.reshape(-1, 2).tolist()]
    joined: list[tuple[float, float]] = []
    for low, high in strips:
        if joined and low - joined[-1][1] < 3:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined


def _place(box: Rect, columns: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """First and last column that a box reaches into; the nearest one where it reaches into none."""
    inside = [
        n
        for n, (low, high) in enumerate(columns)
        if min(high, box.right) - max(low, box.left) > 0.3 * min(high - low, box.width)
    ]
    if inside:
        return inside[0], inside[-1]
    middle = (box.left + box.right) / 2
    nearest = min(range(len(columns)), key=lambda n: min(abs(middle - columns[n][0]), abs(middle - columns[n][1])))
    return nearest, nearest


def _continues(line: PageLine, placed: dict[int, list[Piece]], above: dict[int, list[Piece]], usual: float) -> bool:
    """Whether a line holds the rest of wrapped cells: set closer than rows are, below text and not below numbers."""
    close = line.gap < usual - 0.15 * line.size or (len(placed) == 1 and line.gap <= 0.25 * line.size)
    return close and all(col in above and not is_number(" ".join(piece.text for piece in above[col])) for col in placed)


def _sound(rows: Sequence[dict[int, list[Piece]]], n_cols: int) -> bool:
    """Whether rows and columns look like a table: enough rows, short cells, and figures or a common first column."""
    texts = [" ".join(piece.text for piece in found) for row in rows for found in row.values()]
    several = sum(len(row) > 1 for row in rows)
    if several < 2 or sum(len(text) > LONG_CELL for text in texts) > 0.25 * len(texts):
        return False
    numeric = [
        sum(is_number(" ".join(p.text for p in row[col])) for row in rows if col in row) for col in range(n_cols)
    ]
    has_figures = max(numeric) >= max(2, 0.5 * several)
    words = sum(len(text.split()) for text in texts) / len(texts)
    return has_figures or (several >= 3 and words <= 5) or (several >= 2 and words <= 2.5)
