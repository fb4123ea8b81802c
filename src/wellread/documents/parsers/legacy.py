"""Office files from before 2007 and Outlook messages (extra ``legacy``): XLS and XLSB, DOC, PPT, MSG."""

from __future__ import annotations

import datetime as dates
import io
import re
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.containers import outlook, powerpoint
from wellread.documents.containers.inner import add_parsed, read
from wellread.documents.containers.numbers import plain
from wellread.documents.containers.sheets import MAX_CELLS, Sheet, add_sheet
from wellread.documents.tables.build import GridCell
from wellread.errors import SourceError
from wellread.types import Parsed

XLS, XLSB = "application/vnd.ms-excel", "application/vnd.ms-excel.sheet.binary.macroenabled.12"
DOC, PPT, MSG = "application/msword", "application/vnd.ms-powerpoint", "application/vnd.ms-outlook"
_NEEDS = {
    ".xls": "python_calamine",
    ".xlsb": "python_calamine",
    ".doc": "legacy_doc",
    ".ppt": "olefile",
    ".msg": "olefile",
}
_CONTROL = re.compile(r"\x13[^\x13\x14\x15]*\x14|\x13[^\x13\x14\x15]*\x15|[\x13\x14\x15]")


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError: extra without its reader, broken, encrypted, too-large."""
    suffix = PurePosixPath(name).suffix.lower()
    if find_spec(_NEEDS.get(suffix, "olefile")) is None:
        raise SourceError(f"{name}: {suffix[1:].upper()} is read with an extra; install wellread[legacy]", "extra")
    if suffix in (".xls", ".xlsb"):
        return _workbook(data, name, XLS if suffix == ".xls" else XLSB)
    if suffix == ".doc":
        return _document(data, name)
    assembly = Assembly()
    if suffix == ".ppt":
        powerpoint.read(data, name, assembly)
        return assembly.parsed(PPT)
    message = outlook.read(data, name)
    subject = one_line(message.subject)
    assembly.begin("message", subject)
    if subject:
        assembly.add("heading", subject, level=1)
    assembly.add("paragraph", message.people)
    if message.text.strip():
        for piece in re.split(r"\n[ \t]*\n", message.text):
            assembly.add("paragraph", piece)
    elif message.page:
        add_parsed(assembly, read(message.page, "text/html", name))
    elif message.rich:
        add_parsed(assembly, read(message.rich, "application/rtf", name))
    return assembly.parsed(MSG, subject, message.facts, message.parts)


def _workbook(data: bytes, name: str, media_type: str) -> Parsed:
    from python_calamine import CalamineError, CalamineWorkbook

    assembly = Assembly()
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        n_cells = 0
        for facts in book.sheets_metadata:
            sheet = Sheet(facts.name, hidden="Visible" not in str(facts.visible))
            found = book.get_sheet_by_name(facts.name)
            if found.height * found.width > MAX_CELLS:
                raise SourceError(f"{name}: more than {MAX_CELLS:,} cells", "too-large")
            merged = {tuple(start): tuple(end) for start, end in found.merged_cell_ranges or ()}
            top, left = found.start or (0, 0)
            for r, row in enumerate(found.iter_rows()):
                for c, value in enumerate(row):
                    if value != "":
                        sheet.cells.append(_cell(top + r, left + c, value, merged))
            n_cells += len(sheet.cells)
            if n_cells > MAX_CELLS:
                raise SourceError(f"{name}: more than {MAX_CELLS:,} filled cells", "too-large")
            add_sheet(assembly, sheet)
    except (CalamineError, ValueError, OSError) as error:
        locked = "password" in str(error).lower() or "encrypt" in str(error).lower()
        kind, cure = ("encrypted", "save it without a password") if locked else ("broken", "open and save it again")
        raise SourceError(f"{name}: the workbook cannot be read: {error}; {cure}", kind) from error
    return assembly.parsed(media_type)


def _cell(row: int, col: int, value: Any, merged: dict[Any, Any]) -> GridCell:
    end = merged.get((row, col), (row, col))
    spans = (max(end[0] - row + 1, 1), max(end[1] - col + 1, 1))
    if isinstance(value, bool):
        return GridCell(row, col, str(value).upper(), *spans, "boolean", float(value))
    if isinstance(value, int | float):
        return GridCell(row, col, plain(float(value)), *spans, "number", float(value))
    if isinstance(value, dates.datetime | dates.date):
        text = value.isoformat(" ") if isinstance(value, dates.datetime) else value.isoformat()
        return GridCell(row, col, text.removesuffix(" 00:00:00"), *spans, "date", value.isoformat())
    if isinstance(value, dates.time):
        return GridCell(row, col, value.isoformat(), *spans, "time", value.isoformat())
    if isinstance(value, dates.timedelta):
        return GridCell(row, col, str(value), *spans, "text")
    return GridCell(row, col, str(value), *spans, "text")


def _document(data: bytes, name: str) -> Parsed:
    from legacy_doc import LegacyDocError, extract_text

    try:
        text = extract_text(data).text
    except (LegacyDocError, ValueError, IndexError, OSError) as error:
        locked = "encrypt" in str(error).lower() or "password" in str(error).lower()
        kind, cure = ("encrypted", "save it without a password") if locked else ("broken", "save it as DOCX")
        raise SourceError(f"{name}: the document cannot be read: {error}; {cure}", kind) from error
    assembly = Assembly()
    for _ in range(8):  # fields in fields: what they show stays, their codes go
        text, before = _CONTROL.sub("", text), text
        if text == before:
            break
    for piece in re.split(r"[\r\n]+", text):
        cells = piece.rstrip("\x07").split("\x07")
        if len(cells) > 1:
            assembly.add_table([GridCell(0, c, words) for c, words in enumerate(cells)], head_rows=0)
        else:
            assembly.add("paragraph", piece.replace("\x07", ""))
    return assembly.parsed(DOC)
