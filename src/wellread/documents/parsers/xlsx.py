"""XLSX and XLSM: sheets with their tables as people see them, cached values of formulas, comments as notes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from wellread.documents.assemble import Assembly
from wellread.documents.containers.numbers import BUILT_IN, plain, shown
from wellread.documents.containers.packages import (
    Package,
    attribute,
    child,
    children,
    core_properties,
    every,
    local,
    opened,
)
from wellread.documents.containers.sheets import MAX_CELLS, Sheet, add_sheet
from wellread.documents.tables.build import GridCell
from wellread.errors import SourceError
from wellread.types import Parsed

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_SHEETS = 1_000
_PLACE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, too-large, encrypted, unknown-type)."""
    assembly = Assembly()
    with opened(data, name, "an XLSX workbook") as package:
        package.need("xl/workbook.xml")
        book = package.xml("xl/workbook.xml")
        facts = core_properties(package)
        relations = package.relations("xl/workbook.xml")
        strings = _shared_strings(package)
        formats = _formats(package)
        from_1904 = attribute(child(book, "workbookPr"), "date1904") in ("1", "true")
        sheets = children(child(book, "sheets"), "sheet")
        if len(sheets) > MAX_SHEETS:
            raise SourceError(f"{name}: {len(sheets):,} sheets; more than {MAX_SHEETS:,}", "too-large")
        n_cells = 0
        for node in sheets:
            kind, part = relations.get(attribute(node, "id"), ("", ""))
            sheet = Sheet(attribute(node, "name"), hidden=attribute(node, "state") in ("hidden", "veryHidden"))
            if kind == "worksheet" and package.has(part):
                _Reader(sheet, strings, formats, from_1904).read(package.read(part), name, part)
                _add_comments(package, part, sheet)
            n_cells += len(sheet.cells)
            if n_cells > MAX_CELLS:
                raise SourceError(f"{name}: more than {MAX_CELLS:,} filled cells", "too-large")
            add_sheet(assembly, sheet)
    return assembly.parsed(XLSX, facts.pop("title", ""), facts)


def _shared_strings(package: Package) -> list[str]:
    root = package.optional("xl/sharedStrings.xml")
    return [_words(item) for item in children(root, "si")]


def _words(node: ElementTree.Element) -> str:
    """The text of a string item; how it is pronounced stays out."""
    parts: list[str] = []
    for piece in node:
        if local(piece) == "t":
            parts.append(piece.text or "")
        elif local(piece) == "r":
            parts += [text.text or "" for text in children(piece, "t")]
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), "".join(parts))


def _formats(package: Package) -> list[str]:
    """The number format of each cell style."""
    root = package.optional("xl/styles.xml")
    own = {attribute(node, "numFmtId"): attribute(node, "formatCode") for node in every(root, "numFmt")}
    found = []
    for style in children(child(root, "cellXfs"), "xf") if root is not None else ():
        number = attribute(style, "numFmtId", "0")
        found.append(own.get(number) or BUILT_IN.get(int(number) if number.isdigit() else 0, "General"))
    return found


