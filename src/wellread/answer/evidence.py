"""Passages cut into what can be quoted alone (sentence, list item, table row), scored against a question."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellread.answer import asked, guard
from wellread.documents.sentences import sentences
from wellread.index.stopwords import STOPWORDS
from wellread.models.api import Embedder
from wellread.types import Citation, Hit, Span

WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")
MARKUP = re.compile(r"^[\s>#*\-+•|]+|[*`|]+|\[(?=[^\]]*\]\()|\]\([^)]*\)")
ROW = re.compile(r"\|[^|\n]*\|")
ALONE = re.compile(r"^(?:[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]|#|[^\n]*\|[^|\n]*\|)[^\n]*", re.MULTILINE)
LEAD = 0.35  # share of word coverage in a unit's score, the rest is cosine; docs/log.md 2026-11-21
UNFIT = 0.1  # what a unit loses that holds nothing of the kind asked for; docs/log.md 2026-11-21
COMPARED = 64  # units that get a sentence vector, after a first sorting by words: a vector costs about 5 ms


@dataclass(frozen=True, slots=True)
class Unit:
    """A quotable piece of a hit: ``text == document.text[span]``.

    ``reading`` is the piece as a person would read it (markup gone, cells named); ``context`` is what a reader knows
    when the eye reaches it: title, headings, the header of the table.
    """

    hit: int
    span: Span
    text: str
    reading: str
    context: str


@dataclass(frozen=True, slots=True)
class Scored:
    """Units with their closeness to one question, best first by ``total``."""

    units: tuple[Unit, ...]
    cosine: NDArray[np.float32]  # (n,)
    coverage: NDArray[np.float32]  # (n,) weighted share of the question's words in unit and context
    own: NDArray[np.float32]  # (n,) the same in the unit alone
    total: NDArray[np.float32]  # (n,)

    def __len__(self) -> int:
        return len(self.units)


def units_of(hits: Sequence[Hit]) -> list[Unit]:
    """Every quotable piece of the hits, in the order of hits and text; pieces that address the model are left out."""
    found: list[Unit] = []
    seen: set[tuple[str, int, int]] = set()
    for n, hit in enumerate(hits):
        pieces = _rows(n, hit) if hit.chunk.kind == "table" else _sentences(n, hit)
        for unit in pieces:
            key = (hit.chunk.document_id, *unit.span)
            if key not in seen and not guard.addresses_the_model(unit.text):
                seen.add(key)
                found.append(unit)
    return found


def _context(hit: Hit) -> str:
    return " › ".join(dict.fromkeys(filter(None, (hit.document.title, *hit.chunk.heading_path))))


def _sentences(n: int, hit: Hit) -> Iterable[Unit]:
    context, base, text = _context(hit), hit.chunk.span.start, hit.chunk.text
    header: list[str] = []
    for start, end in _pieces(text):
        piece = text[start:end]
        reading = plain(piece)
        if ROW.search(piece):  # a table inside a passage of prose
            cells = _cells(piece)
            if not "".join(cells).strip("-: "):
                continue
            header, reading = header or cells, _named(header, cells)
        else:
            header = []
        if len(WORD.findall(reading)) >= 2 and not piece.startswith("#"):
            yield Unit(n, Span(base + start, base + end), piece, reading, context)


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
        if len(lines) > 1 and sum(bool(re.search(r"\d", line)) for line in lines) > len(lines) / 2:
            at = span.start  # figures in columns without marks: each line is a row
            for line in text[span.start : span.end].splitlines(keepends=True):
                if line.strip():
                    yield Span(at, at + len(line.rstrip()))
                at += len(line)
        else:
            yield span


def _rows(n: int, hit: Hit) -> Iterable[Unit]:
    context, base = _context(hit), hit.chunk.span.start
    lines = list(re.finditer(r"[^\n]+", hit.chunk.text))
    known = hit.chunk.header.rpartition("\n")[2] if "|" in hit.chunk.header else ""
    header = _cells(known) if known else []
    for line in lines:
        cells = _cells(line[0])
        if not "".join(cells).strip("-: "):
            continue
        if not header and len(lines) > 1 and len(cells) > 1:
            header = cells
            continue
        reading = _named(header, cells) if len(cells) > 1 else plain(line[0])
        yield Unit(n, Span(base + line.start(), base + line.end()), line[0], reading, context)


def _cells(row: str) -> list[str]:
    return [plain(cell) for cell in row.strip().strip("|").split("|")]


def _named(header: Sequence[str], cells: Sequence[str]) -> str:
    """A row as «name: value» pairs, where the header has as many cells."""
    if len(header) != len(cells) or list(header) == list(cells):
        return " | ".join(cells)
    pairs = [f"{name}: {value}" if name else value for name, value in zip(header, cells, strict=True) if value]
    return "; ".join(pairs)


def plain(text: str) -> str:
    """Text without Markdown's marks and with single spaces."""
    return " ".join(MARKUP.sub(" ", text).replace("](", " ").split()).strip()


