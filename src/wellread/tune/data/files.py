"""Files of examples become records: column → value, each with its row; what cannot be read becomes a finding."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from wellread.documents.delimited import records
from wellread.errors import MissingExtra
from wellread.tune.data.findings import DEFAULT, DataFinding, Policy

MOST_XML_BYTES = 1 << 28  # unpacked size of one part of a sheet
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
NAMES_OF_COLUMNS = (
    "source", "target", "src", "tgt", "text", "label", "prompt", "completion", "question", "answer", "input", "output",
    "instruction", "response", "summary", "document", "article", "translation", "sentence", "category", "class",
)  # fmt: skip
_CELL = re.compile(r"([A-Z]+)\d+")


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file: ``row`` as the file counts, ``values`` by column."""

    row: int
    values: dict[str, Any]


@dataclass(slots=True)
class RecordFile:
    """What a file holds: ``kind`` jsonl, json, csv, tsv, xlsx, parquet, conll or text."""

    file: str
    kind: str
    columns: tuple[str, ...] = ()
    records: list[Record] = field(default_factory=list)
    findings: list[DataFinding] = field(default_factory=list)
    named: frozenset[str] = frozenset()


def short_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path that no other has: the file's own, with the folders before it that tell it from others.

    A path that is there again has its count behind it: ``a.jsonl``, ``a.jsonl (2)``.
    """
    full = [Path(os.path.normpath(path.absolute())) for path in paths]  # links are not followed: their names are meant
    found = []
    for at, path in enumerate(full):
        others = {other.parts for other in full} - {path.parts}
        ends = (path.parts[-n:] for n in range(1, len(path.parts) + 1))
        own = next((end for end in ends if not any(other[-len(end) :] == end for other in others)), path.parts)
        again = full[:at].count(path)
        found.append("/".join(own).replace("//", "/") + (f" ({again + 1})" if again else ""))
    return found


def read(path: Path, policy: Policy = DEFAULT, *, name: str = "", named: Collection[str] = ()) -> RecordFile:
    """The records of a file; a file that cannot be read gives none, and says why.

    Args:
        path: of the file.
        policy: what is dropped.
        name: what findings call it; "" for the file's own name.
        named: columns that the user speaks of: a first line that holds one is the header.
    Raises: MissingExtra for Parquet without pyarrow.
    """
    kind = _KINDS.get(path.suffix.lower(), "")
    table = RecordFile(name or path.name, kind or "text", named=frozenset(named))
    try:
        data = path.read_bytes()
    except OSError as error:
        return _failed(table, policy, "unreadable", f"cannot be read: {error.strerror}")
    if not data.strip():
        return _failed(table, policy, "empty-file", "is empty; nothing can be learned from it")
    if kind in ("xlsx", "parquet"):
        _BINARY[kind](data, table, policy)
        return table
    text = _decoded(data, table, policy)
    if text is None:
        return table
    table.kind = kind or _guessed(text)
    _TEXT[table.kind](text, table, policy)
    if table.records:
        table.columns = table.columns or tuple(Counter(key for r in table.records for key in r.values))
    elif not table.findings:
        _failed(table, policy, "empty-file", "holds no rows")
    return table


def _failed(table: RecordFile, policy: Policy, code: str, message: str) -> RecordFile:
    table.findings.append(policy.finding(code, table.file, 0, message))
    return table


def _decoded(data: bytes, table: RecordFile, policy: Policy) -> str | None:
    """UTF-8, or UTF-16 with its mark; other encodings are guessed at by nobody here."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            _failed(table, policy, "not-utf8", "begins like UTF-16 and is not; save it as UTF-8")
            return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        if data[:4] in (b"PK\x03\x04", b"PAR1") or b"\0" in data[:512]:
            _failed(table, policy, "unreadable", "is not text; its name should end in what it is (.xlsx, .parquet)")
        else:
            message = f"is not UTF-8 (byte {data[error.start]:#04x} in line {line}); save it as UTF-8"
            table.findings.append(policy.finding("not-utf8", table.file, line, message))
        return None


def _guessed(text: str) -> str:
    head = text.lstrip()[:1]
    lines = [line for line in text.split("\n")[:50] if line.strip()]
    if head == "{" and all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines):
        return "jsonl"
    if head in "[{":
        return "json"
    return "tsv" if lines and all("\t" in line for line in lines) else "text"


# text formats


