"""PPTX: slides in the order of the show, each with its title, shapes from top to bottom, tables, charts and notes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
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
from wellread.documents.tables.build import GridCell
from wellread.errors import SourceError
from wellread.types import Box, Image, Parsed

PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
MAX_SLIDES, MAX_DEPTH = 5_000, 30
_POINT = 12_700  # EMU
_PLACEHOLDERS_LEFT_OUT = {"sldNum", "dt", "ftr", "hdr", "sldImg"}


@dataclass(frozen=True, slots=True)
class _Shape:
    """Something on a slide, where it stands and whether it is the title."""

    node: ElementTree.Element
    top: int
    left: int
    width: int
    height: int
    title: bool


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, too-large, encrypted, unknown-type)."""
    assembly = Assembly()
    with opened(data, name, "a PPTX presentation") as package:
        package.need("ppt/presentation.xml")
        show = package.xml("ppt/presentation.xml")
        facts = core_properties(package)
        relations = package.relations("ppt/presentation.xml")
        size = child(show, "sldSz")
        width, height = int(attribute(size, "cx", "0") or 0), int(attribute(size, "cy", "0") or 0)
        slides = children(child(show, "sldIdLst"), "sldId")
        if len(slides) > MAX_SLIDES:
            raise SourceError(f"{name}: {len(slides):,} slides; more than {MAX_SLIDES:,}", "too-large")
        for node in slides:
            part = _related(node, relations)
            if part and package.has(part):
                _Slide(package, assembly, part, (width, height)).read()
            else:
                assembly.begin("slide")
    return assembly.parsed(PPTX, facts.pop("title", ""), facts)


def _related(node: ElementTree.Element, relations: dict[str, tuple[str, str]]) -> str:
    for key, value in node.attrib.items():
        if key.endswith("}id") and value in relations:
            return relations[value][1]
    return ""


