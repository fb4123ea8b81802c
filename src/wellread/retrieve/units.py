"""Pieces of passages that can stand alone (sentence, list item, table row), and the words of a question in each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wellread.documents.sentences import sentences
from wellread.index.words.stopwords import STOPWORDS
from wellread.retrieve.outline import Outline
from wellread.types import Hit, Span

LEAD = 0.35  # share of word coverage in the score of a piece, the rest is cosine; docs/log.md 2026-11-21
WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")
_RAISED = re.compile("[⁰¹²³⁴-ⁿ]+")
MARKUP = re.compile(r"^[\s>#*\-+•|]+|[*`|]+|\[(?=[^\]]*\]\()|\]\([^)]*\)")
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
ROW = re.compile(r"\|[^|\n]*\|")
LOOKED_AT = 6  # rows below a first one that say whether it names columns
UNSPACED_FROM = 3  # characters
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SCRIPTS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[^\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_VALUE = re.compile(r"^[\s~≈<>±+–$€£(-]*\d")
_YEAR = re.compile(r"(?:FY ?|Q[1-4] ?)?(?:19|20)\d\d(?:[/-]\d\d)?")
ALONE = re.compile(r"^(?:[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]|#|[^\n]*\|[^|\n]*\|)[^\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Quotable:
    """A quotable piece of a hit: ``text == document.text[span]``.

    ``reading`` is the piece as a person would read it (markup gone, cells named); ``context`` is what a reader knows
    when the eye reaches it: title, headings, the header of the table. ``page`` and ``heading_path`` are those of the
    piece itself, not of where its passage begins.
    """

    hit: int
    span: Span
    text: str
    reading: str
    context: str
    page: int | None = None
    heading_path: tuple[str, ...] = ()


Headers = dict[tuple[str, int], list[str]]  # (document id, number of columns) → their names


def units_of(hits: Sequence[Hit]) -> list[Quotable]:
    """Every quotable piece of the hits, in the order of hits and text; one that two hits share counts once."""
    found: list[Quotable] = []
    seen: set[tuple[str, int, int]] = set()
    outlines: dict[str, Outline] = {}
    headers = _headers(hits)
    for n, hit in enumerate(hits):
        if hit.chunk.document_id not in outlines:
            outlines[hit.chunk.document_id] = Outline(hit.document)
        outline = outlines[hit.chunk.document_id]
        pieces = _rows(n, hit, outline, headers) if hit.chunk.kind == "table" else _sentences(n, hit, outline, headers)
        for unit in (_placed(unit, hit, outline) for unit in pieces):
            key = (hit.chunk.document_id, *unit.span)
            if key not in seen:
                seen.add(key)
                found.append(unit)
    return found


def _headers(hits: Sequence[Hit]) -> Headers:
    """Column names of the tables of each document, for passages that begin in the middle of one."""
    found: Headers = {}
    for hit in hits:
        lines = [line for line in hit.chunk.text.splitlines() if ROW.search(line)]
        for at, line in enumerate(lines):
            cells = cells_of(line)
            if (header := _header(cells, lines[at + 1 : at + 1 + LOOKED_AT])) and not any(
                map(_VALUE.search, cells[1:])
            ):
                found.setdefault((hit.chunk.document_id, len(cells)), header)
    return found


def _placed(unit: Quotable, hit: Hit, outline: Outline) -> Quotable:
    page, path = outline.place(unit.span.start) or (hit.chunk.page, hit.chunk.heading_path)
    if page is None:
        page = hit.chunk.page
    context = " › ".join(dict.fromkeys(filter(None, (hit.document.title, *path))))
    return replace(unit, context=context, page=page, heading_path=path)


def _sentences(n: int, hit: Hit, outline: Outline, shared: Headers) -> Iterable[Quotable]:
    base, text = hit.chunk.span.start, hit.chunk.text
    spans = [line for span in _pieces(text) for line in _by_row(text, span, base, outline)]
    header: list[str] | None = None
    at = 0
    for m, (start, end) in enumerate(spans):
        piece = text[start:end]
        reading = plain(piece)
        if outline.is_heading(base + start):
            continue
        known = outline.row(Span(base + start, base + end))
        if known is not None:
            reading = known
        elif ROW.search(piece):  # a table inside a passage of prose whose structure is not known
            at += 1
            cells = cells_of(piece)
            if not "".join(cells).strip("-: "):
                continue
            below = [line for a, b in spans[m + 1 : m + 1 + LOOKED_AT] if ROW.search(line := text[a:b])]
            header, names = _names(header, cells, below, at, shared.get((hit.chunk.document_id, len(cells)), []))
            if names:
                continue
            reading = _named(header, cells)
        elif piece.strip():
            header, at = None, 0
        if len(WORD.findall(reading)) >= 2 - _unspaced(reading) and not piece.startswith("#"):
            yield Quotable(n, Span(base + start, base + end), piece, reading, "")


def _by_row(text: str, span: Span, base: int, outline: Outline) -> Iterable[Span]:
    """A piece as it is, or line by line where each line is a row of a table that is known."""
    lines = [m.span() for m in re.finditer(r"[^\n]*\S", text[span.start : span.end])]
    rows = [Span(span.start + start, span.start + end) for start, end in lines]
    known = len(rows) > 1 and all(outline.row(Span(base + start, base + end)) is not None for start, end in rows)
    return rows if known else (span,)


def _names(
    header: list[str] | None, cells: list[str], below: Sequence[str], at: int, shared: list[str]
) -> tuple[list[str], bool]:
    """The names of the columns after this row, and whether the row names columns itself."""
    if header is None:
        header = _header(cells, below) or shared
        return header, header == cells
    if _continues(header, cells, below, at):
        return [" · ".join(dict.fromkeys(filter(None, pair))) for pair in zip(header, cells, strict=True)], True
    if len(header) != len(cells) and (new := _header(cells, below)):
        return new, True
    return header, False


def _unspaced(reading: str) -> bool:
    """Whether a text is of a script that writes no blanks between words: one run of letters is a sentence there."""
    return len(reading) > UNSPACED_FROM and CJK.search(reading) is not None


def _header(cells: list[str], below: Sequence[str]) -> list[str]:
    """The cells of a first row where they name columns; empty where they are values like those below."""
    rows = [row for line in below if "".join(row := cells_of(line)).strip("-: ") and len(row) == len(cells)]
    valued = [bool(_VALUE.search(cell)) and not _YEAR.fullmatch(cell.strip()) for cell in cells]
    if len(cells) < 2 or not rows or any(valued[1:]) or (valued[0] and not any(map(_VALUE.search, rows[0]))):
        return []
    marked = bool(below) and not "".join(cells_of(below[0])).strip("-: ")
    telling = any(_VALUE.search(cell) for row in rows for cell in row)
    return cells if marked or telling or len(cells) > 2 else []


def _continues(header: list[str], cells: list[str], below: Sequence[str], at: int) -> bool:
    """Whether the second row names columns too: a head of two levels."""
    if at != 2 or len(header) != len(cells) or not below:
        return False
    spans = len(set(header)) < len(header) or "" in header
    return spans and bool(_header(cells, below)) and not any(_VALUE.search(cell) for cell in cells)


def _pieces(text: str) -> Iterable[Span]:
    """Lines that stand alone (rows, list items, headings) and the sentences of everything between them."""
    at = 0
    for line in ALONE.finditer(text):
        yield from _running(text, at, line.start())
        yield from _running(text, line.start(), line.end(), whole=bool(ROW.search(line[0])))
        at = line.end()
    yield from _running(text, at, len(text))


def _running(text: str, start: int, end: int, whole: bool = False) -> Iterable[Span]:
    if whole:
        yield Span(start, end)
        return
    for span in sentences(text, start, end):
        lines = text[span.start : span.end].splitlines()
        wrapped = any(line.lstrip()[:1].islower() for line in lines[1:])
        if len(lines) > 1 and not wrapped and sum(bool(re.search(r"\d", line)) for line in lines) > len(lines) / 2:
            at = span.start  # figures in columns without marks: each line is a row
            for line in text[span.start : span.end].splitlines(keepends=True):
                if line.strip():
                    yield Span(at, at + len(line.rstrip()))
                at += len(line)
        else:
            yield span


def _rows(n: int, hit: Hit, outline: Outline, shared: Headers) -> Iterable[Quotable]:
    base = hit.chunk.span.start
    lines = list(re.finditer(r"[^\n]+", hit.chunk.text))
    known = hit.chunk.header.rpartition("\n")[2] if "|" in hit.chunk.header else ""
    header = cells_of(known) if known else None
    for at, line in enumerate(lines):
        span = Span(base + line.start(), base + line.end())
        reading = outline.row(span)
        cells = cells_of(line[0])
        if reading == "" or not "".join(cells).strip("-: "):
            continue
        if reading is None and len(cells) > 1:
            below = [later[0] for later in lines[at + 1 : at + 1 + LOOKED_AT]]
            header, names = _names(header, cells, below, at + 1, shared.get((hit.chunk.document_id, len(cells)), []))
            if names:
                continue
            reading = _named(header, cells)
        yield Quotable(n, span, line[0], plain(line[0]) if reading is None else reading, "")


def cells_of(row: str) -> list[str]:
    """Cells of a line with bars between them; an empty first cell (a corner of the table) is one too."""
    line = row.strip()
    if line.startswith("|") and line.endswith("|") and len(line) > 1:
        line = line[1:-1]
    return [plain(cell) for cell in line.split("|")]


def _named(header: Sequence[str], cells: Sequence[str]) -> str:
    """A row as «name: value» pairs, where the header has as many cells; «name: value» of a row of two without one."""
    if not header and len(cells) == 2 and all(cells):
        return f"{cells[0]}: {cells[1]}"
    if len(header) != len(cells) or list(header) == list(cells):
        return " | ".join(cells)
    pairs = [f"{name}: {value}" if name else value for name, value in zip(header, cells, strict=True) if value]
    return "; ".join(pairs)


def plain(text: str) -> str:
    """Text without Markdown's marks and with single spaces."""
    return " ".join(MARKUP.sub(" ", text).replace("](", " ").split()).strip()


