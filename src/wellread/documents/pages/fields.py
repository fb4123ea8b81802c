"""What a page holds beside its text: values of form fields, as pieces at their place, and what annotations say."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pypdfium2 import raw

from wellread.documents.pages.glyphs import readable
from wellread.documents.pages.pieces import Piece, Rect

MAX_ANNOTATIONS = 5_000  # of a page
_HIDDEN = 1 << 1 | 1 << 5  # flags: hidden, not to be seen
_NOTES = {
    raw.FPDF_ANNOT_TEXT,
    raw.FPDF_ANNOT_HIGHLIGHT,
    raw.FPDF_ANNOT_UNDERLINE,
    raw.FPDF_ANNOT_STRIKEOUT,
    raw.FPDF_ANNOT_SQUIGGLY,
    raw.FPDF_ANNOT_CARET,
    raw.FPDF_ANNOT_STAMP,
    raw.FPDF_ANNOT_INK,
    raw.FPDF_ANNOT_SQUARE,
    raw.FPDF_ANNOT_CIRCLE,
    raw.FPDF_ANNOT_LINE,
    raw.FPDF_ANNOT_POLYGON,
    raw.FPDF_ANNOT_FILEATTACHMENT,
}
_PLAIN_ON = {"on", "1", "true", "checked"}


@dataclass(frozen=True, slots=True)
class Remark:
    """An annotation with words: who wrote it (may be empty) and what."""

    author: str
    text: str
    box: Rect


def fields(
    page: Any, form: Any, shown: Callable[[float, float, float, float], Rect], order: int
) -> tuple[list[Piece], list[Remark]]:
    """Values of the page's form fields and free text, and its remarks, in stored order.

    Args:
        page: pypdfium2's page.
        form: pdfium's form environment; None where the document has no form.
        shown: a stored rectangle (left, bottom, right, top) as displayed.
        order: place in the text that the first value gets.
    """
    pieces: list[Piece] = []
    remarks: list[Remark] = []
    for at in range(min(raw.FPDFPage_GetAnnotCount(page.raw), MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, at)
        if not annotation:
            continue
        try:
            if raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            place = raw.FS_RECTF()
            raw.FPDFAnnot_GetRect(annotation, place)
            box = shown(place.left, place.bottom, place.right, place.top)
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            text = ""
            if kind == raw.FPDF_ANNOT_WIDGET:
                text = _value(form, annotation)
            elif kind == raw.FPDF_ANNOT_FREETEXT:
                text = _string(annotation, b"Contents")
            elif kind in _NOTES and (said := _string(annotation, b"Contents")):
                remarks.append(Remark(_string(annotation, b"T"), said, box))
            if text:
                size = min(12.0, max(box.height, 1.0))
                middle = (box.top + box.bottom) / 2
                height = size if box.height < 2.5 * size else box.height
                line = Rect(box.left, middle - height / 2, max(box.right, box.left + 1), middle + height / 2)
                pieces.append(Piece(text, line, size, order + at, field=True))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return pieces, remarks


def _value(form: Any, annotation: Any) -> str:
    """What a field shows: its text, the chosen entries, or whether it is checked."""
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation) if form else -1
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        name = _wide(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        checked = bool(raw.FPDFAnnot_IsChecked(form, annotation))
        state = _string(annotation, b"AS")
        if not name and state.lower() != "off":
            name, checked = state, checked or bool(state)
        if not checked:
            return "☐"
        return name if name and name.lower() not in _PLAIN_ON and not name.isdigit() else "☑"
    if kind in (raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_SIGNATURE):
        return ""
    if kind in (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX):
        return _wide(raw.FPDFAnnot_GetFormFieldValue, form, annotation)
    return _string(annotation, b"V")


def _string(annotation: Any, key: bytes) -> str:
    n = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if n <= 2:
        return ""
    buffer = (ctypes.c_ushort * (n // 2 + 1))()
    raw.FPDFAnnot_GetStringValue(annotation, key, buffer, n)
    return _decoded(buffer, n)


def _wide(function: Any, form: Any, annotation: Any) -> str:
    n = function(form, annotation, None, 0)
    if n <= 2:
        return ""
    buffer = (ctypes.c_ushort * (n // 2 + 1))()
    function(form, annotation, buffer, n)
    return _decoded(buffer, n)


def _decoded(buffer: Any, n: int) -> str:
    return readable(bytes(buffer)[: n - 2].decode("utf-16-le", "replace"))
