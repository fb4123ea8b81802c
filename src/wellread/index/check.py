"""Whether the index is what the store says it should be, byte for byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from urllib.parse import quote

import numpy as np
from sqlalchemy import Connection, select, text

from wellread.errors import StoreError
from wellread.index.graph import check as graph_check
from wellread.index.sparse import sparse
from wellread.index.tree import check as tree_check
from wellread.index.vectors import sets
from wellread.index.vectors.file import CODES, ROW, ROWS, STORED, crcs, encode, mapped, mapped_vectors, words
from wellread.index.vectors.sets import FOLDER
from wellread.index.words import fulltext, glossary
from wellread.store import documents
from wellread.store.check import Fault
from wellread.store.engine.api import Store, read_meta
from wellread.store.schema import chunks, slots

REBUILD = "run: wellread index rebuild"
BATCH = 20_000


def check(store: Store) -> list[Fault]:
    """Every fault of words and vectors; [] where they are as the chunks say. Reads everything, changes nothing."""
    faults: list[Fault] = []
    with store.reading() as connection:
        tokenizer = read_meta(connection, fulltext.META_KEY)
        language = read_meta(connection, fulltext.LANGUAGE_KEY) or fulltext.AUTO
        n_chunks = len(connection.execute(select(chunks.c.key)).all())
        if tokenizer != fulltext.TOKENIZER and (tokenizer is not None or n_chunks):
            faults.append(Fault("full text", f"made with tokenizer {tokenizer}, this is {fulltext.TOKENIZER}", REBUILD))
        live = sets.live(connection)
        if live is None and n_chunks:
            faults.append(Fault("vectors", "there are none", REBUILD))
        for which in (*sets.found(connection, "live"), *sets.found(connection, "building")):
            where = f"{FOLDER}/{which.folder}"
            try:
                faults += [Fault(where, what, REBUILD) for what in _vectors(store, connection, which)]
            except StoreError as error:
                faults.append(Fault(where, str(error), REBUILD))
        if glossary.exists(connection):
            faults += [Fault("glossary", what, REBUILD) for what in _glossary(connection)]
        faults += tree_check.check(connection)
        faults += [Fault("graph of names", what, graph_check.CURE) for what in graph_check.check(connection)]
        if sparse.model_of(connection) is not None:
            faults += [Fault("sparse vectors", what, sparse.REEMBED) for what in _sparse(connection)]
    if tokenizer == fulltext.TOKENIZER:
        faults += [Fault("full text", what, REBUILD) for what in _words(store, language)]
    return faults


def _vectors(store: Store, connection: Connection, which: sets.VectorSet) -> Iterator[str]:
    statement = (
        select(slots.c.slot, slots.c.crc, chunks.c.key, chunks.c.access_id, chunks.c.version_id)
        .join(chunks, chunks.c.key == slots.c.chunk_key)
        .where(slots.c.set_id == which.id)
        .order_by(slots.c.slot)
    )
    told = connection.execute(statement).all()
    if which.state == "live":
        n_missing = len(sets.missing(connection, which, after=0))
        if n_missing:
            yield f"{n_missing} chunks or more have no vector"
    if not told:
        return
    folder = store.folder / FOLDER / which.folder
    file = STORED[which.storage]
    held = mapped_vectors(folder, which.dim, which.n_slots, which.storage)
    codes = mapped(folder / CODES, np.dtype("u1"), which.n_slots, 8 * words(which.dim))
    rows = mapped(folder / ROWS, ROW, which.n_slots)
    for start in range(0, len(told), BATCH):
        part = told[start : start + BATCH]
        at = np.array([row.slot for row in part], np.int64)
        if at.max() >= which.n_slots:
            yield f"slot {at.max()} is beyond the {which.n_slots} that count"
            return
        vectors = np.asarray(held[at])
        bad = [row.key for row, crc in zip(part, crcs(vectors), strict=True) if row.crc != crc]
        if bad:
            yield f"{file}: {len(bad)} vectors are not as they were written, the first of chunk {bad[0]}"
        if which.storage != "binary" and not np.array_equal(codes[at], encode(vectors)):
            yield f"{CODES}: does not fit the vectors"
        if not np.array_equal(rows[at], np.array([tuple(row[2:]) for row in part], dtype=ROW)):
            yield f"{ROWS}: does not fit the store"


def _glossary(connection: Connection) -> Iterator[str]:
    """What the glossary holds beside what each chunk says, compared chunk by chunk."""
    held: dict[int, list[tuple[str, ...]]] = {}
    for key, *pair in connection.execute(
        text("SELECT chunk_key, short, long, short_folded, long_folded FROM glossary")
    ):
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


def _sparse(connection: Connection) -> Iterator[str]:
    """Rows that are not as they were written, or are no chunk's."""
    statement = "SELECT s.*, c.content_hash FROM sparse_vectors s LEFT JOIN chunks c ON c.rowid_ = s.chunk_key"
    for key, digest, terms, weights, crc, wanted in connection.execute(text(statement)):
        if wanted is None:
            yield f"there is one of chunk {key}, which is gone"
        elif digest != wanted or crc != sparse.crc(terms, weights):
            yield f"the one of chunk {key} is not as it was written"


def _cut(rows: Iterable[tuple[int, str, str]], setting: str) -> Iterator[tuple[int, str, str]]:
    for key, title, passage in rows:
        language = fulltext.language_of(title, passage, setting)
        yield key, fulltext.tokens(title, language), fulltext.tokens(passage, language)


def _words(store: Store, language: str) -> Iterator[str]:
    """Faults of the full-text table, by comparing it with one made anew in memory."""
    with closing(sqlite3.connect(f"file:{quote(str(store.path))}?mode=ro", uri=True)) as own:
        try:
            own.execute("PRAGMA temp_store = MEMORY")
            own.execute("BEGIN")
            own.execute(fulltext.TABLE.replace("chunks_fts", "temp.anew"))
            rows = own.execute("SELECT rowid_, header, text FROM chunks")
            own.executemany("INSERT INTO temp.anew (rowid, title, text) VALUES (?, ?, ?)", _cut(rows, language))
            own.execute("CREATE VIRTUAL TABLE temp.found USING fts5vocab('main', 'chunks_fts', 'instance')")
            own.execute("CREATE VIRTUAL TABLE temp.wanted USING fts5vocab('temp', 'anew', 'instance')")
            sums = (
                "SELECT term, col, count(*), sum(doc), sum(doc % 9973 * offset) FROM temp.{} "
                "GROUP BY term, col ORDER BY term, col"
            )
            differing = _differing(own.execute(sums.format("found")), own.execute(sums.format("wanted")))
            if differing is not None:
                yield f"what it holds for '{differing}' is not what the chunks say"
            sizes = "SELECT id, sz FROM {}_docsize ORDER BY id"
            differing = _differing(own.execute(sizes.format("chunks_fts")), own.execute(sizes.format("temp.anew")))
            if differing is not None:
                yield f"the length of chunk {differing} is not what it says"
            total = "SELECT block FROM {}_data WHERE id = 1"
            if _value(own, total.format("chunks_fts")) != _value(own, total.format("temp.anew")):
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
