"""DOCX: paragraphs with their heading styles, numbered lists, tables, text boxes, notes and comments.

The archive is read within bounds (ratio, total, count) and its XML without DTD, so that neither a bomb nor an entity
is ever expanded. Relationships to the outside are not followed, macros are not looked at.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from xml.etree import ElementTree

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.media import DOCX
from wellread.documents.notation import raised
from wellread.documents.word.numbering import Numbering, numbering_of
from wellread.documents.word.table import cells_of
from wellread.documents.word.text import RunStyles, W, WordReading, is_on, text_of
from wellread.errors import SourceError
from wellread.types import Parsed

MAX_RATIO, MAX_TOTAL_BYTES, MAX_ENTRIES = 100, 100 << 20, 5000
_HEADING = re.compile(r"(?:heading|überschrift|titre|rubrik|kop)\s*(\d)", re.I)
_STRICT = (  # the namespaces of «strict» files, and the ones that everybody else writes for the same elements
    (
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    ),
    (b"http://purl.oclc.org/ooxml/officeDocument/", b"http://schemas.openxmlformats.org/officeDocument/2006/"),
)
_MAIN_PART = re.compile(rb'<Relationship\b[^>]*?/officeDocument"[^>]*>')
_TARGET = re.compile(rb'Target="/?([^"]{1,200})"')
_NOTES = ("footnotes", "endnotes", "comments")


@dataclass(frozen=True, slots=True)
class ParagraphStyles:
    """What the styles of paragraphs say, by their id: heading level, and list with level."""

    levels: dict[str, int] = field(default_factory=dict)
    lists: dict[str, tuple[str, int]] = field(default_factory=dict)
    runs: RunStyles = field(default_factory=RunStyles)


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, too-large) for an archive or XML that cannot or should not be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            main = _main_part(archive, name)
            folder = main.rpartition("/")[0]
            body = _xml(archive, main, name)
            parts = {
                part: _xml(archive, f"{folder}/{part}.xml".lstrip("/"), name)
                for part in ("styles", "numbering", *_NOTES)
                if f"{folder}/{part}.xml".lstrip("/") in archive.namelist()
            }
            core = _xml(archive, "docProps/core.xml", name) if "docProps/core.xml" in archive.namelist() else None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        OSError,
        ValueError,
    ) as error:
        raise SourceError(f"{name}: the DOCX archive is broken: {error}; open and save it again", "broken") from error
    assembly = Assembly()
    styles = _styles(parts.get("styles"))
    reader = _Body(assembly, styles, numbering_of(parts.get("numbering")))
    reader.read(body.find(f"{W}body"))
    reader.end_list()
    _notes(assembly, reader.reading, parts)
    title = ""
    if core is not None:
        title = one_line(core.findtext("{http://purl.org/dc/elements/1.1/}title") or "")
    return assembly.parsed(DOCX, title)


def _main_part(archive: zipfile.ZipFile, name: str) -> str:
    """The part that holds the document. Raises: SourceError as ``parse``."""
    _check(archive, name)
    names = archive.namelist()
    if "word/document.xml" in names:
        return "word/document.xml"
    if "_rels/.rels" in names and archive.getinfo("_rels/.rels").file_size < MAX_TOTAL_BYTES:
        relation = _MAIN_PART.search(archive.read("_rels/.rels"))
        target = _TARGET.search(relation.group()) if relation else None
        if target and (part := target.group(1).decode("utf-8", "replace")) in names and part.startswith("word"):
            return part
    raise SourceError(f"{name}: a ZIP archive, but not a DOCX (no word/document.xml)", "broken")


def _check(archive: zipfile.ZipFile, name: str) -> None:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if len(entries) > MAX_ENTRIES or total > MAX_TOTAL_BYTES or total > max(packed, 1) * MAX_RATIO + (1 << 20):
        raise SourceError(f"{name}: unpacks to {total:,} bytes in {len(entries)} parts; refused as a bomb", "too-large")
    if any(entry.flag_bits & 1 for entry in entries):
        raise SourceError(f"{name}: is encrypted; save it without a password", "encrypted")


def _xml(archive: zipfile.ZipFile, part: str, name: str) -> ElementTree.Element:
    with archive.open(part) as stream:
        data = stream.read(MAX_TOTAL_BYTES + 1)
    if len(data) > MAX_TOTAL_BYTES:
        raise SourceError(
            f"{name}: {part} unpacks to more than {MAX_TOTAL_BYTES:,} bytes; refused as a bomb", "too-large"
        )
    if b"http://purl.oclc.org/ooxml/" in data:
        for strict, common in _STRICT:
            data = data.replace(strict, common)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError(f"{name}: {part} declares a DTD or is UTF-16; refused", "broken")
    try:
        return ElementTree.fromstring(data)  # noqa: S314  (no DTD gets here, the size is bounded)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise SourceError(f"{name}: {part} is not well-formed XML: {error}", "broken") from error


def _styles(part: ElementTree.Element | None) -> ParagraphStyles:
    """Heading levels by outline level, else by the style's name; a style has what the one below it has."""
    if part is None:
        return ParagraphStyles()
    own = {style.get(f"{W}styleId", ""): style for style in part.iter(f"{W}style")}
    levels: dict[str, int] = {}
    lists: dict[str, tuple[str, int]] = {}
    hidden: set[str] = set()
    struck: set[str] = set()
    for style_id in own:
        seen: list[str] = []
        at = style_id
        while at in own and at not in seen:
            seen.append(at)
            base = own[at].find(f"{W}basedOn")
            at = base.get(f"{W}val", "") if base is not None else ""
        line = [own[one] for one in seen]
        level = next(filter(None, map(_level_of, line)), 0)
        if level:
            levels[style_id] = level
        numbers = next((found for one in line if (found := _list_of(one)) is not None), None)
        if numbers is not None:
            lists[style_id] = numbers
        runs = [one.find(f"{W}rPr") for one in line]
        for name, holders in (("vanish", hidden), ("strike", struck)):
            said = next((run for run in runs if run is not None and run.find(f"{W}{name}") is not None), None)
            if is_on(said, name):
                holders.add(style_id)
    return ParagraphStyles(levels, lists, RunStyles(frozenset(hidden), frozenset(struck)))


