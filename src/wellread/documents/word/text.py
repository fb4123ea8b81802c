"""The text of a paragraph as its reader sees it: moved, deleted, struck and hidden runs stay out, formulas are in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

from wellread.documents.notation import lowered, raised
from wellread.documents.word.formula import M, linear

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_OFF = frozenset({"0", "false", "off"})
_LEFT_OUT = frozenset(
    {
        f"{W}{name}"
        for name in ("del", "moveFrom", "pPr", "rPr", "instrText", "delText", "rt", "rubyPr", "sdtPr", "sdtEndPr")
    }
)
_PLAIN = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-", f"{W}ptab": "\t"}
_MATHS = frozenset({f"{M}oMath", f"{M}oMathPara"})
MAX_DEPTH = 400


@dataclass(frozen=True, slots=True)
class RunStyles:
    """Ids of styles that hide what is set in them, and of those that strike it out."""

    hidden: frozenset[str] = frozenset()
    struck: frozenset[str] = frozenset()


@dataclass(slots=True)
class WordReading:
    """What is met while a part is read: text boxes, to be read after the paragraph, and notes in their order."""

    styles: RunStyles = field(default_factory=RunStyles)
    boxes: list[ElementTree.Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)  # kind (footnote, endnote, comment) and id


def is_on(properties: ElementTree.Element | None, name: str) -> bool:
    """Whether a property that is on or off is set, as ``<w:vanish/>``, and not as ``<w:vanish w:val="0"/>``."""
    found = properties.find(f"{W}{name}") if properties is not None else None
    return found is not None and found.get(f"{W}val", "1").lower() not in _OFF


def text_of(node: ElementTree.Element, reading: WordReading) -> str:
    """The text of a paragraph or of a part of one."""
    parts: list[str] = []
    _collect(node, parts, reading, 0)
    text = "".join(parts)
    if "\x02" not in text:
        return text
    return re.sub(" +(?=[.,;:)])", "", re.sub(" *\x02 *", " ", text)).strip(" ")


def _collect(node: ElementTree.Element, parts: list[str], reading: WordReading, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise RecursionError
    for child in node:
        tag = child.tag
        if tag == f"{W}r":
            _run(child, parts, reading, depth)
        elif tag in _LEFT_OUT:
            continue
        elif tag in _MATHS:
            parts.append(f"\x02{linear(child)}\x02")
        elif tag == f"{W}txbxContent":
            reading.boxes.append(child)
        elif tag == f"{MC}AlternateContent":
            _one_of(child, parts, reading, depth)
        elif tag == f"{W}p":
            if parts:
                parts.append(" ")
            _collect(child, parts, reading, depth + 1)
        else:
            _collect(child, parts, reading, depth + 1)


def _one_of(node: ElementTree.Element, parts: list[str], reading: WordReading, depth: int) -> None:
    """The same content in several forms is read once: the first form that holds anything."""
    for form in node:
        n_parts, n_boxes = len(parts), len(reading.boxes)
        _piece(form, parts, reading, depth + 1)
        if len(parts) > n_parts or len(reading.boxes) > n_boxes:
            return


def _run(run: ElementTree.Element, parts: list[str], reading: WordReading, depth: int) -> None:
    properties = run.find(f"{W}rPr")
    style = properties.find(f"{W}rStyle") if properties is not None else None
    named = style.get(f"{W}val", "") if style is not None else ""
    said = {name: properties is not None and properties.find(f"{W}{name}") is not None for name in ("vanish", "strike")}
    if is_on(properties, "vanish") or (named in reading.styles.hidden and not said["vanish"]):
        return
    struck = is_on(properties, "strike") or is_on(properties, "dstrike")
    if struck or (named in reading.styles.struck and not said["strike"]):
        return
    held: list[str] = []
    _piece(run, held, reading, depth)
    text = "".join(held)
    shift = properties.find(f"{W}vertAlign") if properties is not None else None
    place = shift.get(f"{W}val", "") if shift is not None else ""
    if text and place in ("superscript", "subscript"):
        before = parts[-1] if parts else ""
        text = (raised if place == "superscript" else lowered)(text, before)
    if text:
        parts.append(text)


def _piece(node: ElementTree.Element, parts: list[str], reading: WordReading, depth: int) -> None:
    for piece in node:
        tag = piece.tag
        if tag == f"{W}t":
            parts.append(piece.text or "")
        elif tag in _PLAIN:
            parts.append(_PLAIN[tag])
        elif tag == f"{W}sym":
            parts.append(_symbol(piece.get(f"{W}char", "")))
        elif tag in (f"{W}footnoteReference", f"{W}endnoteReference"):
            kind = "footnote" if tag.endswith("footnoteReference") else "endnote"
            reading.notes.append((kind, piece.get(f"{W}id", "")))
            parts.append(raised(str(sum(known != "comment" for known, _ in reading.notes))))
        elif tag == f"{W}commentReference":
            reading.notes.append(("comment", piece.get(f"{W}id", "")))
        elif tag == f"{W}txbxContent":
            reading.boxes.append(piece)
        elif tag == f"{MC}AlternateContent":
            _one_of(piece, parts, reading, depth)
        elif tag in _MATHS:
            parts.append(f"\x02{linear(piece)}\x02")
        elif tag == f"{W}r":
            _run(piece, parts, reading, depth + 1)
        elif tag not in _LEFT_OUT:
            if depth > MAX_DEPTH:
                raise RecursionError
            _piece(piece, parts, reading, depth + 1)


def _symbol(code: str) -> str:
    """A letter of a symbol font, "" where only the font knows what it shows."""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    return "" if 0xE000 <= number <= 0xF8FF or not 0x20 <= number < 0x110000 else chr(number)
