"""What the documents call things: abbreviations with their long forms, other names, and every word that occurs.

Learned from each chunk when it is indexed and gone with it, in the same transaction. A pair is an abbreviation beside
the words that it stands for, «roll-on roll-off (ro-ro)», a row or a pair of lines of a list of them, or a name that the
text itself gives as another: «Havrin Line, formerly Kestvik Steam», «X (also known as Y)».
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, text

from wellread.index.words import fulltext
from wellread.index.words.schema import WORDS
from wellread.index.words.schema import glossary as rows_of
from wellread.store import documents
from wellread.store.engine.words import has_tables, insert_rows, one_of

LONGEST = 80  # characters of a long form
_SHORT = r"[^\W_][\w.&/-]{0,8}[^\W_]"
_AFTER = re.compile(rf"\(\s*[\"“'‘]?({_SHORT})[\"”'’]?\s*\)")  # long form (SHORT)
_BEFORE = re.compile(rf"(?<!\w)({_SHORT})\s*\(([^()\n]{{4,{LONGEST}}})\)")  # SHORT (long form)
_ROW = re.compile(rf"^\W*({_SHORT})[*`\s]*(?:\||:|–|—|\t| - |\n\s*\n?)\s*([^\n|]{{4,{LONGEST}}})", re.MULTILINE)
_NAME = r"[A-Z][\w’'-]*(?:\s+(?:of|the|and|&|[A-Z])[\w’'-]*){0,5}"
_OTHER = re.compile(
    rf"({_NAME})\s*[,(]\s*(?:also|formerly|previously|now|better)?\s*(?:known|called|named)\s+(?:as\s+)?[\"“'‘]?({_NAME})"
    rf"|({_NAME})\s*[,(]\s*(?:formerly|previously|aka|a\.k\.a\.|alias)\s+[\"“'‘]?({_NAME})"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ways of saying one thing; ``short`` is the abbreviation, or the other name."""

    short: str
    long: str


def pairs(passage: str) -> list[Pair]:
    """What a text says of its own abbreviations and names, each once.

    Source: Schwartz and Hearst, PSB 2003, for matching the letters of an abbreviation with the words beside it.
    """
    found: dict[tuple[str, str], Pair] = {}
    for short, long in _candidates(passage):
        pair = Pair(short.strip(), " ".join(long.split()))
        found.setdefault((folded(pair.short), folded(pair.long)), pair)
    return list(found.values())


def _candidates(passage: str) -> Iterable[tuple[str, str]]:
    if "(" in passage:
        for match in _AFTER.finditer(passage):
            if is_short(match[1]):
                long = matched(match[1], passage[max(0, match.start() - LONGEST) : match.start()])
                if long:
                    yield match[1], long
        for match in _BEFORE.finditer(passage):
            if is_short(match[1]) and (long := matched(match[1], match[2])) and match[2].strip().startswith(long):
                yield match[1], long
    for match in _ROW.finditer(passage):
        line = match[2].strip(" *`.;|")
        if is_short(match[1]) and match[1].isupper() and matched(match[1], line) == line:
            yield match[1], line
    for match in _OTHER.finditer(passage):
        name, other = (match[1], match[2]) if match[1] else (match[3], match[4])
        if folded(name) != folded(other):
            yield other, name


def is_short(word: str) -> bool:
    """Whether a word looks like an abbreviation: two to ten signs, a letter first, and a capital among its letters."""
    letters = [c for c in word if c.isalpha()]
    return 2 <= len(word) <= 10 and len(letters) >= 2 and word[0].isalnum() and any(c.isupper() for c in letters)


def matched(short: str, before: str) -> str:
    """The shortest end of ``before`` that the abbreviation's letters occur in, in order, the first one opening a word.

    "" where they do not, or where it has more than min(n + 5, 2 n) words for n letters.
    """
    before = before.rstrip()
    wanted = [c.lower() for c in short if c.isalnum()]
    at = len(before) - 1
    for position in range(len(wanted) - 1, -1, -1):
        letter = wanted[position]
        while at >= 0 and (before[at].lower() != letter or (position == 0 and at > 0 and before[at - 1].isalnum())):
            at -= 1
        if at < 0:
            return ""
        at -= 1
    long = before[at + 1 :]
    most = min(len(wanted) + 5, 2 * len(wanted))
    n_words = len(long.split())
    if not 1 < n_words <= most or len(long) <= len(short) or short.lower() in (word.lower() for word in long.split()):
        return ""
    initials = sum(1 for word in re.findall(r"[^\W_]+", long) if word[0].lower() in wanted)
    return long if initials * 2 >= len(wanted) else ""


