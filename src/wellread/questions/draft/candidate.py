"""A question while it is drafted, and what its makers read: the live documents with their sentences and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wellread.documents.sentences import sentences
from wellread.retrieve.units import plain
from wellread.types import Document, Evidence, Span

MOST_SENTENCES, MOST_ROWS = 2_000, 300  # of a document and of a table; more gives no better questions
_RULE = re.compile(r"[\s|:+=-]+\Z")
_PAIR = re.compile(r"([\w][\w .()/%-]{0,40}): ")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A drafted question, its first phrasing before the others; ``made`` says how it came about."""

    phrasings: tuple[str, ...]
    answers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    kind: str
    made: str
    labels: frozenset[str] = frozenset()  # of the documents that it was drafted from

    @property
    def answerable(self) -> bool:
        """Whether an answer was drafted with it."""
        return bool(self.answers)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of running text, letter for letter, with the headings above it."""

    text: str
    heading: str
    document: Document


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table: its line letter for letter, and its cells as a reader sees them."""

    line: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DraftTable:
    """A table with the names of its columns; every row has as many cells."""

    names: tuple[str, ...]
    rows: tuple[TableRow, ...]
    heading: str
    document: Document


def headings(document: Document) -> Iterator[tuple[str, Span, str]]:
    """Kind, span and nearest heading of every block that is none itself."""
    heading = ""
    for block in document.blocks:
        if block.kind == "heading":
            heading = re.sub(r"^\d+(?:\.\d+)*[.)]? ", "", plain(document.text[block.span.start : block.span.end]))
        else:
            yield block.kind, block.span, heading


def running(document: Document) -> list[Sentence]:
    """The sentences of paragraphs and lists, in order; those that go over a line end are joined as they stand."""
    found: list[Sentence] = []
    for kind, span, heading in headings(document):
        if len(found) >= MOST_SENTENCES:
            break
        if kind in ("paragraph", "list"):
            for start, end in sentences(document.text, *span):
                text = document.text[start:end].lstrip("-*•+ \t")
                if text and "|" not in text and not re.search(r"\S {3,}\S", text):
                    found.append(Sentence(text, heading, document))
    return found


def tables(document: Document) -> list[DraftTable]:
    """The tables whose columns have names: a head row with bars, or «name: value;» in every line."""
    found = []
    for kind, span, heading in headings(document):
        if kind != "table":
            continue
        lines = [line for line in document.text[span.start : span.end].split("\n", 2 * MOST_ROWS) if line.strip()]
        lines = lines[:MOST_ROWS]
        table = _barred(lines) if any("|" in line for line in lines[:2]) else _paired(lines)
        if table is not None:
            found.append(DraftTable(*table, heading, document))
    return found


def _barred(lines: list[str]) -> tuple[tuple[str, ...], tuple[TableRow, ...]] | None:
    cut = [(line, tuple(plain(cell) for cell in line.strip().strip("|").split("|"))) for line in lines]
    cut = [(line, cells) for line, cells in cut if not _RULE.match(line)]
    if len(cut) < 2:
        return None
    names = cut[0][1]
    rows = tuple(TableRow(line.strip(), cells) for line, cells in cut[1:] if len(cells) == len(names))
    return (names, rows) if len(names) > 1 and all(names) and rows else None


def _paired(lines: list[str]) -> tuple[tuple[str, ...], tuple[TableRow, ...]] | None:
    parts = [[_PAIR.match(part) for part in line.split("; ")] for line in lines]
    if not parts or len(parts[0]) < 2 or not all(parts[0]):
        return None
    names = tuple(m[1].strip() for m in parts[0] if m)
    rows = []
    for line, matches in zip(lines, parts, strict=True):
        if tuple(m[1].strip() if m else "" for m in matches) == names:
            rows.append(TableRow(line.strip(), tuple(part.split(": ", 1)[1].strip() for part in line.split("; "))))
    return (names, tuple(rows)) if rows else None