class _Reader:
    """Reads the cells of one sheet."""

    def __init__(self, sheet: Sheet, strings: list[str], formats: list[str], from_1904: bool) -> None:
        self.sheet, self.strings, self.formats, self.from_1904 = sheet, strings, formats, from_1904
        self.row = self.col = -1

    def read(self, data: bytes, name: str, part: str) -> None:
        """Fills the sheet from its part."""
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise SourceError(f"{name}: {part} declares a DTD; refused", "broken")
        merged: dict[tuple[int, int], tuple[int, int]] = {}
        found: list[GridCell] = []
        try:
            for node in _elements(data):
                kind = local(node)
                if kind == "row":
                    found += self._row(node)
                    node.clear()
                elif kind == "mergeCell":
                    first, _, last = attribute(node, "ref").partition(":")
                    start, end = _place(first), _place(last)
                    if start and end:
                        (top, left), (bottom, right) = start, end
                        merged[top, left] = (max(bottom - top + 1, 1), max(right - left + 1, 1))
                elif kind == "col" and attribute(node, "hidden") in ("1", "true"):
                    low, high = int(attribute(node, "min", "1")), int(attribute(node, "max", "1"))
                    self.sheet.hidden_cols |= set(range(low - 1, min(high, 16_384)))
        except ElementTree.ParseError as error:
            raise SourceError(f"{name}: {part} is not well-formed XML: {error}", "broken") from error
        inside = _inside(merged)
        for cell in found:
            if (cell.row, cell.col) in merged:
                rows, cols = merged[cell.row, cell.col]
                cell = GridCell(
                    cell.row, cell.col, cell.text, rows, cols, cell.kind, cell.value, cell.unit, None, cell.flags
                )
            elif (cell.row, cell.col) in inside:
                continue
            self.sheet.cells.append(cell)

    def _row(self, node: ElementTree.Element) -> Iterator[GridCell]:
        number = attribute(node, "r")
        self.row = int(number) - 1 if number.isdigit() else self.row + 1
        self.col = -1
        if attribute(node, "hidden") in ("1", "true"):
            self.sheet.hidden_rows.add(self.row)
        for cell in node:
            if local(cell) != "c":
                continue
            place = _place(cell.get("r", ""))
            self.col = place[1] if place else self.col + 1
            made = self._cell(cell)
            if made is not None:
                yield made

    def _cell(self, node: ElementTree.Element) -> GridCell | None:
        kind, formula, stored, inline = node.get("t", "n"), None, None, None
        for piece in node:
            what = local(piece)
            if what == "v":
                stored = piece.text
            elif what == "f":
                formula = piece.text or ""
            elif what == "is":
                inline = piece
        place = (self.row, self.col)
        if kind == "inlineStr" and inline is not None:
            return _text_cell(place, _words(inline))
        if stored is None or stored == "":
            if formula:  # nobody has computed it: the formula is all there is
                return GridCell(*place, f"={formula}", kind="text", flags=frozenset({"formula", "uncertain"}))
            return None
        made = self._stored(place, kind, stored, node.get("s", ""))
        if made is not None and formula is not None:
            made = GridCell(*place, made.text, 1, 1, made.kind, made.value, made.unit, None, frozenset({"formula"}))
        return made

    def _stored(self, place: tuple[int, int], kind: str, stored: str, style: str) -> GridCell | None:
        if kind == "s":
            at = int(stored) if stored.isdigit() else -1
            return _text_cell(place, self.strings[at]) if 0 <= at < len(self.strings) else None
        if kind == "b":
            return GridCell(*place, "TRUE" if stored == "1" else "FALSE", kind="boolean", value=float(stored == "1"))
        if kind == "d":
            return GridCell(*place, stored, kind="date", value=stored)
        if kind in ("str", "e"):
            return _text_cell(place, stored)
        try:
            value = float(stored)
        except ValueError:
            return _text_cell(place, stored)
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124
            return _text_cell(place, stored)
        number = int(style) if style.isdigit() else -1
        code = self.formats[number] if 0 <= number < len(self.formats) else "General"
        text, said = shown(value, code, from_1904=self.from_1904)
        return GridCell(*place, text or plain(value), kind=said.kind, value=said.value, unit=said.unit)


def _text_cell(place: tuple[int, int], text: str) -> GridCell:
    return GridCell(*place, text, kind="text")


def _elements(data: bytes) -> Iterator[ElementTree.Element]:
    for _, node in ElementTree.iterparse(io.BytesIO(data)):  # noqa: S314  (no DTD gets here, the size is bounded)
        yield node


def _place(reference: str) -> tuple[int, int] | None:
    """B4 as row and column from 0."""
    found = _PLACE.fullmatch(reference)
    if found is None:
        return None
    col = 0
    for letter in found[1].upper():
        col = col * 26 + ord(letter) - 64
    return int(found[2]) - 1, col - 1


def _inside(merged: Mapping[tuple[int, int], tuple[int, int]]) -> set[tuple[int, int]]:
    """The covered places of merged cells, within bounds: beyond them cells stand as they are stored."""
    inside: set[tuple[int, int]] = set()
    for (top, left), (rows, cols) in merged.items():
        if rows * cols <= 10_000 and len(inside) < 1_000_000:
            inside |= {(r, c) for r in range(top, top + rows) for c in range(left, left + cols)}
            inside.discard((top, left))
    return inside


def _add_comments(package: Package, part: str, sheet: Sheet) -> None:
    for kind, target in package.relations(part).values():
        if kind != "comments" or not package.has(target):
            continue
        root = package.xml(target)
        authors = [(node.text or "").strip() for node in children(child(root, "authors"), "author")]
        for node in children(child(root, "commentList"), "comment"):
            place = _place(attribute(node, "ref"))
            words = "".join(text.text or "" for text in every(child(node, "text"), "t")).strip()
            at = attribute(node, "authorId")
            author = authors[int(at)] if at.isdigit() and int(at) < len(authors) else ""
            if place and words:
                told = words if not author or words.startswith(author) else f"{author}: {words}"
                sheet.notes.append((*place, told))
    sheet.notes.sort()