def words(text: str) -> list[str]:
    """Content words of a text: lower case, without accents and stop words, lightly stemmed."""
    return list(_words(text))


@lru_cache(maxsize=4096)  # a question reads the same pieces when it ranks them, weighs them and checks its answer
def _words(text: str) -> tuple[str, ...]:
    apart = _RAISED.sub(" ", text)  # «12¹» is twelve with a mark
    folded = apart.lower()
    if not folded.isascii():
        folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    found = WORD.findall(folded)
    if not folded.isascii() and CJK.search(folded):
        found = [piece for word in found for piece in (_pairs(word) if CJK.search(word) else (word,))]
    return tuple(stem(word) for word in found if word not in STOPWORDS)


def _pairs(run: str) -> list[str]:
    """A run of Chinese or Japanese as overlapping pairs of characters, digits and Latin letters in one piece."""
    pieces: list[str] = []
    for part in _SCRIPTS.findall(run):
        if CJK.match(part):
            pieces += [part[n : n + 2] for n in range(len(part) - 1)] or [part]
        else:
            pieces.append(part)
    return pieces


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """A word without its commonest English endings; other languages pass through nearly unchanged."""
    if word.endswith(("'s", "’s")):
        word = word[:-2]
    if word[:1].isdigit() or len(word) < 4:
        return word
    for ending, least in (("ations", 4), ("ation", 4), ("ings", 4), ("ing", 4), ("edly", 4), ("ied", 2), ("ies", 2),
                          ("ed", 3), ("es", 3), ("ly", 4), ("s", 3), ("e", 3)):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= least and not word.endswith("ss"):
            word = word[: -len(ending)] + ("y" if ending in ("ied", "ies") else "")
            break
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] else word


