"""What is drawn on a page besides text: straight lines, coloured areas and pictures, with their boxes as displayed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pypdfium2 import raw

from wellread.documents.pages.pieces import Rect

MAX_OBJECTS = 20_000  # of a page, forms included
MAX_SEGMENTS = 20_000
THIN = 3.0  # points; what is thinner is a line
_SHORTEST = 6.0  # points; a shorter line is a mark
_FORM_DEPTH = 4

Matrix = tuple[float, float, float, float, float, float]
_SAME: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def _function(of: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(result, *arguments)(ctypes.cast(of, ctypes.c_void_p).value or 0)


_P, _I = ctypes.c_void_p, ctypes.c_int
_page_object = _function(raw.FPDFPage_GetObject, _P, _P, _I)
_form_object = _function(raw.FPDFFormObj_GetObject, _P, _P, ctypes.c_ulong)
_type = _function(raw.FPDFPageObj_GetType, _I, _P)
_bounds = _function(raw.FPDFPageObj_GetBounds, _I, _P, _P, _P, _P, _P)
_matrix = _function(raw.FPDFPageObj_GetMatrix, _I, _P, _P)
_draw_mode = _function(raw.FPDFPath_GetDrawMode, _I, _P, _P, _P)
_n_segments = _function(raw.FPDFPath_CountSegments, _I, _P)
_segment = _function(raw.FPDFPath_GetPathSegment, _P, _P, _I)
_segment_type = _function(raw.FPDFPathSegment_GetType, _I, _P)
_point = _function(raw.FPDFPathSegment_GetPoint, _I, _P, _P, _P)
_closes = _function(raw.FPDFPathSegment_GetClose, _I, _P)
_fill = _function(raw.FPDFPageObj_GetFillColor, _I, _P, _P, _P, _P, _P)


@dataclass(slots=True)
class Drawing:
    """Lines (as thin boxes), filled areas that are not white, and pictures of one page, as displayed."""

    across: list[Rect] = field(default_factory=list)
    down: list[Rect] = field(default_factory=list)
    areas: list[Rect] = field(default_factory=list)
    pictures: list[Rect] = field(default_factory=list)
    n_paths: int = 0

    def turned(self, quarters: int, width: float, height: float) -> Drawing:
        """The same in the frame of text that is turned by ``quarters``."""
        if not quarters:
            return self
        across, down = (self.down, self.across) if quarters % 2 else (self.across, self.down)
        lists = [[box.turned(quarters, width, height) for box in boxes] for boxes in (across, down)]
        areas, pictures = (
            [box.turned(quarters, width, height) for box in boxes] for boxes in (self.areas, self.pictures)
        )
        return Drawing(lists[0], lists[1], areas, pictures, self.n_paths)


def drawing(page: Any, page_box: Rect, rotation: int) -> Drawing:
    """Reads the paths and pictures of an open page; beyond the limits the rest is left out.

    Args:
        page: pypdfium2's page.
        page_box: as stored, y upwards: left, bottom, right, top.
        rotation: quarters by which the page is turned clockwise when it is displayed.
    """
    made = Drawing()
    left, low, right, high = page_box
    width, height = right - left, high - low

    def shown(x0: float, y0: float, x1: float, y1: float) -> Rect:
        box = Rect(min(x0, x1) - left, high - max(y0, y1), max(x0, x1) - left, high - min(y0, y1))
        return box.turned(-rotation % 4, width, height)

    n_segments = 0
    for kind, handle, matrix in _objects(page):
        box = shown(*_corners(handle, matrix))
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            made.pictures.append(box)
        elif kind == raw.FPDF_PAGEOBJ_SHADING:
            made.areas.append(box)
        elif kind == raw.FPDF_PAGEOBJ_PATH:
            made.n_paths += 1
            fill, stroke = ctypes.c_int(), ctypes.c_int()
            _draw_mode(handle, ctypes.byref(fill), ctypes.byref(stroke))
            if not fill.value and not stroke.value:
                continue
            if min(box.width, box.height) <= THIN:
                _add_line(made, box)
                continue
            if fill.value and not _is_white(handle):
                made.areas.append(box)
            n = _n_segments(handle) if stroke.value or box.width * box.height < 0.5 * width * height else 0
            if stroke.value and n_segments + n <= MAX_SEGMENTS:
                n_segments += n
                own = _of(_own_matrix(handle), matrix)
                for x0, y0, x1, y1 in _straight(handle, own, n):
                    _add_line(made, shown(x0, y0, x1, y1))
    return made


def _add_line(made: Drawing, box: Rect) -> None:
    if box.height <= THIN and box.width >= _SHORTEST:
        made.across.append(box)
    elif box.width <= THIN and box.height >= _SHORTEST:
        made.down.append(box)


def _objects(page: Any) -> Iterator[tuple[int, int, Matrix]]:
    """Every object that is no text: type, handle, matrix of the form it stands in."""
    handle = ctypes.cast(page.raw, ctypes.c_void_p).value or 0
    n = raw.FPDFPage_CountObjects(page.raw)
    left = MAX_OBJECTS
    waiting: list[tuple[int, Matrix, int]] = []
    for at in range(min(n, left)):
        one = _page_object(handle, at)
        kind = _type(one)
        if kind == raw.FPDF_PAGEOBJ_FORM:
            waiting.append((one, _SAME, 0))
        elif kind != raw.FPDF_PAGEOBJ_TEXT:
            yield kind, one, _SAME
    left -= n
    while waiting and left > 0:
        form, outer, depth = waiting.pop()
        matrix = _of(_own_matrix(form), outer)
        count = raw.FPDFFormObj_CountObjects(ctypes.cast(form, raw.FPDF_PAGEOBJECT))
        left -= count
        for at in range(min(count, MAX_OBJECTS)):
            one = _form_object(form, at)
            kind = _type(one)
            if kind == raw.FPDF_PAGEOBJ_FORM and depth < _FORM_DEPTH:
                waiting.append((one, matrix, depth + 1))
            elif kind not in (raw.FPDF_PAGEOBJ_TEXT, raw.FPDF_PAGEOBJ_FORM):
                yield kind, one, matrix


def _own_matrix(handle: int) -> Matrix:
    values = (ctypes.c_float * 6)()
    return tuple(values) if _matrix(handle, ctypes.byref(values)) else _SAME


def _of(inner: Matrix, outer: Matrix) -> Matrix:
    """The matrix that applies ``inner``, then ``outer``."""
    if outer is _SAME:
        return inner
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _moved(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _corners(handle: int, matrix: Matrix) -> tuple[float, float, float, float]:
    left, low, right, high = (ctypes.c_float() for _ in range(4))
    _bounds(handle, *(ctypes.byref(value) for value in (left, low, right, high)))
    if matrix is _SAME:
        return left.value, low.value, right.value, high.value
    points = [_moved(matrix, x, y) for x in (left.value, right.value) for y in (low.value, high.value)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _is_white(handle: int) -> bool:
    values = [ctypes.c_uint() for _ in range(4)]
    return bool(_fill(handle, *map(ctypes.byref, values))) and min(value.value for value in values[:3]) >= 250


def _straight(handle: int, matrix: Matrix, n: int) -> Iterator[tuple[float, float, float, float]]:
    """The segments of a path that run straight across or down the page as stored."""
    x, y = ctypes.c_float(), ctypes.c_float()
    begun = at = (0.0, 0.0)
    for index in range(n):
        part = _segment(handle, index)
        _point(part, ctypes.byref(x), ctypes.byref(y))
        to = _moved(matrix, x.value, y.value)
        kind = _segment_type(part)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            begun = to
        elif kind == raw.FPDF_SEGMENT_LINETO and min(abs(to[0] - at[0]), abs(to[1] - at[1])) < 1:
            yield *at, *to
        at = to
        if _closes(part) and min(abs(begun[0] - at[0]), abs(begun[1] - at[1])) < 1:
            yield *at, *begun
            at = begun