def _level_of(style: ElementTree.Element) -> int:
    label, outline = style.find(f"{W}name"), style.find(f"{W}pPr/{W}outlineLvl")
    words = label.get(f"{W}val", "") if label is not None else ""
    found = _HEADING.match(words)
    value = outline.get(f"{W}val", "") if outline is not None else ""
    if found:
        return min(int(found.group(1)), 6) or 1
    if value.isdigit() and int(value) < 6:
        return int(value) + 1
    return 1 if words.lower() == "title" else 0


def _list_of(holder: ElementTree.Element) -> tuple[str, int] | None:
    """The list and level that a paragraph or style names; list "0" takes a paragraph out of any list."""
    numbers = holder.find(f"{W}pPr/{W}numPr")
    if numbers is None:
        return None
    list_id, level = numbers.find(f"{W}numId"), numbers.find(f"{W}ilvl")
    depth = level.get(f"{W}val", "0") if level is not None else "0"
    return list_id.get(f"{W}val", "") if list_id is not None else "", int(depth) if depth.isdigit() else 0


class _Body:
    """Reads the body's children in order, list items gathered into one block."""

    def __init__(self, assembly: Assembly, styles: ParagraphStyles, numbering: Numbering) -> None:
        self.assembly, self.styles, self.numbering = assembly, styles, numbering
        self.reading = WordReading(styles.runs)
        self.items: list[str] = []

    def read(self, body: ElementTree.Element | None) -> None:
        """Adds all blocks of ``body``."""
        for child in body if body is not None else ():
            if child.tag == f"{W}p":
                self._paragraph(child)
            elif child.tag == f"{W}tbl":
                self._table(child)
            elif child.tag == f"{W}sdt":
                self.read(child.find(f"{W}sdtContent"))
            elif child.tag in (f"{W}ins", f"{W}moveTo", f"{W}customXml", f"{W}smartTag"):
                self.read(child)

    def _table(self, table: ElementTree.Element) -> None:
        self.end_list()
        if next(table.iterfind(f".//{W}tc//{W}tbl"), None) is not None:  # lays out the page
            for cell in _outer_cells(table):
                self.read(cell)
                self.end_list()
            return
        cells, n_head = cells_of(table, lambda cell: text_of(cell, self.reading))
        self.assembly.add_table(cells, head_rows=n_head)
        self._boxes()

    def _paragraph(self, node: ElementTree.Element) -> None:
        text = text_of(node, self.reading).strip()
        style = node.find(f"{W}pPr/{W}pStyle")
        style_id = style.get(f"{W}val", "") if style is not None else ""
        if style_id in self.styles.runs.hidden and style_id not in self.styles.levels:
            text = ""
        found = _HEADING.match(style_id)
        level = self.styles.levels.get(style_id, int(found.group(1)) if found else 0) or _level_of(node)
        listed = _list_of(node) or self.styles.lists.get(style_id)
        if listed is not None and listed[0] == "0":
            listed = None
        if not level and (listed is not None or style_id.startswith("List")):
            list_id, depth = listed or ("", 0)
            if text:
                self.items.append("  " * depth + f"{self.numbering.next(list_id, depth)} {one_line(text)}".strip())
            if self.reading.boxes:
                self.end_list()
                self._boxes()
            return
        self.end_list()
        if level:
            number = self.numbering.next(*listed) if listed is not None and text else ""
            self.assembly.add("heading", one_line(f"{number.removeprefix('-')} {text}"), level=min(level, 6))
        else:
            self.assembly.add("paragraph", text)
        self._boxes()

    def _boxes(self) -> None:
        """Text boxes that were met stand after what holds them."""
        while self.reading.boxes:
            self.read(self.reading.boxes.pop(0))
            self.end_list()

    def end_list(self) -> None:
        """The items collected so far are one block."""
        if self.items:
            self.assembly.add("list", "\n".join(self.items))
            self.items.clear()


def _outer_cells(table: ElementTree.Element) -> list[ElementTree.Element]:
    cells: list[ElementTree.Element] = []
    stack = list(table)[::-1]
    while stack:
        node = stack.pop()
        if node.tag == f"{W}tc":
            cells.append(node)
        else:
            stack += list(node)[::-1]
    return cells


def _notes(assembly: Assembly, reading: WordReading, parts: dict[str, ElementTree.Element]) -> None:
    """Foot- and endnotes with the marks that stand in the text, then comments with their authors."""
    known = {
        (note.tag.removeprefix(W), note.get(f"{W}id", "")): note
        for part in _NOTES
        if part in parts
        for note in parts[part]
    }
    marks = {key: n for n, key in enumerate((key for key in reading.notes if key[0] != "comment"), start=1)}
    for key, note in known.items():
        if note.get(f"{W}type", "normal") != "normal":  # the lines that part notes from the text
            continue
        text = one_line(text_of(note, WordReading(reading.styles)))
        if text and key[0] == "comment":
            author = one_line(note.get(f"{W}author", ""))
            assembly.add("note", f"Comment by {author}: {text}" if author else f"Comment: {text}")
        elif text:
            assembly.add("note", f"{raised(str(marks[key]))} {text}" if key in marks else text)