def words(text: str) -> list[str]:
    """Content words of a text: lower case, without accents and stop words, lightly stemmed."""
    folded = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return [stem(word) for word in WORD.findall(folded) if word not in STOPWORDS]


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


def score(question: str, units: Sequence[Unit], scorer: Embedder) -> Scored:
    """Units ordered by closeness to the question: cosine of sentence vectors and idf-weighted word coverage.

    The weights of the question's words come from the units at hand (a word that many of them hold tells little), so
    nothing has to be fitted to the base. At most COMPARED units are kept, those that hold most of the words.
    """
    asked_words = list(dict.fromkeys(words(question)))
    own_words = [set(words(u.reading)) for u in units]
    all_words = [held | set(words(u.context)) for held, u in zip(own_words, units, strict=True)]
    weight = _weights(asked_words, own_words)
    own = _coverage(asked_words, weight, own_words)
    coverage = _coverage(asked_words, weight, all_words)
    kept = np.sort(np.argsort(-(own + coverage), kind="stable")[:COMPARED])
    units, own, coverage = [units[i] for i in kept], own[kept], coverage[kept]
    cosine = _cosine(question, units, scorer)
    kind = asked.wanted(question)
    unfit = np.array([not asked.holds(u.reading, kind, question) for u in units], np.float32)
    total = (1 - LEAD) * cosine + LEAD * (0.5 * own + 0.5 * coverage) - UNFIT * unfit
    order = np.argsort(-total, kind="stable")
    return Scored(tuple(units[i] for i in order), cosine[order], coverage[order], own[order], total[order])


def _cosine(question: str, units: Sequence[Unit], scorer: Embedder) -> NDArray[np.float32]:
    if not units:
        return np.zeros(0, np.float32)
    asked_vector = scorer.embed([question], kind="query")[0]
    return np.asarray(scorer.embed([f"{u.context}: {u.reading}" for u in units]) @ asked_vector, np.float32)


def _weights(wanted: Sequence[str], held: Sequence[set[str]]) -> NDArray[np.float32]:
    counts = np.array([sum(word in words for words in held) for word in wanted], np.float32)
    return np.log1p(len(held) / (1.0 + counts)).astype(np.float32)


def _coverage(wanted: Sequence[str], weight: NDArray[np.float32], held: Sequence[set[str]]) -> NDArray[np.float32]:
    if not wanted or not held:
        return np.zeros(len(held), np.float32)
    present = np.array([[word in words for word in wanted] for words in held], np.float32)  # (units, words)
    return np.asarray(present @ weight / weight.sum(), np.float32)


def citation(unit: Unit, hits: Sequence[Hit]) -> Citation:
    """The citation of a unit: exact span and quotation."""
    hit = hits[unit.hit]
    return Citation(
        document=hit.document.uri,
        title=hit.document.title,
        version=hit.document.version,
        page=hit.chunk.page,
        heading_path=hit.chunk.heading_path,
        span=unit.span,
        quote=unit.text,
        chunk_id=hit.chunk.id,
    )