def _jsonl(text: str, table: RecordFile, policy: Policy) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            if number == 1 and line.lstrip()[:1] == "[":
                return _json(text, table, policy)
            told = getattr(error, "msg", "nested too deeply")
            message = f"is not JSON: {told}, column {getattr(error, 'colno', 1)}; write one object a line"
            table.findings.append(policy.finding("bad-json", table.file, number, message))
            continue
        if number == 1 and isinstance(value, list) and len(text.strip().split("\n")) == 1:
            return _items(value, table, policy)
        _take(value, number, table, policy)
    return None


def _json(text: str, table: RecordFile, policy: Policy) -> None:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if "Extra data" in error.msg:
            return _jsonl(text, table, policy)
        message = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        table.findings.append(policy.finding("bad-json", table.file, error.lineno, message))
        return None
    except RecursionError:
        _failed(table, policy, "bad-json", "is nested too deeply to be rows")
        return None
    if isinstance(value, dict):
        lists = {key: item for key, item in value.items() if isinstance(item, list) and item}
        if len(lists) == 1:
            ((key, rows),) = lists.items()
            rows = _squad(rows) if key == "data" else rows
            return _items(rows, table, policy)
        if lists and len(lists) == len(value) and len({len(item) for item in lists.values()}) == 1:
            return _items(
                [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)], table, policy
            )
        value = [value] if not lists else value
    if not isinstance(value, list):
        _failed(table, policy, "not-rows", "is JSON, but not a list of rows; write [{…}, {…}] or one object a line")
        return None
    return _items(value, table, policy)


def _squad(rows: list[Any]) -> list[Any]:
    """The questions of a file in SQuAD's nesting, one a row; any other list as it is."""
    if not all(isinstance(row, dict) and isinstance(row.get("paragraphs"), list) for row in rows):
        return rows
    return [
        {**question, "context": paragraph.get("context")}
        for row in rows
        for paragraph in row["paragraphs"]
        for question in paragraph.get("qas", [])
    ]


def _items(rows: Sequence[Any], table: RecordFile, policy: Policy) -> None:
    for number, value in enumerate(rows, 1):
        _take(value, number, table, policy)


def _take(value: Any, number: int, table: RecordFile, policy: Policy) -> None:
    if isinstance(value, dict):
        table.records.append(Record(number, value))
        return
    message = f'is {a_what(value)}, not an object; write {{"column": value}}'
    table.findings.append(policy.finding("wrong-type", table.file, number, message))


def a_what(value: Any) -> str:
    """``a list``, ``null``: what a value is, in the user's words."""
    names = {
        str: "a text",
        int: "a number",
        float: "a number",
        list: "a list",
        bool: "true or false",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _csv(text: str, table: RecordFile, policy: Policy) -> None:
    rows = records(text.replace("\r\n", "\n").replace("\r", "\n"), "\t" if table.kind == "tsv" else "")
    if not rows:
        return
    for one in rows:
        if one.open_quote:
            message = "a quote is never closed, or not as it should be; what follows is read as rows of their own"
            table.findings.append(policy.finding("open-quote", table.file, one.line, message))
    columns = [cell.strip() for cell in rows[0].values]
    body = [(one.line, [*one.values]) for one in rows]
    if table.kind == "tsv" and len(columns) == 2 and not _is_header(columns, table.named):
        columns = ["source", "target"]  # parallel texts have no header
    else:
        del body[0]
    _by_header(columns, body, table, policy)


def _is_header(cells: Sequence[str], named: frozenset[str]) -> bool:
    """Whether a line of two cells names columns: by words for columns, language codes, or the user's own word."""
    return bool(named & set(cells)) or all(
        cell.lower() in NAMES_OF_COLUMNS or re.fullmatch("[a-z]{2}", cell) for cell in cells
    )


def _by_header(columns: list[str], rows: list[tuple[int, list[Any]]], table: RecordFile, policy: Policy) -> None:
    double = [name for name, n in Counter(columns).items() if n > 1 and name]
    if double:
        _failed(table, policy, "duplicate-column", f"the column '{double[0]}' is there twice; rename one of them")
        return
    table.columns = tuple(columns)
    for number, cells in rows:
        if len(cells) != len(columns):
            message = (
                f"has {len(cells)} cells where there are {len(columns)} columns; quote cells that hold the separator"
            )
            table.findings.append(policy.finding("ragged-row", table.file, number, message))
        else:
            table.records.append(Record(number, {k: v for k, v in zip(columns, cells, strict=True) if k}))


def _conll(text: str, table: RecordFile, policy: Policy) -> None:
    """One token a line, its tag in the last column, an empty line after each sentence."""
    tokens: list[str] = []
    tags: list[str] = []
    begin, width = 1, 0
    table.columns = ("tokens", "tags")

    def close(end: int) -> None:
        nonlocal tokens, tags, begin
        if tokens:
            table.records.append(Record(begin, {"tokens": tokens, "tags": tags}))
        tokens, tags, begin = [], [], end + 1

    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith(("-DOCSTART-", "# ")):
            close(number)
            continue
        parts = line.split("\t") if "\t" in line else line.split()
        width = width or len(parts)
        if len(parts) != width or width < 2:
            message = f"has {len(parts)} columns where the others have {width}; write TOKEN TAG on each line"
            table.findings.append(policy.finding("ragged-row", table.file, number, message))
            continue
        tokens.append(parts[0])
        tags.append(parts[-1].strip())
    close(0)


def _text(text: str, table: RecordFile, policy: Policy) -> None:
    """Paragraphs between empty lines, each with the line that it begins in."""
    table.columns = ("text",)
    lines: list[str] = []
    begin = 1
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.strip():
            begin = begin if lines else number
            lines.append(line.rstrip())
        elif lines:
            table.records.append(Record(begin, {"text": "\n".join(lines)}))
            lines = []


# binary formats


def _parquet(data: bytes, table: RecordFile, policy: Policy) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("pyarrow (to read Parquet)", "tune") from error
    try:
        read_in = parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        _failed(table, policy, "unreadable", f"is not a Parquet file that can be read: {error}")
        return
    table.columns = tuple(read_in.column_names)
    table.records = [Record(number, row) for number, row in enumerate(read_in.to_pylist(), 1)]


def _xlsx(data: bytes, table: RecordFile, policy: Policy) -> None:
    """The first sheet; its first row that holds anything names the columns. Formulas give their stored result."""
    try:
        rows = _sheet(data)
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, ValueError, OSError, IndexError) as error:
        _failed(table, policy, "unreadable", f"is not an XLSX file that can be read: {error}")
        return
    filled = [(number, cells) for number, cells in rows if any(str(cell).strip() for cell in cells)]
    if not filled:
        _failed(table, policy, "empty-file", "its first sheet is empty")
        return
    width = max(len(cells) for _, cells in filled)
    columns = [str(cell).strip() for cell in filled[0][1]]
    columns += [""] * (width - len(columns))
    padded = [(number, [*cells, *[""] * (width - len(cells))]) for number, cells in filled[1:]]
    _by_header(columns, padded, table, policy)


