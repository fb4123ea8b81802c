"""DOCX: paragraphs with their heading styles, lists, tables a row per line, footnotes at the end.

The archive is read within bounds (ratio, total, count) and its XML without DTD, so that neither a bomb nor an entity
is ever expanded. Relationships to the outside are not followed, macros are not looked at.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from xml.etree import ElementTree

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.media import DOCX
from wellread.errors import SourceError
from wellread.types import Parsed

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAX_RATIO, MAX_TOTAL_BYTES, MAX_ENTRIES = 100, 100 << 20, 5000
_HEADING = re.compile(r"(?:heading|überschrift|titre|rubrik|kop)\s*(\d)", re.I)


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, too-large) for an archive or XML that cannot or should not be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(archive, name)
            body = _xml(archive, "word/document.xml", name)
            styles = _heading_styles(archive, name)
            notes = [
                _xml(archive, part, name)
                for part in ("word/footnotes.xml", "word/endnotes.xml")
                if part in archive.namelist()
            ]
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
    _Body(assembly, styles).read(body.find(f"{W}body"))
    for part in notes:
        for note in part:
            assembly.add("paragraph", one_line(_text(note)))
    title = ""
    if core is not None:
        title = one_line(core.findtext("{http://purl.org/dc/elements/1.1/}title") or "")
    return assembly.parsed(DOCX, title)


def _check(archive: zipfile.ZipFile, name: str) -> None:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if len(entries) > MAX_ENTRIES or total > MAX_TOTAL_BYTES or total > max(packed, 1) * MAX_RATIO + (1 << 20):
        raise SourceError(f"{name}: unpacks to {total:,} bytes in {len(entries)} parts; refused as a bomb", "too-large")
    if any(entry.flag_bits & 1 for entry in entries):
        raise SourceError(f"{name}: is encrypted; save it without a password", "encrypted")
    if "word/document.xml" not in archive.namelist():
        raise SourceError(f"{name}: a ZIP archive, but not a DOCX (no word/document.xml)", "broken")


def _xml(archive: zipfile.ZipFile, part: str, name: str) -> ElementTree.Element:
    with archive.open(part) as stream:
        data = stream.read(MAX_TOTAL_BYTES + 1)
    if len(data) > MAX_TOTAL_BYTES:
        raise SourceError(
            f"{name}: {part} unpacks to more than {MAX_TOTAL_BYTES:,} bytes; refused as a bomb", "too-large"
        )
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError(f"{name}: {part} declares a DTD or is UTF-16; refused", "broken")
    try:
        return ElementTree.fromstring(data)  # noqa: S314  (no DTD gets here, the size is bounded)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise SourceError(f"{name}: {part} is not well-formed XML: {error}", "broken") from error


def _heading_styles(archive: zipfile.ZipFile, name: str) -> dict[str, int]:
    """Heading level by style id: by outline level, else by the style's name."""
    if "word/styles.xml" not in archive.namelist():
        return {}
    levels: dict[str, int] = {}
    for style in _xml(archive, "word/styles.xml", name).iter(f"{W}style"):
        label = style.find(f"{W}name")
        outline = style.find(f"{W}pPr/{W}outlineLvl")
        words = label.get(f"{W}val", "") if label is not None else ""
        found = _HEADING.match(words)
        value = outline.get(f"{W}val", "") if outline is not None else ""
        if found:
            levels[style.get(f"{W}styleId", "")] = min(int(found.group(1)), 6) or 1
        elif value.isdigit() and int(value) < 6:
            levels[style.get(f"{W}styleId", "")] = int(value) + 1
        elif words.lower() == "title":
            levels[style.get(f"{W}styleId", "")] = 1
    return levels


class _Body:
    """Reads the body's children in order, list items gathered into one block."""

    def __init__(self, assembly: Assembly, styles: dict[str, int]) -> None:
        self.assembly, self.styles = assembly, styles
        self.items: list[str] = []

    def read(self, body: ElementTree.Element | None) -> None:
        """Adds all blocks of ``body``."""
        for child in body if body is not None else ():
            if child.tag == f"{W}p":
                self._paragraph(child)
            elif child.tag == f"{W}tbl":
                self._end_list()
                self.assembly.add("table", "\n".join(filter(None, (_row(row) for row in child.iter(f"{W}tr")))))
            elif child.tag == f"{W}sdt":
                self.read(child.find(f"{W}sdtContent"))
        self._end_list()

    def _paragraph(self, node: ElementTree.Element) -> None:
        text = _text(node).strip()
        style = node.find(f"{W}pPr/{W}pStyle")
        style_id = style.get(f"{W}val", "") if style is not None else ""
        found = _HEADING.match(style_id)
        level = self.styles.get(style_id, int(found.group(1)) if found else 0)
        if not level and (node.find(f"{W}pPr/{W}numPr") is not None or style_id.startswith("List")):
            if text:
                self.items.append("- " + one_line(text))
            return
        self._end_list()
        if level:
            self.assembly.add("heading", one_line(text), level=level)
        else:
            self.assembly.add("paragraph", text)

    def _end_list(self) -> None:
        if self.items:
            self.assembly.add("list", "\n".join(self.items))
            self.items.clear()


def _row(row: ElementTree.Element) -> str:
    cells = [one_line(" ".join(_text(p) for p in cell.iter(f"{W}p"))) for cell in row.findall(f"{W}tc")]
    return " | ".join(cells) if any(cells) else ""


def _text(node: ElementTree.Element) -> str:
    """Visible text; deleted and hidden runs stay out."""
    parts: list[str] = []
    for run in node.iter():
        if run.tag == f"{W}r" and run.find(f"{W}rPr/{W}vanish") is None:
            for piece in run:
                if piece.tag == f"{W}t":
                    parts.append(piece.text or "")
                elif piece.tag == f"{W}tab":
                    parts.append("\t")
                elif piece.tag in (f"{W}br", f"{W}cr"):
                    parts.append("\n")
                elif piece.tag == f"{W}noBreakHyphen":
                    parts.append("-")
        elif run.tag == f"{W}p" and parts and run is not node:
            parts.append(" ")
    return "".join(parts)
