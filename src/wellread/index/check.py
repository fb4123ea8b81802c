"""Whether the index is what the store says it should be, byte for byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import numpy as np
from sqlalchemy import Connection, select

from wellread.errors import StoreError
from wellread.index import fulltext, sets
from wellread.index.open import FOLDER
from wellread.index.vectors import CODES, ROW, ROWS, VECTORS, crcs, encode, mapped, words
from wellread.store.check import Fault
from wellread.store.engine import Store, read_meta
from wellread.store.schema import chunks, slots

REBUILD = "run: wellread index rebuild"
BATCH = 20_000


def check(store: Store) -> list[Fault]:
    """Every fault of words and vectors; [] where they are as the chunks say. Reads everything, changes nothing."""
    faults: list[Fault] = []
    with store.reading() as connection:
        tokenizer = read_meta(connection, fulltext.META_KEY)
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
    if tokenizer == fulltext.TOKENIZER:
        faults += [Fault("full text", what, REBUILD) for what in _words(store)]
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
    halves = mapped(folder / VECTORS, np.dtype("<f2"), which.n_slots, which.dim)
    codes = mapped(folder / CODES, np.dtype("u1"), which.n_slots, 8 * words(which.dim))
    rows = mapped(folder / ROWS, ROW, which.n_slots)
    for start in range(0, len(told), BATCH):
        part = told[start : start + BATCH]
        at = np.array([row.slot for row in part], np.int64)
        if at.max() >= which.n_slots:
            yield f"slot {at.max()} is beyond the {which.n_slots} that count"
            return
        vectors = np.asarray(halves[at])
        bad = [row.key for row, crc in zip(part, crcs(vectors), strict=True) if row.crc != crc]
        if bad:
            yield f"{VECTORS}: {len(bad)} vectors are not as they were written, the first of chunk {bad[0]}"
        if not np.array_equal(codes[at], encode(vectors)):
            yield f"{CODES}: does not fit the vectors"
        if not np.array_equal(rows[at], np.array([tuple(row[2:]) for row in part], dtype=ROW)):
            yield f"{ROWS}: does not fit the store"


def _words(store: Store) -> Iterator[str]:
    """Faults of the full-text table, by comparing it with one made anew in memory."""
    with closing(sqlite3.connect(f"file:{quote(str(store.path))}?mode=ro", uri=True)) as own:
        try:
            own.execute("PRAGMA temp_store = MEMORY")
            own.execute("BEGIN")
            own.execute(fulltext.TABLE.replace("chunks_fts", "temp.anew"))
            rows = own.execute("SELECT rowid_, header || iif(header = '', '', char(10)) || text FROM chunks")
            cut = ((key, fulltext.tokens(passage)) for key, passage in rows)
            own.executemany("INSERT INTO temp.anew (rowid, text) VALUES (?, ?)", cut)
            own.execute("CREATE VIRTUAL TABLE temp.found USING fts5vocab('main', 'chunks_fts', 'instance')")
            own.execute("CREATE VIRTUAL TABLE temp.wanted USING fts5vocab('temp', 'anew', 'instance')")
            sums = "SELECT term, count(*), sum(doc), sum(doc % 9973 * offset) FROM temp.{} GROUP BY term ORDER BY term"
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
    """The one value that a statement gives, b"" where there is none."""
    row = own.execute(statement).fetchone()
    return bytes(row[0]) if row is not None else b""


def _differing(found: sqlite3.Cursor, wanted: sqlite3.Cursor) -> object | None:
    """The first value of the first row that is not the same in both."""
    for one, other in zip(found, wanted, strict=False):
        if one != other:
            differing: object = min(one[0], other[0])
            return differing
    left: tuple[object, ...] | None = found.fetchone() or wanted.fetchone()
    return left[0] if left is not None else None