def _sheet(data: bytes) -> list[tuple[int, list[Any]]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        shared = []
        if "xl/sharedStrings.xml" in archive.namelist():
            root = ElementTree.fromstring(_part(archive, "xl/sharedStrings.xml"))  # noqa: S314  # size is bounded
            shared = ["".join(t.text or "" for t in item.iter(f"{SHEET}t")) for item in root.iter(f"{SHEET}si")]
        names = sorted(name for name in archive.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name))
        root = ElementTree.fromstring(_part(archive, names[0]))  # noqa: S314  # size is bounded
    rows = []
    for at, row in enumerate(root.iter(f"{SHEET}row"), 1):
        cells: list[Any] = []
        for cell in row.iter(f"{SHEET}c"):
            place = _CELL.match(cell.get("r", ""))
            column = _column(place[1]) if place else len(cells)
            cells += [""] * (column - len(cells))
            cells.append(_value(cell, shared))
        rows.append((int(row.get("r", at)), cells))
    return rows


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MOST_XML_BYTES:
        raise ValueError(f"{name} is too large")
    data = archive.read(name)
    if b"<!DOCTYPE" in data[:1000] or b"<!ENTITY" in data:
        raise ValueError(f"{name} declares entities")
    return data


def _value(cell: ElementTree.Element, shared: Sequence[str]) -> Any:
    if cell.get("t") == "inlineStr":
        return "".join(t.text or "" for t in cell.iter(f"{SHEET}t"))
    found = cell.find(f"{SHEET}v")
    text = (found.text or "") if found is not None else ""
    if cell.get("t") == "s" and text:
        return shared[int(text)]
    return text


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


_KINDS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".xlsx": "xlsx", ".parquet": "parquet", ".conll": "conll", ".bio": "conll", ".iob": "conll", ".iob2": "conll",
    ".txt": "text", ".md": "text",
}  # fmt: skip
_Reader = Callable[[str, RecordFile, Policy], None]
_TEXT: dict[str, _Reader] = {
    "jsonl": _jsonl, "json": _json, "csv": _csv, "tsv": _csv, "conll": _conll, "text": _text,
}  # fmt: skip
_BINARY: dict[str, Callable[[bytes, RecordFile, Policy], None]] = {"xlsx": _xlsx, "parquet": _parquet}