class _Slide:
    """Reads one slide into the document."""

    def __init__(self, package: Package, assembly: Assembly, part: str, size: tuple[int, int]) -> None:
        self.package, self.assembly, self.part, self.size = package, assembly, part, size
        self.relations = package.relations(part)

    def read(self) -> None:
        """Title, shapes, comments and speaker notes."""
        root = self.package.xml(self.part)
        shapes = list(_shapes(child(root, "cSld", "spTree"), 0, (0, 0)))
        title = next((shape for shape in shapes if shape.title and _text(shape.node)), None)
        size = (self.size[0] / _POINT, self.size[1] / _POINT) if all(self.size) else None
        words = one_line(_text(title.node)) if title else ""
        self.assembly.begin("slide", words, hidden=attribute(root, "show") in ("0", "false"), size=size)
        if title is not None:
            self.assembly.add("heading", words, level=1, box=self._box(title))
        rows = sorted((s for s in shapes if s is not title), key=lambda s: (s.top // 200_000, s.left))
        for shape in rows:
            self._add(shape)
        self._notes()

    def _box(self, shape: _Shape) -> Box | None:
        width, height = self.size
        if not (width and height and (shape.width or shape.height)):
            return None
        ends = (shape.left / width, shape.top / height)
        far = ((shape.left + shape.width) / width, (shape.top + shape.height) / height)
        return Box(*(min(max(round(v * 1000), 0), 1000) for v in (*ends, *far)))

    def _add(self, shape: _Shape) -> None:
        kind, box = local(shape.node), self._box(shape)
        if kind == "pic":
            self._picture(shape.node, box)
        elif kind == "graphicFrame":
            self._frame(shape.node, box)
        else:
            for bullets, text in _paragraph_groups(shape.node):
                self.assembly.add("list" if bullets else "paragraph", text, box=box)

    def _picture(self, node: ElementTree.Element, box: Box | None) -> None:
        about = next(every(node, "cNvPr"), None)
        alt = one_line(attribute(about, "descr"))
        blip = next(every(node, "blip"), None)
        part = self.relations.get(attribute(blip, "embed"), ("", ""))[1]
        if not self.package.has(part):
            return
        span = self.assembly.add("image", alt, box=box)
        block = self.assembly.n_blocks - 1 if span else None
        digest = hashlib.sha256(self.package.read(part)).hexdigest()
        page = self.assembly.unit
        self.assembly.add_image(Image(block, digest, page=page, alt=alt, box=box))

    def _frame(self, node: ElementTree.Element, box: Box | None) -> None:
        for table in every(node, "tbl"):
            self.assembly.add_table(list(_table_cells(table)), box=box, head_rows=_head(table))
            return
        for data in every(node, "graphicData"):
            for inner in data:
                reference = attribute(inner, "id") or attribute(inner, "dm")
                kind, part = self.relations.get(reference, ("", ""))
                if kind == "chart" and self.package.has(part):
                    _add_chart(self.assembly, self.package.xml(part), box)
                elif kind == "diagramData" and self.package.has(part):
                    points = (_text(point) for point in every(self.package.xml(part), "pt"))
                    self.assembly.add("list", "\n".join(f"- {one_line(text)}" for text in points if text.strip()))

    def _notes(self) -> None:
        for kind, part in self.relations.values():
            if not self.package.has(part):
                continue
            if kind == "notesSlide":
                for shape in _shapes(child(self.package.xml(part), "cSld", "spTree"), 0, (0, 0)):
                    self.assembly.add("note", "\n".join(text for _, text in _paragraph_groups(shape.node)))
            elif kind == "comments":
                for node in every(self.package.xml(part), "cm"):
                    words = [text.text or "" for text in every(node, "text")] or [_text(node)]
                    self.assembly.add("note", "Comment: " + one_line(" ".join(words)) if any(words) else "")


def _shapes(tree: ElementTree.Element | None, depth: int, moved: tuple[int, int]) -> Iterator[_Shape]:
    if tree is None or depth > MAX_DEPTH:
        return
    for node in tree:
        kind = local(node)
        if kind == "grpSp":
            offset = child(node, "grpSpPr", "xfrm", "off")
            inner = child(node, "grpSpPr", "xfrm", "chOff")
            by = (_number(offset, "x") - _number(inner, "x"), _number(offset, "y") - _number(inner, "y"))
            yield from _shapes(node, depth + 1, (moved[0] + by[0], moved[1] + by[1]))
        elif kind == "AlternateContent":
            yield from _shapes(child(node, "Choice"), depth + 1, moved)
        elif kind in ("sp", "pic", "graphicFrame"):
            holder = next(every(node, "ph"), None)
            role = attribute(holder, "type") if holder is not None else ""
            if role in _PLACEHOLDERS_LEFT_OUT or attribute(next(every(node, "cNvPr"), None), "hidden") == "1":
                continue
            place = child(node, "spPr", "xfrm") if kind != "graphicFrame" else child(node, "xfrm")
            offset, extent = child(place, "off"), child(place, "ext")
            top, left = _number(offset, "y") + moved[1], _number(offset, "x") + moved[0]
            size = (_number(extent, "cx"), _number(extent, "cy"))
            yield _Shape(node, top, left, *size, title=role in ("title", "ctrTitle"))


def _number(node: ElementTree.Element | None, name: str) -> int:
    value = attribute(node, name, "0")
    return int(value) if value.lstrip("-").isdigit() else 0


def _paragraph_groups(node: ElementTree.Element) -> Iterator[tuple[bool, str]]:
    """Paragraphs of a shape; several in a row are one list, a paragraph alone stands alone."""
    body = child(node, "txBody")
    lines = [(_number(child(p, "pPr"), "lvl"), _text(p).strip()) for p in children(body, "p")]
    lines = [(level, text) for level, text in lines if text]
    if len(lines) > 1:
        yield True, "\n".join("  " * level + "- " + one_line(text) for level, text in lines)
    elif lines:
        yield False, lines[0][1]


def _text(node: ElementTree.Element) -> str:
    parts: list[str] = []
    for piece in node.iter():
        kind = local(piece)
        if kind == "t":
            parts.append(piece.text or "")
        elif kind == "br" or (kind == "p" and parts):
            parts.append("\n")
    return "".join(parts).strip()


def _head(table: ElementTree.Element) -> int | None:
    return 1 if attribute(child(table, "tblPr"), "firstRow") in ("1", "true") else None


def _table_cells(table: ElementTree.Element) -> Iterator[GridCell]:
    for r, row in enumerate(children(table, "tr")):
        for c, cell in enumerate(children(row, "tc")):
            if cell.get("hMerge") in ("1", "true") or cell.get("vMerge") in ("1", "true"):
                continue
            spans = [max(_number(cell, key), 1) for key in ("rowSpan", "gridSpan")]
            yield GridCell(r, c, _text(cell), min(spans[0], 10_000), min(spans[1], 1_000))


def _add_chart(assembly: Assembly, root: ElementTree.Element, box: Box | None) -> None:
    """The numbers that a chart shows, as the table that it was made of: a row a category, a column a series."""
    title = one_line(" ".join(text.text or "" for text in every(next(every(root, "title"), None), "t")))
    assembly.add("caption", title)
    cells: list[GridCell] = []
    for col, series in enumerate(every(root, "ser"), start=1):
        named = child(series, "tx")
        cells.append(GridCell(0, col, " ".join(v.text or "" for v in every(named, "v"))))
        categories = child(series, "cat") if child(series, "cat") is not None else child(series, "xVal")
        values = child(series, "val") if child(series, "val") is not None else child(series, "yVal")
        if col == 1:
            cells += [GridCell(row + 1, 0, text) for row, text in _points(categories)]
        cells += [GridCell(row + 1, col, text) for row, text in _points(values)]
    head = 1 if any(cell.row == 0 and cell.text.strip() for cell in cells) else 0
    assembly.add_table(cells, caption=title, box=box, head_rows=head)


def _points(node: ElementTree.Element | None) -> Iterator[tuple[int, str]]:
    for point in every(node, "pt"):
        value = child(point, "v")
        index = attribute(point, "idx", "0")
        if value is not None and index.isdigit() and int(index) < 100_000:
            yield int(index), value.text or ""
