"""OpenDocument: texts, sheets and presentations; changes that were deleted stay out, comments and notes are notes."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.containers.packages import Package, attribute, child, children, every, local, opened
from wellread.documents.containers.sheets import MAX_CELLS, Sheet, add_sheet
from wellread.documents.tables.build import GridCell
from wellread.errors import SourceError
from wellread.types import Parsed, flag_of_cell, type_of_value

ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
MAX_REPEAT = 1_000  # of a filled row or cell
MAX_DEPTH = 60
_KINDS: dict[str, type_of_value] = {"date": "date", "time": "time", "boolean": "boolean"}
_NOT_TEXT = {"annotation", "note", "tracked-changes", "annotation-end", "desc", "title"}


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, too-large, encrypted, unknown-type)."""
    assembly = Assembly()
    with opened(data, name, "an OpenDocument file") as package:
        package.need("content.xml")
        manifest = package.optional("META-INF/manifest.xml")
        if next(every(manifest, "encryption-data"), None) is not None:
            raise SourceError(f"{name}: is encrypted; save it without a password", "encrypted")
        content = package.xml("content.xml")
        body = child(content, "body")
        facts, title = _facts(package)
        reader = _Reader(package, assembly, name)
        kind = (
            next((local(node) for node in body if local(node) in ("text", "spreadsheet", "presentation")), "")
            if body is not None
            else ""
        )
        inside = child(body, kind)
        if inside is None:
            raise SourceError(
                f"{name}: an OpenDocument file of a kind that is not read (drawing, formula)", "unknown-type"
            )
        if kind == "spreadsheet":
            reader.sheets(inside, _hidden_styles(content))
        elif kind == "presentation":
            reader.slides(inside)
        else:
            reader.flow(inside, 0)
        reader.notes_at_the_end()
    return assembly.parsed({"text": ODT, "spreadsheet": ODS, "presentation": ODP}[kind], title, facts)


def _facts(package: Package) -> tuple[dict[str, str], str]:
    keys = {
        "creator": "changed_by",
        "initial-creator": "author",
        "creation-date": "created",
        "date": "changed",
        "language": "language",
    }
    facts: dict[str, str] = {}
    title = ""
    root = package.optional("meta.xml")
    about = child(root, "meta")
    for node in about if about is not None else ():
        words = one_line(node.text or "")
        if local(node) == "title":
            title = words
        elif local(node) in keys and words:
            facts.setdefault(keys[local(node)], words)
    return facts, title


def _hidden_styles(content: ElementTree.Element) -> set[str]:
    """Styles of sheets that are not shown."""
    return {
        attribute(style, "name")
        for style in children(child(content, "automatic-styles"), "style")
        if attribute(child(style, "table-properties"), "display") == "false"
    }