def covered(question: str, units: Sequence[Quotable]) -> NDArray[np.float32]:
    """(len(units),) share of the question's words, by what they tell: mean of the unit alone and with its context."""
    asked = list(dict.fromkeys(words(question)))
    own = [set(words(unit.reading)) for unit in units]
    whole = [held | set(words(unit.context)) for held, unit in zip(own, units, strict=True)]
    weight = weights(asked, own)
    return np.asarray((coverage(asked, weight, own) + coverage(asked, weight, whole)) / 2, np.float32)


def weights(wanted: Sequence[str], held: Sequence[set[str]]) -> NDArray[np.float32]:
    """(len(wanted),) what each word of a question tells: a word that many of the pieces at hand hold tells little."""
    counts = np.array([sum(word in words for words in held) for word in wanted], np.float32)
    return np.log1p(len(held) / (1.0 + counts)).astype(np.float32)


def coverage(wanted: Sequence[str], weight: NDArray[np.float32], held: Sequence[set[str]]) -> NDArray[np.float32]:
    """(len(held),) share of the words wanted, by their weights, that each piece holds: 0 to 1."""
    if not wanted or not held:
        return np.zeros(len(held), np.float32)
    present = np.array([[word in words for word in wanted] for words in held], np.float32)  # (units, words)
    return np.asarray(present @ weight / weight.sum(), np.float32)