def folded(phrase: str) -> str:
    """A phrase for comparison: without accents, lower case, words apart by one space, no other signs."""
    return " ".join(re.findall(r"[^\W_]+", fulltext.fold(phrase).lower()))


# the table, kept beside the full-text index


def create(connection: Connection) -> None:
    """The glossary of every chunk that is there, and a view of the words of the full-text index, rebuilt."""
    drop(connection)
    rows_of.create(connection)
    connection.execute(text(WORDS))
    for rows in documents.chunk_batches(connection):
        add(connection, [row.key for row in rows], [row.indexed_text for row in rows])


def exists(connection: Connection) -> bool:
    """Whether the base has learned a glossary; one of an earlier version learns it with the next change."""
    return has_tables(connection, "glossary", "chunks_words")


def drop(connection: Connection) -> None:
    """Nothing is known of abbreviations and names; they are learned again with the next change."""
    connection.execute(text("DROP TABLE IF EXISTS chunks_words"))
    rows_of.drop(connection, checkfirst=True)


def add(connection: Connection, keys: Sequence[int], texts: Sequence[str]) -> None:
    """What the chunks say of abbreviations and names is in the glossary."""
    rows = [(key, *as_row(p)) for key, passage in zip(keys, texts, strict=True) for p in pairs(passage)]
    insert_rows(connection, rows_of, rows)


def as_row(pair: Pair) -> tuple[str, str, str, str]:
    """A pair as it stands in the table: as it is written, then as it is compared."""
    return pair.short, pair.long, folded(pair.short), folded(pair.long)


def remove(connection: Connection, keys: Sequence[int]) -> None:
    """What those chunks said is forgotten."""
    if keys:
        connection.execute(delete(rows_of).where(one_of(rows_of.c.chunk_key, keys)))


@dataclass(frozen=True, slots=True)
class Known:
    """A pair of the glossary, with the number of chunks that say it."""

    short: str
    long: str
    n: int


_LOOK = """SELECT min(g.short) AS short, min(g.long) AS long, count(*) AS n FROM glossary g
    JOIN chunks c ON c.rowid_ = g.chunk_key
    WHERE g.{} IN (SELECT value FROM json_each(:phrases))
    AND (:allowed IS NULL OR c.access_id IN (SELECT value FROM json_each(:allowed)))
    GROUP BY g.short_folded, g.long_folded ORDER BY n DESC, g.short_folded, g.long_folded"""
_BY = {"short": text(_LOOK.format("short_folded")), "long": text(_LOOK.format("long_folded"))}


def look_up(connection: Connection, phrases: Sequence[str], by: str, *, allowed: Iterable[int] | None) -> list[Known]:
    """Pairs whose ``by`` side (short, long) is one of the folded phrases, as chunks of the access ids say them."""
    parameters = {"phrases": json.dumps(list(phrases)), "allowed": None if allowed is None else json.dumps([*allowed])}
    rows = connection.execute(_BY[by], parameters)
    return [Known(row.short, row.long, int(row.n)) for row in rows]


def listing(connection: Connection, *, allowed: Iterable[int] | None) -> list[Known]:
    """The whole glossary as those access ids show it, the most said first."""
    statement = text(_LOOK.format("short_folded").replace("g.short_folded IN (SELECT value FROM json_each(:phrases))",
                                                          ":phrases IS NULL", 1))  # fmt: skip
    parameters = {"phrases": None, "allowed": None if allowed is None else json.dumps([*allowed])}
    return [Known(row.short, row.long, int(row.n)) for row in connection.execute(statement, parameters)]


def words(connection: Connection) -> list[tuple[str, int]]:
    """Every stem of the full-text index with the number of chunks that hold it, of all documents."""
    return [(row.term, int(row.doc)) for row in connection.execute(text("SELECT term, doc FROM chunks_words"))]
