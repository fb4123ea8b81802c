"""CSV and TSV: a record per line, "column: value" for every cell that holds something.

A row that names its columns can be understood, embedded and quoted alone, far from the table's head; the price is that
the names are repeated. The first row is taken as names when all its cells are filled, different, and not numbers.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import PurePosixPath

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line, visible
from wellread.documents.media import decode
from wellread.errors import SourceError
from wellread.types import Parsed

_NUMBER = re.compile(r"[-+]?[\d.,\s]+%?\Z")
MAX_FIELD = 1 << 20


def parse(data: bytes, name: str) -> Parsed:
    """One table block. Raises: SourceError (broken) for quoting that no reader can follow."""
    raw, encoding = decode(data, name)
    text = visible(raw)
    tabs = PurePosixPath(name).suffix.lower() == ".tsv"
    csv.field_size_limit(MAX_FIELD)
    try:
        records = [
            [one_line(cell) for cell in row] for row in csv.reader(io.StringIO(text), delimiter=_delimiter(text, tabs))
        ]
    except csv.Error as error:
        raise SourceError(f"{name}: cannot be read as a table: {error}", "broken") from error
    records = [row for row in records if any(row)]
    names = records[0] if records else []
    named = len(records) > 1 and len(names) > 1 and all(names) and len(set(names)) == len(names)
    named = named and not any(_NUMBER.match(cell) for cell in names)
    lines = [_line(row, names) for row in records[1:]] if named else [" | ".join(row) for row in records]
    assembly = Assembly()
    assembly.add("table", "\n".join(lines))
    metadata = {"columns": ", ".join(names)} if named else {}
    if not encoding.startswith("utf-8"):
        metadata["encoding"] = encoding
    return assembly.parsed("text/tab-separated-values" if tabs else "text/csv", "", metadata)


def _line(row: list[str], names: list[str]) -> str:
    cells = [f"{key}: {value}" for key, value in zip(names, row, strict=False) if value]
    return "; ".join(cells + [value for value in row[len(names) :] if value])


def _delimiter(text: str, tabs: bool) -> str:
    """The character that splits the first lines into the same number of cells, more than one."""
    if tabs:
        return "\t"
    lines = [line for line in text[:65536].split("\n")[:20] if line.strip()]
    best, cells = ",", 1
    for mark in ",;\t|":
        counts = [len(row) for row in csv.reader(lines, delimiter=mark)]
        if counts and min(counts) > cells and (min(counts) == max(counts) or mark == ","):
            best, cells = mark, min(counts)
    return best
