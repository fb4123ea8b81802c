"""Ruled tables: lines that cross become a grid, and a missing line makes one cell of two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wellread.documents.pages.pieces import Rect, around

NEAR = 3.0  # points that the ends of crossing lines may be apart
DRAWN = 0.6  # share of an edge that has to be drawn for a border
MOST_LINES = 600


@dataclass(frozen=True, slots=True)
class Pane:
    """A cell of a grid before its text is known."""

    row: int
    col: int
    row_span: int
    col_span: int
    box: Rect


@dataclass(frozen=True, slots=True)
class Grid:
    """A ruled table: its edges in points and its cells in row order."""

    edges_x: tuple[float, ...]
    edges_y: tuple[float, ...]
    panes: tuple[Pane, ...]

    @property
    def box(self) -> Rect:
        """The whole table."""
        return Rect(self.edges_x[0], self.edges_y[0], self.edges_x[-1], self.edges_y[-1])


def grids(across: list[Rect], down: list[Rect]) -> list[Grid]:
    """Grids of at least two rows or columns, from top to bottom.

    Args:
        across: lines from left to right as thin boxes.
        down: upright lines likewise.
    """
    across, down = _joined(across, flat=True), _joined(down, flat=False)
    if not across or not down or len(across) > MOST_LINES or len(down) > MOST_LINES:
        return []
    made = []
    for rows, columns in _crossing(across, down):
        xs = _levels((line.left + line.right) / 2 for line in columns)
        ys = _levels((line.top + line.bottom) / 2 for line in rows)
        if rows:  # tables that are open at the sides
            left, right = min(line.left for line in rows), max(line.right for line in rows)
            xs = ([left] if xs and left < xs[0] - 8 else []) + xs + ([right] if xs and right > xs[-1] + 8 else [])
        if len(xs) < 2 or len(ys) < 2 or len(xs) * len(ys) < 6:
            continue
        made.append(Grid(tuple(xs), tuple(ys), tuple(_panes(xs, ys, rows, columns))))
    return sorted(made, key=lambda grid: (grid.edges_y[0], grid.edges_x[0]))


def _joined(lines: list[Rect], *, flat: bool) -> list[Rect]:
    """Lines on one level whose ends meet, as one."""

    def span(line: Rect) -> tuple[float, float, float]:
        return (
            ((line.top + line.bottom) / 2, line.left, line.right)
            if flat
            else ((line.left + line.right) / 2, line.top, line.bottom)
        )

    groups: list[list[tuple[float, float, float]]] = []
    for level, start, end in sorted(map(span, lines)):
        if groups and level - groups[-1][0][0] <= 1.5:
            groups[-1].append((level, start, end))
        else:
            groups.append([(level, start, end)])
    made = []
    for group in groups:
        level = sum(line[0] for line in group) / len(group)
        held: list[list[float]] = []
        for _, start, end in sorted(group, key=lambda line: line[1]):
            if held and start <= held[-1][1] + NEAR:
                held[-1][1] = max(held[-1][1], end)
            else:
                held.append([start, end])
        made += [Rect(a, level, b, level) if flat else Rect(level, a, level, b) for a, b in held]
    return made


def _crossing(across: list[Rect], down: list[Rect]) -> list[tuple[list[Rect], list[Rect]]]:
    """Groups of lines that hang together by crossing or touching."""
    free = set(range(len(down)))
    rows_left = set(range(len(across)))
    groups = []
    while rows_left:
        rows, columns, waiting = set[int](), set[int](), [rows_left.pop()]
        rows.add(waiting[0])
        while waiting:
            row = across[waiting.pop()]
            met = {
                c
                for c in free
                if row.left - NEAR <= down[c].left <= row.right + NEAR
                and down[c].top - NEAR <= row.top <= down[c].bottom + NEAR
            }
            free -= met
            columns |= met
            more = {
                r
                for r in rows_left
                for c in met
                if across[r].left - NEAR <= down[c].left <= across[r].right + NEAR
                and down[c].top - NEAR <= across[r].top <= down[c].bottom + NEAR
            }
            rows_left -= more
            rows |= more
            waiting += more
        if columns:
            groups.append(([across[r] for r in sorted(rows)], [down[c] for c in sorted(columns)]))
    return groups


def _levels(values: Iterable[float]) -> list[float]:
    made: list[list[float]] = []
    for value in sorted(values):
        if made and value - made[-1][-1] <= NEAR:
            made[-1].append(value)
        else:
            made.append([value])
    return [sum(group) / len(group) for group in made]


def _drawn(lines: list[Rect], level: float, start: float, end: float, *, flat: bool) -> bool:
    """Whether enough of an edge is covered by lines."""
    covered = 0.0
    for line in lines:
        at = line.top if flat else line.left
        if abs(at - level) <= NEAR:
            low, high = (line.left, line.right) if flat else (line.top, line.bottom)
            covered += max(0.0, min(high, end) - max(low, start))
    return covered >= DRAWN * (end - start)


def _panes(xs: list[float], ys: list[float], rows: list[Rect], columns: list[Rect]) -> list[Pane]:
    """Cells between the edges; neighbours without a border between them are one."""
    n_rows, n_cols = len(ys) - 1, len(xs) - 1
    group = {(r, c): (r, c) for r in range(n_rows) for c in range(n_cols)}

    def root(cell: tuple[int, int]) -> tuple[int, int]:
        while group[cell] != cell:
            cell = group[cell]
        return cell

    for r in range(n_rows):
        for c in range(n_cols):
            if c + 1 < n_cols and not _drawn(columns, xs[c + 1], ys[r], ys[r + 1], flat=False):
                _unite(group, root((r, c)), root((r, c + 1)))
            if r + 1 < n_rows and not _drawn(rows, ys[r + 1], xs[c], xs[c + 1], flat=True):
                _unite(group, root((r, c)), root((r + 1, c)))
    members: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for cell in group:
        members.setdefault(root(cell), []).append(cell)
    panes = []
    for cells in members.values():
        top, low = min(r for r, _ in cells), max(r for r, _ in cells)
        left, right = min(c for _, c in cells), max(c for _, c in cells)
        if (low - top + 1) * (right - left + 1) != len(cells):  # not a rectangle: every cell for itself
            panes += [Pane(r, c, 1, 1, Rect(xs[c], ys[r], xs[c + 1], ys[r + 1])) for r, c in cells]
            continue
        box = around([Rect(xs[left], ys[top], xs[right + 1], ys[low + 1])])
        panes.append(Pane(top, left, low - top + 1, right - left + 1, box))
    return sorted(panes, key=lambda pane: (pane.row, pane.col))


def _unite(group: dict[tuple[int, int], tuple[int, int]], one: tuple[int, int], two: tuple[int, int]) -> None:
    group[max(one, two)] = min(one, two)