class _Reader:
    """Reads the body of one file; foot- and endnotes are kept for the end."""

    def __init__(self, package: Package, assembly: Assembly, name: str) -> None:
        self.package, self.assembly, self.name = package, assembly, name
        self.notes: list[str] = []
        self.n_cells = 0

    def flow(self, node: ElementTree.Element, depth: int) -> None:
        """Headings, paragraphs, lists, tables and boxes in order."""
        if depth > MAX_DEPTH:
            raise SourceError(f"{self.name}: is nested too deep", "broken")
        for piece in node:
            kind = local(piece)
            if kind == "h":
                level = attribute(piece, "outline-level", "1")
                number = int(level) if level.isdigit() else 1
                self.assembly.add("heading", one_line(self.text(piece)), level=min(max(number, 1), 6))
                self._boxes(piece, depth)
            elif kind == "p":
                self.assembly.add("paragraph", self.text(piece).strip())
                self._boxes(piece, depth)
            elif kind == "list":
                self.assembly.add("list", "\n".join(self._items(piece, 0)))
            elif kind == "table":
                self._table(piece)
            elif kind in (
                "section",
                "text-box",
                "frame",
                "index-body",
                "table-of-content",
                "g",
                "list-header",
                "custom-shape",
                "alphabetical-index",
                "bibliography",
                "illustration-index",
            ):
                self._object(piece)
                self.flow(piece, depth + 1)

    def _boxes(self, node: ElementTree.Element, depth: int) -> None:
        """Boxes and tables that hang at a paragraph, and the words for pictures."""
        for piece in node:
            if local(piece) in ("frame", "custom-shape", "g", "a", "span", "rect"):
                self._object(piece)
                self.flow(piece, depth + 1) if local(piece) not in ("a", "span") else self._boxes(piece, depth + 1)

    def _object(self, node: ElementTree.Element) -> None:
        words = " ".join(one_line("".join(n.itertext())) for n in node if local(n) in ("title", "desc"))
        self.assembly.add("image", words)
        for inner in children(node, "object"):
            part = attribute(inner, "href").removeprefix("./").rstrip("/") + "/content.xml"
            if self.package.has(part):
                root = self.package.xml(part)
                title = next(every(root, "title"), None)
                caption = one_line("".join(title.itertext())) if title is not None else ""
                for table in every(root, "table"):
                    self.assembly.add("caption", caption)
                    self._table(table, caption)

    def _items(self, node: ElementTree.Element, depth: int) -> Iterator[str]:
        if depth > MAX_DEPTH:
            raise SourceError(f"{self.name}: is nested too deep", "broken")
        for item in node:
            if local(item) not in ("list-item", "list-header"):
                continue
            words = " ".join(filter(None, (one_line(self.text(p)) for p in item if local(p) in ("p", "h"))))
            if words:
                yield "  " * depth + "- " + words
            for inner in children(item, "list"):
                yield from self._items(inner, depth + 1)

    def text(self, node: ElementTree.Element) -> str:
        """The words of a paragraph; notes and comments in it are kept for the end, boxes stand on their own."""
        parts = [node.text or ""]
        for piece in node:
            kind = local(piece)
            if kind == "s":
                count = attribute(piece, "c", "1")
                parts.append(" " * (int(count) if count.isdigit() and len(count) < 4 else 1))
            elif kind == "tab":
                parts.append("\t")
            elif kind == "line-break":
                parts.append("\n")
            elif kind in ("note", "annotation"):
                words = [one_line(self.text(p)) for p in piece.iter() if local(p) == "p"]
                author = one_line("".join(n.text or "" for n in piece if local(n) == "creator"))
                told = " ".join(filter(None, words))
                self.notes.append(f"{author}: {told}" if author and told else told)
            elif kind not in (*_NOT_TEXT, "frame", "custom-shape", "g"):
                parts.append(self.text(piece))
            parts.append(piece.tail or "")
        return "".join(parts)

    def notes_at_the_end(self) -> None:
        """Foot- and endnotes and comments, each a note."""
        for words in self.notes:
            self.assembly.add("note", words)
        self.notes.clear()

    def _table(self, node: ElementTree.Element, caption: str = "") -> None:
        cells, head = self._cells(node), 0
        heads = child(node, "table-header-rows")
        head = len(children(heads, "table-row")) if heads is not None else 0
        self.notes += [words for _, _, words in cells.notes]
        self.assembly.add_table(cells.cells, caption=caption, head_rows=head or None)

    def _cells(self, node: ElementTree.Element) -> Sheet:
        """Filled cells; what is repeated without words is only counted."""
        sheet = Sheet(attribute(node, "name"))
        row = 0
        for line in _rows(node):
            repeat = _count(line, "number-rows-repeated")
            made = list(self._row(line, row))
            if attribute(line, "visibility") in ("collapse", "filter") and made:
                sheet.hidden_rows |= set(range(row, row + min(repeat, MAX_REPEAT)))
            for n in range(min(repeat, MAX_REPEAT) if made else 0):
                for cell, note in made:
                    if note:
                        sheet.notes.append((row + n, cell.col, note))
                    sheet.cells.append(
                        GridCell(
                            row + n,
                            cell.col,
                            cell.text,
                            cell.row_span,
                            cell.col_span,
                            cell.kind,
                            cell.value,
                            cell.unit,
                            None,
                            cell.flags,
                        )
                    )
                self.n_cells += len(made)
                if self.n_cells > MAX_CELLS:
                    raise SourceError(f"{self.name}: more than {MAX_CELLS:,} filled cells", "too-large")
            row += repeat
        return sheet

    def _row(self, line: ElementTree.Element, row: int) -> Iterator[tuple[GridCell, str]]:
        col = 0
        for cell in line:
            kind = local(cell)
            if kind not in ("table-cell", "covered-table-cell"):
                continue
            repeat = _count(cell, "number-columns-repeated")
            before = len(self.notes)
            text = "\n".join(filter(None, (self.text(p) for p in cell if local(p) in ("p", "h", "list", "table"))))
            comment = " ".join(self.notes[before:])
            del self.notes[before:]
            if kind == "table-cell" and (text.strip() or comment):
                rows = min(_count(cell, "number-rows-spanned"), 10_000)
                cols = min(_count(cell, "number-columns-spanned"), 10_000)
                for n in range(min(repeat, MAX_REPEAT)):
                    yield _typed(cell, GridCell(row, col + n, text, rows, cols)), comment
            col += repeat

    def sheets(self, node: ElementTree.Element, hidden: set[str]) -> None:
        """Every table of a workbook as a sheet."""
        for table in children(node, "table"):
            sheet = self._cells(table)
            sheet.hidden = attribute(table, "style-name") in hidden
            add_sheet(self.assembly, sheet)

    def slides(self, node: ElementTree.Element) -> None:
        """Every page of a presentation: title, boxes from top to bottom, notes."""
        for page in children(node, "page"):
            self.assembly.begin("slide", attribute(page, "name"))
            frames = [piece for piece in page if local(piece) in ("frame", "custom-shape", "g")]
            frames.sort(key=lambda f: (attribute(f, "class") != "title", _length(f, "y") // 0.5, _length(f, "x")))
            for frame in frames:
                if attribute(frame, "class") == "title":
                    self.assembly.add("heading", one_line("".join(self._words(frame))), level=1)
                else:
                    self._object(frame)
                    self.flow(frame, 0)
            for frame in every(child(page, "notes"), "frame"):
                self.assembly.add("note", "\n".join(self._words(frame)))
            self.notes_at_the_end()

    def _words(self, frame: ElementTree.Element) -> list[str]:
        return [text for text in (self.text(p).strip() for p in every(frame, "p")) if text and text != "<number>"]


def _rows(node: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for piece in node:
        kind = local(piece)
        if kind == "table-row":
            yield piece
        elif kind in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows(piece)


def _count(node: ElementTree.Element, name: str) -> int:
    value = attribute(node, name, "1")
    return max(int(value), 1) if value.isdigit() and len(value) < 8 else 1


def _length(node: ElementTree.Element, name: str) -> float:
    value = attribute(node, name, "0").rstrip("cminpt")
    try:
        return float(value)
    except ValueError:
        return 0.0


def _typed(node: ElementTree.Element, cell: GridCell) -> GridCell:
    """The same with the value that the file stores beside the text."""
    stored = attribute(node, "value-type")
    flags: frozenset[flag_of_cell] = frozenset({"formula"} if attribute(node, "formula") else ())
    kind: type_of_value = "text"
    value: float | str | None = None
    unit = ""
    try:
        if stored in ("float", "percentage", "currency"):
            kind, value = "number", float(attribute(node, "value", "nan"))
            unit = "%" if stored == "percentage" else attribute(node, "currency")
            value = None if value != value else value  # noqa: PLR0124
        elif stored in _KINDS:
            kind = _KINDS[stored]
            value = attribute(node, f"{stored}-value") or None
            value = float(value == "true") if kind == "boolean" else value
    except ValueError:
        kind = "text"
    kind = "text" if value is None else kind
    return GridCell(cell.row, cell.col, cell.text, cell.row_span, cell.col_span, kind, value, unit, None, flags)
