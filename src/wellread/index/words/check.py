"""Whether the full-text table and the glossary say what the chunks say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from urllib.parse import quote

from sqlalchemy import Connection, select

from wellread.index.words import fulltext, glossary
from wellread.index.words.schema import FULLTEXT
from wellread.index.words.schema import glossary as rows_of
from wellread.store import documents
from wellread.store.engine.api import Store


def names(connection: Connection) -> Iterator[str]:
    """What the glossary holds beside what each chunk says, compared chunk by chunk."""
    held: dict[int, list[tuple[str, ...]]] = {}
    for key, *pair in connection.execute(select(rows_of)):
        held.setdefault(key, []).append(tuple(pair))
    differing = 0
    for rows in documents.chunk_batches(connection):
        for row in rows:
            said = [glossary.as_row(pair) for pair in glossary.pairs(row.indexed_text)]
            differing += sorted(held.pop(row.key, [])) != sorted(said)
    if differing:
        yield f"what it holds of {differing} chunks is not what they say"
    if held:
        yield f"it holds names from {len(held)} chunks that are gone, the first of chunk {min(held)}"


def _cut(rows: Iterable[tuple[int, str, str]], setting: str) -> Iterator[tuple[int, str, str]]:
    for key, title, passage in rows:
        language = fulltext.language_of(title, passage, setting)
        yield key, fulltext.tokens(title, language), fulltext.tokens(passage, language)


def words(store: Store, language: str) -> Iterator[str]:
    """Faults of the full-text table, by comparing it with one rebuilt in memory."""
    with closing(sqlite3.connect(f"file:{quote(str(store.path))}?mode=ro", uri=True)) as own:
        try:
            own.execute("PRAGMA temp_store = MEMORY")
            own.execute("BEGIN")
            own.execute(FULLTEXT.replace("chunks_fts", "temp.again"))
            rows = own.execute("SELECT rowid_, header, text FROM chunks")
            own.executemany("INSERT INTO temp.again (rowid, title, text) VALUES (?, ?, ?)", _cut(rows, language))
            own.execute("CREATE VIRTUAL TABLE temp.found USING fts5vocab('main', 'chunks_fts', 'instance')")
            own.execute("CREATE VIRTUAL TABLE temp.wanted USING fts5vocab('temp', 'again', 'instance')")
            sums = (
                "SELECT term, col, count(*), sum(doc), sum(doc % 9973 * offset) FROM temp.{} "
                "GROUP BY term, col ORDER BY term, col"
            )
            differing = _differing(own.execute(sums.format("found")), own.execute(sums.format("wanted")))
            if differing is not None:
                yield f"what it holds for '{differing}' is not what the chunks say"
            sizes = "SELECT id, sz FROM {}_docsize ORDER BY id"
            differing = _differing(own.execute(sizes.format("chunks_fts")), own.execute(sizes.format("temp.again")))
            if differing is not None:
                yield f"the length of chunk {differing} is not what it says"
            total = "SELECT block FROM {}_data WHERE id = 1"
            if _value(own, total.format("chunks_fts")) != _value(own, total.format("temp.again")):
                yield "the total length is not that of the chunks"
        except sqlite3.DatabaseError as error:
            yield f"cannot be read: {error}"


def _value(own: sqlite3.Connection, statement: str) -> bytes:
    """The one value that a statement gives without zeros at its end, b"" where there is none.

    A table that has become empty counts zeros where a new one counts nothing.
    """
    row = own.execute(statement).fetchone()
    return bytes(row[0]).rstrip(b"\0") if row is not None else b""


def _differing(found: sqlite3.Cursor, wanted: sqlite3.Cursor) -> object | None:
    """The first value of the first row that is not the same in both."""
    for one, other in zip(found, wanted, strict=False):
        if one != other:
            differing: object = min(one[0], other[0])
            return differing
    left: tuple[object, ...] | None = found.fetchone() or wanted.fetchone()
    return left[0] if left is not None else None
